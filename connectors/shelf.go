package connectors

import (
	"context"
	"time"
)

// Shelf is what a connection keeps beside its events, and shares with its other
// replicas: counts, paces and small values, each under a name. The store has it
// (conversation.Shelf says what each method promises); it may be away, and nothing
// that people wait for may fail because it is.
type Shelf interface {
	// Add adds n to a count and returns the total. The count is forgotten keep
	// after the Add that began it.
	Add(ctx context.Context, name string, n int64, keep time.Duration) (total int64, err error)
	// Pace asks for a turn where one comes every period, and burst at once after a
	// rest. A turn later than within is not given; a negative within leaves that
	// much of the burst to others.
	Pace(ctx context.Context, name string, period time.Duration, burst int, within time.Duration) (wait time.Duration, given bool, err error)
	// Put keeps a value; Get returns it, or nil when there is none.
	Put(ctx context.Context, name string, value []byte, keep time.Duration) error
	Get(ctx context.Context, name string) ([]byte, error)
}

// Pace is how often an API may be called, by all replicas together. Calls of two
// kinds share it: those that have to be made, which wait for their turn (Wait), and
// those that may be left out, which are made only while Spare turns are left to the
// others (Try). So the last frame of a card always has room, however many cards grow.
type Pace struct {
	Shelf  Shelf
	Name   string
	Period time.Duration // one call each; 0 is no pace
	Burst  int           // calls at once after a rest
	Spare  int           // of these, how many Try leaves alone
}

// Try reports whether a call that may be left out may be made now. While the store is
// away it may: then the platform's own limit is all there is.
func (p Pace) Try(ctx context.Context) bool {
	if p.Period <= 0 {
		return true
	}
	_, given, err := p.Shelf.Pace(ctx, p.Name, p.Period, p.Burst, -time.Duration(p.Spare)*p.Period)
	return given || err != nil
}

// Wait returns when a call that has to be made may be made, or with ctx's error.
func (p Pace) Wait(ctx context.Context) error {
	if p.Period <= 0 {
		return nil
	}
	const forever = 24 * time.Hour
	wait, _, err := p.Shelf.Pace(ctx, p.Name, p.Period, p.Burst, forever)
	if err != nil {
		wait = p.Period // the store is away, and nobody knows better
	}
	if wait > 0 && !Sleep(ctx, wait) {
		return ctx.Err()
	}
	return nil
}
