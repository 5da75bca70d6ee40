package socket

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever counts is told of each end and each failed attempt, and why.
func TestDownIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		var told []error
		ctx, cancel := context.WithCancel(t.Context())
		dials := 0
		p := &platform{dial: func(context.Context) (*Conn, error) {
			if dials++; dials == 3 {
				cancel()
			}
			return nil, away
		}}
		New(p, Backoff{Min: time.Second, Max: time.Second, Slow: time.Second}, func(why error) { told = append(told, why) }, silence).Run(ctx)
		if len(told) != 2 || !errors.Is(told[0], away) || !errors.Is(told[1], away) {
			t.Errorf("told %v", told)
		}
	})
}

// A socket that is taken for dead says so in a way that code can tell.
func TestSilenceIsTold(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	p.opts = Options{Keepalive: 20 * time.Millisecond}
	told := make(chan error, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(p, quick, func(why error) { told <- why }, silence).Run(ctx)
	}()
	s.accept() // and says nothing
	if err := next(t, told, "word of the end"); !errors.Is(err, ErrSilent) {
		t.Errorf("told %v", err)
	}
	cancel()
	<-done
}
