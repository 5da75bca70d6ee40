package redisstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

// Where a replica may become the master, what was accepted and noted is there too.
func TestKeptOnAReplica(t *testing.T) {
	port := freePort(t)
	master := redistest.Start(t, "--port", port, "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
	if !master.Real() {
		t.Skip("needs a real redis-server")
	}
	s := open(t, master, conversation.Options{})
	s.census.failover = true
	accept(t, s, event("ann", 1)) // there is no replica yet, and nothing to wait for

	replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+port)
	on := open(t, master, conversation.Options{}) // only for its client
	eventually(t, "replica connected", func() bool {
		text, err := on.client.Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(text, "state=online")
	})
	s.census.taken = time.Time{}
	// A replica that has just come may take a moment longer than it is waited for.
	eventually(t, "accept that a replica has", func() bool {
		_, err := s.Accept(t.Context(), event("ann", 2))
		return err == nil
	})
	lease := take(t, s)
	eventually(t, "note that a replica has", func() bool { return lease.Note(t.Context(), []byte("note")) == nil })

	if err := replica.Pause(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replica.Resume() }()
	s.census.taken = time.Now() // it counts as there for another second
	if _, err := s.Accept(t.Context(), event("ann", 3)); !errors.Is(err, errNotReplicated) {
		t.Errorf("accept says %v", err)
	}
	s.census.taken = time.Now()
	if err := lease.Note(t.Context(), []byte("another")); !errors.Is(err, errNotReplicated) {
		t.Errorf("note says %v", err)
	}
	if fresh, err := s.Accept(t.Context(), event("ann", 3)); fresh || err != nil && !errors.Is(err, errNotReplicated) {
		t.Errorf("the second accept says %t, %v", fresh, err)
	}
}

func TestIsFailover(t *testing.T) {
	for url, want := range map[string]bool{
		"redis://127.0.0.1:26379?master_name=mymaster": true,
		"redis://127.0.0.1:6379/0":                     false,
		"redis://h1:6379?addr=h2:6379":                 false,
		"://":                                          false,
	} {
		if got := isFailover(url); got != want {
			t.Errorf("%s: %t", url, got)
		}
	}
}
