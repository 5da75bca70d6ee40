package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
)

const (
	// rhythm is how long a blocking read lasts at most, and how often leases that
	// have run out are looked for; with short leases it is shorter.
	rhythm = time.Second
	// tidyRhythm is how often consumers without anything in hand are looked for,
	// and goneAfter is how long nothing was heard of one that is removed.
	tidyRhythm = 10 * time.Minute
	goneAfter  = time.Hour
)

// line is where the Takes of one connection wait. One at a time has the turn and
// talks to Redis; the others wait for it here and hold no connection.
type line struct {
	keys keys
	turn chan struct{} // holds the token of whoever has the turn

	// The rest belongs to whoever has the turn.
	cursor   string    // where to go on looking for leases that have run out
	nextLook time.Time // and when
	nextTidy time.Time
	watch    *watch // the blocking read, nil when there is none
}

// watch is one blocking read of the ready stream. It consumes nothing and only
// says that there is something new, so a Take that goes away in the middle leaves
// it to the next one, and nothing is lost with it.
type watch struct {
	ended chan struct{} // closed when err is final
	err   error
}

// over reports whether the read has ended.
func (w *watch) over() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// lineOf is the line of a connection.
func (s *Store) lineOf(connection string) (*line, error) {
	k, err := keysOf(connection)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, errClosed
	}
	l := s.lines[connection]
	if l == nil {
		l = &line{keys: k, turn: make(chan struct{}, 1)}
		s.lines[connection] = l
	}
	return l, nil
}

// Take waits for a conversation and leases it. If ctx ends while Redis is handing
// one out, the lease is returned all the same: nothing is left behind in nobody's
// hands.
func (s *Store) Take(ctx context.Context, connection string) (*conversation.Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := s.lineOf(connection)
	if err != nil {
		return nil, storeError("take", err)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closed:
		return nil, storeError("take", errClosed)
	}
	defer func() { <-l.turn }()
	for {
		got, err := s.next(ctx, l)
		if err != nil {
			return nil, storeError("take", err)
		}
		if got.entry != "" {
			lease, err := got.lease(s, l)
			return lease, storeError("take", err)
		}
		err = s.wait(ctx, l, got)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, storeError("take", err)
		}
	}
}

// taken is what take.lua returns.
type taken struct {
	entry   string // empty when nothing was ready
	key     conversation.Key
	attempt int64
	event   string
	turns   []any

	last string        // when nothing was ready: id of the last entry read
	due  time.Duration // and when something will be, negative when that is not known
}

// next asks Redis for a conversation. The end of ctx does not interrupt it, since
// the answer may be a lease; it is bounded by the client's timeouts.
func (s *Store) next(ctx context.Context, l *line) (taken, error) {
	now := time.Now()
	if now.After(l.nextTidy) {
		l.nextTidy = now.Add(tidyRhythm)
		if err := s.tidy(ctx, l, ""); err != nil {
			return taken{}, err
		}
	}
	look := ""
	if now.After(l.nextLook) {
		if look = l.cursor; look == "" {
			look = "0-0"
		}
	}
	reply, err := takeScript.Run(context.WithoutCancel(ctx), s.client,
		[]string{l.keys.ready(), l.keys.later(), l.keys.attempts()},
		group, s.consumer, atLeast1ms(s.opts.Lease), s.opts.Turns, l.keys.prefix, look).Slice()
	if err != nil {
		return taken{}, err
	}
	got, cursor, err := parseTaken(reply)
	if look != "" {
		l.cursor = cursor
		// What was looked through has an end at 0-0; until there, go on at once.
		if cursor == "0-0" {
			l.nextLook = now.Add(s.rhythm())
		}
	}
	return got, err
}

// parseTaken reads the reply of take.lua, and where to go on.
func parseTaken(reply []any) (got taken, cursor string, err error) {
	ok := len(reply) == 3 || len(reply) == 6
	field := func(i int) (text string) {
		if ok {
			text, ok = reply[i].(string)
		}
		return text
	}
	number := func(i int) (n int64) {
		if ok {
			n, ok = reply[i].(int64)
		}
		return n
	}
	cursor = field(0)
	switch len(reply) {
	case 3:
		got = taken{last: field(1), due: time.Duration(number(2)) * time.Millisecond}
	case 6:
		got = taken{entry: field(1), key: conversation.Key(field(2)), attempt: number(3), event: field(4)}
		if ok {
			got.turns, ok = reply[5].([]any)
		}
	}
	if !ok {
		return taken{}, "", errors.New("the reply of a script is malformed")
	}
	return got, cursor, nil
}

// lease decodes what was taken.
func (t taken) lease(s *Store, l *line) (*conversation.Lease, error) {
	lease := &conversation.Lease{
		Attempt: int(t.attempt),
		Holder:  &holder{store: s, keys: l.keys, key: t.key, entry: t.entry},
	}
	if err := json.Unmarshal([]byte(t.event), &lease.Event); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	for _, v := range t.turns {
		var turn conversation.Turn
		text, _ := v.(string)
		if err := json.Unmarshal([]byte(text), &turn); err != nil {
			return nil, fmt.Errorf("decode turn: %w", err)
		}
		lease.History = append(lease.History, turn)
	}
	return lease, nil
}

// rhythm is how often to look for what happens without an entry.
func (s *Store) rhythm() time.Duration { return min(rhythm, s.opts.Lease/2) }

// wait returns when there is something new in the stream, when something is due,
// or after the rhythm.
func (s *Store) wait(ctx context.Context, l *line, got taken) error {
	// One that an earlier Take has left behind may still be reading; if it has
	// ended, what it found was there for this Take already.
	if l.watch == nil || l.watch.over() {
		block := s.rhythm()
		if got.due >= 0 {
			block = min(block, got.due)
		}
		if err := s.startWatch(l, got.last, block); err != nil {
			return err
		}
	}
	select {
	case <-l.watch.ended:
		err := l.watch.err
		l.watch = nil
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
}

// startWatch begins a blocking read of what comes after the entry last.
func (s *Store) startWatch(l *line, last string, block time.Duration) error {
	w := &watch{ended: make(chan struct{})}
	args := &redis.XReadArgs{
		Streams: []string{l.keys.ready(), last},
		Count:   1,
		Block:   max(block, time.Millisecond), // 0 would be for ever
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return errClosed
	}
	l.watch = w
	s.watches.Go(func() {
		defer close(w.ended)
		err := s.client.XRead(context.Background(), args).Err()
		if !errors.Is(err, redis.Nil) { // nothing came
			w.err = err
		}
	})
	return nil
}

// tidy removes the consumers that are gone, and the named one, if they hold
// nothing.
func (s *Store) tidy(ctx context.Context, l *line, leaving string) error {
	return tidyScript.Run(ctx, s.client, []string{l.keys.ready()}, group, leaving, goneAfter.Milliseconds()).Err()
}
