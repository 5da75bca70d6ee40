package model

import (
	"math/rand/v2"
	"sync"
	"time"
)

// How an endpoint rests.
const (
	failuresToRest = 5                // in a row
	shortestRest   = time.Second      // after them; doubles with each probe that fails
	longestRest    = time.Minute      //
	longestAsked   = 10 * time.Minute // what is kept of a Retry-After: an endpoint's mistake must not put it away for good
)

// breaker keeps questions away from an endpoint that fails. It is closed while
// all is well, open while the endpoint rests, and after the rest half open: one
// question at a time is let through until one is answered.
type breaker struct {
	mu       sync.Mutex
	failures int           // in a row; guarded by mu, as all below
	rest     time.Duration // the last rest, 0 before the first
	until    time.Time     // the end of the rest; zero while closed
	asked    time.Time     // until when the endpoint has asked to be left alone
	probing  bool          // somebody asks after the rest
}

// admit reports whether a question may go to the endpoint. If so, one of
// succeeded, failed and left has to follow.
func (b *breaker) admit(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case now.Before(b.asked):
		return false
	case b.until.IsZero():
		return true
	case now.Before(b.until) || b.probing:
		return false
	}
	b.probing = true
	return true
}

// speaks notes that the endpoint has begun to answer, which closes the breaker on
// probation: the next failure opens it again.
func (b *breaker) speaks(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.until.IsZero() && !now.Before(b.until) {
		b.until, b.probing, b.failures = time.Time{}, false, failuresToRest-1
	}
}

// succeeded notes that the endpoint has done its part. It reports whether that
// ends a time of failures.
func (b *breaker) succeeded() (recovered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	recovered = b.rest > 0
	b.failures, b.rest, b.until, b.probing = 0, 0, time.Time{}, false
	return recovered
}

// failed notes a failure that is the endpoint's. It returns for how long the
// endpoint rests now, 0 if that is nothing new: those who were on their way when
// it broke do not make the rest longer.
func (b *breaker) failed(now time.Time) (rests time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.probing = false
	if b.failures < failuresToRest || now.Before(b.until) {
		return 0
	}
	b.rest = min(max(2*b.rest, shortestRest), longestRest)
	rests = b.rest/2 + rand.N(b.rest/2+1)
	b.until = now.Add(rests)
	return rests
}

// left notes that a question ended in a way that says nothing of the endpoint.
func (b *breaker) left() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
}

// asksFor leaves the endpoint alone for as long as it asks.
func (b *breaker) asksFor(d time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now.Add(min(d, longestAsked)); until.After(b.asked) {
		b.asked = until
	}
}

// back is when the endpoint can be asked again; asked is until when it wants to be
// left alone. Both may be past.
func (b *breaker) back() (back, asked time.Time, failures int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	back = b.until
	if b.asked.After(back) {
		back = b.asked
	}
	return back, b.asked, b.failures
}
