// Package boltstore keeps conversations in one file (bbolt). It is the default:
// nothing to install, nothing to run beside the program.
//
//   - Accept returns after fsync. Callers that come at the same time share a
//     commit (commit.go); nobody waits for company.
//   - One process holds the file at a time, so who has a lease is kept in memory
//     (line.go), and after Open every conversation is free.
//   - Memory holds the keys of the conversations that wait. Events and turns stay
//     in the file.
//   - What is told of an event's life is written by the commits that change the
//     event. Release and Interrupt write nothing, so their marks wait in memory for
//     the next commit about the event, or for Close (life.go).
//   - Of what the replicas of other stores share, a pace is in memory (pace.go) and
//     the rest in the file (shelf.go).
//   - What has expired is deleted a few entries at a time, by the writes that
//     come along anyway (sweep.go).
//
// The package starts no goroutine. Every bucket, key and value is in keys.go.
//
// The file does not shrink: space that becomes free is used again.
package boltstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"longwire/connectors"
	"longwire/conversation"
)

// Store is a conversation.Store in one file.
type Store struct {
	db   *bbolt.DB
	opts conversation.Options

	// commit.go
	lead   chan struct{} // holds the token of whoever commits
	queue  []*write      // waits for the next commit; guarded by mu
	broken error         // why nothing can be committed any more; whoever commits touches it

	// line.go, take.go, lease.go
	lines map[string]*line // by connection; guarded by mu
	fence uint64           // the number of the last lease, never used again; guarded by mu

	paces paces // pace.go; guarded by mu

	roomTime time.Duration // how long Ping takes it for granted that a large record fits
	roomy    atomic.Int64  // when the last one did, in nanoseconds since 1970; 0 after a failure

	mu     sync.Mutex
	closed chan struct{} // closed by Close, under mu
}

var (
	_ conversation.Store = (*Store)(nil)
	_ conversation.Desk  = (*Store)(nil)
)

// isClosed reports whether Close was called; mu is held.
func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// Waiting counts the events of the connection that are not done.
func (s *Store) Waiting(ctx context.Context, connection string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var n uint64
	err := s.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(connectionsBucket).Bucket([]byte(connection)); b != nil {
			n = number(b.Get(countKey))
		}
		return nil
	})
	return int(n), storeError("count", err)
}

// pingSize is the size of Ping's record: the longest text, and as much besides as the
// rest of an event and of its commit may need. It is written once in roomTime, and after
// a commit has failed; in between a few bytes say whether the file can be written.
const (
	pingSize = connectors.MaxText + 64<<10
	roomTime = time.Minute
)

// Ping commits a record as large as an event can be, in the place of the one before,
// so a full disk or a file system that has become read-only is an error before an
// event has been refused. What fits into the last free pages of the file would say
// nothing about an event. While a commit writes, the record before is still there:
// its pages are free afterwards, and an event fits into them. The first time there is
// none of this size, and a second one is committed.
//
// Who pings does so every few seconds, so not each time is it as large.
func (s *Store) Ping(ctx context.Context) error {
	now := time.Now()
	if now.Sub(time.Unix(0, s.roomy.Load())) < s.roomTime {
		err := s.commit(ctx, &write{apply: func(tx *bbolt.Tx) error { return tx.Bucket(fileBucket).Put(lookedKey, timeBytes(now)) }})
		return storeError("ping", err)
	}
	record := append(timeBytes(now), make([]byte, pingSize)...)
	for first := true; first; {
		err := s.commit(ctx, &write{apply: func(tx *bbolt.Tx) error {
			file := tx.Bucket(fileBucket)
			first = len(file.Get(pingKey)) < len(record)
			return file.Put(pingKey, record)
		}})
		if err != nil {
			return storeError("ping", err)
		}
	}
	s.roomy.Store(now.UnixNano())
	return nil
}

// Close waits for the commit under way, answers what is queued behind it with an
// error and closes the file. Leases still held are over. A second Close does
// nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.isClosed() {
		s.mu.Unlock()
		return nil
	}
	close(s.closed)
	s.mu.Unlock()

	s.lead <- struct{}{} // kept: nobody commits any more
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	for _, l := range s.lines {
		l.alarm.Stop()
	}
	s.mu.Unlock()
	for _, w := range queue {
		w.err = conversation.ErrClosed
		close(w.answered)
	}
	if s.broken != nil {
		return storeError("close", s.broken) // bbolt would wait for the end of its transaction
	}
	return storeError("close", errors.Join(s.writeMarks(), s.db.Close()))
}
