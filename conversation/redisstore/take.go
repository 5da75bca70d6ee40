package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/internal/record"
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
// waits for Redis; the others wait for it here and hold no connection. While there
// is more ready than is taken, nobody has to wait, and each asks by itself.
type line struct {
	keys keys
	turn chan struct{} // holds the token of whoever has the turn
	hot  atomic.Bool   // the last Take found something ready
	look atomic.Int64  // when to look for leases that have run out, in Unix ns; set with the turn

	// The rest belongs to whoever has the turn.
	cursor   string // where to go on looking
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
	k, err := s.keysOf(connection)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return nil, conversation.ErrClosed
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
		return nil, s.storeError("take", err)
	}
	if l.hot.Load() && time.Now().UnixNano() < l.look.Load() && s.held() == 0 {
		got, _, err := s.ask(ctx, l, "")
		if err != nil {
			return nil, s.storeError("take", err)
		}
		if got.entry != "" {
			lease, err := s.lease(ctx, connection, l, got)
			if lease != nil || err != nil {
				return lease, s.storeError("take", err)
			}
		}
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closed:
		return nil, s.storeError("take", conversation.ErrClosed)
	}
	defer func() { <-l.turn }()
	for {
		got, err := s.next(ctx, l)
		if err != nil {
			return nil, s.storeError("take", err)
		}
		if got.entry != "" {
			lease, err := s.lease(ctx, connection, l, got)
			if lease != nil || err != nil {
				return lease, s.storeError("take", err)
			}
			continue
		}
		err = s.wait(ctx, l, got)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, s.storeError("take", err)
		}
	}
}

// taken is what take.lua returns.
type taken struct {
	entry   string // empty when nothing was ready
	key     conversation.Key
	attempt int64
	events  []string // the oldest, and those joined with it, as package record has them
	turns   []string
	note    []byte // nil when there is none

	last string        // when nothing was ready: id of the last entry read; empty while nothing may be taken
	due  time.Duration // and when something will be, negative when that is not known
}

// held reports whether nothing may be taken, for got.due.
func (got taken) held() bool { return got.entry == "" && got.last == "" }

// next asks Redis for a conversation, and does what is due besides. The caller has
// the turn.
func (s *Store) next(ctx context.Context, l *line) (taken, error) {
	if held := s.held(); held > 0 {
		return taken{due: held}, nil
	}
	now := time.Now()
	if now.After(l.nextTidy) {
		l.nextTidy = now.Add(tidyRhythm)
		// As ask, not interrupted: Take returns the end of ctx, and not what it did here.
		if err := s.tidy(context.WithoutCancel(ctx), l, ""); err != nil {
			return taken{}, err
		}
	}
	look := ""
	if now.UnixNano() > l.look.Load() {
		if look = l.cursor; look == "" {
			look = "0-0"
		}
	}
	got, cursor, err := s.ask(ctx, l, look)
	if err == nil && look != "" && !got.held() {
		l.cursor = cursor
		// What was looked through has an end at 0-0; until there, go on at once.
		if cursor == "0-0" {
			l.look.Store(now.Add(s.rhythm()).UnixNano())
		}
	}
	return got, err
}

// ask asks Redis for a conversation, after looking for leases that have run out from
// look on, if that is not empty. The end of ctx does not interrupt it, since the
// answer may be a lease; it is bounded by the client's timeouts.
func (s *Store) ask(ctx context.Context, l *line, look string) (got taken, cursor string, err error) {
	reply, err := takeScript.Run(context.WithoutCancel(ctx), s.client,
		[]string{l.keys.ready(), l.keys.later(), l.keys.hold()},
		group, s.consumer, atLeast1ms(s.opts.Lease), s.opts.Turns, l.keys.prefix, look,
		atLeast1ms(s.opts.Remember), s.opts.Join).Slice()
	if err != nil {
		return taken{}, "", err
	}
	got, cursor, err = parseTaken(reply)
	l.hot.Store(err == nil && got.entry != "")
	return got, cursor, err
}

// parseTaken reads the reply of take.lua, and where to go on.
func parseTaken(reply []any) (got taken, cursor string, err error) {
	ok := len(reply) == 3 || len(reply) == 8
	field := func(i int) (text string) {
		if ok {
			text, ok = reply[i].(string)
		}
		return text
	}
	fields := func(i int) (texts []string) {
		if ok {
			texts, ok = parseTexts(reply[i])
		}
		return texts
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
	case 8:
		got = taken{entry: field(1), key: conversation.Key(field(2)), attempt: number(3), turns: fields(5)}
		got.events = append([]string{field(4)}, fields(7)...)
		if reply[6] != nil {
			got.note = []byte(field(6))
		}
	}
	if !ok {
		return taken{}, "", errMalformed
	}
	return got, cursor, nil
}

// parseTexts reads a list of texts.
func parseTexts(v any) (texts []string, ok bool) {
	all, ok := v.([]any)
	for _, one := range all {
		text, isText := one.(string)
		texts, ok = append(texts, text), ok && isText
	}
	return texts, ok
}

// lease decodes what was taken. An oldest event that cannot be read is put away as a
// dead letter, and the lease is nil; a turn that cannot is not remembered.
func (s *Store) lease(ctx context.Context, connection string, l *line, got taken) (*conversation.Lease, error) {
	h := &holder{store: s, keys: l.keys, key: got.key, entry: got.entry, attempt: int(got.attempt)}
	lease := &conversation.Lease{Attempt: h.attempt, Noted: got.note, Holder: h}
	ok := false
	lease.Event, lease.Joined, ok = got.decode(connection)
	h.traces = []string{lease.Event.Trace()}
	for _, ev := range lease.Joined {
		h.traces = append(h.traces, ev.Trace())
	}
	if !ok {
		return nil, h.Done(context.WithoutCancel(ctx), conversation.Outcome{How: conversation.Dead, Reason: record.Unreadable})
	}
	if held := s.held(); held > 0 { // since this was asked for
		return nil, h.release(context.WithoutCancel(ctx), time.Now().Add(held), true)
	}
	for _, text := range got.turns {
		if turn, err := record.DecodeTurn(text); err == nil {
			lease.History = append(lease.History, turn)
		}
	}
	return lease, nil
}

// decode decodes the events; ok is false when the oldest cannot be read. One behind
// it that cannot ends the joining: it will be the oldest.
func (got taken) decode(connection string) (oldest connectors.Event, joined []connectors.Event, ok bool) {
	oldest, ok = record.Decode(connection, []byte(got.events[0]))
	for _, kept := range got.events[1:] {
		ev, readable := record.Decode(connection, []byte(kept))
		if !ok || !readable {
			break
		}
		joined = append(joined, ev)
	}
	return oldest, joined, ok
}

// rhythm is how often to look for what happens without an entry.
func (s *Store) rhythm() time.Duration { return min(rhythm, s.opts.Lease/2) }

// wait returns when there is something new in the stream, when something is due,
// or after the rhythm.
func (s *Store) wait(ctx context.Context, l *line, got taken) error {
	if got.held() {
		return s.pause(ctx, got.due)
	}
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
		return conversation.ErrClosed
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
		return conversation.ErrClosed
	}
	l.watch = w
	s.watches.Go(func() {
		defer close(w.ended)
		err := s.watching.XRead(context.Background(), args).Err()
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
