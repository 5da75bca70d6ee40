package access

import (
	"context"
	"sync"
	"time"
)

// later is what was used where nothing is limited, on its way to the counts. Nobody is
// refused by it, so it goes there now and then and not with every turn: a turn costs no
// call of the store, and a crash forgets a few seconds of it.
type later struct {
	mu      sync.Mutex
	waiting map[string]posting // by the name of the count; guarded by mu
}

// laterTime is from one writing to the next.
const laterTime = 5 * time.Second

// add takes postings in.
func (t *later) add(postings []posting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.merge(postings)
}

// merge adds postings to those that wait; mu is held.
func (t *later) merge(postings []posting) {
	if t.waiting == nil {
		t.waiting = make(map[string]posting)
	}
	for _, p := range postings {
		t.waiting[p.count.name] = posting{p.count, t.waiting[p.count.name].n + p.n}
	}
}

// take takes all that waits.
func (t *later) take() (postings []posting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.waiting {
		postings = append(postings, p)
	}
	t.waiting = nil
	return postings
}

// Run writes now and then what was used where nothing is limited, until ctx ends.
func (g *Gate) Run(ctx context.Context) {
	ticker := time.NewTicker(laterTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := g.Flush(ctx); err != nil && g.away.now() {
			g.log.Warn("what people use is counted later, the store is away", "err", err)
		}
	}
}

// Flush writes what was used and is not in the store yet, debts included. It is called
// now and then, and before the program ends. What the store does not take waits on.
func (g *Gate) Flush(ctx context.Context) error {
	for g.credit.debts() > 0 && ctx.Err() == nil {
		if err := g.payDebts(ctx); err != nil {
			return err
		}
	}
	return g.post(ctx)
}

// post writes what waits where nothing is limited.
func (g *Gate) post(ctx context.Context) error {
	postings := g.later.take()
	for i, p := range postings {
		if _, err := g.add(ctx, p.count, p.n); err != nil {
			g.later.mu.Lock()
			defer g.later.mu.Unlock()
			g.later.merge(postings[i:]) // the first of them may have arrived, and counts twice then
			return err
		}
	}
	return nil
}
