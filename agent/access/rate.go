package access

import (
	"context"
	"time"

	"longwire/connectors"
)

// Pace takes one of the turns that ev's person has: TurnsPerMinute of them at once
// after a rest, and from then on as many a minute, evenly. A turn that is not given
// costs nothing. While the store is away everybody passes.
//
// Each call takes a turn, so an event that has passed is not asked again on its
// second attempt.
func (g *Gate) Pace(ctx context.Context, ev connectors.Event) Refusal {
	r := g.rules.Load()
	if r.TurnsPerMinute <= 0 || r.admins[ev.Sender.ID] {
		return Refusal{}
	}
	asking, cancel := g.asking(ctx)
	defer cancel()
	// Rounded up, so that turns never come faster than was asked for.
	n := time.Duration(r.TurnsPerMinute)
	period := (time.Minute + n - 1) / n
	_, given, err := g.shelf.Pace(asking, "turns/"+ev.Sender.ID, period, r.TurnsPerMinute, 0)
	if err != nil {
		g.cannotAsk(ev, err)
		return Refusal{}
	}
	if !given {
		return g.refusal(ctx, TooFast, ev)
	}
	return Refusal{}
}

// cannotAsk logs, once a minute, that the store is away.
func (g *Gate) cannotAsk(ev connectors.Event, err error) {
	if g.away.now() {
		g.log.Warn("the store cannot be asked: rates are not held, tokens are granted from memory", "event", ev.Trace(), "err", err)
	}
}
