package boltstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"longwire/connectors"
	"longwire/conversation"
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
	value, err := json.Marshal(ev)
	if err != nil {
		return false, fmt.Errorf("encode event: %w", err)
	}
	id := idOf(ev.ID)
	full := false
	err = s.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			fresh, full = false, false
			now := time.Now()
			r, err := recordsOf(tx, ev.Connection)
			if err != nil {
				return err
			}
			if r.remembers(id, now) {
				return nil
			}
			count := number(r.connection.Get(countKey))
			if full = count >= uint64(s.opts.MaxWaiting); full {
				return nil
			}
			fresh = true
			return s.put(r, count+1, prefix, value, id, now)
		},
		settle: func(err error) {
			if err == nil && fresh {
				s.lineOf(ev.Connection).join(key)
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

// put writes a fresh event and its id, and sweeps.
func (s *Store) put(r records, count uint64, prefix, value, id []byte, now time.Time) error {
	seq, err := r.waiting.NextSequence()
	if err != nil {
		return err
	}
	if err := r.waiting.Put(numbered(prefix, seq), value); err != nil {
		return err
	}
	if err := r.connection.Put(countKey, numberBytes(count)); err != nil {
		return err
	}
	if err := r.remember(id, now.Add(s.opts.Remember)); err != nil {
		return err
	}
	return s.sweep(r, now)
}

// remembers reports whether an event with this id was accepted and is not
// forgotten yet.
func (r records) remembers(id []byte, now time.Time) bool {
	v := r.seen.Get(id)
	return v != nil && now.Before(timeOf(v))
}

// remember keeps an event id until the given time.
func (r records) remember(id []byte, until time.Time) error {
	if old := r.seen.Get(id); old != nil {
		if err := r.expiry.Delete(timed(timeOf(old), id)); err != nil {
			return err
		}
	}
	if err := r.seen.Put(id, timeBytes(until)); err != nil {
		return err
	}
	return r.expiry.Put(timed(until, id), nil)
}
