package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
	"longwire/conversation/storetest"
)

// startCluster makes three nodes a cluster, and returns where one of them is.
func startCluster(t *testing.T) (nodes []*redistest.Server, at string) {
	t.Helper()
	const size, slots = 3, 16384
	var ports []string
	for range size {
		ports = append(ports, redistest.FreePort(t))
		nodes = append(nodes, realServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "15000", "--appendfsync", "always",
			"--bind", "127.0.0.1", "--port", ports[len(ports)-1], "--cluster-port", redistest.FreePort(t)))
	}
	for i, node := range nodes {
		client := raw(t, node)
		if err := client.ClusterAddSlotsRange(t.Context(), i*slots/size, (i+1)*slots/size-1).Err(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			continue
		}
		// A node is met at both of its ports.
		bus := client.ConfigGet(t.Context(), "cluster-port").Val()["cluster-port"]
		if err := raw(t, nodes[0]).Do(t.Context(), "CLUSTER", "MEET", "127.0.0.1", ports[i], bus).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes {
		clusterReady(t, node)
	}
	return nodes, "127.0.0.1:" + ports[0]
}

func clusterReady(t *testing.T, node *redistest.Server) {
	t.Helper()
	client := raw(t, node)
	eventually(t, "cluster", func() bool {
		facts := client.ClusterInfo(t.Context()).Val()
		return strings.Contains(facts, "cluster_state:ok") && strings.Contains(facts, "cluster_size:3")
	})
}

// The store works on a cluster, where the keys of a script must be in one slot, and
// the connections are on different nodes.
func TestCluster(t *testing.T) {
	nodes, at := startCluster(t)
	openCluster := func(opts conversation.Options) (conversation.Store, error) {
		return Open(context.Background(), "redis://"+at+"?addr="+at, opts)
	}
	t.Run("Replicas", func(t *testing.T) { storetest.RunReplicas(t, 2, openCluster) })
	t.Run("Pair", func(t *testing.T) {
		storetest.RunPair(t, func(t *testing.T) storetest.Open {
			for _, node := range nodes {
				if err := raw(t, node).FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
			return openCluster
		})
	})
	t.Run("Look", func(t *testing.T) {
		facts, err := Look(t.Context(), "redis://"+at+"?addr="+at, 1)
		if err != nil || !facts.Cluster || facts.Info["cluster_state"] != "ok" || facts.Info["cluster_enabled"] != "1" {
			t.Errorf("%+v, %v", facts, err)
		}
	})
	t.Run("Braces", func(t *testing.T) {
		s, err := openCluster(conversation.Options{Lease: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for n, name := range []string{"{", "}", "{}", "}{", "{a}", "a}:{b"} {
			ev := event("{"+name+"}", n)
			ev.ID, ev.Connection = "{"+name+"}", name
			accept(t, s.(*Store), ev)
			l, err := s.Take(t.Context(), name)
			if err != nil {
				t.Fatalf("take from %q: %v", name, err)
			}
			if err := l.Release(t.Context(), time.Now().Add(time.Millisecond)); err != nil {
				t.Fatalf("release: %v", err)
			}
			if l, err = s.Take(t.Context(), name); err != nil {
				t.Fatalf("take from %q: %v", name, err)
			}
			if err := l.Done(t.Context(), conversation.Outcome{Turn: &conversation.Turn{}}); err != nil {
				t.Fatalf("done: %v", err)
			}
		}
	})
}

// A node that goes and comes back takes nothing along.
func TestClusterNodeRestarts(t *testing.T) {
	nodes, at := startCluster(t)
	s, err := Open(t.Context(), "redis://"+at+"?addr="+at, conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lines := []string{"a", "b", "c", "d", "e", "f", "g", "h"} // some on each node
	for n, line := range lines {
		ev := event("ann", n)
		ev.Connection = line
		accept(t, s, ev)
	}
	for _, node := range nodes {
		node.Stop()
		if err := node.Restart(); err != nil {
			t.Fatal(err)
		}
		clusterReady(t, node)
	}
	for _, line := range lines {
		eventually(t, "what waits on "+line, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			lease, err := s.Take(ctx, line)
			return err == nil && lease.Done(ctx, conversation.Outcome{}) == nil
		})
	}
}

// A script whose answer is lost is not sent again, or what it does would be done twice,
// and what it takes would be in nobody's hands.
func TestClusterSendsOnce(t *testing.T) {
	nodes, at := startCluster(t)
	s, err := Open(t.Context(), "redis://"+at+"?addr="+at+"&read_timeout=1s", conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add := func(n int64) (int64, error) { return s.Add(t.Context(), "home", "n", n, time.Hour) }
	if _, err := add(1); err != nil { // Redis knows the script from here on
		t.Fatal(err)
	}
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	// A connection that is yet to be made sends nothing while Redis is paused, so there
	// are some already.
	var blocked sync.WaitGroup
	for range 8 {
		blocked.Go(func() {
			args := &redis.XReadArgs{Streams: []string{k.ready(), "$"}, Block: 150 * time.Millisecond}
			if err := s.client.XRead(t.Context(), args).Err(); !errors.Is(err, redis.Nil) {
				t.Errorf("read: %v", err)
			}
		})
	}
	blocked.Wait()
	for _, node := range nodes {
		if err := node.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	if total, err := add(1); err == nil {
		t.Errorf("add while redis is paused: %d", total)
	}
	for _, node := range nodes {
		if err := node.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what was not answered", func() bool { total, err := add(0); return err == nil && total > 1 })
	if total, err := add(0); err != nil || total != 2 {
		t.Errorf("total %d, %v; want 2", total, err)
	}
}

// A script follows a slot that has moved to another node.
func TestClusterFollowsMoved(t *testing.T) {
	nodes, at := startCluster(t)
	s, err := Open(t.Context(), "redis://"+at+"?addr="+at, conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	accept(t, s, event("ann", 0)) // the client knows where the slots are from here on
	if err := take(t, s).Done(t.Context(), conversation.Outcome{}); err != nil {
		t.Fatal(err)
	}
	k, err := usualKeys("elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	slot := raw(t, nodes[0]).ClusterKeySlot(t.Context(), k.ready()).Val()
	to := nodes[(int(slot)*len(nodes)/16384+1)%len(nodes)]
	id := raw(t, to).Do(t.Context(), "CLUSTER", "MYID").Val()
	for _, node := range nodes {
		if err := raw(t, node).Do(t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", id).Err(); err != nil {
			t.Fatal(err)
		}
	}
	ev := event("ann", 1)
	ev.Connection = "elsewhere"
	accept(t, s, ev)
	if n := raw(t, to).Exists(t.Context(), k.ready()).Val(); n != 1 {
		t.Error("the event is not where its slot is")
	}
}
