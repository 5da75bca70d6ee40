package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
)

// holder is the store's side of one lease.
type holder struct {
	store *Store
	keys  keys
	key   conversation.Key
	entry string // in the ready stream: the lease's fencing number
}

// Renew keeps the lease.
func (h *holder) Renew(ctx context.Context) error {
	s := h.store
	return h.run(ctx, "renew", renewScript, []string{h.keys.ready()},
		group, s.consumer, atLeast1ms(s.opts.Lease), h.entry)
}

// Release gives the conversation back.
func (h *holder) Release(ctx context.Context, retry time.Time) error {
	// As a duration, so that only the difference between two clocks' speeds
	// counts; rounded up, so that it is not taken too early.
	wait := max(time.Until(retry)+time.Millisecond-1, 0).Milliseconds()
	return h.run(ctx, "release", releaseScript, []string{h.keys.ready(), h.keys.later()},
		group, atLeast1ms(h.store.opts.Lease), h.entry, string(h.key), wait)
}

// Done writes the outcome. After another error than ErrLost it may be called
// again; if only the answer was lost, it then returns ErrLost.
func (h *holder) Done(ctx context.Context, out conversation.Outcome) error {
	var turn []byte
	if out.Turn != nil {
		var err error
		if turn, err = json.Marshal(out.Turn); err != nil {
			return fmt.Errorf("done: encode turn: %w", err)
		}
	}
	forget := "0"
	if out.Forget {
		forget = "1"
	}
	opts := h.store.opts
	ttl := int64(0)
	if opts.TTL > 0 {
		ttl = atLeast1ms(opts.TTL)
	}
	k := h.keys
	return h.run(ctx, "done", doneScript,
		[]string{k.ready(), k.attempts(), k.count(), k.waiting(h.key), k.turns(h.key)},
		group, atLeast1ms(opts.Lease), h.entry, string(h.key), turn, forget, opts.Turns, ttl)
}

// run runs a script that returns 0 when the lease is over.
func (h *holder) run(ctx context.Context, op string, script *redis.Script, keys []string, args ...any) error {
	if h.store.isClosed() {
		return conversation.ErrLost
	}
	if err := ctx.Err(); err != nil {
		return storeError(op, err)
	}
	kept, err := script.Run(ctx, h.store.client, keys, args...).Int()
	if err != nil {
		return storeError(op, err)
	}
	if kept == 0 {
		return conversation.ErrLost
	}
	return nil
}
