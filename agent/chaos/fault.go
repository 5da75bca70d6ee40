package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// thinkTime is how long a person thinks at most before the next burst.
const thinkTime = 3 * time.Second

// crowdOf is how many people say so many messages: each has to say a few.
func crowdOf(messages int) int { return min(maxCrowd, max(1, messages/5)) }

// maxCrowd is how many people there are at most. So many say about 250 messages a
// second where nothing holds them up.
const maxCrowd = 200

// talk has people talk while things go wrong, and returns when all is said and the
// last fault is mended.
func (r *run) talk(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.crowd = &crowd{book: r.book, platform: r.platform, gate: newGate(r.messages), pause: thinkTime}
	said := make(chan struct{})
	go func() {
		defer close(said)
		r.crowd.talk(ctx, peopleOf(r.combo.platform, crowdOf(r.messages)), func(i int) *rand.Rand {
			return r.combo.random(r.options.seed, fmt.Sprintf("person %d", i))
		})
	}()
	err := r.goWrong(ctx)
	if err != nil {
		stop()
	}
	<-said
	return err
}

// goWrong makes the faults happen, one after the other, each when it is its turn.
func (r *run) goWrong(ctx context.Context) error {
	gate := r.crowd.gate
	for i, f := range r.faults {
		gate.allow(f.after)
		if err := gate.reach(ctx, f.after); err != nil {
			return err
		}
		next := r.messages
		if i+1 < len(r.faults) {
			next = r.faults[i+1].after
		}
		gate.allow(next)
		if err := r.fire(ctx, f); err != nil {
			return fmt.Errorf("fault %d (%s): %w", i+1, f.kind, err)
		}
		if err := r.awaitUp(ctx, fmt.Sprintf("fault %d (%s)", i+1, f.kind)); err != nil {
			return err
		}
	}
	gate.allow(r.messages)
	return gate.reach(ctx, r.messages)
}

// fire makes one fault happen and mends it.
func (r *run) fire(ctx context.Context, f fault) error {
	if !sleep(ctx, f.wait) {
		return context.Cause(ctx)
	}
	happened := firing{fault: f, struck: r.book.now()}
	if r.options.verbose {
		fmt.Fprintf(r.progress, "%s: %s  %s\n", r.combo, clock(happened.struck), f)
	}
	err := r.strike(ctx, f)
	happened.done = r.book.now()
	if err == nil && sleep(ctx, f.hold) {
		err = r.mend(ctx, f)
	}
	happened.mended = r.book.now()
	r.book.fired(happened)
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// strike makes a fault happen.
func (r *run) strike(ctx context.Context, f fault) error {
	victim := r.replicas[f.replica]
	switch f.kind {
	case kill:
		victim.kill()
	case term:
		if err := victim.stop(); err != nil {
			r.broke(px, "%v", err)
		}
	case freeze:
		return victim.freeze()
	case redeliver:
		for _, id := range r.book.latest(f.count) {
			r.platform.redeliver(id)
		}
	case duplicate:
		r.crowd.strike(f.count)
	case overload:
		return r.overload(ctx, f)
	case redisStop, redisRestart, redisPause, redisFailover:
		return r.store.strike(ctx, f)
	case model429, model500, modelHang, modelCut:
		r.brain.strike(f)
	default:
		r.platform.strike(f)
	}
	return nil
}

// mend ends a fault.
func (r *run) mend(ctx context.Context, f fault) error {
	victim := r.replicas[f.replica]
	switch f.kind {
	case kill, term:
		return victim.start()
	case freeze:
		return victim.thaw()
	case redisStop, redisRestart, redisPause, redisFailover:
		return r.store.mend(ctx, f)
	case model429, model500, modelHang, modelCut:
		r.brain.mend()
	default:
		r.platform.mend(f)
	}
	return nil
}
