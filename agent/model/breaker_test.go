package model

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	now := time.Now()
	var b breaker
	for i := range failuresToRest {
		if !b.admit(now) {
			t.Fatalf("closed after %d failures, and admits nobody", i)
		}
		if rests := b.failed(now); (rests > 0) != (i == failuresToRest-1) {
			t.Fatalf("failure %d: rests %s", i+1, rests)
		}
	}
	rest := shortestRest
	for range 10 {
		back, _, _ := b.back()
		if d := back.Sub(now); d < rest/2 || d > rest {
			t.Errorf("rests %s, want up to %s", d, rest)
		}
		if b.admit(back.Add(-1)) {
			t.Error("admits somebody while it rests")
		}
		if rests := b.failed(back.Add(-1)); rests != 0 {
			t.Errorf("whoever was on the way makes it rest %s more", rests)
		}
		now = back
		if first, second := b.admit(now), b.admit(now); !first || second {
			t.Error("does not let through one probe")
		}
		b.failed(now)
		rest = min(2*rest, longestRest)
	}
	now, _, _ = b.back()
	if !b.admit(now) {
		t.Error("no probe")
	}
	b.left() // the probe went away
	if !b.admit(now) {
		t.Error("no second probe")
	}
	b.speaks(now)
	if first, second := b.admit(now), b.admit(now); !first || !second {
		t.Error("half open though the probe is answered")
	}
	if b.failed(now) == 0 {
		t.Error("a failure on probation does not open it")
	}
	now, _, _ = b.back()
	b.speaks(now)
	if !b.succeeded() || b.succeeded() {
		t.Error("the recovery is not told once")
	}
	for range failuresToRest - 1 {
		if b.failed(now) != 0 {
			t.Error("rests before its time")
		}
	}
	if rests := b.failed(now); rests > shortestRest {
		t.Errorf("after a recovery it rests %s", rests)
	}
}

func TestBreakerDoesWhatItIsAsked(t *testing.T) {
	now := time.Now()
	var b breaker
	b.asksFor(5*time.Second, now)
	b.asksFor(time.Second, now) // the longer one stands
	if b.admit(now.Add(4*time.Second)) || !b.admit(now.Add(5*time.Second)) {
		t.Error("not left alone for 5 s")
	}
	b.asksFor(24*time.Hour, now)
	if b.admit(now.Add(longestAsked-1)) || !b.admit(now.Add(longestAsked)) {
		t.Error("the longest rest is not kept")
	}
}
