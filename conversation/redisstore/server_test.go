package redisstore

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

const patience = 30 * time.Second

// open opens a store until the test is over. As much may wait in a conversation as
// on the connection, unless the test says otherwise.
func open(t *testing.T, server *redistest.Server, opts conversation.Options) *Store {
	t.Helper()
	if opts.MaxPerConversation == 0 {
		opts.MaxPerConversation = opts.WithDefaults().MaxWaiting
	}
	s, err := Open(t.Context(), server.URL(), opts)
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

func event(person string, n int) connectors.Event {
	return connectors.Event{
		ID:         person + "/" + strconv.Itoa(n),
		Connection: "home",
		Sender:     connectors.Person{ID: person},
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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l, err := s.Take(ctx, "home")
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return l
}

// eventually waits until a condition holds that only Redis can tell.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// While Redis is away every call is an error; when it is back the same store goes
// on, with everything that was accepted.
func TestRedisKilled(t *testing.T) {
	server := realServer(t, "--appendfsync", "always")
	s := open(t, server, conversation.Options{Lease: time.Hour})
	const events = 50
	for n := range events {
		accept(t, s, event("ann", n))
	}
	l := take(t, s)
	server.Stop()
	for call, err := range calls(t, s, l) {
		if err == nil || errors.Is(err, conversation.ErrLost) {
			t.Errorf("%s without redis: %v", call, err)
		}
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ping", func() bool { return s.Ping(t.Context()) == nil })
	if err := l.Renew(t.Context()); err != nil {
		t.Errorf("renew after redis was restarted: %v", err)
	}
	for n := range events {
		if n > 0 {
			l = take(t, s)
		}
		if l.Event.ID != event("ann", n).ID || l.Attempt != 1 {
			t.Fatalf("took %q, attempt %d; want number %d", l.Event.ID, l.Attempt, n)
		}
		if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
			t.Fatalf("done: %v", err)
		}
	}
}

// calls makes each call once and returns what became of it.
func calls(t *testing.T, s *Store, l *conversation.Lease) map[string]error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	errs := map[string]error{
		"renew":   l.Renew(ctx),
		"note":    l.Note(ctx, []byte("card")),
		"retry":   s.Retry(ctx, "home", "aaaaaaaa"),
		"drop":    s.Drop(ctx, "home", "aaaaaaaa"),
		"forget":  s.Forget(ctx, "home", conversation.KeyOf(l.Event), "aaaaaaaa"),
		"release": l.Release(ctx, time.Now()),
		"done":    l.Done(ctx, conversation.Outcome{}),
		"ping":    s.Ping(ctx),
	}
	_, errs["accept"] = s.Accept(ctx, event("ben", 0))
	_, errs["take"] = s.Take(ctx, "home")
	_, errs["waiting"] = s.Waiting(ctx, "home")
	_, errs["interrupt"] = s.Interrupt(ctx, "home", conversation.KeyOf(l.Event), "")
	_, errs["inbox"] = s.Inbox(ctx, "home", 10)
	_, errs["life"] = s.Life(ctx, "home", l.Event.Trace())
	return errs
}

// A Redis that does not answer is an error after the client's timeout. Whether
// the event was stored is found out by accepting it again.
func TestRedisPaused(t *testing.T) {
	server := realServer(t)
	s, err := Open(t.Context(), server.URL()+"&read_timeout=1s", conversation.Options{Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), event("ann", 0)); err == nil {
		t.Error("accept while redis is paused: no error")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ping", func() bool { return s.Ping(t.Context()) == nil })
	if _, err := s.Accept(t.Context(), event("ann", 0)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Waiting(t.Context(), "home"); err != nil || n != 1 {
		t.Fatalf("waiting: %d, %v; want 1", n, err)
	}
	if l := take(t, s); l.Event.ID != "ann/0" {
		t.Fatalf("took %q", l.Event.ID)
	}
}

// A replica that dies with conversations in hand is followed by another, which is
// waiting already.
func TestDeadReplica(t *testing.T) {
	server := redistest.Start(t)
	dead, err := Open(t.Context(), server.URL(), conversation.Options{Lease: time.Hour}) // it takes nothing twice
	if err != nil {
		t.Fatal(err)
	}
	const people = 40 // more than one look finds
	for n := range people {
		ev := event(strconv.Itoa(n), 0)
		accept(t, dead, ev)
		if l := take(t, dead); l.Event.ID != ev.ID {
			t.Fatalf("took %q, want %q", l.Event.ID, ev.ID)
		}
	}
	if err := dead.disconnect(); err != nil { // it does not say goodbye
		t.Fatal(err)
	}
	dead.watches.Wait()
	s := open(t, server, conversation.Options{Lease: 200 * time.Millisecond}) // whoever looks says how long a lease is
	got := map[string]bool{}
	for len(got) < people {
		l := take(t, s)
		if l.Attempt < 2 {
			t.Fatalf("attempt %d of %q", l.Attempt, l.Event.ID)
		}
		got[l.Event.ID] = true
	}
}

// Everything is gone: leases are over, and what comes afterwards is served, also
// by those who were waiting.
func TestFlushAll(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, conversation.Options{Lease: time.Hour})
	accept(t, s, event("ann", 0))
	l := take(t, s)
	took := make(chan *conversation.Lease)
	go func() {
		defer close(took)
		for t.Context().Err() == nil { // as the pool does: it may get an error in between
			if l, err := s.Take(t.Context(), "home"); err == nil {
				took <- l
				return
			}
		}
	}()
	if err := raw(t, server).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for call, err := range map[string]error{
		"renew":   l.Renew(t.Context()),
		"release": l.Release(t.Context(), time.Time{}),
		"done":    l.Done(t.Context(), conversation.Outcome{}),
	} {
		if !errors.Is(err, conversation.ErrLost) {
			t.Errorf("%s: %v, want %v", call, err, conversation.ErrLost)
		}
	}
	accept(t, s, event("ann", 0))
	l = <-took
	if l.Event.ID != "ann/0" || l.Attempt != 1 {
		t.Fatalf("took %q, attempt %d", l.Event.ID, l.Attempt)
	}
	if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatal(err)
	}
}

// When Redis is out of memory nothing more is accepted, and Ping says so; what
// waits can be answered, which makes room.
func TestOutOfMemory(t *testing.T) {
	server := realServer(t)
	client := raw(t, server)
	s := open(t, server, conversation.Options{Lease: time.Hour})
	for n := range 4 {
		accept(t, s, event("ann", n))
	}
	limit := func(bytes string) {
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	if ok, err := s.Accept(t.Context(), event("ben", 0)); err == nil {
		t.Errorf("accept: %t, no error", ok)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("ping: no error")
	}
	for n := range 4 {
		l := take(t, s)
		if n == 1 {
			if err := l.Release(t.Context(), time.Now().Add(time.Millisecond)); err != nil {
				t.Fatalf("release: %v", err)
			}
			l = take(t, s)
		}
		if err := l.Renew(t.Context()); err != nil {
			t.Fatalf("renew: %v", err)
		}
		if err := l.Note(t.Context(), []byte("card")); err == nil || errors.Is(err, conversation.ErrLost) {
			t.Fatalf("note: %v", err)
		}
		turn := conversation.Turn{Answer: strconv.Itoa(n)}
		out := conversation.Outcome{Turn: &turn}
		if n == 2 {
			out.How = conversation.Dead
		}
		if err := l.Done(t.Context(), out); err != nil {
			t.Fatalf("done: %v", err)
		}
		if len(l.History) != n {
			t.Fatalf("%d turns at event %d", len(l.History), n)
		}
	}
	limit("0")
	accept(t, s, event("ben", 0)) // what was refused is not remembered
	if items, err := s.Inbox(t.Context(), "home", 1); err != nil || len(items) != 1 || items[0].Event.ID != "ann/2" {
		t.Errorf("inbox %v, %v; want the dead letter of ann/2", items, err)
	}
}

// A server that takes no writes is not one that works.
func TestReadOnly(t *testing.T) {
	server := realServer(t)
	s := open(t, server, conversation.Options{})
	if err := raw(t, server).ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("ping of a replica: no error")
	}
	if _, err := s.Accept(t.Context(), event("ann", 0)); err == nil {
		t.Error("accept by a replica: no error")
	}
}
