package connectors

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Intake stands between a stream's reader and Deliver. Events of one chat are
// delivered one after the other in the order of Add; chats are delivered side by
// side, so that many events share one commit of the store and a slow one delays
// only its chat. At most maxInHand events are in hand: past that Add waits, and
// the platform feels it as back-pressure.
//
// A goroutine lives only while its chat has something to deliver.
type Intake struct {
	deliver Deliver
	log     *slog.Logger
	slots   chan struct{} // one token per event in hand

	mu    sync.Mutex
	chats map[string][]delivery // what waits behind the delivery under way; guarded by mu
	wg    sync.WaitGroup        // the goroutines of chats

	events, refused, malformed, panics atomic.Int64
}

type delivery struct {
	event  Event
	settle func(err error)
}

const (
	// maxInHand bounds how many events of a connection are being delivered.
	maxInHand = 256

	// deliverTime bounds one delivery. Both platforms wait 3 s for an ack; what
	// takes longer would be sent again anyway.
	deliverTime = 2500 * time.Millisecond
)

// NewIntake makes an Intake that hands events to deliver.
func NewIntake(deliver Deliver, log *slog.Logger) *Intake {
	return &Intake{
		deliver: deliver,
		log:     log,
		slots:   make(chan struct{}, maxInHand),
		chats:   make(map[string][]delivery),
	}
}

// Add takes an event in. settle is called once, from another goroutine, with the
// outcome: nil means that the frame is to be acked. Add waits while too much is
// in hand.
func (in *Intake) Add(ev Event, settle func(err error)) {
	in.events.Add(1)
	in.slots <- struct{}{}
	in.mu.Lock()
	defer in.mu.Unlock()
	waiting, busy := in.chats[ev.Chat.ID]
	if busy {
		in.chats[ev.Chat.ID] = append(waiting, delivery{ev, settle})
		return
	}
	in.chats[ev.Chat.ID] = nil
	in.wg.Go(func() { in.drain(delivery{ev, settle}) })
}

// drain delivers d and whatever came behind it in its chat.
func (in *Intake) drain(d delivery) {
	for more := true; more; {
		chat := d.event.Chat.ID
		in.one(d)
		<-in.slots

		in.mu.Lock()
		if waiting := in.chats[chat]; len(waiting) > 0 {
			d, in.chats[chat] = waiting[0], waiting[1:]
		} else {
			delete(in.chats, chat)
			more = false
		}
		in.mu.Unlock()
	}
}

// one delivers one event. A delivery in hand is finished even while the stream
// ends, so it does not share the stream's context.
func (in *Intake) one(d delivery) {
	ctx, cancel := context.WithTimeout(context.Background(), deliverTime)
	defer cancel()
	defer in.Contain("deliver event", "event", d.event.Trace())
	err := in.safely(ctx, d.event)
	if err != nil {
		in.refused.Add(1)
		in.log.Error("event refused, the platform has to send it again", "event", d.event.Trace(), "err", err)
	}
	d.settle(err)
}

// safely is deliver with a panic turned into an error, so that a panic is
// settled as a refusal.
func (in *Intake) safely(ctx context.Context, ev Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			in.panics.Add(1)
			logPanic(in.log, "deliver event", v, "event", ev.Trace())
			err = fmt.Errorf("deliver event: panic: %v", v)
		}
	}()
	return in.deliver(ctx, ev)
}

// Contain is deferred around what reads a frame. It stops a panic there, logs it
// with its stack and the given attributes, and counts it; the frame is not acked.
func (in *Intake) Contain(where string, attrs ...any) {
	if v := recover(); v != nil {
		in.panics.Add(1)
		logPanic(in.log, where, v, attrs...)
	}
}

// Malformed counts a frame that could not be read and logs it.
func (in *Intake) Malformed(err error, attrs ...any) {
	in.malformed.Add(1)
	in.log.Warn("frame cannot be read", append(attrs, "err", err)...)
}

// Wait returns when everything added is settled.
func (in *Intake) Wait() { in.wg.Wait() }

// Counts is what came in so far.
func (in *Intake) Counts() Counts {
	return Counts{
		Events:    in.events.Load(),
		Refused:   in.refused.Load(),
		Malformed: in.malformed.Load(),
		Panics:    in.panics.Load(),
	}
}
