package model

import (
	"context"
	"math/rand/v2"
	"time"

	"longwire/connectors"
)

// longestWait is what a person waits for a Retry-After; longer is a failure now.
const longestWait = 30 * time.Second

// walk is one question's way over the endpoints: round after round in their order,
// past those that rest, with a wait between two rounds.
type walk struct {
	client *Client
	stops  []*stop
	last   *stop  // who was asked last, nil at first
	why    Kind   // how that failed
	best   *Error // the failure so far that says most
	again  bool   // an answer was asked for once more where it broke off
	began  time.Time
}

// stop is an endpoint on the way.
type stop struct {
	*endpoint
	tries int
	seen  bool // in this round
	out   bool // it is not asked again
}

func (c *Client) walk(endpoints []*endpoint) *walk {
	w := &walk{client: c, began: time.Now()}
	for _, e := range endpoints {
		w.stops = append(w.stops, &stop{endpoint: e})
	}
	return w
}

// asker asks one endpoint. Whoever had to wait for a place there has the whole time for
// the answer all the same: what the endpoint has not seen is not its silence.
type asker func(ctx context.Context, e *endpoint) *Error

// run asks until an endpoint has answered, nobody is left to ask, or asking
// elsewhere would not help. Its error is an *Error or the context's.
func (w *walk) run(ctx context.Context, ask asker) error {
	for round := 1; ; round++ {
		for s, entered := w.next(); s != nil; s, entered = w.next() {
			f := w.visit(ctx, s, entered, ask)
			switch {
			case f == nil:
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case !f.elsewhere() && (f.Kind != TooLong || s == w.stops[0]): // others may have more room
				return f
			}
			w.best, w.why = telling(w.best, f), f.Kind
			if f.final {
				return w.best
			}
			w.leave(s, f)
		}
		if !w.pause(ctx, round) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return w.best
		}
	}
}

// next is who to ask now, and whether a place there is taken already: the first who
// is well, else the first without a free place, else, before anybody was asked in
// this round, who comes back first. Nil ends the round.
func (w *walk) next() (s *stop, entered bool) {
	now, asked := time.Now(), false
	var waiting, back *stop
	for _, s := range w.stops {
		asked = asked || s.seen
		if s.seen || !s.open() {
			continue
		}
		switch s.admit(now) {
		case ready:
			return s, true
		case full:
			if waiting == nil {
				waiting = s
			}
		case resting:
			if back == nil || s.back(now).Before(back.back(now)) {
				back = s
			}
		}
	}
	if waiting == nil && !asked {
		return back, false
	}
	return waiting, false
}

// open reports whether the endpoint may be asked in this or a later round.
func (s *stop) open() bool { return !s.out && s.tries < s.config.Attempts }

// visit asks the endpoint.
func (w *walk) visit(ctx context.Context, s *stop, entered bool, ask asker) *Error {
	s.seen = true
	s.tries++
	if w.last != nil && w.last != s {
		w.client.log.Info("question goes to another endpoint", "from", w.last.host, "from_model", w.last.config.Name, "to", s.host, "to_model", s.config.Name, "because", w.why)
		if o := w.client.observer; o != nil {
			o.FailedOver(w.last.host, s.host, w.why)
		}
	}
	w.last = s
	if !entered {
		if asked := s.asked(time.Now()); asked > 0 && asked <= longestWait {
			connectors.Sleep(ctx, spread(asked))
		}
		if f := s.enter(ctx); f != nil {
			s.out = true
			return f
		}
	}
	defer s.endpoint.leave()
	f := ask(ctx, s.endpoint)
	s.report(ctx, f)
	return f
}

// leave decides whether an endpoint that failed may be asked again.
func (w *walk) leave(s *stop, f *Error) {
	switch {
	case f.Kind == Key && s.config.KeyFile != "" && time.Since(w.began) < rotation: // the new key may be on its way
	case !f.Kind.transient(), f.spent:
		s.out = true
	case f.inSight:
		s.out = w.again || w.other(s) || time.Now().Before(s.back(time.Now()))
		w.again = w.again || !s.out
	}
}

// rotation is how long an answer waits for a key file to be replaced whose keys are
// refused. A person looks at an empty card meanwhile.
const rotation = 2 * time.Second

// other reports whether somebody else than s can be asked now.
func (w *walk) other(s *stop) bool {
	now := time.Now()
	for _, o := range w.stops {
		if o != s && o.open() && !now.Before(o.back(now)) {
			return true
		}
	}
	return false
}

// pause waits before the next round. It returns false where there is none: nobody
// is left to ask, all want to be left alone for too long, or ctx has ended.
func (w *walk) pause(ctx context.Context, round int) bool {
	now, asked := time.Now(), time.Duration(-1)
	var first *stop
	for _, s := range w.stops {
		s.seen = false
		if !s.open() {
			continue
		}
		if first == nil {
			first = s
		}
		if a := s.asked(now); asked < 0 || a < asked {
			asked = a
		}
	}
	if first == nil || asked > longestWait {
		return false
	}
	wait := min(first.config.Wait<<(round-1), longestWait)
	return connectors.Sleep(ctx, max(wait/2+rand.N(wait/2+1), spread(asked)))
}

// spread is a little more than d, so that those who wait for the same moment do not
// come at once.
func spread(d time.Duration) time.Duration { return d + rand.N(d/8+1) }
