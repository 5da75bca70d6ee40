package boltstore

import (
	"bytes"
	"context"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// sweepDead is how many dead letters above Options.MaxDead go per write; a write
// adds one.
const sweepDead = 4

// bury keeps an event as a dead letter and lets the oldest go when there are too
// many. One with the same trace is replaced: it is the same event, accepted again
// after its id was forgotten.
func (r records) bury(trace string, letter record.Letter, most int, now time.Time) error {
	facts, err := letter.Facts()
	if err != nil {
		return err
	}
	if _, err := r.exhume(trace); err != nil {
		return err
	}
	if err := r.letters.Put(timed(now, []byte(trace)), append(facts, letter.Kept...)); err != nil {
		return err
	}
	if err := r.buried.Put([]byte(trace), timeBytes(now)); err != nil {
		return err
	}
	dead := number(r.connection.Get(deadKey)) + 1
	if err := r.connection.Put(deadKey, numberBytes(dead)); err != nil {
		return err
	}
	for surplus := min(int(dead)-most, sweepDead); surplus > 0; surplus-- {
		if err := r.evict(now); err != nil {
			return err
		}
	}
	return nil
}

// evict removes the oldest dead letter. If the event's life is forgotten already,
// this does not begin a new one.
func (r records) evict(now time.Time) error {
	k, _ := r.letters.Cursor().First()
	if k == nil {
		return nil
	}
	trace := string(k[8:])
	if r.lives.Get([]byte(trace)) != nil {
		mark := conversation.Mark{At: now, What: conversation.MarkDropped, Detail: "too many dead letters"}
		if _, err := r.append(trace, mark); err != nil {
			return err
		}
	}
	_, err := r.exhume(trace)
	return err
}

// exhume removes a dead letter and returns it, nil if there is none.
func (r records) exhume(trace string) ([]byte, error) {
	died := r.buried.Get([]byte(trace))
	if died == nil {
		return nil, nil
	}
	k := timed(timeOf(died), []byte(trace))
	letter := bytes.Clone(r.letters.Get(k))
	if err := r.letters.Delete(k); err != nil {
		return nil, err
	}
	if err := r.buried.Delete([]byte(trace)); err != nil {
		return nil, err
	}
	dead := number(r.connection.Get(deadKey))
	return letter, r.connection.Put(deadKey, numberBytes(max(dead, 1)-1))
}

// Retry puts a dead letter back to the end of its conversation.
func (s *Store) Retry(ctx context.Context, connection, trace string) error {
	var letter record.Letter
	err := s.exhume(ctx, connection, trace, conversation.MarkRetried,
		func(r records, found []byte) (err error) {
			if letter, err = record.OpenLetter(found); err != nil {
				return err
			}
			prefix, err := prefixOf(letter.Key)
			if err != nil {
				return err
			}
			return r.enqueue(prefix, record.Retried(letter.Kept))
		},
		func() { s.lineOf(connection).join(letter.Key) })
	return storeError("retry", err)
}

// Drop removes a dead letter.
func (s *Store) Drop(ctx context.Context, connection, trace string) error {
	err := s.exhume(ctx, connection, trace, conversation.MarkDropped,
		func(records, []byte) error { return nil },
		func() {})
	return storeError("drop", err)
}

// exhume takes a dead letter out in one commit with what else becomes of it, and
// calls settle, under mu, when that is in the file.
func (s *Store) exhume(ctx context.Context, connection, trace string, what conversation.What,
	apply func(r records, letter []byte) error, settle func()) error {
	found := false
	err := s.commit(ctx, &write{
		apply: func(tx *bbolt.Tx) error {
			found = false
			r, err := recordsOf(tx, connection)
			if err != nil {
				return err
			}
			letter, err := r.exhume(trace)
			if err != nil || letter == nil {
				return err
			}
			found = true
			now := time.Now()
			if err := r.mark(trace, now.Add(s.opts.Remember), conversation.Mark{At: now, What: what}); err != nil {
				return err
			}
			return apply(r, letter)
		},
		settle: func(err error) {
			if err == nil && found {
				settle()
			}
		},
	})
	if err == nil && !found {
		return conversation.ErrNotFound
	}
	return err
}
