package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

var errDown = errors.New("helpdesk: the stream is down")

// script is a live function that answers from a list, its last answer for ever.
type script struct {
	mu      sync.Mutex
	answers []error
	asked   int
}

func (s *script) live(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer
}

// watchIn runs Watch until the test is over, which waits for it.
func watchIn(t *testing.T, n Notifier, live func(context.Context) error, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Watch(ctx, live, patience, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func TestWatchFeedsAgainAndAgain(t *testing.T) {
	s := newSystemd(t, socketFile(t), 30*time.Millisecond)
	all := &script{answers: []error{nil}}
	watchIn(t, FromEnvironment(s.getenv), all.live, 0)
	for _, want := range []string{"WATCHDOG=1\nSTATUS=running", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := s.next(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

func TestWatchFeedsOnlyWhileLive(t *testing.T) {
	s := newSystemd(t, socketFile(t), time.Hour)
	all := &script{answers: []error{nil, nil, errDown, errDown, nil}}
	w := watch{notifier: FromEnvironment(s.getenv), live: all.live, log: slog.New(slog.DiscardHandler)}
	for i, want := range []string{
		"WATCHDOG=1\nSTATUS=running",
		"WATCHDOG=1",
		"STATUS=" + errDown.Error(),
		"", // it is said already
		"WATCHDOG=1\nSTATUS=running",
	} {
		if well := w.look(t.Context()); well != (i < 2 || i > 3) {
			t.Errorf("look %d: well %t", i, well)
		}
		if want == "" {
			s.quiet()
		} else if got := s.next(); got != want {
			t.Errorf("look %d: told %q, want %q", i, got, want)
		}
	}
}

func TestWatchForgivesForAWhile(t *testing.T) {
	const patience = time.Hour
	s := newSystemd(t, socketFile(t), patience)
	w := watch{notifier: FromEnvironment(s.getenv), live: (&script{answers: []error{errDown}}).live, patience: patience, log: slog.New(slog.DiscardHandler)}
	w.well = time.Now().Add(-patience + time.Minute)
	w.look(t.Context())
	if got := s.next(); got != "WATCHDOG=1\nSTATUS="+errDown.Error() {
		t.Errorf("within the patience %q", got)
	}
	w.well = time.Now().Add(-patience)
	w.look(t.Context())
	s.quiet()

	w.live = (&script{answers: []error{nil, errDown}}).live
	w.look(t.Context())
	w.look(t.Context())
	s.next()
	if got := s.next(); got != "WATCHDOG=1\nSTATUS="+errDown.Error() {
		t.Errorf("the patience does not begin anew: %q", got)
	}
}

func TestWatchNeverForgivesAProgramThatHangs(t *testing.T) {
	s := newSystemd(t, socketFile(t), 30*time.Millisecond)
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	watchIn(t, FromEnvironment(s.getenv), hangs, time.Hour)
	if got, want := s.next(), "STATUS="+errHangs.Error(); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

// An answer of the store that came too late for the store, and in time for the
// watchdog, is an error like others.
func TestWatchForgivesATimeoutOfOthers(t *testing.T) {
	s := newSystemd(t, socketFile(t), time.Hour)
	all := &script{answers: []error{context.DeadlineExceeded}}
	watchIn(t, FromEnvironment(s.getenv), all.live, time.Minute)
	if got := s.next(); !strings.HasPrefix(got, "WATCHDOG=1\n") {
		t.Errorf("told %q", got)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	s := newSystemd(t, socketFile(t), time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	var running sync.WaitGroup
	var log bytes.Buffer
	running.Go(func() {
		FromEnvironment(s.getenv).Watch(ctx, func(ctx context.Context) error {
			close(asked)
			<-ctx.Done()
			return ctx.Err()
		}, 0, slog.New(slog.NewTextHandler(&log, nil)))
	})
	<-asked
	cancel()
	running.Wait()
	s.quiet()
	if log.Len() > 0 {
		t.Errorf("a clean stop is logged: %s", log.String())
	}
}

func TestWatchWithoutWatchdogAsksNobody(t *testing.T) {
	s := newSystemd(t, socketFile(t), 0)
	all := &script{answers: []error{nil}}
	FromEnvironment(s.getenv).Watch(context.Background(), all.live, 0, nil) // returns although nothing ends it
	(Notifier{}).Watch(context.Background(), all.live, 0, nil)
	if all.asked != 0 {
		t.Errorf("asked %d times", all.asked)
	}
}

func TestWatchLogsChangesOnly(t *testing.T) {
	s := newSystemd(t, socketFile(t), time.Hour)
	var log bytes.Buffer
	all := &script{answers: []error{nil, errDown, errDown, nil, nil}}
	w := watch{notifier: FromEnvironment(s.getenv), live: all.live, log: slog.New(slog.NewTextHandler(&log, nil))}
	for range 5 {
		w.look(t.Context())
	}
	if n := strings.Count(log.String(), "msg=watchdog"); n != 2 || !strings.Contains(log.String(), "fed=false") {
		t.Errorf("%d lines: %s", n, log.String())
	}
	log.Reset()
	_ = s.conn.Close()
	w.look(t.Context())
	w.look(t.Context())
	if n := strings.Count(log.String(), "cannot be told"); n != 1 {
		t.Errorf("%d lines: %s", n, log.String())
	}
}
