package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// holder is the store's side of one lease.
type holder struct {
	store   *Store
	keys    keys
	key     conversation.Key
	entry   string   // in the ready stream: the lease's fencing number
	traces  []string // of the events in hand, the oldest first
	attempt int

	doubt atomic.Bool // a Done has failed otherwise than by ErrLost, and may be in Redis
}

// What a script returns about a lease.
const (
	leaseOver        = 0
	leaseInterrupted = 2
)

// Renew keeps the lease.
func (h *holder) Renew(ctx context.Context) error {
	s := h.store
	said, err := h.run(ctx, "renew", s.run, renewScript, []string{h.keys.ready(), h.keys.lane(h.key)},
		group, s.consumer, atLeast1ms(s.opts.Lease), h.entry)
	if err == nil && said == leaseInterrupted {
		return conversation.ErrInterrupted
	}
	return err
}

// Note keeps a note with the event and returns when Redis has answered.
func (h *holder) Note(ctx context.Context, note []byte) error {
	_, err := h.run(ctx, "note", h.store.kept, noteScript, []string{h.keys.ready(), h.keys.lane(h.key), h.keys.life(h.traces[0])},
		group, atLeast1ms(h.store.opts.Lease), h.entry, note, atLeast1ms(h.store.opts.Remember))
	return err
}

// Release gives the conversation back.
func (h *holder) Release(ctx context.Context, retry time.Time) error {
	return h.release(ctx, retry, false)
}

// release gives the conversation back; an undone attempt was none.
func (h *holder) release(ctx context.Context, retry time.Time, undone bool) error {
	// As a duration, so that only the difference between two clocks' speeds
	// counts; rounded up, so that it is not taken too early.
	wait := max(time.Until(retry)+time.Millisecond-1, 0).Milliseconds()
	opts, k := h.store.opts, h.keys
	args := []any{
		group, atLeast1ms(opts.Lease), h.entry, string(h.key), wait, atLeast1ms(opts.Remember), undone, k.lives(),
	}
	_, err := h.run(ctx, "release", h.store.run, releaseScript,
		[]string{k.ready(), k.later(), k.lane(h.key)}, h.withTraces(args)...)
	return err
}

// Done writes the outcome. After another error than ErrLost it may be called
// again, and if only the answer was lost, it then returns nil: the life of the event
// ends with this lease.
func (h *holder) Done(ctx context.Context, out conversation.Outcome) error {
	args, err := h.ending(out)
	if err != nil {
		return h.store.storeError("done", err)
	}
	k := h.keys
	_, err = h.run(ctx, "done", h.store.ended, doneScript,
		[]string{k.ready(), k.lane(h.key), k.count(), k.waiting(h.key), k.turns(h.key), k.life(h.traces[0]),
			k.letters(), k.dead()}, args...)
	if err != nil && !errors.Is(err, conversation.ErrLost) {
		h.doubt.Store(true)
	}
	return err
}

// ending is an outcome as the arguments of done.lua.
func (h *holder) ending(out conversation.Outcome) ([]any, error) {
	if out.How == "" {
		out.How = conversation.Answered
	}
	var turn, facts []byte
	var err error
	if out.Turn != nil {
		turn = record.EncodeTurn(*out.Turn)
	}
	if out.How == conversation.Dead {
		letter := record.Letter{Key: h.key, Attempt: h.attempt, Reason: out.Reason}
		if facts, err = letter.Facts(); err != nil {
			return nil, err
		}
	}
	opts := h.store.opts
	ttl := int64(0)
	if opts.TTL > 0 {
		ttl = atLeast1ms(opts.TTL)
	}
	args := []any{
		group, atLeast1ms(opts.Lease), h.entry, string(h.key), turn, opts.Turns, ttl,
		string(out.How), record.Detail(out.Reason), atLeast1ms(opts.Remember), h.doubt.Load(),
		facts, max(opts.MaxDead, 0), h.keys.lives(),
	}
	return h.withTraces(args), nil
}

// withTraces adds the traces of the events to the arguments of a script.
func (h *holder) withTraces(args []any) []any {
	for _, trace := range h.traces {
		args = append(args, trace)
	}
	return args
}

// runner is how a script is run: Store.run, Store.kept or Store.ended.
type runner func(ctx context.Context, script *redis.Script, keys []string, args ...any) (int, error)

// run runs a script that returns leaseOver when the lease is over.
func (h *holder) run(ctx context.Context, op string, run runner, script *redis.Script, keys []string, args ...any) (said int, err error) {
	if h.store.isClosed() {
		return leaseOver, conversation.ErrLost
	}
	if err := ctx.Err(); err != nil {
		return leaseOver, h.store.storeError(op, err)
	}
	said, err = run(ctx, script, keys, args...)
	if err != nil {
		return leaseOver, h.store.storeError(op, err)
	}
	if said == leaseOver {
		return leaseOver, conversation.ErrLost
	}
	return said, nil
}
