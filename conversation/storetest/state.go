package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"longwire/conversation"
)

// The bounds of Interpret, small so that a short sequence of calls meets them.
const (
	statePeople = 4
	stateFull   = 6
	stateTurns  = 3
)

// Interpret reads data as a sequence of calls, two bytes each, makes them on a
// store and on a model of it, and compares. restartFrees says what the store does
// with conversations in hand when it is closed and opened again: all are free at
// once, or each stays where it is until its lease runs out.
func Interpret(t *testing.T, open Open, restartFrees bool, data []byte) {
	s := &state{
		T: t, open: open, restartFrees: restartFrees,
		seen: map[string]bool{},
		opts: conversation.Options{Lease: long, TTL: -1, Turns: stateTurns, MaxWaiting: stateFull},
	}
	for n := range s.people {
		s.people[n].name = "person " + strconv.Itoa(n)
	}
	s.reopen()
	defer func() {
		if err := s.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	for i := 0; i+1 < len(data); i += 2 {
		s.call(data[i], int(data[i+1]))
	}
	s.check()
}

// state is the model, and the store that has to agree with it.
type state struct {
	*testing.T
	open         Open
	opts         conversation.Options
	store        conversation.Store
	restartFrees bool

	people  [statePeople]person
	ready   []*person // the line
	leases  []*hand   // all there ever were
	seen    map[string]bool
	waiting int
	clock   int // numbers the events
}

// person is the model of a conversation.
type person struct {
	name    string
	waiting []ask
	attempt int
	turns   []string
}

// ask is the model of a waiting event.
type ask struct {
	id  string
	seq int
}

// hand is the model of a lease.
type hand struct {
	*conversation.Lease
	of   *person
	over bool
}

// call makes one call.
func (s *state) call(op byte, arg int) {
	switch op % 8 {
	case 0, 1:
		s.accept(&s.people[arg%statePeople], strconv.Itoa(arg/statePeople%24))
	case 2, 3:
		s.take()
	case 7:
		if arg%4 == 0 {
			s.reopen()
			return
		}
		s.check()
	default:
		if len(s.leases) > 0 {
			// Mostly one of the last, which are not over.
			s.use(s.leases[max(0, len(s.leases)-1-arg/8%6)], op%8, arg)
		}
	}
}

func (s *state) accept(p *person, id string) {
	ev := question(p.name, id)
	wantFresh, wantErr := !s.seen[id], error(nil)
	if wantFresh && s.waiting == stateFull {
		wantFresh, wantErr = false, conversation.ErrFull
	}
	fresh, err := s.store.Accept(s.Context(), ev)
	if fresh != wantFresh || !errors.Is(err, wantErr) {
		s.Fatalf("accept %q: %t, %v; want %t, %v", id, fresh, err, wantFresh, wantErr)
	}
	if !fresh {
		return
	}
	s.seen[id] = true
	s.waiting++
	s.clock++
	p.waiting = append(p.waiting, ask{id, s.clock})
	if len(p.waiting) == 1 {
		s.ready = append(s.ready, p)
	}
}

func (s *state) take() {
	if len(s.ready) == 0 {
		ctx, cancel := context.WithTimeout(s.Context(), time.Millisecond)
		defer cancel()
		if l, err := s.store.Take(ctx, home); !errors.Is(err, context.DeadlineExceeded) {
			s.Fatalf("take from an empty line: %v, %v", l, err)
		}
		return
	}
	p := s.ready[0]
	s.ready = s.ready[1:]
	p.attempt++
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	l, err := s.store.Take(ctx, home)
	if err != nil {
		s.Fatalf("take: %v, want event %q", err, p.waiting[0].id)
	}
	if l.Event.ID != p.waiting[0].id || l.Event.Sender.ID != p.name || l.Attempt != p.attempt {
		s.Fatalf("took event %q of %q, attempt %d; want %q of %q, attempt %d",
			l.Event.ID, l.Event.Sender.ID, l.Attempt, p.waiting[0].id, p.name, p.attempt)
	}
	var turns []string
	for _, turn := range l.History {
		turns = append(turns, turn.Answer)
	}
	if !slices.Equal(turns, p.turns) {
		s.Fatalf("history %v, want %v", turns, p.turns)
	}
	s.leases = append(s.leases, &hand{Lease: l, of: p})
}

// use calls a method of a lease, which may be over.
func (s *state) use(h *hand, op byte, arg int) {
	var err error
	var out conversation.Outcome
	switch op {
	case 4:
		out.Forget = arg%8 == 0
		if arg%8 != 1 {
			out = conversation.Outcome{Turn: answered(h.Lease).Turn, Forget: out.Forget}
		}
		err = h.Done(s.Context(), out)
	case 5:
		err = h.Release(s.Context(), time.Time{})
	case 6:
		err = h.Renew(s.Context())
	}
	if h.over {
		if !errors.Is(err, conversation.ErrLost) {
			s.Fatalf("call %d on a lease that is over: %v", op, err)
		}
		return
	}
	if err != nil {
		s.Fatalf("call %d on a lease: %v", op, err)
	}
	if op == 4 {
		s.settle(h.of, out)
	}
	if op == 4 || op == 5 {
		h.over = true
		if len(h.of.waiting) > 0 {
			s.ready = append(s.ready, h.of)
		}
	}
}

// settle is the model of Done.
func (s *state) settle(p *person, out conversation.Outcome) {
	p.waiting = p.waiting[1:]
	p.attempt = 0
	s.waiting--
	if out.Forget {
		p.turns = nil
	}
	if out.Turn != nil {
		p.turns = append(p.turns, out.Turn.Answer)
	}
	p.turns = p.turns[max(0, len(p.turns)-stateTurns):]
}

// reopen closes the store and opens it again.
func (s *state) reopen() {
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.Fatalf("close: %v", err)
		}
	}
	var err error
	if s.store, err = s.open(s.opts); err != nil {
		s.Fatalf("open: %v", err)
	}
	for _, h := range s.leases {
		h.over = true
	}
	if !s.restartFrees {
		return
	}
	s.ready = nil
	for n := range s.people {
		p := &s.people[n]
		if len(p.waiting) > 0 {
			s.ready = append(s.ready, p)
		}
	}
	slices.SortFunc(s.ready, func(a, b *person) int { return a.waiting[0].seq - b.waiting[0].seq })
}

// check compares what can be seen without changing anything.
func (s *state) check() {
	if n, err := s.store.Waiting(s.Context(), home); err != nil || n != s.waiting {
		s.Fatalf("waiting: %d, %v; want %d", n, err, s.waiting)
	}
}
