// Package pool is the worker pool of one connection: the place where events are
// accepted and from where they are taken.
//
//	Deliver   frame's side: store the event, so that the frame may be acked
//	Run       answer's side: N workers, each in a loop: take, run the turn
//
// What it promises:
//
//   - At most N turns at a time, one per conversation. Two more workers serve
//     what is answered beside the conversations, the commands, so that these never
//     wait for a turn.
//   - What waits is bounded by the store. Past the bound the person is told, at
//     most once a minute in a conversation, and nothing is kept.
//   - A lease is renewed while its turn runs. A turn whose lease is lost is
//     stopped.
//   - A panic in a turn costs that turn's attempt and nothing else.
//   - When Run's context ends, no turn begins; the running ones may finish within
//     Config.Grace, then they are stopped and given back to the store.
//
// Goroutines: the N workers and the two beside, and for each running turn one that
// renews its lease.
package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Store is where events wait; a conversation.Store is one.
type Store interface {
	Accept(ctx context.Context, ev connectors.Event) (fresh bool, err error)
	Take(ctx context.Context, connection string) (*conversation.Lease, error)
}

// Turn answers one question; turn.Turn is one.
type Turn interface {
	// Run answers the lease's question and settles the lease. When asking ends
	// before ctx, the person has asked to stop.
	Run(ctx, asking context.Context, lease *conversation.Lease) error
	// Busy tells a person that their message was not taken, but not each time.
	Busy(ctx context.Context, ev connectors.Event) error
	// Recalled returns why ev is not to be answered any further, where its person has
	// taken it back.
	Recalled(ctx context.Context, ev connectors.Event) error
	// Mark says of ev how it is to be kept and taken (Event.Shared, Aside and Alone).
	Mark(ev connectors.Event) connectors.Event
	// Accepting does what ev asks for at the moment in which it comes: before it is
	// stored, so that nobody has it in hand yet. It may be called again for the same
	// event, and what it could not do the turn does.
	Accepting(ctx context.Context, ev connectors.Event) error
}

// Config says how large a pool is. A zero field takes its default.
type Config struct {
	Connection string        // the connection whose events are taken
	Workers    int           // turns at the same time; default 64
	Renew      time.Duration // how often a lease is renewed, and so how soon a turn stops; default 1 s
	Grace      time.Duration // how long running turns may finish at the end; default 30 s
}

// Pool answers the events of one connection.
type Pool struct {
	config Config
	store  Store
	turn   atomic.Pointer[Turn]
	log    *slog.Logger

	mu     sync.Mutex
	panics map[string]int // by trace, of events that are not done; guarded by mu
	down   error          // why the store cannot be asked, nil when it can; guarded by mu
	count  Counts         // guarded by mu
}

// Counts is what a pool has done since it was made.
type Counts struct {
	Accepted   int64 // events stored
	Duplicates int64 // events that were known already
	TurnedAway int64 // events not taken because too many wait
	Running    int64 // turns under way now
	Done       int64 // turns settled
	Released   int64 // turns to be taken again
	Panics     int64 // turns that panicked; each is logged with its stack
}

// New makes a pool.
func New(config Config, store Store, turn Turn, log *slog.Logger) *Pool {
	if config.Workers <= 0 {
		config.Workers = 64
	}
	if config.Renew <= 0 {
		config.Renew = time.Second
	}
	if config.Grace <= 0 {
		config.Grace = 30 * time.Second
	}
	p := &Pool{config: config, store: store, log: log}
	p.SetTurn(turn)
	return p
}

// SetTurn has turn take the turns that begin from now on.
func (p *Pool) SetTurn(turn Turn) { p.turn.Store(&turn) }

// now is who takes a turn that begins.
func (p *Pool) now() Turn { return *p.turn.Load() }

// Deliver stores ev. Nil means that it is ours, or that its person was told that
// it is not; either way the platform need not send it again.
func (p *Pool) Deliver(ctx context.Context, ev connectors.Event) error {
	turn := p.now()
	ev = turn.Mark(ev)
	accepting, cancel := context.WithTimeout(ctx, acceptingTime)
	err := turn.Accepting(accepting, ev)
	if cancel(); err != nil {
		p.log.Warn("event takes effect only with its turn", "event", ev.Trace(), "err", err)
	}
	fresh, err := p.store.Accept(ctx, ev)
	switch {
	case errors.Is(err, conversation.ErrFull):
		p.add(func(c *Counts) { c.TurnedAway++ })
		return p.turnAway(ctx, turn, ev)
	case err != nil:
		return fmt.Errorf("accept: %w", err)
	case !fresh:
		p.add(func(c *Counts) { c.Duplicates++ })
		p.log.Info("event known already, not answered again", "event", ev.Trace())
	default:
		p.add(func(c *Counts) { c.Accepted++ })
		p.log.Debug("event accepted", "event", ev.Trace(), "text", ev.Text)
	}
	return nil
}

// acceptingTime bounds what is done before an event is stored: a store that hangs must
// leave time for the spool, within what the platform waits for an ack.
const acceptingTime = 500 * time.Millisecond

// turnAway tells the person that their message was not taken. What a person has not
// written is refused: the platform sends it again.
func (p *Pool) turnAway(ctx context.Context, turn Turn, ev connectors.Event) error {
	p.log.Warn("too many events wait, message not taken", "event", ev.Trace())
	if ev.Kind == connectors.KindRecall {
		return fmt.Errorf("turn away a recall: %w", conversation.ErrFull)
	}
	if err := turn.Busy(ctx, ev); err != nil {
		return fmt.Errorf("turn away: %w", err)
	}
	return nil
}

// Run answers until ctx ends, and returns when the last turn is settled.
func (p *Pool) Run(ctx context.Context) {
	turns, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(p.config.Grace, func() { stop(errStopping) })
		context.AfterFunc(turns, func() { timer.Stop() })
	})()

	var workers sync.WaitGroup
	for range p.config.Workers {
		workers.Go(func() { p.work(ctx, turns, p.config.Connection) })
	}
	for range workersAside {
		workers.Go(func() { p.work(ctx, turns, conversation.LineAside(p.config.Connection)) })
	}
	workers.Wait()
}

const workersAside = 2

var errStopping = errors.New("the program is stopping")

// work is one worker: it takes a conversation of the line and runs its turn, again
// and again until ctx ends. Turns run in a context of their own.
func (p *Pool) work(ctx, turns context.Context, line string) {
	for ctx.Err() == nil {
		lease, err := p.store.Take(ctx, line)
		if p.noteStore(ctx, err) != nil {
			connectors.Sleep(ctx, time.Second)
			continue
		}
		if lease != nil {
			p.run(turns, lease)
		}
	}
}

// noteStore logs the first failure of the store and its recovery, not the
// failures of every worker in between.
func (p *Pool) noteStore(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && p.down == nil:
		p.log.Error("store cannot be asked, nothing is answered until it can", "err", err)
	case err == nil && p.down != nil:
		p.log.Info("store can be asked again")
	}
	p.down = err
	return err
}

// run runs one turn while its lease is kept.
func (p *Pool) run(ctx context.Context, lease *conversation.Lease) {
	p.add(func(c *Counts) { c.Running++ })
	defer p.add(func(c *Counts) { c.Running-- })
	ctx, stop := context.WithCancelCause(ctx)
	asking, interrupt := context.WithCancelCause(ctx)
	var keeper sync.WaitGroup
	defer keeper.Wait()
	defer stop(nil)
	defer interrupt(nil)
	ev := lease.Event // the turn completes its own
	turn := p.now()
	keeper.Go(func() { p.keep(ctx, turn, lease.Holder, ev, stop, interrupt) })

	err := p.safely(ctx, asking, turn, lease)
	p.add(func(c *Counts) {
		if err == nil {
			delete(p.panics, lease.Event.Trace())
			c.Done++
		} else {
			c.Released++
		}
	})
	if err != nil {
		p.log.Debug("turn not settled as done", "event", lease.Event.Trace(), "err", err) // the turn has said why
	}
}

// safely is the turn with a panic turned into an error and a release. The next
// attempt waits, so that a question which always panics does not spin.
func (p *Pool) safely(ctx, asking context.Context, turn Turn, lease *conversation.Lease) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		p.add(func(c *Counts) { c.Panics++ })
		p.log.Error("panic contained", "where", "turn", "event", lease.Event.Trace(), "panic", v, "stack", string(debug.Stack()))
		err = fmt.Errorf("turn: panic: %v", v)
		p.afterPanic(ctx, lease)
	}()
	return turn.Run(ctx, asking, lease)
}

// afterPanic gives the event back for another attempt; after maxPanics of them here it
// becomes a dead letter, because a question that always panics must not hold up its
// conversation for ever.
func (p *Pool) afterPanic(ctx context.Context, lease *conversation.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if n := p.panicked(lease.Event); n >= maxPanics {
		p.log.Error("given up: the turn panics each time", "event", lease.Event.Trace(), "panics", n)
		if err := lease.Done(ctx, conversation.Outcome{How: conversation.Dead, Reason: "the turn panics each time"}); err != nil {
			p.log.Warn("event not put away", "event", lease.Event.Trace(), "err", err)
		}
		return
	}
	if err := lease.Release(ctx, time.Now().Add(panicWait)); err != nil {
		p.log.Warn("lease not released, it will run out", "event", lease.Event.Trace(), "err", err)
	}
}

const (
	maxPanics = 8               // more than the attempts after which a turn says sorry by itself
	panicWait = 5 * time.Second // before the next attempt
	maxKnown  = 10_000          // events whose panics are remembered
)

// panicked counts the panics over an event. Attempts that were given back in good order
// are none, and may be many.
func (p *Pool) panicked(ev connectors.Event) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.panics == nil || len(p.panics) >= maxKnown {
		p.panics = make(map[string]int)
	}
	p.panics[ev.Trace()]++
	return p.panics[ev.Trace()]
}

// keep renews the lease until ctx ends. When the lease is lost it stops the turn:
// somebody else answers. When the person has asked to stop it interrupts the model
// and lets the turn end by itself, and likewise when the question was taken back. A
// store that is away for a moment is asked again. A panic stops the turn: it is taken
// again when the lease has run out.
func (p *Pool) keep(ctx context.Context, turn Turn, lease conversation.Holder, ev connectors.Event, stop, interrupt context.CancelCauseFunc) {
	defer func() {
		if v := recover(); v != nil {
			p.add(func(c *Counts) { c.Panics++ })
			p.log.Error("panic contained", "where", "lease", "event", ev.Trace(), "panic", v, "stack", string(debug.Stack()))
			stop(fmt.Errorf("keep lease: panic: %v", v))
		}
	}()
	for connectors.Sleep(ctx, p.config.Renew) {
		err := lease.Renew(ctx)
		switch {
		case errors.Is(err, conversation.ErrInterrupted):
			interrupt(err)
		case errors.Is(err, conversation.ErrLost):
			p.log.Warn("lease lost, the turn is stopped", "event", ev.Trace())
			stop(err)
			return
		case err != nil && ctx.Err() == nil:
			p.log.Warn("lease not renewed", "event", ev.Trace(), "err", err)
		}
		if err := turn.Recalled(ctx, ev); err != nil {
			interrupt(err)
		}
	}
}

func (p *Pool) add(change func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.count)
}

// Counts is what the pool has done.
func (p *Pool) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
