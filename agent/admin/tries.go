package admin

import (
	"net/netip"
	"sync"
	"time"
)

// tries slows down whoever guesses tokens: an address may be wrong freeTries times,
// and then once every tryCost.
type tries struct {
	mu    sync.Mutex
	until map[netip.Prefix]time.Time // when an address has paid for its tries; guarded by mu
}

const (
	freeTries = 10
	tryCost   = 3 * time.Second
	maxTries  = 4096 // addresses remembered; all others share one account
)

// take counts a try of an address, or says how long it has to wait for the next one.
// It counts before the token is looked at, so that many at once are no way around it.
func (t *tries) take(from netip.Addr, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	account := t.account(from, now)
	until := t.until[account]
	if until.Before(now) {
		until = now
	}
	if wait = until.Sub(now) - (freeTries-1)*tryCost; wait > 0 {
		return wait
	}
	t.until[account] = until.Add(tryCost)
	return 0
}

// forget is for an address that knows the token.
func (t *tries) forget(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.until, network(from))
}

// account is under what the tries of an address are counted. The caller holds mu.
func (t *tries) account(from netip.Addr, now time.Time) netip.Prefix {
	account := network(from)
	if _, known := t.until[account]; known {
		return account
	}
	if t.until == nil {
		t.until = make(map[netip.Prefix]time.Time)
	}
	if len(t.until) >= maxTries {
		for k, until := range t.until {
			if until.Before(now) {
				delete(t.until, k)
			}
		}
	}
	if len(t.until) >= maxTries {
		return netip.Prefix{}
	}
	return account
}

// network is an IPv4 address, or the network that one household has in IPv6.
func network(from netip.Addr) netip.Prefix {
	bits := 64
	if from.Is4() {
		bits = 32
	}
	p, _ := from.Prefix(bits) // of the zero Addr: the zero Prefix
	return p
}
