package boltstore

import (
	"bytes"
	"context"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// Interrupt has the next Renew of whoever holds the conversation return
// ErrInterrupted. One process has the file, so memory is enough: after a crash
// nobody holds anything.
func (s *Store) Interrupt(ctx context.Context, connection string, key conversation.Key, trace string) (bool, error) {
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
	if m == nil || m.fence == 0 || m.settling || trace != "" && !m.has(trace) {
		return false, nil
	}
	if m.interrupted != m.fence {
		m.interrupted = m.fence
		m.mark(conversation.MarkInterrupted)
	}
	return true, nil
}

// Forget drops the turns of the conversation, and notes with what was taken and is not
// done that its turn is not to be remembered, and with the last that waits that nothing
// behind it is joined with it.
func (s *Store) Forget(ctx context.Context, connection string, key conversation.Key, trace string) error {
	prefix, err := prefixOf(key)
	if err != nil {
		return storeError("forget", err)
	}
	return storeError("forget", s.commit(ctx, &write{apply: func(tx *bbolt.Tx) error {
		r, err := recordsOf(tx, connection)
		if err != nil {
			return err
		}
		now := time.Now()
		if r.remembers(forgetID(trace), now) {
			return nil
		}
		if err := r.remember(forgetID(trace), trace, now.Add(s.opts.Remember)); err != nil {
			return err
		}
		if err := r.forget(prefix); err != nil {
			return err
		}
		if k, kept := seekLast(r.waiting.Cursor(), prefix); bytes.HasPrefix(k, prefix) {
			if err := r.waiting.Put(k, record.Border(kept)); err != nil {
				return err
			}
		}
		if r.laneOf(prefix).attempt == 0 {
			return nil
		}
		return r.forgotten.Put(prefix, nil)
	}}))
}
