// Package redisstore keeps conversations in Redis, so that any number of replicas
// can work on them and any of them can die.
//
// It is a ready queue of keys on Redis Streams. Per conversation there is a list of
// waiting events; per connection there is one stream of the conversations that
// have some, read through a consumer group. An entry in the group's pending list
// is a lease, and XAUTOCLAIM finds the leases whose holder is dead. Wherever
// several keys change together, a script does it in one step (lua/).
//
//   - Accept returns when Redis has answered. What a crash of Redis itself may
//     take along is set there: with appendonly yes and appendfsync always nothing,
//     with everysec the last second or two, even if only the process dies, since
//     Redis then writes its log behind its answers when the disk is slow. And
//     maxmemory-policy has to be noeviction.
//   - All decisions about time are Redis' own, so the clocks of replicas may
//     differ.
//   - A call that Redis does not answer is an error, and is not repeated here.
//     Accept may be repeated by the platform, since ids are remembered, and Done
//     by whoever has the lease, since the end of an event names the lease. Take
//     returns an error too rather than wait for Redis to come back: whoever calls
//     it backs off, logs once, and calls again.
//
// The package starts one kind of goroutine: while somebody waits in Take, one per
// connection holds the blocking read (take.go). It ends within a second of the
// last Take, and Close waits for it.
//
// Every key is in keys.go. Redis 6.2 or newer is needed.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
)

// Store is a conversation.Store in Redis.
type Store struct {
	client   redis.UniversalClient // for every call
	watching redis.UniversalClient // for the blocking reads
	opts     conversation.Options
	consumer string // the name of this store in the consumer groups

	// take.go
	lines   map[string]*line // by connection; guarded by mu
	watches sync.WaitGroup   // the blocking reads; added to under mu

	census    census       // replicated.go
	holdUntil atomic.Int64 // before when nothing is taken, in Unix ns (hold.go)
	settle    atomic.Int64 // how long to hold after Redis was out of reach, in ns

	mu     sync.Mutex
	closed chan struct{} // closed by Close, under mu
}

var (
	_ conversation.Store = (*Store)(nil)
	_ conversation.Desk  = (*Store)(nil)
)

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
	k, err := s.keysOf(connection)
	if err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	n, err := s.client.Get(ctx, k.count()).Int()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return n, s.storeError("count", err)
}

// Ping writes a key, so a server that is out of memory, cannot save or is a
// replica of another is an error, and not only one that is not there.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return s.storeError("ping", err)
	}
	return s.storeError("ping", s.client.Set(ctx, s.pingKey(), s.consumer, time.Minute).Err())
}

// Close disconnects. What is in this store's hands is taken over by others when
// its lease runs out; with nothing in hand the store's consumers are removed too.
// A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.isClosed() {
		s.mu.Unlock()
		return nil
	}
	close(s.closed)
	lines := s.lines
	s.mu.Unlock()

	// If this does not work, another replica tidies up later.
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	for _, l := range lines {
		if s.tidy(ctx, l, s.consumer) != nil {
			break
		}
	}
	err := s.disconnect()
	s.watches.Wait()
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// disconnect ends all connections.
func (s *Store) disconnect() error { return errors.Join(s.client.Close(), s.watching.Close()) }

// storeError says which call an error belongs to. What Close has cut short is an
// error of the client, which knows no better.
func (s *Store) storeError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.ErrClosed):
		err = conversation.ErrClosed
	case s.isClosed() && !errors.Is(err, conversation.ErrClosed):
		err = fmt.Errorf("%w: %w", conversation.ErrClosed, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
