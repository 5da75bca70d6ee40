package boltstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"longwire/connectors"
	"longwire/conversation"
)

// open opens a store until the test is over. As much may wait in a conversation as
// on the connection, unless the test says otherwise.
func open(t *testing.T, path string, opts conversation.Options) *Store {
	t.Helper()
	if opts.MaxPerConversation == 0 {
		opts.MaxPerConversation = opts.WithDefaults().MaxWaiting
	}
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fresh opens a store on a new file.
func fresh(t *testing.T, opts conversation.Options) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "longwire.db"), opts)
}

// event is number n of a person, with a text of some size.
func event(person string, n, size int) connectors.Event {
	return connectors.Event{
		ID:         fmt.Sprintf("%s/%d", person, n),
		Connection: "home",
		Sender:     connectors.Person{ID: person},
		Text:       strings.Repeat("x", size),
	}
}

func accept(t *testing.T, s *Store, ev connectors.Event) {
	t.Helper()
	if ok, err := s.Accept(t.Context(), ev); err != nil || !ok {
		t.Fatalf("accept %q: %t, %v", ev.ID, ok, err)
	}
}

func take(t *testing.T, s *Store) *conversation.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l, err := s.Take(ctx, "home")
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return l
}

// queued waits until n writes are in the queue.
func queued(t *testing.T, s *Store, n int) {
	t.Helper()
	began := time.Now()
	for have := -1; have != n; runtime.Gosched() {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%d writes are in the queue, want %d", have, n)
		}
		s.mu.Lock()
		have = len(s.queue)
		s.mu.Unlock()
	}
}

// commits is the number of transactions committed so far.
func commits(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.db.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// Callers that come while a commit is under way share the next one, in which one
// that fails does not harm the others.
func TestCommitShared(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("first", 0, 1)) // so that the buckets are there
	before := commits(t, s)

	const callers = 40
	s.lead <- struct{}{} // a commit is under way
	broken := errors.New("broken")
	var failed error
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			if ok, err := s.Accept(t.Context(), event("person", n, 10)); err != nil || !ok {
				t.Errorf("accept: %t, %v", ok, err)
			}
		})
		if n == callers/2 {
			queued(t, s, n+1)
			wg.Go(func() {
				failed = s.commit(t.Context(), &write{apply: func(tx *bbolt.Tx) error {
					if err := tx.Bucket(fileBucket).Put([]byte("half"), nil); err != nil {
						return err
					}
					return broken
				}})
			})
		}
	}
	queued(t, s, callers+1)
	<-s.lead
	wg.Wait()
	if !errors.Is(failed, broken) {
		t.Errorf("the write that fails: %v, want %v", failed, broken)
	}
	if shared := commits(t, s) - before; shared != 1 {
		t.Errorf("%d commits for %d callers, want 1", shared, callers)
	}
	if n, err := s.Waiting(t.Context(), "home"); err != nil || n != callers+1 {
		t.Errorf("waiting: %d, %v; want %d", n, err, callers+1)
	}
	if err := s.db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(fileBucket).Get([]byte("half")) != nil {
			t.Error("the write that failed is in the file by half")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// More callers than fit into one commit are all answered.
func TestCommitMoreThanFit(t *testing.T) {
	s := fresh(t, conversation.Options{})
	const callers = 2*maxBatch + 10
	s.lead <- struct{}{}
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			if ok, err := s.Accept(t.Context(), event("person", n, 10)); err != nil || !ok {
				t.Errorf("accept: %t, %v", ok, err)
			}
		})
	}
	queued(t, s, callers)
	before := commits(t, s)
	<-s.lead
	wg.Wait()
	if n := commits(t, s) - before; n != 3 {
		t.Errorf("%d commits for %d callers, want 3", n, callers)
	}
}

// A caller whose context ends before the commit takes its write back; one whose
// context ends in the commit is told what became of it.
func TestCommitContext(t *testing.T) {
	s := fresh(t, conversation.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	s.lead <- struct{}{}
	answer := make(chan error)
	go func() {
		_, err := s.Accept(ctx, event("person", 1, 1))
		answer <- err
	}()
	queued(t, s, 1)
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Fatalf("accept: %v, want %v", err, context.Canceled)
	}
	<-s.lead
	accept(t, s, event("person", 1, 1)) // still fresh

	ctx, cancel = context.WithCancel(t.Context())
	err := s.commit(ctx, &write{apply: func(tx *bbolt.Tx) error {
		cancel()
		return tx.Bucket(fileBucket).Put(pingKey, nil)
	}})
	if err != nil {
		t.Fatalf("commit whose context ended in the middle: %v, want nil, since it is in the file", err)
	}
}

// Close answers what is still queued.
func TestCommitClosed(t *testing.T) {
	s := fresh(t, conversation.Options{})
	s.lead <- struct{}{}
	answers := make(chan error)
	for n := range 3 {
		go func() {
			_, err := s.Accept(t.Context(), event("person", n, 1))
			answers <- err
		}()
	}
	queued(t, s, 3)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	<-s.closed
	<-s.lead
	for range 3 {
		// Whoever gets the token before Close does still commits.
		if err := <-answers; err != nil && !errors.Is(err, conversation.ErrClosed) {
			t.Errorf("accept: %v, want %v", err, conversation.ErrClosed)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// When the disk is full, what does not fit is an error and is not remembered,
// nothing that was accepted is lost, and everything goes on when there is room.
func TestDiskFull(t *testing.T) {
	s := fresh(t, conversation.Options{Turns: 1})
	accept(t, s, event("person", 0, 100))
	s.db.MaxSize = 1 << 20
	stored := 1
	for ; ; stored++ {
		ok, err := s.Accept(t.Context(), event("person", stored, 100_000))
		if err != nil {
			break
		}
		if !ok || stored > 100 {
			t.Fatalf("accept number %d: %t", stored, ok)
		}
	}
	if n, err := s.Waiting(t.Context(), "home"); err != nil || n != stored {
		t.Fatalf("waiting: %d, %v; want %d", n, err, stored)
	}
	s.db.MaxSize = 0
	accept(t, s, event("person", stored, 100_000)) // the one that was refused
	for n := range stored + 1 {
		l := take(t, s)
		if l.Event.ID != event("person", n, 0).ID || l.Attempt != 1 {
			t.Fatalf("took %q, attempt %d; want number %d", l.Event.ID, l.Attempt, n)
		}
		if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
			t.Fatalf("done: %v", err)
		}
	}
}

// Ping fails when events cannot be stored any more, and works again when there is
// room.
func TestPingFails(t *testing.T) {
	s := fresh(t, conversation.Options{})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.db.MaxSize = 1
	var err error
	for n := 0; err == nil; n++ {
		if n > 1000 {
			t.Fatal("the file grows beyond its bound")
		}
		_, err = s.Accept(t.Context(), event("person", n, 20_000))
	}
	for range 3 {
		if err := s.Ping(t.Context()); err == nil {
			t.Fatal("ping says that the store works, and no event can be accepted")
		}
	}
	s.db.MaxSize = 0
	for range 2 {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
