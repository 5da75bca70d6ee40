package main

import (
	"slices"
	"strings"
	"testing"
)

var redis3 = combo{dingtalkName, redisName, 3}

// The seed decides everything, and only it.
func TestScheduleIsAFunctionOfTheSeed(t *testing.T) {
	first := schedule(7, redis3, 5000, 60, nil)
	if again := schedule(7, redis3, 5000, 60, nil); !slices.Equal(first, again) {
		t.Error("the same seed made another schedule")
	}
	if other := schedule(8, redis3, 5000, 60, nil); slices.Equal(first, other) {
		t.Error("another seed made the same schedule")
	}
	if other := schedule(7, combo{feishuName, redisName, 3}, 5000, 60, nil); slices.Equal(first, other) {
		t.Error("another combination has the same schedule")
	}
	want := "after 163 messages"
	if got := schedule(7, redis3, 10_000, 60, nil)[0].String(); !strings.HasPrefix(got, want) {
		t.Errorf("the first fault is %q, want %q", got, want)
	}
}

// Whatever the seed, faults come in order, within the messages and within their
// kind's limits.
func TestScheduleKeepsItsLimits(t *testing.T) {
	for seed := range uint64(50) {
		for _, c := range combosOf(strikes, false) {
			last := 0
			for _, f := range schedule(seed, c, 1000, 40, nil) {
				k := traitOf(f.kind)
				switch {
				case f.after <= last || f.after >= 1000:
					t.Fatalf("seed %d, %s: %s comes after fault at %d", seed, c, f, last)
				case f.hold < k.hold.low || f.hold > k.hold.high, f.count < k.count.low || f.count > k.count.high:
					t.Fatalf("seed %d, %s: %s is not within %+v", seed, c, f, k)
				case f.replica < 0 || f.replica >= c.replicas:
					t.Fatalf("seed %d, %s: %s strikes nobody", seed, c, f)
				case k.store != "" && k.store != c.store, k.platform != "" && k.platform != c.platform:
					t.Fatalf("seed %d, %s: %s cannot happen", seed, c, f)
				}
				last = f.after
			}
		}
	}
}

// Every kind that can happen happens, and kill more often than others.
func TestScheduleDealsEveryKind(t *testing.T) {
	seen := map[kind]int{}
	deck := redis3.deck(nil)
	for _, f := range schedule(3, redis3, 1000, len(deck), nil) {
		seen[f.kind]++
	}
	for _, k := range traits {
		if k.store == sentinelName {
			continue
		}
		if seen[k.kind] != k.shares {
			t.Errorf("%s happens %d times, want %d", k.kind, seen[k.kind], k.shares)
		}
	}
}

func TestScheduleOfSomeKinds(t *testing.T) {
	list := schedule(1, redis3, 100, 10, []kind{drop, redisStop})
	for _, f := range list {
		if f.kind != drop && f.kind != redisStop {
			t.Errorf("%s was not asked for", f)
		}
	}
	if len(list) != 10 {
		t.Errorf("%d faults, want 10", len(list))
	}
	if list := schedule(1, combo{feishuName, fileName, 1}, 100, 10, []kind{redisStop, disconnect}); list != nil {
		t.Errorf("faults that cannot happen: %v", list)
	}
}

// The longest freeze and pause outlast the lease; every black hole outlasts the
// silence that is taken for death.
func TestTraitsAreLongEnough(t *testing.T) {
	if low := traitOf(freeze).hold.low; low <= leaseTime {
		t.Errorf("a freeze may take %s, the lease is %s", low, leaseTime)
	}
	if high := traitOf(redisPause).hold.high; high <= leaseTime {
		t.Errorf("no pause of Redis outlasts the lease")
	}
	if low := traitOf(blackHole).hold.low; low <= keepaliveTime*5/2 {
		t.Errorf("a black hole may take %s", low)
	}
}
