package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"longwire/conversation"
)

// short is a lease that runs out while the suite is patient.
const short = 150 * time.Millisecond

// A lease that is not renewed is over: the conversation is handed out again, and
// the holder who wakes up late changes nothing.
func testTakeover(w *world) {
	w.start(conversation.Options{Lease: short, TTL: -1})
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	before := time.Now()
	dead := w.takeID("1")
	second := w.takeID("1")
	if after := time.Since(before); after < short-tick {
		w.Fatalf("taken over after %v, want %v", after, short)
	}
	if second.Attempt != 2 {
		w.Fatalf("attempt %d after a takeover, want 2", second.Attempt)
	}
	w.lost(dead)
	w.waits(home, 2)

	// The second holder may be slow as well, and is then taken over in turn.
	for err := errors.New("not yet"); err != nil; {
		l := w.takeOrKeep(&second, "1")
		w.remembers(l)
		if err = l.Done(w.Context(), answered(l)); err != nil && !errors.Is(err, conversation.ErrLost) {
			w.Fatalf("done: %v", err)
		}
		w.lost(dead)
	}
	w.waits(home, 1)
	w.remembers(w.takeID("2"), "answer to 1")
	w.lost(dead)
}

// A conversation whose lease has run out goes to the end of the line: it has
// become ready after those that were waiting.
func testTakeoverGoesToTheEnd(w *world) {
	w.start(conversation.Options{Lease: short})
	for _, person := range []string{"ann", "ben", "cat"} {
		w.accept(question(person, person))
	}
	w.takeID("ann")
	w.pass(short + 50*time.Millisecond)
	w.takeID("ben")
	w.takeID("cat")
	w.takeID("ann")
}

// takeOrKeep returns the lease at hand once, and takes a new one after that.
func (w *world) takeOrKeep(hand **conversation.Lease, id string) *conversation.Lease {
	w.Helper()
	l := *hand
	*hand = nil
	if l == nil {
		l = w.takeID(id)
	}
	return l
}

// A lease is over at its deadline, also when nobody has come to take over.
func testLeaseOverAtDeadline(w *world) {
	w.start(conversation.Options{Lease: short})
	w.accept(question("ann", "1"))
	l := w.takeID("1")
	w.pass(short + 50*time.Millisecond)
	w.lost(l)
	w.waits(home, 1)
	if l := w.takeID("1"); l.Attempt != 2 {
		w.Fatalf("attempt %d, want 2", l.Attempt)
	}
}

// After Done and after Release a lease is over.
func testLeaseOverAfterEnd(w *world) {
	w.start(conversation.Options{Lease: long})
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	first := w.takeID("1")
	w.done(first, answered(first))
	w.lost(first)

	second := w.takeID("2")
	w.lost(first) // the conversation is in other hands now
	w.remembers(second, "answer to 1")
	if err := second.Release(w.Context(), time.Time{}); err != nil {
		w.Fatalf("release: %v", err)
	}
	w.lost(second)
	third := w.takeID("2")
	w.lost(second)
	w.done(third, answered(third))
	w.lost(third)
	w.waits(home, 0)
}

// Of many that end the same lease at the same time, one does.
func testDoneOnce(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 20 {
		w.accept(question("ann", nth("ann", n)))
	}
	for n := range 20 {
		l := w.takeID(nth("ann", n))
		var ended atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				var err error
				if i == 0 {
					err = l.Renew(w.Context())
				} else {
					err = l.Done(w.Context(), answered(l))
				}
				switch {
				case err == nil && i > 0:
					ended.Add(1)
				case err != nil && !errors.Is(err, conversation.ErrLost):
					w.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if ended.Load() != 1 {
			w.Fatalf("%d of 5 were told that they ended the lease", ended.Load())
		}
		w.waits(home, 19-n)
	}
}

// A lease that is renewed is not over. The test says nothing about a machine so
// slow that the renewal itself came too late, and tries again.
func testRenew(w *world) {
	const lease = 800 * time.Millisecond
	w.start(conversation.Options{Lease: lease})
	w.accept(question("ann", "1"))
	for range 10 {
		if w.renewFor(w.takeID("1"), 2*lease, lease) {
			return
		}
		w.Log("the machine was too slow to renew in time; once more")
	}
	w.Skip("the machine is too slow to renew in time")
}

// renewFor renews l for d and watches that nobody else gets the conversation. It
// returns false when it could not keep up.
func (w *world) renewFor(l *conversation.Lease, d, lease time.Duration) bool {
	last := time.Now()
	for start := last; time.Since(start) < d; {
		ctx, cancel := context.WithTimeout(w.Context(), lease/8)
		other, err := w.store.Take(ctx, home)
		cancel()
		renewed := l.Renew(w.Context())
		if time.Since(last) > lease/2 {
			if err == nil {
				_ = other.Release(w.Context(), time.Time{}) // or it runs out
			}
			return false
		}
		if err == nil {
			w.Fatalf("event %q was taken over although its lease is renewed", other.Event.ID)
		}
		if renewed != nil {
			w.Fatalf("renew: %v", renewed)
		}
		last = time.Now()
	}
	return l.Done(w.Context(), answered(l)) == nil
}

// Attempt counts how often an event was taken, and begins anew with the next.
func testAttempt(w *world) {
	w.start(conversation.Options{Lease: long})
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	for _, id := range []string{"1", "2"} {
		for n := 1; n <= 4; n++ {
			l := w.takeID(id)
			if l.Attempt != n {
				w.Fatalf("event %q: attempt %d, want %d", id, l.Attempt, n)
			}
			if n < 4 {
				if err := l.Release(w.Context(), time.Time{}); err != nil {
					w.Fatalf("release: %v", err)
				}
				continue
			}
			w.done(l, answered(l))
		}
	}
}

// Attempts survive a restart that came in the middle of a turn.
func testAttemptAfterRestart(w *world) {
	opts := conversation.Options{Lease: short}
	w.start(opts)
	w.accept(question("ann", "1"))
	last := 0
	for range 3 {
		l := w.takeID("1")
		if l.Attempt <= last {
			w.Fatalf("attempt %d after attempt %d", l.Attempt, last)
		}
		last = l.Attempt
		w.start(opts)
		w.lost(l)
	}
}

// Release gives the event back, first in its conversation and at the end of the
// line.
func testRelease(w *world) {
	w.start(conversation.Options{Lease: long})
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	w.accept(question("ben", "3"))
	for _, retry := range []time.Time{{}, time.Now().Add(-time.Hour)} {
		if err := w.takeID("1").Release(w.Context(), retry); err != nil {
			w.Fatalf("release: %v", err)
		}
		if err := w.takeID("3").Release(w.Context(), retry); err != nil {
			w.Fatalf("release: %v", err)
		}
	}
	l := w.takeID("1")
	w.remembers(l)
	w.done(l, answered(l))
	w.takeID("3")
	w.takeID("2")
}

// A conversation released until later does not come before, keeps its order and
// does not hold up the others.
func testReleaseUntil(w *world) {
	const wait = 300 * time.Millisecond
	w.start(conversation.Options{Lease: long})
	w.accept(question("ann", "1"))
	w.accept(question("ben", "2"))
	w.accept(question("cat", "3"))
	until := map[string]time.Time{}
	for _, id := range []string{"1", "2"} {
		retry := time.Now().Add(wait)
		if id == "2" {
			retry = time.Now().Add(wait / 2)
		}
		until[id] = retry
		if err := w.takeID(id).Release(w.Context(), retry); err != nil {
			w.Fatalf("release: %v", err)
		}
	}
	w.accept(question("ann", "4"))
	l := w.take()
	if time.Now().Before(until["2"]) && l.Event.ID != "3" {
		w.Fatalf("took event %q, want 3, which does not wait for the others", l.Event.ID)
	}
	for range 2 {
		l := w.take()
		if early := time.Until(until[l.Event.ID]); early > tick {
			w.Fatalf("event %q was taken %v before its time", l.Event.ID, early)
		}
		if l.Event.ID == "1" {
			w.done(l, answered(l))
		}
	}
	w.takeID("4")
}
