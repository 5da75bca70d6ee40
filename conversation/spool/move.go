package spool

import (
	"context"
	"errors"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

const (
	// retry is how often a store that is away is asked again, and slowest how seldom
	// a file that fails.
	retry   = 100 * time.Millisecond
	slowest = 3 * time.Second
	// remind is how often it is logged that the file still fails.
	remind = time.Minute
	// movers is how many conversations of a line move at the same time: each event
	// costs a round trip and an fsync, and the file shares its fsyncs.
	movers = 16

	// A store that is gone is noticed by every call. One that stalls is not: look is
	// how often it is asked whether it is there, and slow is when it counts as out of
	// reach, early enough that no Accept can have run out of patience before, unless
	// its event came late.
	look = 200 * time.Millisecond
	slow = 700 * time.Millisecond

	// settle is how long nothing is taken after the store was out of reach: the
	// time in which every replica has begun to move what it has. From there on,
	// each event that moves keeps everybody from taking for another hold. That ends
	// after orderly: a file that grows as fast as it is moved must not end the answers.
	settle  = 1750 * time.Millisecond
	hold    = 350 * time.Millisecond
	orderly = 10 * time.Second
)

// Run connects to the real store, if that is still to be done, and moves what is in
// the file to it, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	for _, err := s.store(); err != nil; err = s.dial(ctx) {
		if !connectors.Sleep(ctx, retry) {
			return
		}
	}
	var running sync.WaitGroup
	defer running.Wait()
	for begun := 0; ; {
		lines, more := s.watched()
		for _, line := range lines[begun:] {
			running.Go(func() { s.watch(ctx, line) })
			for range movers {
				running.Go(func() { s.move(ctx, line) })
			}
		}
		begun = len(lines)
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// dial tries to connect once, and logs a failure that is new.
func (s *Store) dial(ctx context.Context) error {
	real, err := s.connect(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		real.HoldAfterLoss(settle)
		if s.away != nil {
			s.outOfReach(real)
		}
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

// outOfReach notes that the real store cannot be reached, so that other replicas may
// have events in their files.
func (s *Store) outOfReach(real Real) {
	s.lost.Store(time.Now().UnixNano())
	real.Hold(settle)
}

// watch notices when the real store is out of reach, also while nothing else is
// asked of it, and before it has come back.
func (s *Store) watch(ctx context.Context, line string) {
	real, err := s.store()
	for err == nil && connectors.Sleep(ctx, look) {
		late := time.AfterFunc(slow, func() { s.outOfReach(real) })
		within, cancel := context.WithTimeout(ctx, patience)
		if real.Reach(within, line) != nil && ctx.Err() == nil {
			s.outOfReach(real)
		}
		cancel()
		late.Stop()
	}
}

// move moves the events of one line, each only once the real store has it.
func (s *Store) move(ctx context.Context, line string) {
	for wait := retry; ; {
		lease, err := s.file.Take(ctx, line)
		if err != nil {
			if ctx.Err() == nil {
				s.fileFails(err)
			}
			if !connectors.Sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, slowest)
			continue
		}
		wait = retry
		if s.moveOne(ctx, lease) != nil && !connectors.Sleep(ctx, retry) {
			return
		}
	}
}

// fileFails logs that the movers cannot use the file: once for all of them, and now
// and then while it stays so.
func (s *Store) fileFails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing == err.Error() && time.Since(s.failed) < remind {
		return
	}
	s.failing, s.failed = err.Error(), time.Now()
	s.log.Error("spool cannot be read or written, what is in it does not move", "err", err)
}

// moveOne moves what is in hand, one event or several that the file has joined, or
// gives it back to the file.
func (s *Store) moveOne(ctx context.Context, lease *conversation.Lease) error {
	events := append([]connectors.Event{lease.Event}, lease.Joined...)
	for _, ev := range events {
		if err := s.insert(ctx, ev); err != nil {
			return errors.Join(err, lease.Release(context.WithoutCancel(ctx), time.Now().Add(retry)))
		}
	}
	ctx = context.WithoutCancel(ctx)
	if err := lease.Done(ctx, conversation.Outcome{}); err != nil {
		if !errors.Is(err, conversation.ErrLost) {
			s.fileFails(err)
		}
		return err // it will be moved again, and the real store knows its id
	}
	for _, ev := range events {
		s.log.Info("event moved from the spool to the store", "event", ev.Trace())
	}
	return nil
}

func (s *Store) insert(ctx context.Context, ev connectors.Event) error {
	real, err := s.store()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var held time.Duration
	if time.Since(time.Unix(0, s.lost.Load())) < orderly {
		held = hold
	}
	_, err = real.Insert(ctx, ev, held)
	return err
}
