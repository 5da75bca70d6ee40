package storetest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"longwire/conversation"
)

// An event id is accepted once: while it waits, in somebody's hands, after it is
// done and after a restart.
func testDuplicate(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	w.accept(question("ann", "1"))
	w.refuse(question("ann", "1"))
	changed := question("ben", "1")
	changed.Text = "the platform changed its mind"
	w.refuse(changed)
	w.waits(home, 1)
	l := w.takeID("1")
	w.refuse(question("ann", "1"))
	w.done(l, answered(l))
	w.refuse(question("ann", "1"))
	w.waits(home, 0)
	w.start(opts)
	w.refuse(question("ann", "1"))
	w.nothing(home, glance)
}

// Of many that bring the same event at the same time, one is told that it is
// fresh.
func testDuplicateAtTheSameTime(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 20 {
		var fresh atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				ok, err := w.store.Accept(w.Context(), question("ann", nth("ann", n)))
				if err != nil {
					w.Errorf("accept: %v", err)
				}
				if ok {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		if fresh.Load() != 1 {
			w.Fatalf("%d of 8 were told that the event is fresh", fresh.Load())
		}
		w.waits(home, n+1)
	}
}

// An event id is forgotten after Options.Remember and not before.
func testDuplicateForgotten(w *world) {
	const remember = 200 * time.Millisecond
	w.start(conversation.Options{Lease: long, Remember: remember})
	deadline := time.Now().Add(patience)
	before := time.Now()
	w.accept(question("ann", "1"))
	for {
		fresh, err := w.store.Accept(w.Context(), question("ann", "1"))
		if err != nil {
			w.Fatalf("accept: %v", err)
		}
		if fresh {
			break
		}
		if time.Now().After(deadline) {
			w.Fatalf("event id still remembered after %v, want %v", patience, remember)
		}
		w.pass(remember / 20)
	}
	if after := time.Since(before); after < remember-tick {
		w.Fatalf("event id forgotten after %v, want %v", after, remember)
	}
	before = time.Now()
	fresh, err := w.store.Accept(w.Context(), question("ann", "1"))
	if err != nil || fresh && time.Since(before) < remember {
		w.Fatalf("accept once more: fresh %t, err %v; want the id to be remembered anew", fresh, err)
	}
}

// As many events wait as Options.MaxWaiting says, those in somebody's hands
// included; what is refused is not remembered, and what was accepted before is
// not refused.
func testFull(w *world) {
	w.start(conversation.Options{Lease: long, MaxWaiting: 3})
	for n := range 3 {
		w.accept(question("ann", nth("ann", n)))
	}
	l := w.take()
	for _, person := range []string{"ann", "ben"} {
		if fresh, err := w.store.Accept(w.Context(), question(person, "more")); fresh || !errors.Is(err, conversation.ErrFull) {
			w.Fatalf("accept when full: fresh %t, err %v; want false, %v", fresh, err, conversation.ErrFull)
		}
	}
	w.refuse(question("ann", nth("ann", 1)))
	w.waits(home, 3)
	elsewhere := question("ann", "more")
	elsewhere.Connection = "elsewhere"
	w.accept(elsewhere)
	w.done(l, answered(l))
	w.accept(question("ben", "more"))
	w.waits(home, 3)
}

// As many events wait in a conversation as Options.MaxPerConversation says, the one
// in somebody's hands included, also over a restart, a release and a retry, and
// other conversations do not count. A redelivery is not refused for it.
func testFullConversation(w *world) {
	opts := conversation.Options{Lease: long, MaxPerConversation: 3}
	w.start(opts)
	full := func(id string) {
		w.Helper()
		w.refuse(question("ann", "0"))
		if fresh, err := w.store.Accept(w.Context(), question("ann", id)); fresh || !errors.Is(err, conversation.ErrFull) {
			w.Fatalf("accept in a full conversation: fresh %t, err %v; want false, %v", fresh, err, conversation.ErrFull)
		}
		w.accept(question("ben", id))
		l := w.take()
		for l.Event.Sender.ID != "ben" {
			w.release(l)
			l = w.take()
		}
		w.done(l, answered(l))
	}
	for n := range 3 {
		w.accept(question("ann", strconv.Itoa(n)))
	}
	full("a")
	w.start(opts)
	full("b")
	l := w.takeID("0")
	w.done(l, answered(l))
	w.accept(question("ann", "3"))
	full("c")
	w.bury("1", "")
	w.accept(question("ann", "4"))
	full("d")
	if err := w.desk().Retry(w.Context(), home, question("ann", "1").Trace()); err != nil {
		w.Fatalf("retry: %v", err)
	}
	w.waits(home, 4)
	for range 2 {
		full(strconv.Itoa(int(time.Now().UnixNano())))
		l = w.take()
		w.done(l, answered(l))
	}
	w.accept(question("ann", "5"))
	full("e")
}

// The bound holds when many come at the same time.
func testFullAtTheSameTime(w *world) {
	const bound, callers = 10, 40
	w.start(conversation.Options{Lease: long, MaxWaiting: bound})
	var fresh, full atomic.Int32
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			ok, err := w.store.Accept(w.Context(), question(nth("person", n), nth("event", n)))
			switch {
			case ok:
				fresh.Add(1)
			case errors.Is(err, conversation.ErrFull):
				full.Add(1)
			default:
				w.Errorf("accept: %v", err)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != bound || full.Load() != callers-bound {
		w.Fatalf("%d accepted and %d refused, want %d and %d", fresh.Load(), full.Load(), bound, callers-bound)
	}
	w.waits(home, bound)
}
