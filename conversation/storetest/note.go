package storetest

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"longwire/conversation"
)

// note keeps a note.
func (w *world) note(l *conversation.Lease, note string) {
	w.Helper()
	if err := l.Note(w.Context(), []byte(note)); err != nil {
		w.Fatalf("note for event %q: %v", l.Event.ID, err)
	}
}

// noted insists on the note of a lease; "" is none.
func (w *world) noted(l *conversation.Lease, want string) {
	w.Helper()
	if string(l.Noted) != want || want == "" && l.Noted != nil {
		w.Fatalf("note of event %q, attempt %d: %q, want %q", l.Event.ID, l.Attempt, l.Noted, want)
	}
}

// release gives a conversation back, to be taken again at once.
func (w *world) release(l *conversation.Lease) {
	w.Helper()
	if err := l.Release(w.Context(), time.Time{}); err != nil {
		w.Fatalf("release event %q: %v", l.Event.ID, err)
	}
}

// A note comes with the next lease of its event, the latest one, over a release
// and a restart. With the event it ends, and another conversation has its own.
func testNote(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	for _, id := range []string{"1", "2"} {
		w.accept(question("ann", id))
	}
	w.accept(question("ben", "3"))
	notes := map[string]string{"1": "card\x00\xff\n1", "3": "card 3"}
	both := func(use func(l *conversation.Lease)) {
		w.Helper()
		first, second := w.take(), w.take()
		use(first)
		use(second)
	}
	both(func(l *conversation.Lease) {
		w.noted(l, "")
		w.note(l, "the first, and longer than the second")
		w.note(l, notes[l.Event.ID])
		w.release(l)
	})
	both(func(l *conversation.Lease) {
		w.noted(l, notes[l.Event.ID])
		w.release(l)
	})
	w.start(opts)
	both(func(l *conversation.Lease) {
		w.noted(l, notes[l.Event.ID])
		w.done(l, answered(l))
	})
	l := w.takeID("2")
	w.noted(l, "")
	w.note(l, "card 2")
	w.done(l, conversation.Outcome{How: conversation.Dead, Reason: "too often"})
	w.accept(question("ann", "4"))
	w.noted(w.takeID("4"), "")
}

// A note outlives its lease, and an attempt whose lease is over changes nothing in
// it, also after somebody else has it.
func testNoteTakenOver(w *world) {
	w.start(conversation.Options{Lease: short})
	w.accept(question("ann", "1"))
	for attempt := 1; ; attempt++ {
		l := w.takeID("1")
		err := l.Note(w.Context(), []byte("card"))
		if err == nil {
			w.pass(short + 50*time.Millisecond)
			w.lost(l)
			second := w.takeID("1")
			w.noted(second, "card")
			w.lost(l)
			w.noted(w.takeID("1"), "card") // the second was slow
			return
		}
		if !errors.Is(err, conversation.ErrLost) || attempt == 100 {
			w.Fatalf("note: %v", err)
		}
	}
}

// A note may be large, and as empty as it likes.
func testNoteSizes(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	w.accept(question("ann", "1"))
	large := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	for _, note := range [][]byte{large, {}, nil, large} {
		l := w.takeID("1")
		if err := l.Note(w.Context(), note); err != nil {
			w.Fatalf("note of %d bytes: %v", len(note), err)
		}
		w.release(l)
		l = w.takeID("1")
		if !bytes.Equal(l.Noted, note) {
			w.Fatalf("note of %d bytes comes back with %d", len(note), len(l.Noted))
		}
		w.release(l)
	}
}

// Notes, renewals, interruptions and looks at the desk may come at the same time as
// the end of the turn.
func testNoteAtTheSameTime(w *world) {
	w.start(conversation.Options{Lease: long, MaxPerConversation: 30})
	const events = 25
	for n := range events {
		w.accept(question("ann", nth("ann", n)))
	}
	desk := w.desk()
	for n := range events {
		l := w.takeID(nth("ann", n))
		w.noted(l, "")
		key, trace := conversation.KeyOf(l.Event), l.Event.Trace()
		var wg sync.WaitGroup
		for i, call := range []func() error{
			func() error { return l.Note(w.Context(), []byte("a")) },
			func() error { return l.Note(w.Context(), []byte("b")) },
			func() error { return l.Renew(w.Context()) },
			func() error { _, err := w.store.Interrupt(w.Context(), home, key, ""); return err },
			func() error { return w.store.Forget(w.Context(), home, key, trace) },
			func() error { _, err := desk.Inbox(w.Context(), home, events); return err },
			func() error { _, err := desk.Life(w.Context(), home, trace); return err },
			func() error { return l.Done(w.Context(), answered(l)) },
		} {
			wg.Go(func() {
				err := call()
				ended := errors.Is(err, conversation.ErrLost) && i < 3 || errors.Is(err, conversation.ErrInterrupted) && i == 2
				if err != nil && !ended {
					w.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	}
	w.waits(home, 0)
}
