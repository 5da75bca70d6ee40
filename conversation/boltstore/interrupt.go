package boltstore

import (
	"context"
	"time"

	"longwire/conversation"
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
