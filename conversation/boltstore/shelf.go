package boltstore

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// Counts and values are kept until a time, in one bucket, told apart by a byte
// before the name. What is asked for and has not changed is read without a commit.

var _ conversation.Shelf = (*Store)(nil)

// The kinds of what is kept until a time.
const (
	countKind byte = 'c'
	valueKind byte = 'v'
)

var errOverflow = errors.New("the count would not fit into 64 bits")

// slotOf is the key of a name in the shelf bucket.
func slotOf(kind byte, name string) []byte { return append([]byte{kind}, idOf(name)...) }

// Add returns when the new total is on the disk. After an error of the disk it may
// be there all the same, so whoever calls again may count twice; a count that bounds
// something is on the safe side then. Adding 0 only reads: it begins nothing, and
// costs no commit.
func (s *Store) Add(ctx context.Context, connection, name string, n int64, keep time.Duration) (int64, error) {
	slot := slotOf(countKind, name)
	if n == 0 {
		total, _, err := s.look(ctx, connection, slot)
		return int64(number(total)), storeError("add", err)
	}
	var total int64
	err := s.shelve(ctx, connection, func(r records, now time.Time) error {
		v, until, found := r.kept(slot, now)
		if !found {
			until = untilOf(now, keep)
		}
		total = int64(number(v))
		if n > 0 && total > math.MaxInt64-n || n < 0 && total < math.MinInt64-n {
			return errOverflow
		}
		total += n
		return r.keep(slot, numberBytes(uint64(total)), until)
	})
	if err != nil {
		return 0, storeError("add", err)
	}
	return total, nil
}

// Put returns when the value is on the disk.
func (s *Store) Put(ctx context.Context, connection, name string, value []byte, keep time.Duration) error {
	return storeError("put", s.shelve(ctx, connection, func(r records, now time.Time) error {
		return r.keep(slotOf(valueKind, name), value, untilOf(now, keep))
	}))
}

// Get returns a value.
func (s *Store) Get(ctx context.Context, connection, name string) ([]byte, error) {
	value, found, err := s.look(ctx, connection, slotOf(valueKind, name))
	if err == nil && !found {
		err = conversation.ErrNotFound
	}
	return value, storeError("get", err)
}

// Append returns when the record is on the disk.
func (s *Store) Append(ctx context.Context, connection, name string, record []byte, most int) error {
	return storeError("append", s.shelve(ctx, connection, func(r records, _ time.Time) error {
		return push(r.appended, idOf(name), record, most)
	}))
}

// Records returns the newest records of a name, the oldest first.
func (s *Store) Records(ctx context.Context, connection, name string, limit int) (found [][]byte, err error) {
	err = s.view(ctx, connection, func(r records) {
		if r.appended != nil {
			found = newest(r.appended, idOf(name), limit)
		}
	})
	return found, storeError("records", err)
}

// shelve commits a change of the shelf, and sweeps.
func (s *Store) shelve(ctx context.Context, connection string, change func(r records, now time.Time) error) error {
	return s.commit(ctx, &write{apply: func(tx *bbolt.Tx) error {
		r, err := recordsOf(tx, connection)
		if err != nil {
			return err
		}
		now := time.Now()
		if err := change(r, now); err != nil {
			return err
		}
		return r.sweepShelf(now)
	}})
}

// look copies what is kept in a slot.
func (s *Store) look(ctx context.Context, connection string, slot []byte) (v []byte, found bool, err error) {
	err = s.view(ctx, connection, func(r records) {
		if r.shelf != nil {
			v, _, found = r.kept(slot, time.Now())
			v = bytes.Clone(v)
		}
	})
	return v, found, err
}

// view reads from the records of a connection, if there are any. The shelf's
// buckets are nil in a file that has not been written to since they were invented.
func (s *Store) view(ctx context.Context, connection string, read func(r records)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		if r, ok := recordsIn(tx, connection); ok {
			read(r)
		}
		return nil
	})
}

// kept is what a slot holds, if its time is not up. v is only valid until the slot
// is written to.
func (r records) kept(slot []byte, now time.Time) (v []byte, until time.Time, found bool) {
	v = r.shelf.Get(slot)
	if until = timeOf(v); v == nil || !now.Before(until) {
		return nil, time.Time{}, false
	}
	return v[8:], until, true
}

// keep puts v into a slot, in the place of what was there.
func (r records) keep(slot, v []byte, until time.Time) error {
	if old := r.shelf.Get(slot); old != nil && !timeOf(old).Equal(until) {
		if err := r.lapses.Delete(timed(timeOf(old), slot)); err != nil {
			return err
		}
	}
	if err := r.shelf.Put(slot, timed(until, v)); err != nil {
		return err
	}
	return r.lapses.Put(timed(until, slot), nil)
}

// untilOf is keep from now, as far as it can be written down: the file's times end
// in 2262.
func untilOf(now time.Time, keep time.Duration) time.Time {
	until, end := now.Add(max(keep, 0)), time.Unix(0, math.MaxInt64)
	if until.After(end) {
		return end
	}
	return until
}
