package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

// However many wait in Take, one connection to Redis is blocked.
func TestTakeBlocksOne(t *testing.T) {
	server := realServer(t)
	s := open(t, server, conversation.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := s.Take(ctx, "home"); !errors.Is(err, context.Canceled) {
				t.Errorf("take: %v", err)
			}
		})
	}
	client := raw(t, server)
	clients := func() string { return client.Info(t.Context(), "clients").Val() }
	eventually(t, "a blocked client", func() bool { return strings.Contains(clients(), "blocked_clients:1\r") })
	for range 50 {
		got := clients()
		if !strings.Contains(got, "blocked_clients:1\r") && !strings.Contains(got, "blocked_clients:0\r") {
			t.Fatalf("more than one client is blocked: %s", got)
		}
	}
	cancel()
	wg.Wait()
}

// However many lines wait, each blocks a connection of its own and none of those that
// the calls have: Accept finds one.
func TestTakeLeavesConnections(t *testing.T) {
	server := realServer(t)
	s := open(t, server, conversation.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	const lines = 80 // of 40 connections
	for n := range lines {
		wg.Go(func() {
			if _, err := s.Take(ctx, strconv.Itoa(n)); !errors.Is(err, context.Canceled) {
				t.Errorf("take: %v", err)
			}
		})
	}
	client := raw(t, server)
	eventually(t, "more blocked clients than calls may have connections", func() bool {
		facts := readInfo(client.Info(t.Context(), "clients").Val())
		blocked, err := strconv.Atoi(facts["blocked_clients"])
		return err == nil && blocked > lines/2
	})
	accept(t, s, event("ann", 0))
	cancel()
	wg.Wait()
}

// Close removes the store's consumer from the group, unless it holds something;
// one that held something is removed when somebody else has taken that over.
func TestConsumersTidied(t *testing.T) {
	server := redistest.Start(t)
	client := raw(t, server)
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	consumers := func() (names []string) {
		all, err := client.XInfoConsumers(t.Context(), k.ready(), group).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, consumer := range all {
			names = append(names, consumer.Name)
		}
		return names
	}
	opts := conversation.Options{Lease: 100 * time.Millisecond}
	idle, busy, last := open(t, server, opts), open(t, server, opts), open(t, server, opts)
	accept(t, idle, event("ann", 0))
	if err := take(t, idle).Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatal(err)
	}
	accept(t, busy, event("ann", 1))
	take(t, busy)
	for _, s := range []*Store{idle, busy} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := consumers(); len(got) != 1 || got[0] != busy.consumer {
		t.Fatalf("consumers %v, want %s, which holds something", got, busy.consumer)
	}
	if l := take(t, last); l.Event.ID != "ann/1" || l.Attempt != 2 {
		t.Fatalf("took %q, attempt %d", l.Event.ID, l.Attempt)
	}
	// An hour later.
	if err := tidyScript.Run(t.Context(), client, []string{k.ready()}, group, "", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := consumers(); len(got) != 1 || got[0] != last.consumer {
		t.Fatalf("consumers %v, want %s, which holds something", got, last.consumer)
	}
}

// Nothing is left in Redis of conversations that are done but what is to expire.
func TestNothingLeftBehind(t *testing.T) {
	server := redistest.Start(t)
	client := raw(t, server)
	s := open(t, server, conversation.Options{Join: 2})
	for n := range 20 {
		accept(t, s, event(strconv.Itoa(n%3), n))
		if n%2 == 0 {
			accept(t, s, event(strconv.Itoa(n%3), n+100))
		}
		l := take(t, s)
		if n%4 == 0 {
			if err := l.Release(t.Context(), time.Now().Add(time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			l = take(t, s)
		}
		out := conversation.Outcome{Turn: &conversation.Turn{Answer: "a"}}
		if n%3 == 0 {
			if err := l.Note(t.Context(), []byte("card")); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Interrupt(t.Context(), "home", conversation.KeyOf(l.Event), ""); err != nil {
				t.Fatal(err)
			}
		}
		if n%5 == 0 {
			out.How = conversation.Dead
		}
		if err := l.Done(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if n%5 == 0 {
			for _, ev := range append(l.Joined, l.Event) {
				if err := s.Drop(t.Context(), "home", ev.Trace()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range client.Keys(t.Context(), "*").Val() {
		ttl, err := client.PTTL(t.Context(), name).Result()
		if err != nil {
			t.Fatal(err)
		}
		if ttl <= 0 && name != k.ready() && name != k.count() {
			t.Errorf("key %q does not expire", name)
		}
	}
	if n, err := client.XLen(t.Context(), k.ready()).Result(); err != nil || n != 0 {
		t.Errorf("%d entries left in the stream, %v", n, err)
	}
}
