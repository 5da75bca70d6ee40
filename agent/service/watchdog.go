package service

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Watch feeds the watchdog while live returns nil, until ctx ends; where there is
// no watchdog it returns at once. live is asked three times in the watchdog's time,
// and every second while something is wrong; it has a third of that time to answer,
// and must obey its context.
//
// An error of live is what is wrong outside: a stream is down, the store is away.
// It is forgiven for the time of patience, counted from when all was well, since
// another process would not reach the platform any sooner and would cut short what
// runs well beside it. An answer that does not come in time is never forgiven: then
// it is this process that hangs.
//
// The status line of the service tells what live says, whenever that changes.
func (n Notifier) Watch(ctx context.Context, live func(ctx context.Context) error, patience time.Duration, log *slog.Logger) {
	if n.socket == "" || n.every == 0 {
		return
	}
	w := watch{notifier: n, live: live, patience: patience, log: log, well: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		next := n.every / 3
		if !w.look(ctx) {
			next = min(next, time.Second)
		}
		timer.Reset(next)
	}
}

// watch is what Watch remembers between two looks.
type watch struct {
	notifier Notifier
	live     func(ctx context.Context) error
	patience time.Duration
	log      *slog.Logger

	well   time.Time // when live last returned nil, at first when watching began
	shown  string    // the status line
	hungry bool      // the watchdog is not being fed
	mute   bool      // the service manager could not be told
}

// errHangs is what ask returns where live does not answer in time.
var errHangs = errors.New("the program does not answer itself in time")

// look asks once, tells the service manager, and reports whether all is well.
func (w *watch) look(ctx context.Context) (well bool) {
	err := w.ask(ctx)
	if ctx.Err() != nil {
		return false // stopping: what was asked was cut short
	}
	text := "running"
	if err == nil {
		w.well = time.Now()
	} else {
		text = err.Error()
	}
	hungry := errors.Is(err, errHangs) || err != nil && time.Since(w.well) >= w.patience
	if hungry != w.hungry {
		w.hungry = hungry
		w.log.Warn("watchdog", "fed", !hungry, "err", err)
	}
	w.tell(text)
	return err == nil
}

// ask calls live and bounds it.
func (w *watch) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, w.notifier.every/3, errHangs)
	defer cancel()
	if err := w.live(ctx); err == nil || ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// tell feeds the watchdog, unless it is to be hungry, and shows text if it is new.
func (w *watch) tell(text string) {
	var assignments []string
	if !w.hungry {
		assignments = append(assignments, "WATCHDOG=1")
	}
	if text != w.shown {
		assignments = append(assignments, status(text))
	}
	if len(assignments) == 0 {
		return
	}
	if err := w.notifier.send(assignments...); err != nil {
		if !w.mute {
			w.log.Warn("the service manager cannot be told", "err", err)
		}
		w.mute = true
		return
	}
	w.mute, w.shown = false, text
}
