package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// The master goes, the other takes its place, and what was killed follows it; and
// once more, the other way round. Sentinel has no second thoughts meanwhile.
func TestSentinelFailsOver(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	s := launch(t, sentinelName).(*sentinel)
	for i := range 2 {
		old, next := s.servers[i%2], s.servers[1-i%2]
		if err := s.strike(within(t), fault{kind: redisFailover}); err != nil {
			t.Fatal(err)
		}
		if s.down != old {
			t.Fatalf("%s was killed, not the master", s.down.name)
		}
		if err := s.mend(within(t), fault{kind: redisFailover}); err != nil {
			t.Fatal(err)
		}
		if now, err := s.master(); err != nil || now != next {
			t.Fatalf("the master is %v, %v", now, err)
		}
		if follows, synced, err := old.follows(next); err != nil || !follows || !synced {
			t.Errorf("%s follows: %t, has everything: %t, %v", old.name, follows, synced, err)
		}
		if follows, _, err := next.follows(old); err != nil || follows {
			t.Errorf("the master follows: %t, %v", follows, err)
		}
		if err := next.feeds(); err != nil {
			t.Error(err)
		}
	}
}

// A replica that has been told to follow nobody is told again whom.
func TestSentinelReplicaThatStrayed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	s := launch(t, sentinelName).(*sentinel)
	master, replica := s.servers[0], s.servers[1]
	if _, err := replica.ask("REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
	if follows, _, err := replica.follows(master); err != nil || follows {
		t.Fatalf("follows: %t, %v", follows, err)
	}
	if err := s.rejoin(within(t), master, replica); err != nil {
		t.Fatal(err)
	}
	if _, synced, err := replica.follows(master); err != nil || !synced {
		t.Errorf("it has everything: %t, %v", synced, err)
	}
}

// What goes wrong is told with what the servers said last.
func TestSentinelExplains(t *testing.T) {
	s := launch(t, sentinelName).(*sentinel)
	s.servers[1].kill()
	ctx, cancel := context.WithTimeout(t.Context(), 50*ms)
	defer cancel()
	err := s.rejoin(ctx, s.servers[0], s.servers[1])
	if err == nil {
		t.Fatal("a replica that is not there has rejoined")
	}
	for _, want := range []string{"redis-1: ", "redis-2: ", "sentinel: ", "Ready to accept connections", "+monitor master chaos"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if s.explain(nil) != nil {
		t.Error("nothing went wrong, and it is explained")
	}
}

func TestFreePort(t *testing.T) {
	port, err := freePort()
	if err != nil || port < 20_000 || port >= 32_000 {
		t.Errorf("port %d, %v", port, err)
	}
}

func TestUntil(t *testing.T) {
	tries, wrong := 0, errors.New("not yet")
	err := until(within(t), func() error {
		if tries++; tries < 3 {
			return wrong
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%d tries, %v", tries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := until(ctx, func() error { return wrong }); !errors.Is(err, wrong) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
