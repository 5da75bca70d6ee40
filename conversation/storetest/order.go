package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"longwire/conversation"
)

// Events of a conversation come in order, each after the one before is done.
func testOrder(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 5 {
		w.accept(question("ann", nth("ann", n)))
	}
	for n := range 5 {
		l := w.takeID(nth("ann", n))
		if n == 2 {
			w.accept(question("ann", nth("ann", 5)))
			w.nothing(home, glance)
		}
		w.done(l, answered(l))
	}
	l := w.takeID(nth("ann", 5))
	w.done(l, answered(l))
	w.nothing(home, glance)
}

// Conversations are handed out in the order in which they became ready.
func testReadyOrder(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 20 {
		w.accept(question(nth("person", 19-n), nth("event", n)))
	}
	for n := range 20 {
		w.takeID(nth("event", n))
	}
	w.nothing(home, glance)
}

// A conversation with many events does not delay the others: after each turn it
// goes to the end of the line.
func testRoundRobin(w *world) {
	w.start(conversation.Options{Lease: long, MaxPerConversation: 100})
	for n := range 100 {
		w.accept(question("busy", nth("busy", n)))
	}
	for n := range 3 {
		w.accept(question("ann", nth("ann", n)))
		w.accept(question("ben", nth("ben", n)))
	}
	for n := range 3 {
		for _, person := range []string{"busy", "ann", "ben"} {
			l := w.takeID(nth(person, n))
			w.done(l, answered(l))
		}
	}
	for n := 3; n < 100; n++ {
		l := w.takeID(nth("busy", n))
		w.done(l, answered(l))
	}
	w.waits(home, 0)
}

// Takes that wait each get a conversation that comes, one each.
func testTakeWakes(w *world) {
	w.start(conversation.Options{Lease: long})
	const takers = 16
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	got := make(chan string, takers)
	var wg sync.WaitGroup
	for range takers {
		wg.Go(func() {
			l, err := w.store.Take(ctx, home)
			if err != nil {
				w.Errorf("take: %v", err)
				return
			}
			got <- l.Event.ID
		})
	}
	for n := range takers {
		w.accept(question(nth("person", n), nth("event", n)))
	}
	wg.Wait()
	close(got)
	seen := map[string]bool{}
	for id := range got {
		seen[id] = true
	}
	if len(seen) != takers {
		w.Fatalf("%d takes got %d different events", takers, len(seen))
	}
}

// Takes that wait each get one also of conversations that become ready in one
// moment.
func testTakeWakesAll(w *world) {
	w.start(conversation.Options{Lease: long})
	const takers = 8
	retry := time.Now().Add(200 * time.Millisecond)
	for n := range takers {
		w.accept(question(nth("person", n), nth("event", n)))
		if err := w.take().Release(w.Context(), retry); err != nil {
			w.Fatalf("release: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	var wg sync.WaitGroup
	for range takers {
		wg.Go(func() {
			if _, err := w.store.Take(ctx, home); err != nil {
				w.Errorf("take: %v", err)
			}
		})
	}
	wg.Wait()
}

// A context that ends ends a waiting Take, and one that has ended gets nothing,
// not even what is ready.
func testTakeObeysContext(w *world) {
	w.start(conversation.Options{Lease: long})
	ctx, cancel := context.WithCancel(w.Context())
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := w.store.Take(ctx, home)
			errs <- err
		}()
	}
	w.nothing(home, glance)
	cancel()
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			w.Fatalf("take: %v, want %v", err, context.Canceled)
		}
	}
	w.accept(question("ann", "1"))
	if _, err := w.store.Take(ctx, home); !errors.Is(err, context.Canceled) {
		w.Fatalf("take with a context that has ended: %v, want %v", err, context.Canceled)
	}
	if l := w.takeID("1"); l.Attempt != 1 {
		w.Fatalf("attempt %d, want 1: a take that got nothing counts as none", l.Attempt)
	}
}

// A context that ends in the moment in which a conversation is handed out leaves
// it in somebody's hands or in the line. The lease here outlives everybody's
// patience, so a conversation left in nobody's hands would never come again.
func testTakeStrandsNothing(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 100 {
		ctx, cancel := context.WithCancel(w.Context())
		took := make(chan *conversation.Lease, 2)
		var wg sync.WaitGroup
		for range cap(took) {
			wg.Go(func() {
				if l, err := w.store.Take(ctx, home); err == nil {
					took <- l
				}
			})
		}
		w.accept(question("ann", nth("ann", n)))
		time.AfterFunc(time.Duration(n%10)*50*time.Microsecond, cancel)
		wg.Wait()
		close(took)
		l := <-took
		if l == nil {
			l = w.take()
		}
		if another := <-took; another != nil {
			w.Fatalf("event %q and event %q of one conversation were taken at the same time", l.Event.ID, another.Event.ID)
		}
		if want := nth("ann", n); l.Event.ID != want {
			w.Fatalf("took event %q, want %q", l.Event.ID, want)
		}
		w.done(l, answered(l))
		cancel()
	}
}

// Waiting counts what is not done, also what is in somebody's hands.
func testWaiting(w *world) {
	w.start(conversation.Options{Lease: long})
	w.waits(home, 0)
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	w.accept(question("ben", "3"))
	w.waits(home, 3)
	l := w.takeID("1")
	w.waits(home, 3)
	w.done(l, answered(l))
	w.waits(home, 2)
	if err := w.take().Release(w.Context(), time.Time{}); err != nil {
		w.Fatalf("release: %v", err)
	}
	w.waits(home, 2)
	w.waits("elsewhere", 0)
}

// Connections have nothing in common, not even when people and events are called
// the same.
func testConnections(w *world) {
	w.start(conversation.Options{Lease: long})
	here, there := question("ann", "1"), question("ann", "1")
	there.Connection = "there"
	w.accept(here)
	w.accept(there)
	w.waits(home, 1)
	w.waits("there", 1)

	l := w.takeFrom("there")
	if l.Event.Connection != "there" {
		w.Fatalf("took an event of connection %q, want there", l.Event.Connection)
	}
	w.done(l, answered(l))
	w.nothing("there", glance)
	w.remembers(w.takeID("1"))
	there.ID = "2"
	w.accept(there)
	w.remembers(w.takeFrom("there"), "answer to 1")
}
