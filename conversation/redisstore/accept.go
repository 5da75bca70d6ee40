package redisstore

import (
	"context"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// Accept stores ev and returns when Redis has answered. After an error it may
// have been stored all the same, when only the answer was lost; the next Accept
// with the same id then returns false.
func (s *Store) Accept(ctx context.Context, ev connectors.Event) (bool, error) {
	a, err := s.accepting(ctx, ev)
	if err != nil {
		return false, s.storeError("accept", err)
	}
	opts := s.opts
	result, err := s.kept(ctx, acceptScript,
		[]string{a.k.seen(ev.ID), a.k.waiting(a.key), a.k.count(), a.k.ready(), a.k.life(a.trace)},
		a.event, string(a.key), atLeast1ms(opts.Remember), opts.MaxWaiting, opts.MaxPerConversation)
	if err == nil && result < 0 {
		err = conversation.ErrFull
	}
	return result == 1 && err == nil, s.storeError("accept", err)
}

// Insert stores an event that was accepted elsewhere, and acked, while Redis was
// away. Unlike Accept it stores it whatever waits, and where it belongs by the time
// it was sent: before events that were sent later, unless they were taken. More of
// its kind may come, from other replicas too, so for as long as hold nothing is taken
// on its line, by any replica.
func (s *Store) Insert(ctx context.Context, ev connectors.Event, hold time.Duration) (bool, error) {
	a, err := s.accepting(ctx, ev)
	if err != nil {
		return false, s.storeError("insert", err)
	}
	result, err := s.kept(ctx, insertScript,
		[]string{a.k.seen(ev.ID), a.k.waiting(a.key), a.k.count(), a.k.ready(), a.k.life(a.trace), a.k.lane(a.key), a.k.hold()},
		a.event, string(a.key), atLeast1ms(s.opts.Remember), atLeast1ms(hold))
	return result == 1 && err == nil, s.storeError("insert", err)
}

// arrival is an event on its way into Redis.
type arrival struct {
	k     keys
	key   conversation.Key
	event []byte // as package record has it
	trace string
}

func (s *Store) accepting(ctx context.Context, ev connectors.Event) (a arrival, err error) {
	if err := ctx.Err(); err != nil {
		return a, err
	}
	if a.k, err = s.keysOf(conversation.LineOf(ev)); err != nil {
		return a, err
	}
	if a.event, err = record.Encode(ev); err != nil {
		return a, err
	}
	a.key, a.trace = conversation.KeyOf(ev), record.Trace(a.event)
	return a, nil
}

// atLeast1ms is d in Redis' milliseconds, none of which may be 0.
func atLeast1ms(d time.Duration) int64 { return max(d.Milliseconds(), 1) }
