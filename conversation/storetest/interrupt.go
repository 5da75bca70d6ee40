package storetest

import (
	"errors"
	"testing"
	"time"

	"longwire/conversation"
)

// interrupt asks for a conversation's turn to stop and insists on the answer.
func (w *world) interrupt(connection, person string, want bool) {
	w.Helper()
	key := conversation.KeyOf(question(person, ""))
	if got, err := w.store.Interrupt(w.Context(), connection, key, ""); err != nil || got != want {
		w.Fatalf("interrupt %q: %t, %v; want %t", person, got, err, want)
	}
}

// renewed insists on what Renew says.
func (w *world) renewed(l *conversation.Lease, want error) {
	w.Helper()
	if err := l.Renew(w.Context()); !errors.Is(err, want) {
		w.Fatalf("renew event %q: %v, want %v", l.Event.ID, err, want)
	}
}

// An interruption reaches whoever holds the conversation, stays until the lease
// ends, and means no later lease and no other conversation.
func testInterrupt(w *world) {
	w.start(conversation.Options{Lease: long})
	w.interrupt(home, "ann", false)
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	w.accept(question("ben", "3"))
	w.interrupt(home, "ann", false) // it waits, and nobody has it
	l, other := w.takeID("1"), w.takeID("3")
	w.renewed(l, nil)
	w.interrupt("elsewhere", "ann", false)
	w.interrupt(home, "nobody", false)
	w.renewed(l, nil)
	for range 3 {
		w.interrupt(home, "ann", true)
		w.renewed(l, conversation.ErrInterrupted)
		w.renewed(l, conversation.ErrInterrupted)
	}
	w.renewed(other, nil)
	for trace, want := range map[string]bool{question("ann", "1").Trace(): true, question("ann", "2").Trace(): false, "aaaaaaaa": false} {
		key := conversation.KeyOf(question("ann", ""))
		if got, err := w.store.Interrupt(w.Context(), home, key, trace); err != nil || got != want {
			w.Fatalf("interrupt the turn of %s: %t, %v; want %t", trace, got, err, want)
		}
	}
	w.note(l, "interrupted, and the lease is kept")
	w.release(l)
	w.interrupt(home, "ann", false)

	l = w.takeID("1")
	w.noted(l, "interrupted, and the lease is kept")
	w.renewed(l, nil)
	w.interrupt(home, "ann", true)
	w.done(l, answered(l))
	w.interrupt(home, "ann", false)
	l = w.takeID("2")
	w.renewed(l, nil)
	w.interrupt(home, "ann", true)
	w.renewed(l, conversation.ErrInterrupted)
	w.renewed(other, nil)
}

// A lease that has run out cannot be interrupted, and the one that follows is not.
func testInterruptTakenOver(w *world) {
	w.start(conversation.Options{Lease: short})
	w.accept(question("ann", "1"))
	l := w.takeID("1")
	key := conversation.KeyOf(l.Event)
	if _, err := w.store.Interrupt(w.Context(), home, key, ""); err != nil {
		w.Fatalf("interrupt: %v", err)
	}
	w.pass(short + 50*time.Millisecond)
	w.interrupt(home, "ann", false)
	w.lost(l)
	next := w.takeID("1")
	if err := next.Renew(w.Context()); errors.Is(err, conversation.ErrInterrupted) {
		w.Fatal("the interruption of a lease that has run out reaches the next one")
	}
}

// RunPair runs what is to be seen with two stores on the same data. setup is called
// for each test and returns how to open stores on data of its own.
func RunPair(t *testing.T, setup func(t *testing.T) Open) {
	for _, test := range []struct {
		name string
		run  func(here, there *world)
	}{
		{"Interrupt", pairInterrupt},
		{"Note", pairNote},
		{"Desk", pairDesk},
		{"Join", pairJoin},
	} {
		t.Run(test.name, func(t *testing.T) {
			open := setup(t)
			test.run(&world{T: t, open: open}, &world{T: t, open: open})
		})
	}
}

// An interruption reaches a lease that another process holds.
func pairInterrupt(here, there *world) {
	here.start(conversation.Options{Lease: long})
	there.start(conversation.Options{Lease: long})
	here.accept(question("ann", "1"))
	l := here.takeID("1")
	there.interrupt(home, "ann", true)
	here.renewed(l, conversation.ErrInterrupted)
	here.release(l)
	l = there.takeID("1")
	there.renewed(l, nil)
	here.interrupt(home, "ann", true)
	there.renewed(l, conversation.ErrInterrupted)
	there.done(l, answered(l))
	here.interrupt(home, "ann", false)
}

// A note is there for the process that takes over.
func pairNote(here, there *world) {
	here.start(conversation.Options{Lease: short})
	there.start(conversation.Options{Lease: short})
	here.accept(question("ann", "1"))
	var dead *conversation.Lease
	for noted := false; !noted; {
		dead = here.takeID("1")
		err := dead.Note(here.Context(), []byte("card 1"))
		if err != nil && !errors.Is(err, conversation.ErrLost) {
			here.Fatalf("note: %v", err)
		}
		noted = err == nil
	}
	l := there.takeID("1")
	there.noted(l, "card 1")
	if l.Attempt < 2 {
		there.Fatalf("attempt %d after a takeover", l.Attempt)
	}
	here.lost(dead)
}

// The desk is the same wherever one sits at it.
func pairDesk(here, there *world) {
	here.start(conversation.Options{Lease: long})
	there.start(conversation.Options{Lease: long})
	for _, person := range []string{"ann", "ben", "cat"} {
		here.accept(question(person, person))
	}
	l := here.takeID("ann")
	here.done(l, conversation.Outcome{How: conversation.Dead, Reason: "too often"})
	l = here.takeID("ben")
	there.lists("dead ann", "held ben", "waiting cat")
	there.interrupt(home, "ben", true)
	here.lives("ben", "accepted", "taken 1", "interrupted")
	if err := there.desk().Retry(there.Context(), home, question("ann", "ann").Trace()); err != nil {
		there.Fatalf("retry: %v", err)
	}
	here.lists("held ben", "waiting ann", "waiting cat")
	here.takeID("cat")
	here.takeID("ann")
	here.done(l, answered(l))
	there.lives("ben", "accepted", "taken 1", "interrupted", "answered")
}
