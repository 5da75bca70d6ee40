package model

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// watch ends a context when no sign of life comes in time.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer

	limit time.Duration // what the timer was set to last
	quiet time.Duration // how long an endpoint may send nothing but comments
	spoke time.Time     // when it last said something
}

var errSilent = errors.New("no sign of life")

// watched is a context whose first sign of life must come within first.
func watched(parent context.Context, first, quiet time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(parent)
	return ctx, &watch{
		ctx:    ctx,
		cancel: cancel,
		timer:  time.AfterFunc(first, func() { cancel(errSilent) }),
		limit:  first,
		quiet:  quiet,
		spoke:  time.Now(),
	}
}

// alive notes that something was said; the next must come within d.
func (w *watch) alive(d time.Duration) {
	w.limit, w.spoke = d, time.Now()
	w.timer.Reset(d)
}

// hums notes a comment: a sign of life that says nothing. Comments alone are
// taken for life only so long.
func (w *watch) hums(d time.Duration) {
	w.limit = d
	w.timer.Reset(max(0, min(d, w.quiet-time.Since(w.spoke))))
}

// rest stops the clock until alive.
func (w *watch) rest() { w.timer.Stop() }

func (w *watch) expired() bool { return errors.Is(context.Cause(w.ctx), errSilent) }

// words says for what the watch has expired.
func (w *watch) words() string {
	if silence := time.Since(w.spoke); silence >= w.quiet {
		return fmt.Sprintf("nothing but comments for %s", silence.Round(time.Millisecond))
	}
	return fmt.Sprintf("no sign of life for %s", w.limit)
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}
