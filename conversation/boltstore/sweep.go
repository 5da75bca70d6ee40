package boltstore

import (
	"bytes"
	"time"

	"go.etcd.io/bbolt"
)

// What has expired is not read any more, and is deleted by the writes that come
// along: a few entries each, more than a write adds, so that what is to be
// deleted does not pile up and no write pays for all of it.
const (
	sweepIDs   = 4 // event ids, and lives, forgotten per write; a write adds one
	sweepTurns = 8 // turns deleted per write; a write adds one
	sweepShelf = 4 // counts and values deleted per write; a write adds one
)

// everything is more turns than a conversation has.
const everything = 1<<31 - 1

// sweep deletes some of what has expired.
func (s *Store) sweep(r records, now time.Time) error {
	if err := r.sweepIDs(now); err != nil {
		return err
	}
	if err := r.sweepShelf(now); err != nil {
		return err
	}
	if s.opts.TTL < 0 {
		return nil
	}
	return r.sweepTurns(now.Add(-s.opts.TTL))
}

// sweepIDs forgets some of the event ids whose time is up, and the lives of their
// events.
func (r records) sweepIDs(now time.Time) error {
	var keys, traces [][]byte
	c := r.expiry.Cursor()
	for k, v := c.First(); k != nil && len(keys) < sweepIDs && !timeOf(k).After(now); k, v = c.Next() {
		keys, traces = append(keys, bytes.Clone(k)), append(traces, bytes.Clone(v))
	}
	for i, k := range keys {
		if err := r.seen.Delete(k[8:]); err != nil {
			return err
		}
		if err := r.lives.Delete(traces[i]); err != nil {
			return err
		}
		if err := r.expiry.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// sweepShelf deletes some of the counts and values whose time is up.
func (r records) sweepShelf(now time.Time) error {
	var keys [][]byte
	c := r.lapses.Cursor()
	for k, _ := c.First(); k != nil && len(keys) < sweepShelf && !timeOf(k).After(now); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := r.shelf.Delete(k[8:]); err != nil {
			return err
		}
		if err := r.lapses.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// sweepTurns deletes some turns of the conversation that has been idle longest,
// if it has been so since before the given time.
func (r records) sweepTurns(before time.Time) error {
	k, _ := r.idle.Cursor().First()
	if k == nil || timeOf(k).After(before) {
		return nil
	}
	k = bytes.Clone(k)
	prefix := k[8:]
	deleted, err := dropOldest(r.turns, prefix, sweepTurns)
	if err != nil || deleted == sweepTurns {
		return err // there may be more of them
	}
	return r.forget(prefix)
}

// forget deletes the turns of a conversation, of which there are at most as many
// as Options.Turns has ever been, and that it had any.
func (r records) forget(prefix []byte) error {
	if _, err := dropOldest(r.turns, prefix, everything); err != nil {
		return err
	}
	used := r.used.Get(prefix)
	if used == nil {
		return nil
	}
	if err := r.idle.Delete(timed(timeOf(used), prefix)); err != nil {
		return err
	}
	return r.used.Delete(prefix)
}

// dropOldest deletes up to n of the oldest entries with a prefix and says how many
// it were.
func dropOldest(b *bbolt.Bucket, prefix []byte, n int) (int, error) {
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(keys) < n; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}
