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
	fresh, err := s.accept(ctx, ev)
	return fresh, s.storeError("accept", err)
}

func (s *Store) accept(ctx context.Context, ev connectors.Event) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	k, err := keysOf(conversation.LineOf(ev))
	if err != nil {
		return false, err
	}
	kept, err := record.Encode(ev)
	if err != nil {
		return false, err
	}
	key := conversation.KeyOf(ev)
	result, err := acceptScript.Run(ctx, s.client,
		[]string{k.seen(ev.ID), k.waiting(key), k.count(), k.ready(), k.life(record.Trace(kept))},
		kept, string(key), atLeast1ms(s.opts.Remember), s.opts.MaxWaiting, s.opts.MaxPerConversation).Int()
	switch {
	case err != nil:
		return false, err
	case result < 0:
		return false, conversation.ErrFull
	}
	return result == 1, nil
}

// atLeast1ms is d in Redis' milliseconds, none of which may be 0.
func atLeast1ms(d time.Duration) int64 { return max(d.Milliseconds(), 1) }
