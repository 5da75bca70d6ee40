package access

import (
	"context"
	"sync/atomic"

	"longwire/connectors"
)

// Grant is what one attempt at an event may use, until it is settled.
type Grant struct {
	gate  *Gate
	event connectors.Event
	day   count // the person's tokens of the day
	month count // the connection's tokens of the month
	turns count // the person's turns of the day
	hold  count // what attempts at the event have reserved and not settled

	// What was taken; only one who has the grant touches these: who reserves, then
	// who settles, then whoever pays the debt.
	reserved int64 // tokens in day and month, held in hold
	lent     int64 // tokens in the gate's credit instead

	free    bool // nothing is limited, and nothing was taken
	further bool // of a turn that has been counted
	settled atomic.Bool
	due     []posting // what is to be added to the counts (settle.go)
	back    int64     // what of reserved was not used
}

// grant is an empty grant for ev.
func (g *Gate) grant(r *rules, ev connectors.Event) *Grant {
	day := r.day(ev)
	return &Grant{
		gate: g, event: ev,
		day: tokensOfDay(day, ev.Sender.ID), month: tokensOfMonth(day), turns: turnsOfDay(day, ev.Sender.ID),
		hold: count{"reserved/" + ev.ID, holdKeep},
	}
}

// Further says that the grant is for more of a turn that another one counts already:
// a further request, or a summary. It is called before Settle.
func (gr *Grant) Further() {
	if gr != nil {
		gr.further = true
	}
}

// maxTokens is more than any answer has. It keeps the sums within 64 bits.
const maxTokens = 1 << 40

// Reserve takes estimate tokens, of the person's day and of the connection's month,
// before the model is asked. If it refuses, it has taken nothing. The estimate is
// that of the prompt and the bound of the answer: an answer that uses more than was
// reserved is counted, and passes the limit by as much.
//
// A grant that is never settled, because the process has crashed, stays counted. If
// the event is attempted again, within a day, it goes on with the same grant, and is
// not refused, whatever it needs now. A crash within Reserve costs up to estimate
// tokens.
//
// Near the limit somebody may be refused for whom there would be room a moment
// later, when another who is refused too has given back what did not suffice.
func (g *Gate) Reserve(ctx context.Context, ev connectors.Event, estimate int64) (*Grant, Refusal) {
	r := g.rules.Load()
	gr := g.grant(r, ev)
	if r.TokensPerDay <= 0 && r.TokensPerMonth <= 0 {
		gr.free = true
		return gr, Refusal{}
	}
	estimate = min(max(estimate, 0), maxTokens)
	kind, err := gr.reserve(ctx, r, estimate)
	if err != nil {
		g.cannotAsk(ev, err)
		kind = gr.lend(r, estimate)
	}
	if kind != None {
		return nil, g.refusal(ctx, kind, ev)
	}
	return gr, Refusal{}
}

// reserve takes n tokens from the counts, or what an earlier attempt has taken. An
// error says that the store is away, and that gr holds nothing; what may have been
// taken stays counted.
func (gr *Grant) reserve(ctx context.Context, r *rules, n int64) (Kind, error) {
	g := gr.gate
	if err := g.payDebts(ctx); err != nil {
		return None, err
	}
	if err := g.post(ctx); err != nil { // of the time before there was a limit
		return None, err
	}
	held, err := g.add(ctx, gr.hold, 0)
	if err != nil {
		return None, err
	}
	if held > 0 {
		gr.reserved = held
		return None, nil
	}
	if fits, err := g.take(ctx, gr.day, r.TokensPerDay, n); !fits || err != nil {
		return PersonSpent, err
	}
	if fits, err := g.take(ctx, gr.month, r.TokensPerMonth, n); !fits || err != nil {
		g.giveBack(ctx, gr.day, n)
		return ConnectionSpent, err
	}
	gr.reserved = n
	if n == 0 {
		return None, nil
	}
	if _, err := g.add(ctx, gr.hold, n); err != nil {
		// Whether it is held or not, Settle finds out, or counts too much.
		g.log.Warn("what is reserved may be counted twice", "event", gr.event.Trace(), "tokens", n, "err", err)
	}
	return None, nil
}

// takeTries is how often somebody who did not fit, although there had been room,
// looks whether there still is.
const takeTries = 3

// take adds n to a count if it stays within limit; 0 is no limit. The sum of what
// was taken never passes it: of those who add at the same time, each is told another
// total, and whose total is too high adds it back.
func (g *Gate) take(ctx context.Context, c count, limit, n int64) (bool, error) {
	for range takeTries {
		if limit > 0 {
			total, err := g.add(ctx, c, 0)
			if err != nil {
				return false, err
			}
			if n > limit-total {
				return false, nil
			}
		}
		total, err := g.add(ctx, c, n)
		if err != nil {
			return false, err
		}
		if limit <= 0 || total <= limit {
			g.totals.put(c.name, total, c.keep)
			return true, nil
		}
		g.giveBack(ctx, c, n)
	}
	return false, nil
}

// giveBack lowers a count. It is tried once: to lower it twice would be worse than
// not at all.
func (g *Gate) giveBack(ctx context.Context, c count, n int64) {
	if n <= 0 {
		return
	}
	total, err := g.add(ctx, c, -n)
	if err != nil {
		g.log.Warn("tokens that were not used stay counted", "tokens", n, "err", err)
		return
	}
	g.totals.put(c.name, total, c.keep)
}
