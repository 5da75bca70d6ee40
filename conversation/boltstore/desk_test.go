package boltstore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/storetest"
)

func TestUnreadable(t *testing.T) {
	setup := func(t *testing.T) storetest.Open { return inTemp(t) }
	storetest.RunUnreadable(t, setup, func(t *testing.T, store conversation.Store, key conversation.Key, n int, kept func(string) string) {
		prefix, err := prefixOf(key)
		if err != nil {
			t.Fatal(err)
		}
		change(t, store.(*Store), func(r records) error {
			c := r.waiting.Cursor()
			k, v := c.Seek(prefix)
			for range n {
				k, v = c.Next()
			}
			return r.waiting.Put(append([]byte(nil), k...), []byte(kept(string(v))))
		})
	})
}

// change changes the records of the home connection behind the store's back.
func change(t *testing.T, s *Store, how func(r records) error) {
	t.Helper()
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		r, err := recordsOf(tx, "home")
		if err != nil {
			return err
		}
		return how(r)
	}); err != nil {
		t.Fatal(err)
	}
}

// A turn that cannot be read is not remembered, and the others are.
func TestUnreadableTurn(t *testing.T) {
	s := fresh(t, conversation.Options{})
	for n := range 3 {
		accept(t, s, event("ann", n, 1))
		turn := conversation.Turn{Answer: event("ann", n, 1).ID}
		if err := take(t, s).Done(t.Context(), conversation.Outcome{Turn: &turn}); err != nil {
			t.Fatal(err)
		}
	}
	change(t, s, func(r records) error {
		k, _ := r.turns.Cursor().First()
		return r.turns.Put(append([]byte(nil), k...), []byte("{"))
	})
	accept(t, s, event("ann", 3, 1))
	if l := take(t, s); len(l.History) != 2 || l.History[0].Answer != "ann/1" {
		t.Errorf("history %v, want the turns 1 and 2", l.History)
	}
}

// A dead letter that cannot be read is shown, cannot be retried and can be dropped.
func TestUnreadableLetter(t *testing.T) {
	s := fresh(t, conversation.Options{})
	for n := range 2 {
		accept(t, s, event("ann", n, 1))
		if err := take(t, s).Done(t.Context(), conversation.Outcome{How: conversation.Dead}); err != nil {
			t.Fatal(err)
		}
	}
	change(t, s, func(r records) error {
		k, _ := r.letters.Cursor().First()
		return r.letters.Put(append([]byte(nil), k...), []byte("{}"))
	})
	items, err := s.Inbox(t.Context(), "home", 10)
	if err != nil || len(items) != 2 || items[0].Reason == "" || items[1].Event.ID != "ann/1" {
		t.Fatalf("inbox %+v, %v", items, err)
	}
	trace := event("ann", 0, 1).Trace()
	if err := s.Retry(t.Context(), "home", trace); err == nil || errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("retry: %v", err)
	}
	if err := s.Drop(t.Context(), "home", trace); err != nil {
		t.Errorf("drop: %v", err)
	}
	if items, err := s.Inbox(t.Context(), "home", 10); err != nil || len(items) != 1 {
		t.Errorf("inbox %+v, %v", items, err)
	}
}

// what is the life of an event, without details.
func what(t *testing.T, s *Store, trace string) string {
	t.Helper()
	marks, err := s.Life(t.Context(), "home", trace)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, mark := range marks {
		all = append(all, string(mark.What))
	}
	return strings.Join(all, " ")
}

// Release and Interrupt cost no commit. Their marks wait, over a commit that fails,
// for one that does not.
func TestMarksWait(t *testing.T) {
	s := fresh(t, conversation.Options{})
	ev := event("ann", 1, 1)
	accept(t, s, ev)
	l := take(t, s)
	before := commits(t, s)
	if ok, err := s.Interrupt(t.Context(), "home", conversation.KeyOf(ev), ""); err != nil || !ok {
		t.Fatalf("interrupt: %t, %v", ok, err)
	}
	if err := l.Release(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n := commits(t, s) - before; n != 0 {
		t.Fatalf("%d commits for an interruption and a release", n)
	}
	want := "accepted taken interrupted released"
	if got := what(t, s, ev.Trace()); got != want {
		t.Fatalf("life %q, want %q", got, want)
	}

	s.lead <- struct{}{} // nobody commits
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Take(ctx, "home")
		ended <- err
	}()
	queued(t, s, 1)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("take: %v", err)
	}
	<-s.lead
	if got := what(t, s, ev.Trace()); got != want {
		t.Fatalf("life after a commit that was not %q, want %q", got, want)
	}

	l = take(t, s)
	s.db.MaxSize = 1
	large := &conversation.Turn{Answer: strings.Repeat("x", 10<<20)}
	if _, err := s.Interrupt(t.Context(), "home", conversation.KeyOf(ev), ""); err != nil {
		t.Fatal(err)
	}
	if err := l.Done(t.Context(), conversation.Outcome{Turn: large}); err == nil {
		t.Fatal("done on a full disk: no error")
	}
	s.db.MaxSize = 0
	if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatal(err)
	}
	if got := what(t, s, ev.Trace()); got != want+" taken interrupted answered" {
		t.Fatalf("life %q", got)
	}
}

// A note that does not fit is an error, leaves the note before it and keeps the
// lease.
func TestNoteFails(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("ann", 1, 1))
	l := take(t, s)
	if err := l.Note(t.Context(), []byte("small")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Interrupt(t.Context(), "home", conversation.KeyOf(l.Event), ""); err != nil {
		t.Fatal(err)
	}
	s.db.MaxSize = 1
	if err := l.Note(t.Context(), make([]byte, 10<<20)); err == nil || errors.Is(err, conversation.ErrLost) {
		t.Fatalf("note on a full disk: %v", err)
	}
	s.db.MaxSize = 0
	if err := l.Renew(t.Context()); !errors.Is(err, conversation.ErrInterrupted) {
		t.Fatalf("renew: %v, want %v", err, conversation.ErrInterrupted)
	}
	if got := what(t, s, l.Event.Trace()); got != "accepted taken noted interrupted" {
		t.Fatalf("life %q", got)
	}
	if err := l.Release(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if l := take(t, s); string(l.Noted) != "small" {
		t.Fatalf("note %q", l.Noted)
	}
}

// A mark that waits for a note that is taken back, while the event is done, is not
// told of the next event.
func TestMarksStayWithTheirEvent(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("ann", 1, 1))
	accept(t, s, event("ann", 2, 1))
	l := take(t, s)
	if _, err := s.Interrupt(t.Context(), "home", conversation.KeyOf(l.Event), ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	noted, done := make(chan error), make(chan error)
	s.lead <- struct{}{}
	go func() { noted <- l.Note(ctx, []byte("card")) }()
	queued(t, s, 1)
	go func() { done <- l.Done(t.Context(), conversation.Outcome{}) }()
	queued(t, s, 2)
	cancel()
	if err := <-noted; !errors.Is(err, context.Canceled) {
		t.Fatalf("note: %v", err)
	}
	<-s.lead
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l = take(t, s)
	if got := what(t, s, l.Event.Trace()); l.Event.ID != "ann/2" || got != "accepted taken" {
		t.Fatalf("life of %q: %q", l.Event.ID, got)
	}
}

// A note whose lease runs out while it waits for its commit is not written.
func TestNoteTooLate(t *testing.T) {
	s := fresh(t, conversation.Options{Lease: 2 * time.Second})
	accept(t, s, event("ann", 1, 1))
	l := take(t, s)
	s.lead <- struct{}{}
	noted := make(chan error)
	go func() { noted <- l.Note(t.Context(), []byte("late")) }()
	queued(t, s, 1)
	h := l.Holder.(*holder)
	for alive := true; alive; runtime.Gosched() {
		s.mu.Lock()
		alive = h.alive()
		s.mu.Unlock()
	}
	<-s.lead
	if err := <-noted; !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("note: %v, want %v", err, conversation.ErrLost)
	}
	if l := take(t, s); l.Noted != nil {
		t.Fatalf("note %q", l.Noted)
	}
}

// Notes share commits like everything else.
func TestNoteShared(t *testing.T) {
	s := fresh(t, conversation.Options{})
	const people = 20
	var leases []*conversation.Lease
	for n := range people {
		accept(t, s, event(strings.Repeat("p", n+1), n, 1))
		leases = append(leases, take(t, s))
	}
	before := commits(t, s)
	s.lead <- struct{}{}
	errs := make(chan error)
	for _, l := range leases {
		go func() { errs <- l.Note(t.Context(), []byte(l.Event.ID)) }()
	}
	queued(t, s, people)
	<-s.lead
	for range leases {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := commits(t, s) - before; n != 1 {
		t.Errorf("%d commits for %d notes, want 1", n, people)
	}
}
