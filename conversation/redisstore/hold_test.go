package redisstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

// said is what a person said at a time, in seconds.
func said(person string, at int) connectors.Event {
	return connectors.Event{
		ID: fmt.Sprint(person, at), Connection: "home", Kind: connectors.KindText,
		Sender: connectors.Person{ID: person}, Text: fmt.Sprint(at), Sent: time.Unix(int64(at), 0),
	}
}

func insert(t *testing.T, s *Store, ev connectors.Event, hold time.Duration) {
	t.Helper()
	if fresh, err := s.Insert(t.Context(), ev, hold); !fresh || err != nil {
		t.Fatalf("insert %s: %t, %v", ev.ID, fresh, err)
	}
}

// takeText takes what is next, and its text.
func takeText(t *testing.T, s *Store) (string, *conversation.Lease) {
	t.Helper()
	lease := take(t, s)
	return lease.Event.Text, lease
}

func TestInsertPutsInOrder(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{})
	accept(t, s, said("ann", 4))
	accept(t, s, said("ann", 8))
	for _, at := range []int{9, 2, 6, 3} {
		insert(t, s, said("ann", at), time.Millisecond)
	}
	if fresh, err := s.Insert(t.Context(), said("ann", 4), time.Millisecond); fresh || err != nil {
		t.Errorf("what was accepted is inserted: %t, %v", fresh, err)
	}
	for _, want := range []string{"2", "3", "4", "6", "8", "9"} {
		got, lease := takeText(t, s)
		if got != want {
			t.Fatalf("%s came where %s is next", got, want)
		}
		if err := lease.Done(t.Context(), conversation.Outcome{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A stalled Redis reads what was sent to it in any order, and what came in vain for
// its sender is inserted afterwards.
func TestInsertMovesWhatWasAccepted(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{})
	for _, at := range []int{3, 5, 1, 4, 2} {
		accept(t, s, said("ann", at))
	}
	for _, at := range []int{1, 2, 4} {
		if fresh, err := s.Insert(t.Context(), said("ann", at), time.Millisecond); fresh || err != nil {
			t.Errorf("insert %d: %t, %v", at, fresh, err)
		}
	}
	if n, err := s.Waiting(t.Context(), "home"); n != 5 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	for _, want := range []string{"1", "2", "3", "4", "5"} {
		got, lease := takeText(t, s)
		if got != want {
			t.Fatalf("%s came where %s is next", got, want)
		}
		if err := lease.Done(t.Context(), conversation.Outcome{}); err != nil {
			t.Fatal(err)
		}
	}
}

// What was taken keeps its attempts and its note, so nothing goes before it.
func TestInsertStaysBehindWhatWasTaken(t *testing.T) {
	for name, end := range map[string]func(l *conversation.Lease) error{
		"in hand":  func(*conversation.Lease) error { return nil },
		"released": func(l *conversation.Lease) error { return l.Release(t.Context(), time.Time{}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, redistest.Start(t), conversation.Options{Lease: time.Second})
			accept(t, s, said("ann", 5))
			_, lease := takeText(t, s)
			if err := end(lease); err != nil {
				t.Fatal(err)
			}
			insert(t, s, said("ann", 1), time.Millisecond)
			got, lease := takeText(t, s) // where it is in hand, once that is over
			if got != "5" || lease.Attempt != 2 {
				t.Errorf("%s came, attempt %d", got, lease.Attempt)
			}
		})
	}
}

// An event that was acked is not refused, whatever waits.
func TestInsertHasNoBound(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{MaxWaiting: 1, MaxPerConversation: 1})
	accept(t, s, said("ann", 5))
	insert(t, s, said("ann", 6), time.Millisecond)
	insert(t, s, said("bob", 6), time.Millisecond)
	if _, err := s.Accept(t.Context(), said("eve", 7)); !errors.Is(err, conversation.ErrFull) {
		t.Errorf("accept says %v", err)
	}
	if n, err := s.Waiting(t.Context(), "home"); n != 3 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
}

// Nobody takes anything for as long as an Insert says, on any replica.
func TestInsertHoldsTake(t *testing.T) {
	server := redistest.Start(t)
	replicas := [2]*Store{open(t, server, conversation.Options{}), open(t, server, conversation.Options{})}
	accept(t, replicas[0], said("ann", 5))
	const hold = 300 * time.Millisecond
	begin := time.Now()
	insert(t, replicas[0], said("ann", 4), hold)
	if got, _ := takeText(t, replicas[1]); got != "4" {
		t.Errorf("%s came first", got)
	}
	if took := time.Since(begin); took < hold-2*time.Millisecond {
		t.Errorf("taken after %s", took)
	}
}

func TestHold(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{})
	accept(t, s, said("ann", 5))
	const hold = 200 * time.Millisecond
	begin := time.Now()
	s.Hold(hold)
	ctx, cancel := context.WithTimeout(t.Context(), hold/4)
	defer cancel()
	if _, err := s.Take(ctx, "home"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("take says %v", err)
	}
	_, lease := takeText(t, s)
	if took := time.Since(begin); took < hold || lease.Attempt != 1 {
		t.Errorf("taken after %s, attempt %d", took, lease.Attempt)
	}
}

// What Redis did not answer holds. That a caller had no more time, or found no
// connection free, is no reason to keep what waits from everybody.
func TestHoldAfterLoss(t *testing.T) {
	server := realServer(t)
	s, err := Open(t.Context(), server.URL()+"&pool_size=1&pool_timeout=50ms&read_timeout=300ms", conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.HoldAfterLoss(time.Hour)
	reach := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return s.Reach(ctx, "home")
	}
	expect := func(what string, err, want error, held bool) {
		t.Helper()
		if !errors.Is(err, want) || (s.held() > 0) != held {
			t.Errorf("%s: %v, want %v; held for %s", what, err, want, s.held())
		}
	}

	var blocked sync.WaitGroup
	blocked.Go(func() { _ = s.client.BLPop(t.Context(), time.Second, "nothing").Err() })
	eventually(t, "no connection free", func() bool { return errors.Is(reach(time.Minute), redis.ErrPoolTimeout) })
	expect("all connections taken", reach(time.Minute), redis.ErrPoolTimeout, false)
	blocked.Wait()

	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	expect("a caller without time", reach(30*time.Millisecond), os.ErrDeadlineExceeded, false)
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answer", func() bool { return reach(time.Minute) == nil })
	if s.held() > 0 {
		t.Errorf("held for %s while redis answers", s.held())
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	expect("no answer in the client's time", reach(time.Minute), os.ErrDeadlineExceeded, true)
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
}

// What Redis hands out while it is being held is put back as if it had never been
// taken.
func TestHoldPutsBack(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{})
	accept(t, s, said("ann", 5))
	l, err := s.lineOf("home")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := s.ask(t.Context(), l, "")
	if err != nil || got.entry == "" {
		t.Fatalf("ask: %+v, %v", got, err)
	}
	s.Hold(50 * time.Millisecond)
	if lease, err := s.lease(t.Context(), "home", l, got); lease != nil || err != nil {
		t.Fatalf("lease: %+v, %v", lease, err)
	}
	insert(t, s, said("ann", 1), time.Millisecond)
	if got, lease := takeText(t, s); got != "1" || lease.Attempt != 1 {
		t.Errorf("%s came, attempt %d", got, lease.Attempt)
	}
}

func TestReach(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, conversation.Options{})
	if err := s.Reach(t.Context(), "home"); err != nil {
		t.Errorf("reach: %v", err)
	}
	if err := s.Reach(t.Context(), ""); err == nil {
		t.Error("a connection without a name is reached")
	}
	server.Stop()
	if err := s.Reach(t.Context(), "home"); err == nil {
		t.Error("a server that is gone is reached")
	}
}
