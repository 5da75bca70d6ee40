package metrics

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Store is what the program keeps everything in; both stores are one.
type Store interface {
	conversation.Store
	conversation.Desk
	conversation.Shelf
}

// The calls of a store that are measured: those that a message waits for. Take waits
// itself, and the shelf's many small calls would drown the others.
const (
	callAccept  = "accept"
	callRenew   = "renew"
	callNote    = "note"
	callDone    = "done"
	callRelease = "release"
	callPing    = "ping"
	callTake    = "take" // only its errors
)

var storeCalls = []string{callAccept, callRenew, callNote, callDone, callRelease, callPing, callTake}

// Measure returns s with its calls measured.
func (m *Metrics) Measure(s Store) Store { return &measured{Store: s, m: m} }

type measured struct {
	Store
	m *Metrics
}

// Accept implements conversation.Store.
func (s *measured) Accept(ctx context.Context, ev connectors.Event) (fresh bool, err error) {
	defer s.m.called(ctx, callAccept, time.Now(), &err)
	return s.Store.Accept(ctx, ev)
}

// Take implements conversation.Store.
func (s *measured) Take(ctx context.Context, connection string) (*conversation.Lease, error) {
	lease, err := s.Store.Take(ctx, connection)
	if broken(ctx, err) {
		s.m.store.errors.WithLabelValues(callTake).Inc()
	}
	if lease == nil || err != nil {
		return lease, err
	}
	name := lease.Event.Connection
	s.m.events.taken.WithLabelValues(name).Inc()
	if lease.Attempt > 1 {
		s.m.events.takenAgain.WithLabelValues(name).Inc()
	}
	lease.Holder = &holder{Holder: lease.Holder, m: s.m, connection: name}
	return lease, nil
}

// Ping implements conversation.Store.
func (s *measured) Ping(ctx context.Context) (err error) {
	defer s.m.called(ctx, callPing, time.Now(), &err)
	return s.Store.Ping(ctx)
}

// holder is a lease's side of the store, measured.
type holder struct {
	conversation.Holder
	m          *Metrics
	connection string
	over       atomic.Bool // how it ended is counted
}

// Renew implements conversation.Holder.
func (h *holder) Renew(ctx context.Context) (err error) {
	defer h.lose(&err)
	defer h.m.called(ctx, callRenew, time.Now(), &err)
	return h.Holder.Renew(ctx)
}

// Note implements conversation.Holder.
func (h *holder) Note(ctx context.Context, note []byte) (err error) {
	defer h.lose(&err)
	defer h.m.called(ctx, callNote, time.Now(), &err)
	return h.Holder.Note(ctx, note)
}

// Done implements conversation.Holder.
func (h *holder) Done(ctx context.Context, out conversation.Outcome) (err error) {
	how := out.How
	if how == "" {
		how = conversation.Answered
	}
	defer h.settle(string(how), &err)
	defer h.m.called(ctx, callDone, time.Now(), &err)
	return h.Holder.Done(ctx, out)
}

// Release implements conversation.Holder.
func (h *holder) Release(ctx context.Context, retry time.Time) (err error) {
	defer h.settle(released, &err)
	defer h.m.called(ctx, callRelease, time.Now(), &err)
	return h.Holder.Release(ctx, retry)
}

// released is the outcome of a turn that will be taken again.
const released = "released"

// outcomes are the ends of a turn, as a label has them.
var outcomes = []string{
	string(conversation.Answered), string(conversation.Failed), string(conversation.Skipped), string(conversation.Dead), released,
}

// settle counts the end of a lease, once.
func (h *holder) settle(outcome string, err *error) {
	if *err == nil && h.over.CompareAndSwap(false, true) {
		h.m.events.turns.WithLabelValues(h.connection, outcome).Inc()
		return
	}
	h.lose(err)
}

// lose counts a lease that was over before its turn was settled, as far as we know: where
// the store's answer to Done got lost, the next one says so too.
func (h *holder) lose(err *error) {
	if errors.Is(*err, conversation.ErrLost) && h.over.CompareAndSwap(false, true) {
		h.m.events.lost.WithLabelValues(h.connection).Inc()
	}
}

// called measures a call of the store that has just ended.
func (m *Metrics) called(ctx context.Context, call string, began time.Time, err *error) {
	m.store.seconds.WithLabelValues(call).Observe(time.Since(began).Seconds())
	if broken(ctx, *err) {
		m.store.errors.WithLabelValues(call).Inc()
	}
}

// broken reports whether err is the store's failure, and none of the answers that it
// gives on purpose, nor the caller's own wish to stop.
func broken(ctx context.Context, err error) bool {
	switch {
	case err == nil,
		errors.Is(err, conversation.ErrFull), errors.Is(err, conversation.ErrLost), errors.Is(err, conversation.ErrInterrupted),
		errors.Is(ctx.Err(), context.Canceled):
		return false
	}
	return true
}
