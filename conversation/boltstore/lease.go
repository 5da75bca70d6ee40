package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// holder is the store's side of one lease.
type holder struct {
	store      *Store
	line       *line
	member     *member
	connection string
	prefix     []byte // K
	fence      uint64 // the lease is over when the member has another
	seq        uint64 // of the event in hand
}

// alive reports whether the lease is not over; mu is held. A lease is over at its
// deadline, whether or not somebody waits to take the conversation.
func (h *holder) alive() bool {
	if h.store.isClosed() {
		return false
	}
	h.line.promote(time.Now())
	return h.member.fence == h.fence
}

// Renew keeps the lease. While Done is being written it is kept anyway.
func (h *holder) Renew(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if !h.alive() {
		return conversation.ErrLost
	}
	due := time.Now().Add(h.store.opts.Lease)
	if h.member.settling {
		h.member.due = due
		return nil
	}
	h.line.wakeAt(h.member, due)
	return nil
}

// Release gives the conversation back. Nothing is written: the attempt is in the
// file since Take, and after a restart every conversation is free at once.
func (h *holder) Release(ctx context.Context, retry time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if !h.alive() || h.member.settling {
		return conversation.ErrLost
	}
	h.line.hold(h.member)
	if !retry.After(time.Now()) {
		h.line.append(h.member)
		return nil
	}
	h.member.fence = 0
	h.line.wakeAt(h.member, retry)
	return nil
}

// Done writes the outcome. If it returns another error than ErrLost the lease is
// still held, and Done may be called again until it runs out.
func (h *holder) Done(ctx context.Context, out conversation.Outcome) error {
	var turn []byte
	if out.Turn != nil {
		var err error
		if turn, err = json.Marshal(out.Turn); err != nil {
			return fmt.Errorf("done: encode turn: %w", err)
		}
	}
	if !h.settle() {
		return conversation.ErrLost
	}
	more := false
	err := h.store.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			r, err := recordsOf(tx, h.connection)
			if err != nil {
				return err
			}
			more, err = h.finish(r, turn, out.Forget)
			return err
		},
		settle: func(err error) { h.settled(err, more) },
	})
	return storeError("done", err)
}

// settle begins the end of the lease: from here on it does not run out, and no
// other call can end it.
func (h *holder) settle() bool {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if !h.alive() || h.member.settling {
		return false
	}
	h.member.settling = true
	h.line.hold(h.member)
	return true
}

// settled ends the lease, or brings it back when the outcome is not in the file;
// mu is held.
func (h *holder) settled(err error, more bool) {
	switch {
	case err != nil:
		h.member.settling = false
		h.line.wakeAt(h.member, h.member.due)
	case more:
		h.line.append(h.member)
	default:
		h.line.leave(h.member)
	}
}

// finish removes the event and writes the turn, and reports whether more waits.
// When the event is gone already, an earlier Done has got it into the file and
// was told otherwise: nobody but the lease's holder can remove it.
func (h *holder) finish(r records, turn []byte, forget bool) (more bool, err error) {
	now := time.Now()
	k, _ := r.oldest(h.prefix)
	if k == nil || lastNumber(k) != h.seq {
		return k != nil, nil
	}
	if err := r.waiting.Delete(bytes.Clone(k)); err != nil {
		return false, err
	}
	if err := r.attempts.Delete(h.prefix); err != nil {
		return false, err
	}
	count := number(r.connection.Get(countKey))
	if err := r.connection.Put(countKey, numberBytes(max(count, 1)-1)); err != nil {
		return false, err
	}
	if forget || !h.store.remembered(r, h.prefix, now) {
		if err := r.forget(h.prefix); err != nil {
			return false, err
		}
	}
	if turn != nil {
		if err := r.remind(h.prefix, turn, h.store.opts.Turns, now); err != nil {
			return false, err
		}
	}
	k, _ = r.oldest(h.prefix)
	return k != nil, h.store.sweep(r, now)
}

// remind appends a turn, trims to the last keep and notes the time.
func (r records) remind(prefix, turn []byte, keep int, now time.Time) error {
	last := uint64(0)
	if k, _ := seekLast(r.turns.Cursor(), prefix); bytes.HasPrefix(k, prefix) {
		last = lastNumber(k)
	}
	if err := r.turns.Put(numbered(prefix, last+1), turn); err != nil {
		return err
	}
	if first, _ := r.turns.Cursor().Seek(prefix); first != nil {
		surplus := int(last+1-lastNumber(first)) + 1 - keep
		if _, err := r.dropTurns(prefix, surplus); err != nil {
			return err
		}
	}
	return r.touch(prefix, now)
}

// touch notes when a turn was last appended.
func (r records) touch(prefix []byte, now time.Time) error {
	if used := r.used.Get(prefix); used != nil {
		if err := r.idle.Delete(timed(timeOf(used), prefix)); err != nil {
			return err
		}
	}
	if err := r.used.Put(prefix, timeBytes(now)); err != nil {
		return err
	}
	return r.idle.Put(timed(now, prefix), nil)
}
