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
//   - The events of a conversation keep their order: while anything of a line is in
//     the file, whatever comes goes there too, behind it. That holds for one replica:
//     what several replicas spooled of one conversation is not put in order again.
//   - An event is answered once: both stores know its id. One that Redis took
//     without our learning of it is in both, and Redis tells the second time.
//   - Nothing is taken from the file before the real store has it.
//   - A file that cannot take an event, because the disk or the file is full,
//     refuses it aloud: an error, which is no ack.
//
// The program starts without the real store, too: Run connects, again and again.
//
// Goroutines: Run, which the caller starts, and one per line with something in the
// file while it moves.
package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Real is a store as the operator sees it too; both stores are one.
type Real interface {
	conversation.Store
	conversation.Desk
}

// Store is a conversation.Store and Desk with a spool before it.
type Store struct {
	connect func(ctx context.Context) (Real, error)
	file    Real
	lines   []string
	log     *slog.Logger

	mu   sync.Mutex
	real Real  // nil until connected; guarded by mu
	away error // why it is not connected yet; guarded by mu
}

// patience is how long the real store may take for an event before the file does.
const patience = time.Second

// retry is how often a store that is away is asked again.
const retry = 500 * time.Millisecond

// Open makes a store of what connect opens and of the file beside it. The lines are
// those whose events may be in the file (conversation.LineOf). A real store that
// cannot be opened now is opened in Run. Both stores belong to it from here on.
func Open(ctx context.Context, connect func(ctx context.Context) (Real, error), file Real, lines []string, log *slog.Logger) *Store {
	s := &Store{connect: connect, file: file, lines: lines, log: log}
	s.dial(ctx)
	return s
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
// of a full file the person cannot be told that their message was not taken.
func (s *Store) Accept(ctx context.Context, ev connectors.Event) (bool, error) {
	spooled, err := s.file.Waiting(ctx, conversation.LineOf(ev))
	if err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	if spooled == 0 {
		fresh, err := s.acceptReal(ctx, ev)
		if err == nil || errors.Is(err, conversation.ErrFull) {
			return fresh, err
		}
		s.log.Warn("store does not take the event, it is spooled", "event", ev.Trace(), "err", err)
	}
	fresh, err := s.file.Accept(ctx, ev)
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
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return real.Accept(ctx, ev)
}

// Run connects to the real store, if that is still to be done, and moves what is in
// the file to it, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	for _, err := s.store(); err != nil; err = s.dial(ctx) {
		if !connectors.Sleep(ctx, retry) {
			return
		}
	}
	var movers sync.WaitGroup
	defer movers.Wait()
	for _, line := range s.lines {
		movers.Go(func() { s.move(ctx, line) })
	}
}

// dial tries to connect once, and logs a failure that is new.
func (s *Store) dial(ctx context.Context) error {
	real, err := s.connect(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.real = real
		s.log.Info("store open")
		return nil
	}
	if s.away == nil || s.away.Error() != err.Error() {
		s.log.Error("store cannot be opened, events are spooled until it can", "err", err)
	}
	s.away = err
	return err
}

// move moves the events of one line, each only once the real store has it.
func (s *Store) move(ctx context.Context, line string) {
	for {
		lease, err := s.file.Take(ctx, line)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("spool cannot be read", "err", err)
			}
			if !connectors.Sleep(ctx, retry) {
				return
			}
			continue
		}
		if s.moveOne(ctx, lease) != nil && !connectors.Sleep(ctx, retry) {
			return
		}
	}
}

// moveOne moves one event, or gives it back to the file.
func (s *Store) moveOne(ctx context.Context, lease *conversation.Lease) error {
	_, err := s.acceptReal(ctx, lease.Event)
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		return errors.Join(err, lease.Release(ctx, time.Now().Add(retry)))
	}
	if err := lease.Done(ctx, conversation.Outcome{}); err != nil {
		return err // it will be moved again, and the real store knows its id
	}
	s.log.Info("event moved from the spool to the store", "event", lease.Event.Trace())
	return nil
}

// Spooled counts the events in the file.
func (s *Store) Spooled(ctx context.Context) (total int, err error) {
	for _, line := range s.lines {
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
