package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// gate keeps people and faults together: a fault begins when so many messages were
// said, and people do not say more than belong before the next one until it is
// mended. Nothing depends on how fast the machine is.
type gate struct {
	mu      sync.Mutex
	said    int           // guarded by mu
	limit   int           // how many may be said by now; guarded by mu
	total   int           // how many there will be
	changed chan struct{} // closed when said or limit has changed; guarded by mu
}

func newGate(total int) *gate { return &gate{total: total, changed: make(chan struct{})} }

func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// take waits for the right to say one more. false means that all is said, or that
// ctx has ended.
func (g *gate) take(ctx context.Context) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.said >= g.limit && g.said < g.total && ctx.Err() == nil {
		g.pause(ctx)
	}
	if g.said >= g.total || ctx.Err() != nil {
		return false
	}
	g.said++
	g.wake()
	return true
}

// allow lets people go on until so many are said.
func (g *gate) allow(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	g.wake()
}

// reach waits until so many are said.
func (g *gate) reach(ctx context.Context, n int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.said < n && ctx.Err() == nil {
		g.pause(ctx)
	}
	return context.Cause(ctx)
}

// pause waits for a change; mu is held before and after.
func (g *gate) pause(ctx context.Context) {
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

// patience is how long a person waits for a sign before they write on.
const patience = 40 * time.Second

// crowd is the people of a run and what they need to talk.
type crowd struct {
	book     *book
	platform platform
	gate     *gate
	pause    time.Duration // the longest that a person thinks before they write again

	mu    sync.Mutex
	twice int // so many of the next messages come twice; guarded by mu
}

// strike makes the next messages come twice.
func (c *crowd) strike(count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.twice = count
}

func (c *crowd) comesTwice() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.twice == 0 {
		return false
	}
	c.twice--
	return true
}

// talk has everybody talk until all is said.
func (c *crowd) talk(ctx context.Context, people []person, random func(i int) *rand.Rand) {
	var talking sync.WaitGroup
	for i, p := range people {
		talking.Go(func() { c.person(ctx, p, random(i)) })
	}
	talking.Wait()
}

// person is one of them: bursts of one to four messages, each burst after the
// answers to the one before. Within a burst most people write as fast as the
// platform has the acks, so that messages wait behind each other and their order
// is known; the hurried ones do not even wait for that.
func (c *crowd) person(ctx context.Context, p person, random *rand.Rand) {
	for c.think(ctx, random) {
		var burst []message
		for range 1 + random.IntN(4) {
			if !c.gate.take(ctx) {
				break
			}
			m := c.book.say(p)
			c.book.at(m.number, c.platform.say(m, c.comesTwice()))
			if !p.hurried {
				c.awaitAck(ctx, m)
			}
			burst = append(burst, m)
		}
		if len(burst) == 0 {
			return
		}
		numbers := make([]int, len(burst))
		for i, m := range burst {
			numbers[i] = m.number
			if p.hurried {
				c.awaitAck(ctx, m)
			}
		}
		c.awaitAnswers(ctx, numbers)
	}
}

// think waits before the next burst; false means that ctx has ended.
func (c *crowd) think(ctx context.Context, random *rand.Rand) bool {
	return sleep(ctx, time.Duration(random.Int64N(int64(c.pause)+1)))
}

func (c *crowd) awaitAck(ctx context.Context, m message) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if c.platform.waitAck(ctx, m.id) == nil {
		c.book.acked(m.number)
	}
}

// awaitAnswers waits until some messages have an outcome, but not for ever.
func (c *crowd) awaitAnswers(ctx context.Context, numbers []int) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c.book.await(ctx, numbers...)
}

// sleep waits; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
