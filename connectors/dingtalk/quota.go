package dingtalk

import (
	"sync"
	"time"
)

// withheldCode comes instead of a message's text and content when the organisation
// has used up its monthly count of pushes (developer documentation, "Receive
// messages"). The pages do not agree on the field's name, nor say its type.
const withheldCode = "20001"

// withheld reports whether the platform keeps back what the message says.
func (m message) withheld() bool { return m.ErrorCode == withheldCode || m.ErrCode == withheldCode }

// withheldProblem is what the operator reads for as long as it is so.
const withheldProblem = "DingTalk withholds what people write: the organisation's monthly count of messages is used up (code 20001)"

// withheldEvery is how often the log says so.
const withheldEvery = time.Hour

// withholding is whether the last message came without its content.
type withholding struct {
	mu     sync.Mutex
	out    bool      // guarded by mu
	count  int64     // guarded by mu
	logged time.Time // guarded by mu
}

// saw notes how a message came. It reports whether that is worth an error in the log.
func (q *withholding) saw(withheld bool, now time.Time) (tell bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.out = withheld
	if withheld {
		q.count++
	}
	if !withheld || (!q.logged.IsZero() && now.Sub(q.logged) < withheldEvery) {
		return false
	}
	q.logged = now
	return true
}

// counted is how many messages were withheld.
func (q *withholding) counted() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// problem is what is amiss, or "".
func (q *withholding) problem() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.out {
		return withheldProblem
	}
	return ""
}
