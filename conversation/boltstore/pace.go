package boltstore

import (
	"context"
	"time"

	"longwire/conversation"
	"longwire/conversation/internal/pace"
)

// Pace asks for a turn. One process has the file, so memory is enough: nothing is
// written, and after a restart every pace is at rest.
func (s *Store) Pace(ctx context.Context, connection, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	if err := ctx.Err(); err != nil {
		return 0, false, storeError("pace", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return 0, false, storeError("pace", conversation.ErrClosed)
	}
	wait, given := s.paces.turn(paced{connection, name}, pace.RuleOf(period, burst, within), time.Now())
	return wait, given, nil
}

// paced is what has a pace.
type paced struct{ connection, name string }

// paces are the paces that are not at rest, and some that are. The zero value has
// none.
type paces struct {
	rests map[paced]time.Time // when each is at rest; one that is not here is
	most  int                 // with as many as this, those at rest are dropped
}

// fewPaces are not worth looking through.
const fewPaces = 1024

// turn asks for a turn.
func (p *paces) turn(key paced, rule pace.Rule, now time.Time) (wait time.Duration, given bool) {
	next, wait, given := rule.Turn(p.rests[key], now)
	if !given {
		return wait, false
	}
	if len(p.rests) >= p.most {
		p.sweep(now)
	}
	p.rests[key] = next
	return wait, true
}

// sweep drops the paces at rest, and has the next sweep come when there are twice
// as many as are left, so that a turn costs the same however many there are. The
// map is made anew, since one that has been large stays so.
func (p *paces) sweep(now time.Time) {
	left := make(map[paced]time.Time)
	for key, rest := range p.rests {
		if rest.After(now) {
			left[key] = rest
		}
	}
	p.rests, p.most = left, max(2*len(left), fewPaces)
}
