package dingtalk

import (
	"context"
	"sync"
	"time"

	"longwire/connectors"
)

// DefaultRate is how often DingTalk lets an app call each API, in the standard edition.
var DefaultRate = connectors.Rate{PerSecond: 20, PerMinute: -1}

// paceSpare is how many of the calls that may be made at once are left to those that
// have to be made.
const paceSpare = 1

// pace is how often the app may call one API.
func (c *Connector) pace(name string) connectors.Pace {
	rate := c.config.Rate
	if rate == (connectors.Rate{}) {
		rate = DefaultRate
	}
	period, burst := rate.Pace()
	return connectors.Pace{Shelf: c.config.Shelf, Name: "pace/" + name, Period: period, Burst: burst, Spare: paceSpare}
}

// turn returns when it is our turn to call an API that has to be called.
func (c *Connector) turn(ctx context.Context, name string) error {
	if c.config.Shelf == nil {
		return nil
	}
	return c.pace(name).Wait(ctx)
}

// calm is the pause that all cards of the app make together when the platform has
// throttled one of them, or has banned our address for a while.
type calm struct {
	mu    sync.Mutex
	until time.Time // guarded by mu
}

// after begins a pause if err says so.
func (p *calm) after(err error) {
	pause := connectors.RetryAfter(err)
	if pause <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(pause); until.After(p.until) {
		p.until = until
	}
}

// left is how long the pause still is.
func (p *calm) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(time.Until(p.until), 0)
}

// mayCall reports whether a card's call that may be left out may be made now.
func (c *Connector) mayCall(ctx context.Context, name string) bool {
	return c.calm.left() == 0 && c.pace(name).Try(ctx)
}

// mustCall makes a card's call that may not be left out, when it is its turn.
func (c *Connector) mustCall(ctx context.Context, name string, call func() error) error {
	if left := c.calm.left(); left > 0 && !connectors.Sleep(ctx, left) {
		return ctx.Err()
	}
	if err := c.turn(ctx, name); err != nil {
		return err
	}
	err := call()
	c.calm.after(err)
	return err
}
