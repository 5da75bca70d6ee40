package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// burst is one person's overload.
type burst struct {
	person      int
	began, over time.Duration // over: the last of what was taken is answered
}

const (
	// stranger is the index of the first person who overloads the program. Each time
	// it is somebody else, because the program tells a person only once a minute.
	stranger = 1_000_000

	// passers are how many people write once meanwhile, one after the other, and
	// passer is the index of the first.
	passers   = 10
	passer    = 2_000_000
	passEvery = 100 * ms
)

// overload has one person write more than may wait, each message as soon as the
// platform has the ack of the one before, so that their order is certain. The model
// has to think about them, so it cannot keep up. Every other time it happens in a
// group where the crowd is.
func (r *run) overload(ctx context.Context, f fault) error {
	n := len(r.bursts)
	p := person{index: stranger + n, chinese: n%4 >= 2, deep: true}
	if n%2 == 1 {
		p.group = group(r.combo.platform, 1)
	}
	from, err := r.logSizes()
	if err != nil {
		return err
	}
	b := burst{person: p.index, began: r.book.now()}
	var others sync.WaitGroup
	others.Go(func() { r.crowd.passBy(ctx, r.combo.platform, passer+passers*n) })
	numbers := r.crowd.burst(ctx, p, f.count)
	others.Wait()
	if err := r.readRefusals(from); err != nil {
		return err
	}
	r.crowd.awaitAnswers(ctx, numbers)
	b.over = r.book.now()
	r.bursts = append(r.bursts, b)
	return context.Cause(ctx)
}

// burst has a person write so many messages, without waiting for answers.
func (c *crowd) burst(ctx context.Context, p person, count int) (numbers []int) {
	for range count {
		m := c.book.say(p)
		c.book.at(m.number, c.platform.say(m, false))
		c.awaitAck(ctx, m)
		numbers = append(numbers, m.number)
	}
	return numbers
}

// passBy has passers write once, each of whom is new: they have nothing waiting and
// are to be answered at once. The first of them has the index given.
func (c *crowd) passBy(ctx context.Context, platform string, index int) {
	for i, p := range peopleOf(platform, passers) {
		p.index = index + i
		m := c.book.say(p)
		c.book.at(m.number, c.platform.say(m, false))
		c.awaitAck(ctx, m)
		if !sleep(ctx, passEvery) {
			return
		}
	}
}

// logSizes is how long the log of each replica is.
func (r *run) logSizes() (sizes []int64, err error) {
	for _, replica := range r.replicas {
		about, err := os.Stat(replica.log)
		if err != nil {
			return nil, fmt.Errorf("look at log: %w", err)
		}
		sizes = append(sizes, about.Size())
	}
	return sizes, nil
}

// readRefusals looks in the logs for what was not taken, so that nobody waits for
// an answer to it. The program logs that before it acks.
func (r *run) readRefusals(from []int64) error {
	said := newLogs()
	for i, replica := range r.replicas {
		if _, err := said.readFrom(replica.log, from[i]); err != nil {
			return fmt.Errorf("read log of %s: %w", replica.name, err)
		}
	}
	r.book.refuse(said.refused)
	return nil
}
