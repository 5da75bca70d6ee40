package admin

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// probe asks the store whether it would take an event, at most once a second
// however many ask: each asking is a write.
type probe struct {
	mu    sync.Mutex // guards what follows
	at    time.Time  // when the store answered last; zero: never
	err   error      // what it said
	since time.Time  // when the trouble began; zero without

	asked time.Time     // when it was asked last
	under chan struct{} // closed with the answer to that; nil: there is one
}

const (
	probeLife = time.Second
	probeTime = 3 * time.Second
)

// check returns what is wrong with the store, and since when that is known. It waits for
// the answer as long as ctx lasts, and probeTime at the most; where there is none, what
// was wrong before still is.
func (p *probe) check(ctx context.Context, ping func(ctx context.Context) error) (since time.Time, err error) {
	under := p.ask(ctx, ping)
	if under == nil {
		return p.last()
	}
	patience := time.NewTimer(probeTime)
	defer patience.Stop()
	select {
	case <-under:
		return p.last()
	case <-ctx.Done():
	case <-patience.C:
	}
	if since, err = p.last(); err != nil {
		return since, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, fmt.Errorf("no answer for %s", time.Since(p.asked).Round(100*time.Millisecond))
}

// ask begins to ask the store, unless it is being asked. It returns what is closed with
// the answer; nil: the last one is fresh.
func (p *probe) ask(ctx context.Context, ping func(ctx context.Context) error) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.under != nil {
		return p.under
	}
	if !p.at.IsZero() && time.Since(p.at) < probeLife {
		return nil
	}
	under := make(chan struct{})
	p.asked, p.under = time.Now(), under
	// Not the asker's context: others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
	go func() {
		defer close(under)
		defer cancel()
		p.answered(ping(ctx))
	}()
	return under
}

func (p *probe) answered(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.at, p.under = err, time.Now(), nil
	switch {
	case err == nil:
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = p.at
	}
}

// last is the last answer.
func (p *probe) last() (since time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since, p.err
}

// stop waits for the answer under way, as long as ctx lasts.
func (p *probe) stop(ctx context.Context) {
	p.mu.Lock()
	under := p.under
	p.mu.Unlock()
	if under == nil {
		return
	}
	select {
	case <-under:
	case <-ctx.Done():
	}
}

// Takes is an error while the store would not take an event, as /api/health says it.
func (s *Server) Takes(ctx context.Context) error {
	_, err := s.store.check(ctx, s.now().Store.Ping)
	return err
}
