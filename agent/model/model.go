// Package model asks OpenAI-compatible endpoints, in order of preference, and
// returns the answer while it arrives.
//
// One call, Stream. What becomes of a question:
//
//	walk      the endpoints in order, round after round, until one has answered (walk.go)
//	endpoint  is it well (breaker.go), has it a place, which key (keys.go) (endpoint.go)
//	attempt   one request, read to its end (attempt.go)
//	events    the response as events, whichever way it is sent (events.go)
//	chunk     an event in our terms, whoever wrote it (chunk.go)
//
// What it promises:
//
//   - The answer ends in a finish_reason or in an error. A stream that just stops
//     is an error (Cut), never a short answer.
//   - A failure before the first visible word moves on silently, to the next key,
//     the next endpoint, and after a jittered wait to the first again. Behind it the
//     answer starts over, announced by Delta.Again, if the caller can take back what
//     the person has begun to read.
//   - Only what another endpoint may do better moves on. A prompt that is too long
//     and one that is filtered are the caller's to change.
//   - Nothing hangs: there is a bound for the first sign of life, one for the pause
//     between two, and one for comments that are nothing but life.
//   - An endpoint that fails again and again rests, and so does a key that is
//     refused; the log says so once. Retry-After is kept.
//   - Thoughts are no part of the answer, however the endpoint sends them.
//   - Every error is an *Error, whose Kind says what the person is to be told
//     and whether the operator has to act. No key is in any of them.
//
// It starts no goroutine of its own.
//
// Left to others: what to ask, how long a turn may take, and calling the tools
// (agent/turn).
package model

import (
	"log/slog"
	"time"
)

// Client asks the endpoints. It may be used by many turns at once.
type Client struct {
	endpoints []*endpoint // in order of preference
	hearing   []*endpoint // those of them that transcribe
	log       *slog.Logger
	observer  Observer // nil: nobody counts
}

// New makes a client of the endpoints, the preferred one first; there has to be
// one. Nothing is sent until Stream, but key files are read.
func New(endpoints []Config, log *slog.Logger) *Client {
	c := &Client{log: log}
	for _, config := range endpoints {
		e := newEndpoint(config, log)
		c.endpoints = append(c.endpoints, e)
		if config.Transcription != "" {
			c.hearing = append(c.hearing, e.hearing())
		}
	}
	return c
}

// Close lets go of idle connections.
func (c *Client) Close() {
	for _, e := range c.endpoints {
		e.http.CloseIdleConnections()
	}
}

// Observer is told what becomes of requests, for metrics. Many turns call it at
// the same time, and wait for it.
type Observer interface {
	// RequestEnded says that a request has ended, whether or not another follows.
	RequestEnded(Ended)
	// FailedOver says that a question goes from one endpoint, named by host, to
	// another after a failure of this kind.
	FailedOver(from, to string, because Kind)
}

// Ended is a request that has ended.
type Ended struct {
	Endpoint, Model string
	Kind            Kind          // why it failed; "" where it did not
	First           time.Duration // until the first sign of life; 0 where there was none
	Total           time.Duration
	Usage           *Usage // nil where the endpoint told nothing
}

// Observe sets who is told. It is called before the first Stream, or not at all.
func (c *Client) Observe(o Observer) { c.observer = o }

// EndpointState is how an endpoint is.
type EndpointState struct {
	Endpoint string // its host
	Model    string

	Open     bool      // it rests after failures, or because it asked to
	Until    time.Time // until then; zero where it does not rest
	Failures int       // in a row

	Requests  int64 // since the start
	InFlight  int64
	LastError Kind // of the last request that failed, "" for none so far

	Keys        int
	KeysResting int       // refused, or asked too often
	KeyExpires  time.Time // the end of their last day; zero: nobody knows
}

// State says how the endpoints are, in order. It also looks after key files and the
// keys' last day, so that a bot that nobody asks warns in time, too.
func (c *Client) State() []EndpointState {
	states := make([]EndpointState, 0, len(c.endpoints))
	for _, e := range c.endpoints {
		states = append(states, e.state(time.Now()))
	}
	return states
}
