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
	s := h.store
	s.mu.Lock()
	alive := h.alive() && !h.member.settling
	var marks []conversation.Mark
	if alive {
		marks = h.member.takeMarks()
	}
	s.mu.Unlock()
	if !alive {
		return conversation.ErrLost
	}
	err := s.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			s.mu.Lock()
			alive = h.alive()
			s.mu.Unlock()
			if !alive {
				return nil
			}
			r, err := recordsOf(tx, h.connection)
			if err != nil {
				return err
			}
			if k, _ := r.oldest(h.prefix); k == nil || lastNumber(k) != h.seq {
				alive = false // a Done that was told otherwise is in the file
				return nil
			}
			if err := r.notes.Put(h.prefix, note); err != nil {
				return err
			}
			now := time.Now()
			noted := append(marks, conversation.Mark{At: now, What: conversation.MarkNoted})
			return r.mark(h.trace, now.Add(s.opts.Remember), noted...)
		},
		settle: func(err error) {
			if (err != nil || !alive) && h.member.trace == h.trace {
				h.member.giveBackMarks(marks)
			}
		},
	})
	if err == nil && !alive {
		return conversation.ErrLost
	}
	return storeError("note", err)
}

// Interrupt has the next Renew of whoever holds the conversation return
// ErrInterrupted. One process has the file, so memory is enough: after a crash
// nobody holds anything.
func (s *Store) Interrupt(ctx context.Context, connection string, key conversation.Key) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, storeError("interrupt", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return false, storeError("interrupt", conversation.ErrClosed)
	}
	l := s.lines[connection]
	if l == nil {
		return false, nil
	}
	l.promote(time.Now())
	m := l.members[key]
	if m == nil || m.fence == 0 || m.settling {
		return false, nil
	}
	if m.interrupted != m.fence {
		m.interrupted = m.fence
		m.mark(conversation.MarkInterrupted)
	}
	return true, nil
}
