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
	port := redistest.FreePort(t)
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

// The end of an event waits for a replica, which would bring the event back otherwise.
func TestDoneIsOnAReplica(t *testing.T) {
	port := redistest.FreePort(t)
	master := redistest.Start(t, "--port", port, "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
	if !master.Real() {
		t.Skip("needs a real redis-server")
	}
	s := open(t, master, conversation.Options{})
	accept(t, s, event("ann", 1))
	replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+port)
	s.census.failover = true
	eventually(t, "replica connected", func() bool {
		s.census.taken = time.Time{}
		some, err := s.replicas(t.Context())
		return err == nil && some
	})
	lease := take(t, s)
	waits := func() string {
		return readInfo(raw(t, master).Info(t.Context(), "commandstats").Val())["cmdstat_wait"]
	}
	before := waits()
	if err := lease.Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatal(err)
	}
	if waits() == before {
		t.Error("done has not waited for the replica")
	}
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end on the replica", func() bool {
		return raw(t, replica).Get(t.Context(), k.count()).Val() == "0"
	})
}

// Where no replica has it in time, an end counts all the same: the event is not taken
// again, and nobody is told that it was not ended.
func TestDoneWithoutItsReplica(t *testing.T) {
	for name, args := range map[string][]string{
		"too late": nil,
		"refused":  {"--rename-command", "WAIT", "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, realServer(t, args...), conversation.Options{})
			accept(t, s, event("ann", 1))
			accept(t, s, event("ann", 2))
			lease := take(t, s)
			// It is believed that there is one.
			s.census.failover, s.census.some, s.census.taken = true, true, time.Now().Add(time.Hour)
			if _, err := s.Accept(t.Context(), event("ann", 3)); !errors.Is(err, errNotReplicated) {
				t.Errorf("accept says %v", err)
			}
			if err := lease.Done(t.Context(), conversation.Outcome{}); err != nil {
				t.Errorf("done says %v", err)
			}
			if err := lease.Done(t.Context(), conversation.Outcome{}); !errors.Is(err, conversation.ErrLost) {
				t.Errorf("done after that says %v", err)
			}
			if lease := take(t, s); lease.Event.ID != "ann/2" || lease.Attempt != 1 {
				t.Errorf("took %q, attempt %d", lease.Event.ID, lease.Attempt)
			}
		})
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
