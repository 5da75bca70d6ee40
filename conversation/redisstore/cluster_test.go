package redisstore

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/storetest"
)

// The store works on a cluster, where the keys of a script must be in one slot.
func TestCluster(t *testing.T) {
	port := freePort(t)
	server := realServer(t, "--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", port, "--cluster-port", freePort(t))
	client := raw(t, server)
	if err := client.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "cluster state", func() bool {
		return strings.Contains(client.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
	at := "127.0.0.1:" + port
	openCluster := func(opts conversation.Options) (conversation.Store, error) {
		return Open(context.Background(), "redis://"+at+"?addr="+at, opts)
	}
	t.Run("Replicas", func(t *testing.T) { storetest.RunReplicas(t, 2, openCluster) })
	t.Run("Pair", func(t *testing.T) {
		storetest.RunPair(t, func(t *testing.T) storetest.Open {
			if err := client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			return openCluster
		})
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

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
