package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The gate lets exactly as many through as are allowed.
func TestGate(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	g := newGate(100)
	var people sync.WaitGroup
	for range 10 {
		people.Go(func() {
			for g.take(ctx) {
			}
		})
	}
	for limit := 10; limit <= 100; limit += 30 {
		g.allow(limit)
		if err := g.reach(ctx, limit); err != nil {
			t.Fatal(err)
		}
		g.mu.Lock()
		if g.said != limit {
			t.Errorf("%d said, %d allowed", g.said, limit)
		}
		g.mu.Unlock()
	}
	people.Wait()
	if g.take(ctx) {
		t.Error("more is said than there is to say")
	}
}

func TestGateEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	g := newGate(10)
	why := errors.New("enough")
	cancel(why)
	if g.take(ctx) {
		t.Error("taken though nothing is allowed and all is over")
	}
	if err := g.reach(ctx, 5); !errors.Is(err, why) {
		t.Errorf("reach: %v", err)
	}
}

// Every fourth person writes in a group, which belongs to four; there are people
// who write Chinese, and hurried ones.
func TestPeople(t *testing.T) {
	groups, chinese, hurried := map[string]int{}, 0, 0
	for _, p := range peopleOf(feishuName, 64) {
		if p.group != "" {
			groups[p.group]++
		}
		if p.chinese {
			chinese++
		}
		if p.hurried {
			hurried++
		}
	}
	if len(groups) != 4 || chinese == 0 || hurried == 0 {
		t.Errorf("%v, %d Chinese, %d hurried", groups, chinese, hurried)
	}
	for group, n := range groups {
		if n != 4 {
			t.Errorf("%d people in %s", n, group)
		}
	}
}

// A reply finds its message by the id it names, else by its number, else it is the
// oldest that waits in its place; or it is a stray.
func TestBookFindsTheMessage(t *testing.T) {
	b := newBook(dingtalkName)
	p, q := person{index: 1}, person{index: 2}
	first, second, other := b.say(p), b.say(p), b.say(q)
	for _, m := range []message{first, second, other} {
		b.at(m.number, "chat of "+m.person.id())
	}
	now := time.Now()
	b.replied(now, second.id, "chat of person0001", "(ref x)")
	b.replied(now, "", "to person0002", "About "+other.text)
	b.replied(now, "", "to person0001", "(ref y)")
	b.replied(now, "", "to person0001", "(ref z)")
	b.replied(now, "unknown", "chat of person0001", "(ref z)")
	// Two in one place: each is told apart by the trace, whichever comes first.
	third, fourth := b.say(p), b.say(p)
	b.replied(now, "", "to person0001", "(ref "+fourth.trace+")")
	b.replied(now, "", "to person0001", "（编号 "+third.trace+"）")
	h := b.history(func(string) int { return 1 })
	for i, m := range h.messages {
		if len(m.replies) != 1 {
			t.Errorf("message %d has %d replies", i, len(m.replies))
		}
	}
	if len(h.strays) != 2 {
		t.Errorf("%d strays, want 2", len(h.strays))
	}
	if ids := b.latest(2); len(ids) != 2 || ids[0] != third.id || ids[1] != fourth.id {
		t.Errorf("latest: %v", ids)
	}
}

// Waiting ends with a reply, or when the log says that there will be none.
func TestBookAwait(t *testing.T) {
	b := newBook(feishuName)
	answered, refused, open := b.say(person{}), b.say(person{}), b.say(person{})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if b.await(over, answered.number) {
		t.Error("an outcome, though nothing happened")
	}
	b.replied(time.Now(), answered.id, "", "About "+answered.text)
	b.replied(time.Now(), answered.id, "", "About "+answered.text)
	b.refuse(map[string]int{refused.trace: 1, "unknown": 1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if !b.await(ctx, answered.number, refused.number) {
		t.Error("no outcome")
	}
	if b.await(over) {
		t.Errorf("message %d has an outcome, too", open.number)
	}
	// To the program a refused message would be new, if it came again.
	if ids := b.latest(2); len(ids) != 2 || ids[0] != answered.id || ids[1] != open.id {
		t.Errorf("latest: %v", ids)
	}
}

// A steady load keeps its rate, whoever it is that writes.
func TestSteadily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(dingtalkName)
		c := &crowd{book: b, platform: quiet{}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c.steadily(ctx, t.Context(), peopleOf(dingtalkName, 20), 30, rand.New(rand.NewPCG(1, 2)))
		people := map[int]bool{}
		for _, m := range b.named(nil) {
			people[m.person.index] = true
			if m.acked == 0 {
				t.Fatalf("message %d is not known to be acked", m.number)
			}
		}
		if n := len(b.named(nil)); n < 299 || n > 301 || len(people) < 10 {
			t.Errorf("%d messages of %d people", n, len(people))
		}
	})
}

// quiet is a platform that acks everything after a moment.
type quiet struct{ platform }

func (quiet) say(message, bool) string { return "chat" }
func (quiet) waitAck(ctx context.Context, _ string) error {
	sleep(ctx, ms)
	return nil
}
