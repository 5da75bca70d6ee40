package feishu

import (
	"context"
	"errors"
	"sync"
	"time"

	"longwire/connectors"
)

// DefaultRate is how often the platform lets an app call each API.
var DefaultRate = connectors.Rate{PerSecond: 50, PerMinute: 1000}

// The platform lets all bots together send 5 messages a second into one chat. We take
// four fifths of that.
const (
	chatPeriod = time.Second / 4
	chatBurst  = 1
)

// defaultPenalty is how long an API is left alone that is called too often, where
// the platform does not say.
const defaultPenalty = time.Second

// governor keeps an app's calls within the platform's rates, over all chats, cards
// and replicas. Without a shelf there is nothing to keep them on, and only what the
// platform says is obeyed.
type governor struct {
	shelf  connectors.Shelf // nil: no paces of chats either
	period time.Duration    // of one API
	burst  int

	mu     sync.Mutex
	closed map[string]time.Time // until when the platform refuses an API, by its name; guarded by mu
}

// newGovernor is a governor for a rate; one without any limit is none for chats.
func newGovernor(shelf connectors.Shelf, rate connectors.Rate) *governor {
	if rate == (connectors.Rate{}) {
		rate = DefaultRate
	}
	g := &governor{shelf: shelf, closed: make(map[string]time.Time)}
	if g.period, g.burst = rate.Pace(); g.period == 0 {
		g.shelf = nil
	}
	return g
}

// wait returns when a call that has to be made may be made.
func (g *governor) wait(ctx context.Context, api string) error {
	if left := g.closedFor(api); left > 0 && !connectors.Sleep(ctx, left) {
		return ctx.Err()
	}
	if g.shelf == nil {
		return nil
	}
	return g.pace(api).Wait(ctx)
}

// try reports whether a call that may be left out may be made now.
func (g *governor) try(ctx context.Context, api string) bool {
	return g.closedFor(api) <= 0 && (g.shelf == nil || g.pace(api).Try(ctx))
}

// waitChat returns when a message may be sent into a chat.
func (g *governor) waitChat(ctx context.Context, chat string) error {
	if g.shelf == nil {
		return nil
	}
	return connectors.Pace{Shelf: g.shelf, Name: "pace/chat/" + chat, Period: chatPeriod, Burst: chatBurst}.Wait(ctx)
}

func (g *governor) pace(api string) connectors.Pace {
	return connectors.Pace{Shelf: g.shelf, Name: "pace/" + api, Period: g.period, Burst: g.burst}
}

func (g *governor) closedFor(api string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.closed[api])
}

// learn leaves an API alone for a while that has answered that it is called too
// often. The limits of a chat and of a card are none of an API's.
func (g *governor) learn(api string, err error) {
	if !coded(err, "99991400") {
		return
	}
	penalty := connectors.RetryAfter(err)
	if penalty <= 0 {
		penalty = defaultPenalty
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[api] = time.Now().Add(penalty)
}

// coded reports whether err is the platform's refusal with one of codes.
func coded(err error, codes ...string) bool {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}
