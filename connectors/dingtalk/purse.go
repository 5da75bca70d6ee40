package dingtalk

import (
	"context"
	"math"
	"sync"
)

// purse is what one answer may spend of the month's API calls. What is in it was
// reserved; what is left at the end is given back. Every call that is made is paid
// for: what has to be said is said also with an empty purse, and counted.
type purse struct {
	c *Connector

	mu   sync.Mutex
	left int64 // guarded by mu; without a budget there is no end of it
}

// noEnd is what a purse holds when there is no budget.
const noEnd = math.MaxInt32

// reserve fills a purse with as many of want calls as the budget grants, or with
// none if that is less than least.
func (c *Connector) reserve(ctx context.Context, want, least int64) *purse {
	if !c.budget.Limited() {
		return &purse{c: c, left: noEnd}
	}
	return &purse{c: c, left: c.budget.Reserve(ctx, want, least)}
}

// holds is how many calls are left in the purse.
func (p *purse) holds() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

// spend pays for a call that is about to be made.
func (p *purse) spend(ctx context.Context) {
	p.mu.Lock()
	paid := p.left > 0
	if paid {
		p.left--
	}
	p.mu.Unlock()
	if !paid {
		p.c.budget.Spend(ctx, 1)
	}
}

// unspend takes the money for a call back: DingTalk does not count those it throttles.
func (p *purse) unspend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left++
}

// close gives back what was not spent.
func (p *purse) close(ctx context.Context) {
	p.mu.Lock()
	left := p.left
	p.left = 0
	p.mu.Unlock()
	p.c.budget.Return(ctx, left)
}
