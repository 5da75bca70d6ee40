package boltstore

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// A commit may be in the file although writing it ended in an error. These tests
// put into the file what such a commit has left there.

// An event that was stored after all is taken like any other, not only after a
// restart: the platform sends it again and is told that it is not fresh.
func TestDoubtfulAccept(t *testing.T) {
	s := fresh(t, conversation.Options{})
	ev := event("person", 1, 10)
	doubtful(t, s, func(r records) error {
		kept, err := record.Encode(ev)
		if err != nil {
			return err
		}
		prefix, err := prefixOf(conversation.KeyOf(ev))
		if err != nil {
			return err
		}
		return s.put(r, prefix, kept, idOf(ev.ID), time.Now())
	})
	if ok, err := s.Accept(t.Context(), ev); err != nil || ok {
		t.Fatalf("accept again: %t, %v; want false, nil", ok, err)
	}
	if l := take(t, s); l.Event.ID != ev.ID {
		t.Fatalf("took %q, want %q", l.Event.ID, ev.ID)
	}
}

// A Done that is in the file after all is done when it is called again, and what
// waits behind it comes next.
func TestDoubtfulDone(t *testing.T) {
	for _, more := range []bool{false, true} {
		s := fresh(t, conversation.Options{})
		accept(t, s, event("person", 1, 10))
		if more {
			accept(t, s, event("person", 2, 10))
		}
		l := take(t, s)
		h := l.Holder.(*holder)
		doubtful(t, s, func(r records) error {
			_, err := h.finish(r, ending{turn: record.EncodeTurn(conversation.Turn{Answer: "once"})})
			return err
		})
		if err := l.Done(t.Context(), conversation.Outcome{Turn: &conversation.Turn{Answer: "twice"}}); err != nil {
			t.Fatalf("done again: %v", err)
		}
		if !more {
			accept(t, s, event("person", 2, 10))
		}
		l = take(t, s)
		if l.Event.ID != "person/2" || l.Attempt != 1 || len(l.History) != 1 || l.History[0].Answer != "once" {
			t.Fatalf("took %q, attempt %d, history %v", l.Event.ID, l.Attempt, l.History)
		}
	}
}

// A Done that has ended several events, and is in the file after all, ends no more of
// them when it is called again.
func TestDoubtfulDoneJoined(t *testing.T) {
	s := fresh(t, conversation.Options{Join: 2})
	for n := range 5 {
		accept(t, s, event("person", n, 10))
	}
	l := take(t, s)
	doubtful(t, s, func(r records) error {
		_, err := l.Holder.(*holder).finish(r, ending{})
		return err
	})
	if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatalf("done again: %v", err)
	}
	if l = take(t, s); l.Event.ID != "person/2" || len(l.Joined) != 1 || l.Joined[0].ID != "person/3" {
		t.Fatalf("took %q with %v", l.Event.ID, l.Joined)
	}
	if n, err := s.Waiting(t.Context(), "home"); err != nil || n != 3 {
		t.Fatalf("waiting: %d, %v; want 3", n, err)
	}
}

// If it is not called again, the conversation that has nothing waiting is passed
// over.
func TestDoubtfulDoneGivenUp(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("ann", 1, 10))
	l := take(t, s)
	doubtful(t, s, func(r records) error {
		_, err := l.Holder.(*holder).finish(r, ending{})
		return err
	})
	if err := l.Release(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if l, err := s.Take(ctx, "home"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("took %v, %v; want nothing", l, err)
	}
	accept(t, s, event("ann", 2, 10))
	if l := take(t, s); l.Event.ID != "ann/2" {
		t.Fatalf("took %q, want ann/2", l.Event.ID)
	}
}

// A note for an event that is done after all is too late.
func TestDoubtfulDoneThenNote(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("ann", 1, 10))
	accept(t, s, event("ann", 2, 10))
	l := take(t, s)
	doubtful(t, s, func(r records) error {
		_, err := l.Holder.(*holder).finish(r, ending{})
		return err
	})
	if err := l.Note(t.Context(), []byte("late")); !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("note: %v, want %v", err, conversation.ErrLost)
	}
	if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatal(err)
	}
	if l := take(t, s); l.Event.ID != "ann/2" || l.Noted != nil {
		t.Fatalf("took %q with note %q", l.Event.ID, l.Noted)
	}
}

// A Done that fails leaves the lease as it was.
func TestDoneFails(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("ann", 1, 10))
	l := take(t, s)
	s.db.MaxSize = 1
	long := &conversation.Turn{Answer: string(bytes.Repeat([]byte("x"), 10<<20))}
	if err := l.Done(t.Context(), conversation.Outcome{Turn: long}); err == nil || errors.Is(err, conversation.ErrLost) {
		t.Fatalf("done on a full disk: %v", err)
	}
	if err := l.Renew(t.Context()); err != nil {
		t.Fatalf("renew: %v", err)
	}
	s.db.MaxSize = 0
	if err := l.Done(t.Context(), conversation.Outcome{Turn: long}); err != nil {
		t.Fatalf("done: %v", err)
	}
	if n, err := s.Waiting(t.Context(), "home"); err != nil || n != 0 {
		t.Fatalf("waiting: %d, %v; want 0", n, err)
	}
}

// doubtful changes the file behind the store's back and has it find out as after
// a commit that failed.
func doubtful(t *testing.T, s *Store, how func(r records) error) {
	t.Helper()
	change(t, s, how)
	if err := s.rebuild(); err != nil {
		t.Fatal(err)
	}
}
