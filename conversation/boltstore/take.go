package boltstore

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// Take waits for a conversation and leases it. It returns when the attempt is on
// the disk, so that a crash during the turn counts. If ctx ends while that is
// being written, the lease is returned all the same: nothing is left behind in
// nobody's hands.
func (s *Store) Take(ctx context.Context, connection string) (*conversation.Lease, error) {
	for {
		l, m, err := s.next(ctx, connection)
		if err != nil {
			return nil, err
		}
		lease, err := s.lease(ctx, connection, l, m)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if lease != nil || err != nil {
			return lease, storeError("take", err)
		}
	}
}

// next waits for a ready conversation and takes it out of the line, with a fence
// of its own.
func (s *Store) next(ctx context.Context, connection string) (*line, *member, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	for {
		s.mu.Lock()
		if s.isClosed() {
			s.mu.Unlock()
			return nil, nil, storeError("take", conversation.ErrClosed)
		}
		l := s.lineOf(connection)
		m := l.next(time.Now())
		if m != nil {
			s.fence++
			m.fence = s.fence
		}
		s.mu.Unlock()
		if m != nil {
			return l, m, nil
		}
		// Whoever hears the bell or the alarm looks at the line again, even when
		// ctx has ended meanwhile: a signal is never heard in vain.
		select {
		case <-l.bell:
		case <-l.alarm.C:
		case <-s.closed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// taken is what Take reads from the file.
type taken struct {
	seq     uint64   // of the oldest event
	events  [][]byte // that one, and those joined with it, as package record has them
	attempt uint64
	note    []byte   // nil when there is none
	turns   [][]byte // oldest first
}

// traces are the traces of the events.
func (t *taken) traces() (traces []string) {
	for _, kept := range t.events {
		traces = append(traces, record.Trace(kept))
	}
	return traces
}

// lease writes the attempt and reads the events and the history, in one commit.
// It returns nil without an error when the conversation turns out to have
// nothing waiting, as it may after a commit that failed, and when the event could
// not be read and was put away.
func (s *Store) lease(ctx context.Context, connection string, l *line, m *member) (*conversation.Lease, error) {
	prefix, err := prefixOf(m.key)
	if err != nil {
		return nil, err
	}
	var got *taken
	s.mu.Lock()
	fence, marks := m.fence, m.takeMarks()
	s.mu.Unlock()
	err = s.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			r, err := recordsOf(tx, connection)
			if err != nil {
				return err
			}
			got, err = s.read(r, prefix, marks, time.Now())
			return err
		},
		settle: func(err error) {
			switch {
			case err != nil:
				m.giveBackMarks(marks)
				l.putBack(m)
			case got == nil:
				l.leave(m)
			default:
				m.traces = got.traces()
				l.wakeAt(m, time.Now().Add(s.opts.Lease))
			}
		},
	})
	if err != nil || got == nil {
		return nil, err
	}
	h := &holder{store: s, line: l, member: m, connection: connection, prefix: prefix, fence: fence, seq: got.seq}
	lease, ok := got.lease(h)
	if !ok {
		return nil, h.Done(context.WithoutCancel(ctx), conversation.Outcome{How: conversation.Dead, Reason: record.Unreadable})
	}
	return lease, nil
}

// read counts the attempt and copies the oldest waiting event, what is joined with
// it, its note and the history; nil when nothing waits.
func (s *Store) read(r records, prefix []byte, marks []conversation.Mark, now time.Time) (*taken, error) {
	k, _ := r.oldest(prefix)
	if k == nil {
		return nil, nil
	}
	lane := r.laneOf(prefix)
	lane.attempt++
	got := &taken{
		seq:     lastNumber(k),
		attempt: lane.attempt,
		note:    bytes.Clone(r.notes.Get(prefix)),
	}
	if lane.attempt == 1 {
		got.events = r.join(prefix, s.opts.Join)
	} else {
		got.events = r.first(prefix, lane.together())
	}
	lane.joined = uint64(len(got.events))
	if err := r.setLane(prefix, lane); err != nil {
		return nil, err
	}
	marks = append(marks, conversation.Mark{
		At: now, What: conversation.MarkTaken, Detail: strconv.FormatUint(lane.attempt, 10),
	})
	for n, trace := range got.traces() {
		if err := r.mark(trace, now.Add(s.opts.Remember), marksOf(n, marks)...); err != nil {
			return nil, err
		}
	}
	if s.remembered(r, prefix, now) {
		got.turns = newest(r.turns, prefix, s.opts.Turns)
	}
	return got, nil
}

// lease decodes what was read; ok is false when the oldest event cannot be read. One
// behind it that cannot ends the joining: it will be the oldest. A turn that cannot is
// not remembered.
func (t *taken) lease(h *holder) (lease *conversation.Lease, ok bool) {
	ev, ok := record.Decode(h.connection, t.events[0])
	h.traces, h.attempt = []string{ev.Trace()}, int(t.attempt)
	lease = &conversation.Lease{Event: ev, Attempt: h.attempt, Noted: t.note, Holder: h}
	for _, kept := range t.events[1:] {
		joined, readable := record.Decode(h.connection, kept)
		if !ok || !readable {
			break
		}
		lease.Joined = append(lease.Joined, joined)
		h.traces = append(h.traces, joined.Trace())
	}
	for _, v := range t.turns {
		if turn, err := record.DecodeTurn(string(v)); err == nil {
			lease.History = append(lease.History, turn)
		}
	}
	return lease, ok
}

// oldest is the oldest waiting event of a conversation, nil if there is none.
func (r records) oldest(prefix []byte) (k, v []byte) {
	k, v = r.waiting.Cursor().Seek(prefix)
	if !bytes.HasPrefix(k, prefix) {
		return nil, nil
	}
	return k, v
}

// join copies the oldest waiting event, and unless that is Alone those behind it up to
// the first that is, or up to a border, at most so many in all.
func (r records) join(prefix []byte, most int) (events [][]byte) {
	c := r.waiting.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if len(events) > 0 && (len(events) >= most || record.Alone(events[0]) || record.Alone(v)) {
			break
		}
		events = append(events, bytes.Clone(v))
		if record.IsBorder(v) {
			break
		}
	}
	return events
}

// first copies the n oldest waiting events.
func (r records) first(prefix []byte, n uint64) (events [][]byte) {
	c := r.waiting.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && uint64(len(events)) < n; k, v = c.Next() {
		events = append(events, bytes.Clone(v))
	}
	return events
}

// remembered reports whether the turns of a conversation are young enough to
// count.
func (s *Store) remembered(r records, prefix []byte, now time.Time) bool {
	used := r.used.Get(prefix)
	return used != nil && (s.opts.TTL < 0 || now.Before(timeOf(used).Add(s.opts.TTL)))
}

// newest copies the last n entries with a prefix, oldest first.
func newest(b *bbolt.Bucket, prefix []byte, n int) [][]byte {
	var last [][]byte
	c := b.Cursor()
	for k, v := seekLast(c, prefix); bytes.HasPrefix(k, prefix) && len(last) < n; k, v = c.Prev() {
		last = append(last, bytes.Clone(v))
	}
	slices.Reverse(last)
	return last
}

// seekLast moves to the last entry that can start with prefix.
func seekLast(c *bbolt.Cursor, prefix []byte) (k, v []byte) {
	if k, _ := c.Seek(numbered(prefix, 1<<64-1)); k == nil {
		return c.Last()
	}
	return c.Prev()
}
