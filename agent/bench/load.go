package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// load says how hard a subject has to work.
type load struct {
	conversations int
	rest          time.Duration // after the start, before memory is read
	rate          float64       // messages a second of the steady part
	seconds       int           // its length
	messages      int           // of each conversation in the full part
}

// answerTime is how long a message may go unanswered before the run is given up.
// It is longer than DingTalk takes to send again what was refused: a disk that
// stands still for seconds spoils a round's numbers, but it loses no message.
const answerTime = 75 * time.Second

// maxUnanswered bounds the messages under way in the steady part. It is well below
// what the program lets wait by default, past which it would say that it is busy.
const maxUnanswered = 4000

// full lets every conversation ask as soon as it has its answer, each times over,
// and returns how long all of it took.
func (w *world) full(ctx context.Context, conversations, each int) (time.Duration, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	began := time.Now()
	var people sync.WaitGroup
	for person := range conversations {
		people.Go(func() {
			for range each {
				if err := w.await(ctx, w.say(person)); err != nil {
					fail(err)
					return
				}
			}
		})
	}
	people.Wait()
	return time.Since(began), context.Cause(ctx)
}

// steady has the conversations ask in turn at a mean rate, at random moments that
// do not depend on answers and are the same for the same seed. It returns when
// everything is answered.
func (w *world) steady(ctx context.Context, l load, seed uint64) ([]spans, error) {
	random := rand.New(rand.NewPCG(1, seed))
	count := max(1, int(l.rate*float64(l.seconds)))
	notes := make([]*note, 0, count)
	moment, oldest := time.Now(), 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range count {
		timer.Reset(time.Until(moment))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		notes = append(notes, w.say(i%l.conversations))
		moment = moment.Add(time.Duration(random.ExpFloat64() / l.rate * float64(time.Second)))
		for oldest < len(notes) && isAnswered(notes[oldest]) {
			oldest++
		}
		if len(notes)-oldest > maxUnanswered {
			return nil, fmt.Errorf("%g messages a second are too many: %d are not answered yet", l.rate, len(notes)-oldest)
		}
	}
	for _, n := range notes {
		if err := w.await(ctx, n); err != nil {
			return nil, err
		}
	}
	return w.book.spansOf(notes), nil
}

func isAnswered(n *note) bool {
	select {
	case <-n.answered:
		return true
	default:
		return false
	}
}

// await waits for the first reply to a message.
func (w *world) await(ctx context.Context, n *note) error {
	timer := time.NewTimer(answerTime)
	defer timer.Stop()
	select {
	case <-n.answered:
		return nil
	case <-timer.C:
		return fmt.Errorf("no reply after %s to a message that %s", answerTime, w.book.whereabouts(n))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
