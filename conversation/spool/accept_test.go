package spool

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
)

// stalling is a Real that takes nothing. It tells how long it was given, and answers
// late by another while.
type stalling struct {
	Real
	given chan time.Duration
	late  time.Duration
}

func (stalling) HoldAfterLoss(time.Duration) {}

func (stalling) Close() error { return nil }

func (s stalling) Accept(ctx context.Context, _ connectors.Event) (bool, error) {
	until, _ := ctx.Deadline()
	s.given <- time.Until(until)
	<-ctx.Done()
	time.Sleep(s.late)
	return false, ctx.Err()
}

// An event whose delivery has nearly no time left is in the file all the same.
func TestLateEventIsSpooled(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ left, late, given time.Duration }{
		"in time":                     {2500 * time.Millisecond, 0, patience},
		"a little late":               {1300 * time.Millisecond, 0, 300 * time.Millisecond},
		"late":                        {500 * time.Millisecond, 0, leastPatience},
		"late, and a store is, too":   {500 * time.Millisecond, 500 * time.Millisecond, leastPatience},
		"too late":                    {0, 0, 0},
		"as long as anybody may wait": {time.Hour, 0, patience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := boltstore.Open(filepath.Join(t.TempDir(), "spool.db"), conversation.Options{})
			if err != nil {
				t.Fatal(err)
			}
			real := stalling{given: make(chan time.Duration, 1), late: row.late}
			s := Open(t.Context(), func(context.Context) (Real, error) { return real, nil }, file, []string{"c"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
			defer func() { _ = s.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), row.left)
			defer cancel()
			if fresh, err := s.Accept(ctx, event("ann", 0)); !fresh || err != nil {
				t.Fatalf("accepted %t, %v", fresh, err)
			}
			if given := <-real.given; given > row.given || given < row.given/2 && row.given > 0 {
				t.Errorf("the real store had %s, want %s", given, row.given)
			}
			if n, err := s.Spooled(t.Context()); n != 1 || err != nil {
				t.Errorf("%d events are spooled, %v", n, err)
			}
		})
	}
}
