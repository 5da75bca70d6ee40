package boltstore

import (
	"context"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// Note keeps a note with the event in hand and returns when it is on the disk. The
// lease has to be alive in the moment in which the note goes into a commit.
func (h *holder) Note(ctx context.Context, note []byte) error {
	marks, alive := h.begin()
	if !alive {
		return conversation.ErrLost
	}
	err := h.store.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) (err error) {
			alive, err = h.writeNote(tx, note, marks)
			return err
		},
		settle: func(err error) {
			if (err != nil || !alive) && h.member.has(h.traces[0]) {
				h.member.giveBackMarks(marks)
			}
		},
	})
	if err == nil && !alive {
		return conversation.ErrLost
	}
	return storeError("note", err)
}

// begin takes the marks that go along with a note, if the lease is not over.
func (h *holder) begin() (marks []conversation.Mark, alive bool) {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if !h.alive() || h.member.settling {
		return nil, false
	}
	return h.member.takeMarks(), true
}

// writeNote writes a note. It changes nothing and returns false when the lease is
// over by now, or when the event is gone: then a Done that was told otherwise is in
// the file.
func (h *holder) writeNote(tx *bbolt.Tx, note []byte, marks []conversation.Mark) (alive bool, err error) {
	h.store.mu.Lock()
	alive = h.alive()
	h.store.mu.Unlock()
	if !alive {
		return false, nil
	}
	r, err := recordsOf(tx, h.connection)
	if err != nil {
		return false, err
	}
	if k, _ := r.oldest(h.prefix); k == nil || lastNumber(k) != h.seq {
		return false, nil
	}
	if err := r.notes.Put(h.prefix, note); err != nil {
		return false, err
	}
	now := time.Now()
	noted := append(marks, conversation.Mark{At: now, What: conversation.MarkNoted})
	return true, r.mark(h.traces[0], now.Add(h.store.opts.Remember), noted...)
}
