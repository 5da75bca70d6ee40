package access

import (
	"context"
	"errors"
	"time"

	"longwire/connectors"
)

// count is one of the counts that the replicas share.
type count struct {
	name string
	keep time.Duration
}

// How long the counts are kept. Those of a day and a month are kept longer than
// that, for what waits over its end, and so that the last one can be looked up.
const (
	dayKeep   = 4 * 24 * time.Hour
	monthKeep = 40 * 24 * time.Hour
	// holdKeep is how long after a crash an attempt finds what was reserved. One
	// that comes later reserves anew.
	holdKeep = 24 * time.Hour
)

// day is the day that ev belongs to. It is that of its arrival and not of its turn,
// so that all attempts at an event know, without being told, where it was counted.
func (r *rules) day(ev connectors.Event) string {
	at := ev.Received
	if at.IsZero() {
		at = time.Now()
	}
	return r.dayOf(at)
}

func (r *rules) dayOf(at time.Time) string { return at.In(r.Zone).Format(time.DateOnly) }

// tokensOfDay, turnsOfDay and tokensOfMonth are where a day's, and its month's, use
// is counted. The date comes before the person, whose id may be anything.
func tokensOfDay(day, person string) count { return count{"tokens/" + day + "/" + person, dayKeep} }
func turnsOfDay(day, person string) count  { return count{"turns/" + day + "/" + person, dayKeep} }
func tokensOfMonth(day string) count {
	return count{"tokens/" + day[:len("2006-01")], monthKeep}
}

// add adds to a count; to add 0 reads it, and costs less.
func (g *Gate) add(ctx context.Context, c count, n int64) (int64, error) {
	asking, cancel := g.asking(ctx)
	defer cancel()
	return g.shelf.Add(asking, c.name, n, c.keep)
}

// asking is the context of one call of the store. The end of ctx does not break it
// off, since of a call that was broken off nobody knows whether it was carried out.
func (g *Gate) asking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), g.patience)
}

// Usage is what was used, and what may be. What is reserved counts as used.
type Usage struct {
	Turns     int64 // of the person today, those that asked the model
	Tokens    int64 // of the person today
	Allowance int64 // of these; 0 is no limit

	Month          int64 // tokens of the connection this month
	MonthAllowance int64 // of these; 0 is no limit
}

// Used returns what a person has used today, and the connection this month.
func (g *Gate) Used(ctx context.Context, person string) (Usage, error) {
	if err := errors.Join(g.payDebts(ctx), g.post(ctx)); err != nil {
		return Usage{}, err
	}
	r := g.rules.Load()
	day := r.dayOf(time.Now())
	u := Usage{Allowance: r.TokensPerDay, MonthAllowance: r.TokensPerMonth}
	for _, line := range []struct {
		count count
		to    *int64
	}{
		{turnsOfDay(day, person), &u.Turns},
		{tokensOfDay(day, person), &u.Tokens},
		{tokensOfMonth(day), &u.Month},
	} {
		total, err := g.add(ctx, line.count, 0)
		if err != nil {
			return Usage{}, err
		}
		*line.to = total
	}
	return u, nil
}
