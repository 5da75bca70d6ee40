package connectors

import (
	"context"
	"sync/atomic"
	"time"
)

// Token keeps the access token of one app. One caller at a time fetches it while
// the others wait for the result, and it is fetched anew before it ends, so that
// no call carries a token that dies on the way.
type Token struct {
	fetch func(ctx context.Context) (value string, life time.Duration, err error)
	lock  chan struct{} // holds one token; guards the fields below, and can be waited for with a context
	value string
	until time.Time // when value is to be replaced
	err   error     // of the last fetch that failed

	failures atomic.Int64 // fetches that failed by themselves; grows while lock is held
}

// tokenMargin is how long before its end a token is replaced.
const tokenMargin = 5 * time.Minute

// NewToken makes a Token that is got from the platform by fetch.
func NewToken(fetch func(ctx context.Context) (value string, life time.Duration, err error)) *Token {
	return &Token{fetch: fetch, lock: make(chan struct{}, 1)}
}

// Value returns a token that is valid for now. Whoever waited while a fetch failed has
// its error, and does not wait for another of its own; a fetch that ended with the
// context of who made it is left to the next in line.
func (t *Token) Value(ctx context.Context) (string, error) {
	failures := t.failures.Load()
	select {
	case t.lock <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-t.lock }()
	if t.value != "" && time.Now().Before(t.until) {
		return t.value, nil
	}
	if t.failures.Load() != failures {
		return "", t.err
	}
	value, life, err := t.fetch(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.err = err
			t.failures.Add(1)
		}
		return "", err
	}
	t.value, t.until = value, time.Now().Add(life-min(tokenMargin, life/2))
	return value, nil
}

// Drop forgets value, because the platform refused it. A newer token stays.
func (t *Token) Drop(value string) {
	t.lock <- struct{}{}
	defer func() { <-t.lock }()
	if t.value == value {
		t.value = ""
	}
}
