package boltstore

import (
	"bytes"
	"context"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// holder is the store's side of one lease.
type holder struct {
	store      *Store
	line       *line
	member     *member
	connection string
	prefix     []byte   // K
	fence      uint64   // the lease is over when the member has another
	seq        uint64   // of the oldest event in hand
	traces     []string // of the events in hand, the oldest first
	attempt    int
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
	if h.member.interrupted == h.fence {
		return conversation.ErrInterrupted
	}
	return nil
}

// Release gives the conversation back. Nothing is written: the attempt is in the
// file since Take, and after a restart every conversation is free at once. Its
// mark waits for the next commit about the event.
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
	h.member.mark(conversation.MarkReleased)
	if !retry.After(time.Now()) {
		h.line.append(h.member)
		return nil
	}
	h.member.fence = 0
	h.line.wakeAt(h.member, retry)
	return nil
}

// ending is an outcome as it is written.
type ending struct {
	conversation.Outcome
	turn  []byte              // Turn as JSON, nil when there is none
	marks []conversation.Mark // not in the file yet
}

// Done writes the outcome. If it returns another error than ErrLost the lease is
// still held, and Done may be called again until it runs out.
func (h *holder) Done(ctx context.Context, out conversation.Outcome) error {
	end := ending{Outcome: out}
	if out.How == "" {
		end.How = conversation.Answered
	}
	if out.Turn != nil {
		end.turn = record.EncodeTurn(*out.Turn)
	}
	marks, ok := h.settle()
	if !ok {
		return conversation.ErrLost
	}
	end.marks = marks
	more := false
	err := h.store.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			r, err := recordsOf(tx, h.connection)
			if err != nil {
				return err
			}
			more, err = h.finish(r, end)
			return err
		},
		settle: func(err error) { h.settled(err, more, marks) },
	})
	return storeError("done", err)
}

// settle begins the end of the lease: from here on it does not run out, and no
// other call can end it.
func (h *holder) settle() (marks []conversation.Mark, ok bool) {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if !h.alive() || h.member.settling {
		return nil, false
	}
	h.member.settling = true
	h.line.hold(h.member)
	return h.member.takeMarks(), true
}

// settled ends the lease, or brings it back when the outcome is not in the file;
// mu is held.
func (h *holder) settled(err error, more bool, marks []conversation.Mark) {
	if err != nil {
		h.member.settling = false
		h.member.giveBackMarks(marks)
		h.line.wakeAt(h.member, h.member.due)
		return
	}
	h.member.traces, h.member.marks = nil, nil
	if more {
		h.line.append(h.member)
	} else {
		h.line.leave(h.member)
	}
}

// finish removes the events, as dead letters or for good, and writes the turn, and
// reports whether more waits. When the oldest is gone already, an earlier Done has
// got it into the file and was told otherwise: nobody but the lease's holder can
// remove it.
func (h *holder) finish(r records, end ending) (more bool, err error) {
	now := time.Now()
	if k, _ := r.oldest(h.prefix); k == nil || lastNumber(k) != h.seq {
		return k != nil, nil
	}
	forgotten := r.forgotten.Get(h.prefix) != nil
	for n := range h.traces {
		if err := h.remove(r, n, end, now); err != nil {
			return false, err
		}
	}
	if !h.store.remembered(r, h.prefix, now) {
		if err := r.forget(h.prefix); err != nil {
			return false, err
		}
	}
	if end.turn != nil && !forgotten {
		if err := r.remind(h.prefix, end.turn, h.store.opts.Turns, now); err != nil {
			return false, err
		}
	}
	k, _ := r.oldest(h.prefix)
	return k != nil, h.store.sweep(r, now)
}

// remove removes the oldest event, number n of those in hand, ends its life, and makes
// a dead letter of it if it is to be one.
func (h *holder) remove(r records, n int, end ending, now time.Time) error {
	k, kept := r.oldest(h.prefix)
	k, kept = bytes.Clone(k), bytes.Clone(kept)
	marks := append(marksOf(n, end.marks), conversation.Mark{At: now, What: conversation.What(end.How), Detail: record.Detail(end.Reason)})
	if err := r.mark(h.traces[n], now.Add(h.store.opts.Remember), marks...); err != nil {
		return err
	}
	if end.How == conversation.Dead {
		letter := record.Letter{Key: h.member.key, Attempt: h.attempt, Reason: end.Reason, Kept: kept}
		died := now.Add(time.Duration(n)) // letters are kept in this order
		if err := r.bury(h.traces[n], letter, max(h.store.opts.MaxDead, 0), died); err != nil {
			return err
		}
	}
	return r.dequeue(h.prefix, k)
}

// dequeue removes the oldest waiting event of a conversation, at k, and its note.
func (r records) dequeue(prefix, k []byte) error {
	if err := r.waiting.Delete(k); err != nil {
		return err
	}
	if err := r.notes.Delete(prefix); err != nil {
		return err
	}
	if err := r.forgotten.Delete(prefix); err != nil {
		return err
	}
	l := r.laneOf(prefix)
	if err := r.setLane(prefix, lane{waiting: max(l.waiting, 1) - 1}); err != nil {
		return err
	}
	count := number(r.connection.Get(countKey))
	return r.connection.Put(countKey, numberBytes(max(count, 1)-1))
}

// remind appends a turn, trims to the last keep and notes the time.
func (r records) remind(prefix, turn []byte, keep int, now time.Time) error {
	if err := push(r.turns, prefix, turn, keep); err != nil {
		return err
	}
	return r.touch(prefix, now)
}

// push appends an entry behind the others with a prefix, and trims to the last keep.
func push(b *bbolt.Bucket, prefix, v []byte, keep int) error {
	last := uint64(0)
	if k, _ := seekLast(b.Cursor(), prefix); bytes.HasPrefix(k, prefix) {
		last = lastNumber(k)
	}
	if err := b.Put(numbered(prefix, last+1), v); err != nil {
		return err
	}
	first, _ := b.Cursor().Seek(prefix)
	surplus := int(last+1-lastNumber(first)) + 1 - max(keep, 0)
	_, err := dropOldest(b, prefix, surplus)
	return err
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
