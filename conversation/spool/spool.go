// Package spool keeps accepting events while the store is away.
//
// A platform that is not told "ours now" may send an event again, or not: what
// DingTalk does about robot messages cannot be relied on. So refusing is the last
// resort. A Store stands before the real one, which is Redis, and has a second one
// beside it, a file:
//
//	Accept   the real store is asked, for at most a second; what it does not take
//	         goes into the file, fsynced, and that is good enough for an ack
//	Run      what is in the file moves to the real store, in order, once it is back
//
// What it promises:
//
//   - The events of a conversation keep their order. While anything of a line is in
//     the file, whatever comes goes there too, behind it. What several replicas have
//     spooled of one conversation is put in order by the time it was sent: an event
//     that moves goes before those that were sent later, and nothing is taken while
//     such events may still come. For that every replica holds off taking for nearly two
//     seconds after the store was out of its reach, and all of them for a third of a
//     second after each event that moves. The order is lost where a replica cannot reach the
//     store, or is gone, for longer than the others, with a part of a conversation in
//     its file: the others go on without it.
//   - An event is answered once: both stores know its id. One that Redis took
//     without our learning of it is in both, and Redis tells the second time.
//   - Nothing is taken from the file before the real store has it.
//   - A file that cannot take an event, because the disk or the file is full,
//     refuses it aloud: an error, which is no ack.
//
// The program starts without the real store, too: Run connects, again and again.
//
// Goroutines: Run, which the caller starts, and below it for each line one that
// watches whether the store is within reach, and a few that move what is in the file.
package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// File is the store beside the real one; a boltstore is one.
type File interface {
	conversation.Store
	conversation.Desk
}

// Real is the store that the spool stands before; a redisstore is one.
type Real interface {
	conversation.Store
	conversation.Desk
	conversation.Shelf

	// Insert stores an event that was accepted here, where it belongs by the time
	// it was sent. Nobody takes anything on its line within hold.
	Insert(ctx context.Context, ev connectors.Event, hold time.Duration) (fresh bool, err error)
	// Reach reports whether the store answers at all for a line.
	Reach(ctx context.Context, line string) error
	// Hold keeps Take from returning anything for d, and HoldAfterLoss does the
	// same each time that the store could not be reached.
	Hold(d time.Duration)
	HoldAfterLoss(d time.Duration)
}

// Store is a conversation.Store and Desk with a spool before it.
type Store struct {
	connect func(ctx context.Context) (Real, error)
	file    File
	log     *slog.Logger

	lost atomic.Int64 // when the real store last did not take an event, or was out of reach, in Unix ns (move.go)

	mu    sync.Mutex
	lines []string      // grows only; guarded by mu
	more  chan struct{} // closed when lines grows; guarded by mu
	real  Real          // nil until connected; guarded by mu
	away  error         // why it is not connected yet; guarded by mu

	failing string    // why the file could last not be used (move.go); guarded by mu
	failed  time.Time // when that was logged; guarded by mu
}

const (
	// patience is how long the real store may take for an event before the file does.
	patience = time.Second
	// fileTime is what the file may take. It is left of a delivery's time when the
	// real store has had its own, and an event that comes late has it all the same.
	fileTime = time.Second
	// leastPatience is what the real store has of an event that comes late.
	leastPatience = 100 * time.Millisecond
)

// Open makes a store of what connect opens and of the file beside it. The lines are
// those whose events may be in the file (conversation.LineOf). A real store that
// cannot be opened now is opened in Run. Both stores belong to it from here on.
func Open(ctx context.Context, connect func(ctx context.Context) (Real, error), file File, lines []string, log *slog.Logger) *Store {
	s := &Store{connect: connect, file: file, lines: lines, more: make(chan struct{}), log: log}
	s.dial(ctx)
	return s
}

// Watch adds lines whose events may be in the file from now on.
func (s *Store) Watch(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range lines {
		if !slices.Contains(s.lines, line) {
			s.lines = append(s.lines, line)
		}
	}
	close(s.more)
	s.more = make(chan struct{})
}

// watched are the lines, and what is closed when there are more.
func (s *Store) watched() ([]string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines), s.more
}

// store returns the real store, or an error while there is none.
func (s *Store) store() (Real, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.real == nil {
		return nil, fmt.Errorf("store is away: %w", s.away)
	}
	return s.real, nil
}

// Accept implements conversation.Store. ErrFull comes from the real store alone:
// of a full file the person cannot be told that their message was not taken. The file
// is asked also when the real store has used ctx up.
func (s *Store) Accept(ctx context.Context, ev connectors.Event) (bool, error) {
	spooled, err := s.file.Waiting(context.WithoutCancel(ctx), conversation.LineOf(ev))
	if err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	if spooled == 0 {
		fresh, err := s.acceptReal(ctx, ev)
		if err == nil || errors.Is(err, conversation.ErrFull) {
			return fresh, err
		}
		s.lost.Store(time.Now().UnixNano())
		s.log.Warn("store does not take the event, it is spooled", "event", ev.Trace(), "err", err)
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), fileTime)
	defer cancel()
	fresh, err := s.file.Accept(own, ev)
	if err != nil {
		return false, fmt.Errorf("spool: %v", err) // not ErrFull
	}
	return fresh, nil
}

func (s *Store) acceptReal(ctx context.Context, ev connectors.Event) (bool, error) {
	real, err := s.store()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, patienceFor(ctx))
	defer cancel()
	return real.Accept(ctx, ev)
}

// patienceFor is patience, or less where ctx would not leave the file its time.
func patienceFor(ctx context.Context) time.Duration {
	until, bound := ctx.Deadline()
	if !bound {
		return patience
	}
	return max(min(patience, time.Until(until)-fileTime), leastPatience)
}

// Spooled counts the events in the file.
func (s *Store) Spooled(ctx context.Context) (total int, err error) {
	lines, _ := s.watched()
	for _, line := range lines {
		n, err := s.file.Waiting(ctx, line)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// Ping implements conversation.Store: the real store has to answer and the spool
// must be ready for when it does not.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.file.Ping(ctx); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	real, err := s.store()
	if err == nil {
		err = real.Ping(ctx)
	}
	if n, _ := s.Spooled(ctx); err != nil && n > 0 {
		err = fmt.Errorf("%w (%d events are spooled)", err, n)
	}
	return err
}

// Close implements conversation.Store.
func (s *Store) Close() error {
	real, err := s.store()
	if err != nil {
		return s.file.Close()
	}
	return errors.Join(real.Close(), s.file.Close())
}
