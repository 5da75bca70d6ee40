package spool

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"longwire/conversation"
)

// unwritable is a File that cannot be written.
type unwritable struct {
	File
	takes atomic.Int64
}

func (u *unwritable) Take(ctx context.Context, _ string) (*conversation.Lease, error) {
	u.takes.Add(1)
	return nil, errors.Join(ctx.Err(), errors.New("take: no space left on device"))
}

// ready is a Real within reach.
type ready struct{ Real }

func (ready) HoldAfterLoss(time.Duration) {}

func (ready) Reach(context.Context, string) error { return nil }

// A file that cannot be written is not asked all the time, nor is it all that the log says.
func TestMoversOfAFileThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		file := &unwritable{}
		s := Open(t.Context(), func(context.Context) (Real, error) { return ready{}, nil }, file, []string{"c", "d"}, slog.New(slog.NewTextHandler(&out, nil)))
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		s.Run(ctx)
		if n := strings.Count(out.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d errors are logged in 150 s, want 3:\n%s", n, out.String())
		}
		if n, most := file.takes.Load(), int64(2*movers*60); n > most || n < most/2 {
			t.Errorf("the file is asked %d times", n)
		}
		s.fileFails(errors.New("another"))
		if !strings.Contains(out.String(), "another") {
			t.Error("a new error is not logged")
		}
	})
}
