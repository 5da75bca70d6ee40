package boltstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// A commit costs an fsync, so callers that come at the same time share one. Each
// queues what it wants written and then tries to get the token in Store.lead.
// Whoever gets it commits everything that is queued, answers all of them and
// passes the token on; the others meanwhile queue for the next commit. There is
// no timer and no goroutine: a caller alone commits at once, and the more callers
// there are, the more share a commit.

// maxBatch bounds how many writes share a commit, and so how long the first of
// them waits for the last.
const maxBatch = 256

// write is one change to the file on its way into a commit.
type write struct {
	// apply makes the change. It may run more than once, when another write of
	// the commit fails, so it sets what it finds out and never adds to it. An
	// error undoes this write and no other.
	apply func(tx *bbolt.Tx) error
	// settle makes memory agree with the file once it is known whether the
	// write is in it (err is nil) or not. It runs once, under Store.mu, in the
	// order in which the writes were applied. May be nil.
	settle func(err error)

	err      error         // read after answered is closed
	answered chan struct{} // closed when err is final
}

// commit has w written and says truthfully whether it is in the file. When ctx
// ends before w is in somebody's commit, w is taken back and the error is ctx's.
// After that moment the end of ctx changes nothing: the answer is the commit's.
func (s *Store) commit(ctx context.Context, w *write) error {
	w.answered = make(chan struct{})
	if err := s.enqueue(ctx, w); err != nil {
		return err
	}
	ended := ctx.Done()
	for {
		select {
		case <-w.answered:
			return w.err
		case s.lead <- struct{}{}:
			s.commitQueue()
			<-s.lead
		case <-ended:
			if s.withdraw(w, ctx.Err()) {
				return ctx.Err()
			}
			ended = nil
		}
	}
}

// enqueue puts w into the queue, unless there is no point any more.
func (s *Store) enqueue(ctx context.Context, w *write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := ctx.Err()
	if s.isClosed() {
		err = conversation.ErrClosed
	}
	if err != nil {
		w.settled(err)
		return err
	}
	s.queue = append(s.queue, w)
	return nil
}

// withdraw takes w out of the queue and reports whether it was still there.
func (s *Store) withdraw(w *write, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, w)
	if i < 0 {
		return false
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	w.settled(err)
	return true
}

// settled records the outcome; Store.mu is held.
func (w *write) settled(err error) {
	w.err = err
	if w.settle != nil {
		w.settle(err)
	}
}

// commitQueue commits what is queued, in one transaction, and answers. The caller
// holds the token.
func (s *Store) commitQueue() {
	s.mu.Lock()
	n := min(len(s.queue), maxBatch)
	batch := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	s.mu.Unlock()
	if n == 0 {
		return
	}

	errs, committed := s.apply(batch)
	if errors.Join(errs...) != nil {
		s.roomy.Store(0)
	}
	s.mu.Lock()
	for i, w := range batch {
		w.settled(errs[i])
	}
	s.mu.Unlock()
	if !committed && s.broken == nil {
		// Where writing stopped is not known, so the file is asked. Its answer
		// can only be missing when the file cannot be read either, and then the
		// next commit fails and comes here again.
		_ = contained(s.rebuild)
	}
	for _, w := range batch {
		close(w.answered)
	}
}

// apply runs the batch in one transaction. A write that fails is left out and the
// others are run again without it. It returns what became of each write, and
// whether the file is known to say the same.
func (s *Store) apply(batch []*write) (errs []error, committed bool) {
	errs = make([]error, len(batch))
	for {
		failed := -1
		err := s.update(func(tx *bbolt.Tx) error {
			for i, w := range batch {
				if errs[i] != nil {
					continue
				}
				if err := w.apply(tx); err != nil {
					failed = i
					return err
				}
			}
			return nil
		})
		if failed >= 0 {
			errs[failed] = err
			continue
		}
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
		return errs, err == nil
	}
}

// update runs change in a transaction and commits it. The caller holds the token. A
// panic that leaves the transaction open leaves bbolt's lock with it, and whoever
// waited for that would wait for ever: the store is broken then.
func (s *Store) update(change func(tx *bbolt.Tx) error) error {
	if s.broken != nil {
		return s.broken
	}
	var tx *bbolt.Tx // nil until it has begun
	err := contained(func() error {
		return s.db.Update(func(begun *bbolt.Tx) error {
			tx = begun
			return change(tx)
		})
	})
	if errors.Is(err, errPanic) && (tx == nil || tx.DB() != nil) {
		s.broken = fmt.Errorf("nothing can be stored until the program is started again: %w", err)
	}
	return err
}

// errPanic is what became of a panic.
var errPanic = errors.New("panic, as where the file is damaged")

// contained makes an error of a panic. bbolt panics, or touches memory behind the end
// of the file, where a page is damaged.
func contained(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return do()
}
