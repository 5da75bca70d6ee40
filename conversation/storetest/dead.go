package storetest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"longwire/conversation"
)

// bury takes the next event, which must have this id, and gives it up.
func (w *world) bury(id, reason string) {
	w.Helper()
	w.done(w.takeID(id), conversation.Outcome{How: conversation.Dead, Reason: reason})
}

// An event that is given up no longer holds up its conversation and does not wait;
// it is kept, with what is known of it, also over a restart.
func testDead(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	before := time.Now().Add(-time.Minute) // clocks may differ
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	w.release(w.takeID("1"))
	const reason = "the model said\nno\r\n\x00 你好 \"quoted\""
	l := w.takeID("1")
	turn := &conversation.Turn{Question: "?", Answer: "sorry"}
	w.done(l, conversation.Outcome{How: conversation.Dead, Reason: reason, Turn: turn})
	w.lost(l)
	w.waits(home, 1)
	w.remembers(w.takeID("2"), "sorry")

	w.start(opts)
	items, err := w.desk().Inbox(w.Context(), home, 1)
	if err != nil || len(items) != 1 {
		w.Fatalf("inbox: %v, %v", items, err)
	}
	got, ev := items[0], question("ann", "1")
	if got.Since.Before(before) || got.Since.After(time.Now().Add(time.Minute)) {
		w.Errorf("dead since %v", got.Since)
	}
	if got.Event.ID != ev.ID || got.Event.Text != ev.Text || got.Event.Sender != ev.Sender ||
		got.Key != conversation.KeyOf(ev) || got.Attempt != 2 || got.State != conversation.ItemDead || got.Reason != reason {
		w.Errorf("dead letter %+v", got)
	}
	w.refuse(ev) // its id is remembered like any other
	if life := w.life(ev); life[len(life)-1] != "dead "+reason {
		w.Errorf("life ends %q", life[len(life)-1])
	}
}

// A dead letter that is retried comes last in its conversation, as if it had never
// been taken; one that is dropped is gone. Each is there once.
func testRetryAndDrop(w *world) {
	opts := conversation.Options{Lease: long, MaxWaiting: 1}
	w.start(opts)
	for _, id := range []string{"1", "2"} {
		w.accept(question("ann", id))
		l := w.takeID(id)
		w.note(l, "card of "+id)
		w.done(l, conversation.Outcome{How: conversation.Dead})
	}
	w.accept(question("ann", "3"))
	w.start(opts)
	desk := w.desk()
	first, second := question("ann", "1").Trace(), question("ann", "2").Trace()
	if err := desk.Retry(w.Context(), home, first); err != nil {
		w.Fatalf("retry: %v", err)
	}
	if err := desk.Drop(w.Context(), home, second); err != nil {
		w.Fatalf("drop: %v", err)
	}
	for _, trace := range []string{first, second, "", "aaaaaaaa", "no trace at all\n"} {
		w.unknown(home, trace)
		w.unknown("elsewhere", trace)
	}
	w.lists("waiting 1", "waiting 3") // more than Accept would have let in
	l := w.takeID("3")
	if l.Event.Retries != 0 {
		w.Fatal("an event that was not retried says so")
	}
	w.done(l, answered(l))
	l = w.takeID("1")
	w.noted(l, "")
	if l.Attempt != 1 || l.Event.Retries != 1 {
		w.Fatalf("attempt %d of an event that was retried %d times", l.Attempt, l.Event.Retries)
	}
	w.note(l, "another card")
	w.done(l, answered(l))
	w.waits(home, 0)
	w.lists()
	for id, want := range map[string][]string{
		"1": {"accepted", "taken 1", "noted", "dead", "retried", "taken 1", "noted", "answered"},
		"2": {"accepted", "taken 1", "noted", "dead", "dropped"},
		"3": {"accepted", "taken 1", "answered"},
	} {
		if got := w.life(question("ann", id)); !slices.Equal(got, want) {
			w.Errorf("life of %q: %q, want %q", id, got, want)
		}
	}
}

// unknown insists that there is no such dead letter.
func (w *world) unknown(connection, trace string) {
	w.Helper()
	for call, err := range map[string]error{
		"retry": w.desk().Retry(w.Context(), connection, trace),
		"drop":  w.desk().Drop(w.Context(), connection, trace),
	} {
		if !errors.Is(err, conversation.ErrNotFound) {
			w.Errorf("%s %q: %v, want %v", call, trace, err, conversation.ErrNotFound)
		}
	}
}

// Of many that retry and drop the same dead letter, one does.
func testRetryOnce(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 10 {
		ev := question("ann", nth("ann", n))
		w.accept(ev)
		w.bury(ev.ID, "")
		var retried, dropped atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				call, count := w.desk().Retry, &retried
				if i%2 == 0 {
					call, count = w.desk().Drop, &dropped
				}
				switch err := call(w.Context(), home, ev.Trace()); {
				case err == nil:
					count.Add(1)
				case !errors.Is(err, conversation.ErrNotFound):
					w.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if retried.Load()+dropped.Load() != 1 {
			w.Fatalf("retried %d times and dropped %d times, want one of both", retried.Load(), dropped.Load())
		}
		w.waits(home, int(retried.Load()))
		if retried.Load() == 1 {
			l := w.takeID(ev.ID)
			w.done(l, answered(l))
		}
	}
}

// There are at most Options.MaxDead dead letters on a connection, the youngest, and
// the life of those that had to go tells it. A smaller bound is reached by and by.
func testDeadBound(w *world) {
	opts := conversation.Options{Lease: long, MaxDead: 3}
	w.start(opts)
	for n := range 5 {
		w.accept(question("ann", nth("e", n)))
		w.bury(nth("e", n), "")
	}
	elsewhere := question("ann", "e")
	elsewhere.Connection = "elsewhere"
	w.accept(elsewhere)
	w.done(w.takeFrom("elsewhere"), conversation.Outcome{How: conversation.Dead})
	w.lists("dead e-002", "dead e-003", "dead e-004")
	want := []string{"accepted", "taken 1", "dead", "dropped too many dead letters"}
	if got := w.life(question("ann", nth("e", 1))); !slices.Equal(got, want) {
		w.Errorf("life of one that had to go: %q, want %q", got, want)
	}
	if err := w.desk().Retry(w.Context(), home, question("ann", nth("e", 4)).Trace()); err != nil {
		w.Fatalf("retry: %v", err)
	}
	w.done(w.takeID(nth("e", 4)), conversation.Outcome{})
	w.accept(question("ann", nth("e", 5)))
	w.bury(nth("e", 5), "")
	w.lists("dead e-002", "dead e-003", "dead e-005") // the retried one made room
	opts.MaxDead = 1
	w.start(opts)
	w.accept(question("ann", "last"))
	w.bury("last", "")
	w.lists("dead last")
	opts.MaxDead = -1
	w.start(opts)
	w.accept(question("ann", "none"))
	w.bury("none", "")
	w.lists()
}
