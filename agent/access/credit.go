package access

import (
	"context"
	"sync"
)

// credit is what was granted while the store was away. It is in memory: a crash
// before the store is back forgets it.
type credit struct {
	mu   sync.Mutex
	lent map[string]int64 // tokens granted that are not in the store, by the name of the count; guarded by mu
	owed []*Grant         // settled, and still to be written to the store; guarded by mu
}

const (
	// lendPart of the month's tokens are lent at most, so that nobody spends the
	// month while the store is away for an afternoon.
	lendPart = 10
	// maxOwed bounds credit.owed, and payAtOnce how much of it one caller pays, so
	// that the first one after a long time does not wait for all of it.
	maxOwed   = 10_000
	payAtOnce = 32
)

// lend grants n tokens without the store, if they fit into what was known of it.
// Of whom nothing is known, nothing was used.
func (gr *Grant) lend(r *rules, n int64) Kind {
	day, _ := gr.gate.totals.get(gr.day.name)
	month, _ := gr.gate.totals.get(gr.month.name)
	c := &gr.gate.credit
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.TokensPerDay > 0 && n > r.TokensPerDay-day-c.lent[gr.day.name]:
		return PersonSpent
	case r.TokensPerMonth > 0 && n > r.TokensPerMonth-month-c.lent[gr.month.name]:
		return ConnectionSpent
	case r.TokensPerMonth > 0 && n > r.TokensPerMonth/lendPart-c.lent[gr.month.name]:
		return Unknown
	}
	c.move(gr, n)
	return None
}

// settle makes what was lent what was used.
func (c *credit) settle(gr *Grant, used int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gr.lent > 0 {
		c.move(gr, used)
	}
}

// paid says that what gr used is in the store.
func (c *credit) paid(gr *Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(gr, 0)
}

// move makes what is lent to gr n tokens. The caller holds mu.
func (c *credit) move(gr *Grant, n int64) {
	if c.lent == nil {
		c.lent = make(map[string]int64)
	}
	for _, name := range []string{gr.day.name, gr.month.name} {
		if c.lent[name] += n - gr.lent; c.lent[name] == 0 {
			delete(c.lent, name)
		}
	}
	gr.lent = n
}

// addDebt keeps a settled grant until the store takes it.
func (g *Gate) addDebt(gr *Grant) {
	c := &g.credit
	c.mu.Lock()
	full := len(c.owed) >= maxOwed
	if full {
		c.move(gr, 0)
	} else {
		c.owed = append(c.owed, gr)
	}
	c.mu.Unlock()
	if full {
		g.log.Error("what was used is not counted, the store is away for too long", "event", gr.event.Trace())
	}
}

// payDebts writes some of what is owed to the store. An error says that the store is
// away.
func (g *Gate) payDebts(ctx context.Context) error {
	for range payAtOnce {
		gr := g.credit.next()
		if gr == nil {
			return nil
		}
		if err := gr.book(ctx); err != nil {
			g.addDebt(gr)
			return err
		}
		g.credit.paid(gr)
	}
	return nil
}

// next takes the oldest debt, nil if there is none.
func (c *credit) next() *Grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.owed) == 0 {
		return nil
	}
	gr := c.owed[0]
	c.owed[0] = nil // let it go, while the others stay
	c.owed = c.owed[1:]
	return gr
}

// debts is how many there are.
func (c *credit) debts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.owed)
}
