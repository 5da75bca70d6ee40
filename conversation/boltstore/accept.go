package boltstore

import (
	"context"
	"time"

	"go.etcd.io/bbolt"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// Accept stores ev and returns when it is on the disk. If ctx ends first the
// answer is still true: an error of ctx means that ev was not stored.
func (s *Store) Accept(ctx context.Context, ev connectors.Event) (bool, error) {
	fresh, err := s.accept(ctx, ev)
	return fresh, storeError("accept", err)
}

func (s *Store) accept(ctx context.Context, ev connectors.Event) (fresh bool, err error) {
	key := conversation.KeyOf(ev)
	prefix, err := prefixOf(key)
	if err != nil {
		return false, err
	}
	kept, err := record.Encode(ev)
	if err != nil {
		return false, err
	}
	id := idOf(ev.ID)
	full := false
	err = s.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			fresh, full = false, false
			now := time.Now()
			r, err := recordsOf(tx, conversation.LineOf(ev))
			if err != nil {
				return err
			}
			if r.remembers(id, now) {
				return nil
			}
			if full = s.isFull(r, prefix); full {
				return nil
			}
			fresh = true
			return s.put(r, prefix, kept, id, now)
		},
		settle: func(err error) {
			if err == nil && fresh {
				s.lineOf(conversation.LineOf(ev)).join(key)
			}
		},
	})
	switch {
	case err != nil:
		return false, err
	case full:
		return false, conversation.ErrFull
	}
	return fresh, nil
}

// isFull reports whether no more may wait, on the connection or in the
// conversation.
func (s *Store) isFull(r records, prefix []byte) bool {
	return number(r.connection.Get(countKey)) >= uint64(s.opts.MaxWaiting) ||
		r.laneOf(prefix).waiting >= uint64(s.opts.MaxPerConversation)
}

// put writes a fresh event, its id and the beginning of its life, and sweeps.
func (s *Store) put(r records, prefix, kept, id []byte, now time.Time) error {
	if err := r.enqueue(prefix, kept); err != nil {
		return err
	}
	until := now.Add(s.opts.Remember)
	if err := r.remember(id, record.Trace(kept), until); err != nil {
		return err
	}
	accepted := conversation.Mark{At: now, What: conversation.MarkAccepted}
	if _, err := r.append(record.Trace(kept), accepted); err != nil {
		return err
	}
	return s.sweep(r, now)
}

// enqueue puts an event behind what waits in its conversation.
func (r records) enqueue(prefix, kept []byte) error {
	seq, err := r.waiting.NextSequence()
	if err != nil {
		return err
	}
	if err := r.waiting.Put(numbered(prefix, seq), kept); err != nil {
		return err
	}
	l := r.laneOf(prefix)
	l.waiting++
	if err := r.setLane(prefix, l); err != nil {
		return err
	}
	return r.connection.Put(countKey, numberBytes(number(r.connection.Get(countKey))+1))
}

// remembers reports whether an event with this id was accepted and is not
// forgotten yet.
func (r records) remembers(id []byte, now time.Time) bool {
	v := r.seen.Get(id)
	return v != nil && now.Before(timeOf(v))
}

// remember keeps an event id, and with it the life of the event, until the given
// time.
func (r records) remember(id []byte, trace string, until time.Time) error {
	if old := r.seen.Get(id); old != nil {
		if err := r.expiry.Delete(timed(timeOf(old), id)); err != nil {
			return err
		}
	}
	if err := r.seen.Put(id, timeBytes(until)); err != nil {
		return err
	}
	return r.expiry.Put(timed(until, id), []byte(trace))
}
