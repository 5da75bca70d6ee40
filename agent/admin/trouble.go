package admin

import (
	"strings"
	"sync"
	"time"

	"longwire/conversation"
)

// Trouble is a turn that went wrong, or took too long to say its first word.
type Trouble struct {
	ID         string    `json:"id"` // the trace of the event
	Connection string    `json:"connection"`
	At         time.Time `json:"at"`
	What       string    `json:"what"` // failed, dead or slow
	Reason     string    `json:"reason,omitempty"`
	Waited     int64     `json:"waited"`     // ms
	FirstWord  int64     `json:"first_word"` // ms; 0 for none
	Took       int64     `json:"took"`       // ms
}

const (
	maxTroubles = 200
	maxReason   = 300 // bytes
)

// troubles are the last ones.
type troubles struct {
	mu   sync.Mutex
	ring [maxTroubles]Trouble
	n    int // how many there were; guarded by mu
}

// note remembers a turn that went wrong or was slow.
func (s *Server) note(t Turn, now time.Time) {
	config, what := s.now(), ""
	switch {
	case t.How == conversation.Failed, t.How == conversation.Dead:
		what = string(t.How)
	case t.How != conversation.Skipped && t.silent() > config.Slow:
		what = "slow"
	default:
		return
	}
	s.troubles.add(Trouble{
		ID: t.Trace, Connection: t.Connection, At: now, What: what, Reason: config.clean(t.Reason),
		Waited: t.Waited.Milliseconds(), FirstWord: t.FirstWord.Milliseconds(), Took: t.Took.Milliseconds(),
	})
}

// silent is how long the person had nothing to read.
func (t Turn) silent() time.Duration {
	if t.FirstWord == 0 {
		return t.Waited + t.Took
	}
	return t.Waited + t.FirstWord
}

// clean is a reason as it may be shown: without secrets, and short.
func (c *Config) clean(reason string) string {
	reason = strings.ToValidUTF8(reason, "�")
	if c.Redact != nil {
		reason = c.Redact(reason)
	}
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return reason
}

func (t *troubles) add(one Trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring[t.n%maxTroubles] = one
	t.n++
}

// list returns them, the newest first.
func (t *troubles) list() []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []Trouble{}
	for i := t.n - 1; i >= max(t.n-maxTroubles, 0); i-- {
		all = append(all, t.ring[i%maxTroubles])
	}
	return all
}
