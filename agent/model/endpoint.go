package model

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"longwire/connectors"
)

// endpoint is one endpoint as we know it.
type endpoint struct {
	config  Config
	host    string
	http    *http.Client
	log     *slog.Logger
	keys    *ring
	breaker breaker
	dialect dialect
	places  chan struct{} // one in it for each request under way; nil: no limit

	requests  atomic.Int64
	inFlight  atomic.Int64
	lastError atomic.Value // a Kind
}

func newEndpoint(config Config, log *slog.Logger) *endpoint {
	config = config.withDefaults()
	log = log.With("endpoint", config.host(), "model", config.Name)
	e := &endpoint{
		config: config,
		host:   config.host(),
		http:   &http.Client{Transport: connectors.NewTransport(config.Proxy), CheckRedirect: connectors.Stay},
		log:    log,
		keys:   newRing(config, log),
	}
	if config.Concurrency > 0 {
		e.places = make(chan struct{}, config.Concurrency)
	}
	return e
}

// hearing is the endpoint for sounds: the same keys and places, but of a health of its
// own, since it is another model that fails there.
func (e *endpoint) hearing() *endpoint {
	config := e.config
	config.Name = config.Transcription
	return &endpoint{config: config, host: e.host, http: e.http, log: e.log.With("transcription", config.Name), keys: e.keys, places: e.places}
}

// readiness is whether an endpoint takes a question now.
type readiness int

const (
	ready   readiness = iota // and a place is taken
	full                     // no place is free
	resting                  // it, or its last key
)

// admit takes a place for a question, if the endpoint is well.
func (e *endpoint) admit(now time.Time) readiness {
	if _, _, back := e.keys.state(now); now.Before(back) {
		return resting
	}
	if e.places != nil {
		select {
		case e.places <- struct{}{}:
		default:
			return full
		}
	}
	if !e.breaker.admit(now) {
		e.leave()
		return resting
	}
	return ready
}

// enter takes a place for a question, whether the endpoint is well or not, when one
// becomes free in time.
func (e *endpoint) enter(ctx context.Context) *Error {
	if e.places == nil {
		return nil
	}
	timer := time.NewTimer(e.config.FirstToken)
	defer timer.Stop()
	select {
	case e.places <- struct{}{}:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return &Error{Kind: Busy, Endpoint: e.host, Message: fmt.Sprintf("no place among %d for %s", cap(e.places), e.config.FirstToken)}
}

// leave gives the place back.
func (e *endpoint) leave() {
	if e.places != nil {
		<-e.places
	}
}

// back is when the endpoint takes questions again.
func (e *endpoint) back(now time.Time) time.Time {
	back, _, _ := e.breaker.back()
	if _, _, key := e.keys.state(now); key.After(back) {
		back = key
	}
	return back
}

// asked is how long the endpoint still wants to be left alone.
func (e *endpoint) asked(now time.Time) time.Duration {
	_, asked, _ := e.breaker.back()
	return max(0, asked.Sub(now))
}

// each makes a request with one key after the other while keys are refused or used
// too often.
func (e *endpoint) each(request func(*key) *Error) *Error {
	var tried []*key
	var failure *Error
	for {
		k := e.keys.take(tried, time.Now())
		if k == nil && failure == nil {
			return &Error{Kind: Key, Endpoint: e.host, Message: "there is no key"}
		}
		if k == nil {
			return failure
		}
		f := request(k)
		switch {
		case f == nil:
			e.keys.good(k)
			return nil
		case f.inSight:
			return f
		case f.Kind == Key, f.Kind == Quota:
			e.keys.refuse(k, f, time.Now())
		case f.Kind == Busy:
			e.keys.busy(k, f.RetryAfter, time.Now())
			if failure != nil && failure.Kind == Busy {
				f.RetryAfter = min(f.RetryAfter, failure.RetryAfter) // the first key that comes back is enough
			}
		default:
			return f
		}
		tried = append(tried, k)
		if failure == nil || f.Kind.weight() >= failure.Kind.weight() {
			failure = f
		}
	}
}

// report notes how a question ended, for the endpoint's health.
func (e *endpoint) report(ctx context.Context, f *Error) {
	now := time.Now()
	if f != nil && ctx.Err() == nil {
		e.lastError.Store(f.Kind)
	}
	switch {
	case ctx.Err() != nil:
		e.breaker.left()
	case f == nil || f.answered():
		if e.breaker.succeeded() {
			e.log.Info("endpoint is back")
		}
	case f.Kind == Key, f.Kind == Quota, f.Kind == Busy:
		e.breaker.left()
	default:
		if rests := e.breaker.failed(now); rests > 0 {
			e.log.Warn("endpoint fails and rests", "for", rests.Round(time.Millisecond), "err", f)
		}
	}
	if f != nil && f.RetryAfter > 0 {
		e.breaker.asksFor(f.RetryAfter, now)
	}
}

// answered reports whether the failure is an answer all the same: the endpoint is
// well.
func (e *Error) answered() bool {
	switch e.Kind {
	case Length, Filtered, TooLong, Empty:
		return true
	}
	return e.Kind == Refused && !e.noModel
}

// begin counts a request. What it returns is called at its end, and tells o.
func (e *endpoint) begin(o Observer) (end func(kind Kind, first time.Duration, usage *Usage)) {
	began := time.Now()
	e.requests.Add(1)
	e.inFlight.Add(1)
	return func(kind Kind, first time.Duration, usage *Usage) {
		e.inFlight.Add(-1)
		if o != nil {
			o.RequestEnded(Ended{
				Endpoint: e.host, Model: e.config.Name, Kind: kind, First: first, Total: time.Since(began), Usage: usage,
			})
		}
	}
}

func (e *endpoint) state(now time.Time) EndpointState {
	s := EndpointState{
		Endpoint: e.host, Model: e.config.Name, KeyExpires: e.config.KeyExpires,
		Requests: e.requests.Load(), InFlight: e.inFlight.Load(),
	}
	s.LastError, _ = e.lastError.Load().(Kind)
	var back time.Time
	back, _, s.Failures = e.breaker.back()
	if now.Before(back) {
		s.Open, s.Until = true, back
	}
	s.Keys, s.KeysResting, _ = e.keys.state(now)
	return s
}
