package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// The bounds of Interpret, small so that a short sequence of calls meets them.
const (
	statePeople = 4
	stateFull   = 6
	stateEach   = 3 // events waiting in a conversation
	stateTurns  = 3
	stateDead   = 2
)

// Interpret reads data as a sequence of calls, two bytes each, makes them on a
// store and on a model of it, and compares. restartFrees says what the store does
// with conversations in hand when it is closed and opened again: all are free at
// once, or each stays where it is until its lease runs out.
func Interpret(t *testing.T, open Open, restartFrees bool, data []byte) {
	s := &state{
		T: t, open: open, restartFrees: restartFrees,
		lives: map[string]*life{},
		opts: conversation.Options{Lease: long, TTL: -1, Turns: stateTurns, MaxWaiting: stateFull,
			MaxPerConversation: stateEach, MaxDead: stateDead},
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
	for _, life := range s.lives {
		s.checkLife(life)
	}
}

// state is the model, and the store that has to agree with it.
type state struct {
	*testing.T
	open         Open
	opts         conversation.Options
	store        conversation.Store
	restartFrees bool

	people  [statePeople]person
	ready   []*person        // the line
	leases  []*hand          // all there ever were
	dead    []letter         // the oldest first
	lives   map[string]*life // by event id, of all that were accepted
	waiting int
	clock   int // numbers the events
}

// person is the model of a conversation.
type person struct {
	name    string
	waiting []ask
	attempt int
	note    string // of the oldest waiting event
	turns   []string
	hand    *hand // who has it, nil for nobody; not over for the store, even if it was closed
}

// ask is the model of a waiting event.
type ask struct {
	id  string
	seq int
}

// letter is the model of a dead letter.
type letter struct {
	id string
	of *person
}

// life is the model of a life.
type life struct {
	ev   connectors.Event
	told []string
}

// hand is the model of a lease.
type hand struct {
	*conversation.Lease
	of          *person
	over        bool
	interrupted bool
}

// The calls of a sequence.
const (
	opAccept = iota
	opAcceptToo
	opTake
	opTakeToo
	opDone
	opRelease
	opRenew
	opOther
	opNote
	opInterrupt
	opBury
	opDesk
	ops
)

// call makes one call.
func (s *state) call(op byte, arg int) {
	switch op % ops {
	case opAccept, opAcceptToo:
		s.accept(&s.people[arg%statePeople], strconv.Itoa(arg/statePeople%24))
	case opTake, opTakeToo:
		s.take()
	case opInterrupt:
		s.interrupt(&s.people[arg%statePeople])
	case opDesk:
		s.retryOrDrop(arg)
	case opOther:
		if arg%4 == 0 {
			s.reopen()
			return
		}
		s.check()
	default:
		if len(s.leases) > 0 {
			// Mostly one of the last, which are not over.
			s.use(s.leases[max(0, len(s.leases)-1-arg/8%6)], op%ops, arg)
		}
	}
}

// mark adds to the model of a life.
func (s *state) mark(id string, what ...any) {
	l := s.lives[id]
	l.told = append(l.told, fmt.Sprint(what...))
	if len(l.told) > conversation.MaxMarks {
		l.told = slices.Delete(l.told, conversation.FirstMarks, conversation.FirstMarks+1)
	}
}

func (s *state) accept(p *person, id string) {
	ev := question(p.name, id)
	wantFresh, wantErr := s.lives[id] == nil, error(nil)
	if wantFresh && (s.waiting >= stateFull || len(p.waiting) >= stateEach) {
		wantFresh, wantErr = false, conversation.ErrFull
	}
	fresh, err := s.store.Accept(s.Context(), ev)
	if fresh != wantFresh || !errors.Is(err, wantErr) {
		s.Fatalf("accept %q: %t, %v; want %t, %v", id, fresh, err, wantFresh, wantErr)
	}
	if !fresh {
		return
	}
	s.lives[id] = &life{ev: ev}
	s.mark(id, conversation.MarkAccepted)
	s.enqueue(p, id)
}

// enqueue is the model of an event that comes to wait.
func (s *state) enqueue(p *person, id string) {
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
	if string(l.Note) != p.note {
		s.Fatalf("note %q, want %q", l.Note, p.note)
	}
	s.mark(p.waiting[0].id, conversation.MarkTaken, " ", p.attempt)
	p.hand = &hand{Lease: l, of: p}
	s.leases = append(s.leases, p.hand)
}

// use calls a method of a lease, which may be over.
func (s *state) use(h *hand, op byte, arg int) {
	var err, want error
	var out conversation.Outcome
	note := strconv.Itoa(arg)
	switch op {
	case opDone, opBury:
		out.Forget = arg%8 == 0
		if arg%8 != 1 {
			out = conversation.Outcome{Turn: answered(h.Lease).Turn, Forget: out.Forget}
		}
		out.How = conversation.Answered
		if op == opBury {
			out.How = conversation.Dead
		}
		err = h.Done(s.Context(), out)
	case opRelease:
		err = h.Release(s.Context(), time.Time{})
	case opRenew:
		err = h.Renew(s.Context())
		if h.interrupted {
			want = conversation.ErrInterrupted
		}
	case opNote:
		err = h.Holder.Note(s.Context(), []byte(note))
	}
	if h.over {
		want = conversation.ErrLost
	}
	if !errors.Is(err, want) {
		s.Fatalf("call %d on a lease: %v, want %v", op, err, want)
	}
	if h.over {
		return
	}
	switch op {
	case opDone, opBury:
		s.settle(h.of, out)
		s.end(h)
	case opRelease:
		s.mark(h.Event.ID, conversation.MarkReleased)
		s.end(h)
	case opNote:
		h.of.note = note
		s.mark(h.Event.ID, conversation.MarkNoted)
	}
}

// end is the model of the end of a lease.
func (s *state) end(h *hand) {
	h.over, h.of.hand = true, nil
	if len(h.of.waiting) > 0 {
		s.ready = append(s.ready, h.of)
	}
}

// interrupt asks for a turn to stop.
func (s *state) interrupt(p *person) {
	got, err := s.store.Interrupt(s.Context(), home, conversation.KeyOf(question(p.name, "")))
	if err != nil || got != (p.hand != nil) {
		s.Fatalf("interrupt: %t, %v; want %t", got, err, p.hand != nil)
	}
	if p.hand != nil && !p.hand.interrupted {
		p.hand.interrupted = true
		s.mark(p.hand.Event.ID, conversation.MarkInterrupted)
	}
}

// retryOrDrop takes a dead letter away, if there is one.
func (s *state) retryOrDrop(arg int) {
	desk := s.store.(conversation.Desk)
	call, what := desk.Retry, conversation.MarkRetried
	if arg%3 == 0 {
		call, what = desk.Drop, conversation.MarkDropped
	}
	if len(s.dead) == 0 {
		if err := call(s.Context(), home, question("nobody", strconv.Itoa(arg)).Trace()); !errors.Is(err, conversation.ErrNotFound) {
			s.Fatalf("%s without a dead letter: %v", what, err)
		}
		return
	}
	n := arg / 3 % len(s.dead)
	dead := s.dead[n]
	if err := call(s.Context(), home, question(dead.of.name, dead.id).Trace()); err != nil {
		s.Fatalf("%s %q: %v", what, dead.id, err)
	}
	s.dead = slices.Delete(s.dead, n, n+1)
	s.mark(dead.id, what)
	if what == conversation.MarkRetried {
		s.enqueue(dead.of, dead.id)
	}
}

// settle is the model of Done.
func (s *state) settle(p *person, out conversation.Outcome) {
	id := p.waiting[0].id
	s.mark(id, out.How)
	p.waiting = p.waiting[1:]
	p.attempt, p.note = 0, ""
	s.waiting--
	if out.How == conversation.Dead {
		s.dead = append(s.dead, letter{id, p})
	}
	if len(s.dead) > stateDead {
		s.mark(s.dead[0].id, conversation.MarkDropped, " too many dead letters")
		s.dead = s.dead[1:]
	}
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
		p.hand = nil
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
	var want []string
	for n := range s.people {
		p := &s.people[n]
		for i, ask := range p.waiting {
			state := conversation.ItemWaiting
			if i == 0 && p.hand != nil {
				state = conversation.ItemHeld
			}
			want = append(want, string(state)+" "+ask.id)
		}
	}
	slices.Sort(want)
	for _, dead := range slices.Backward(s.dead) {
		want = slices.Insert(want, 0, "dead "+dead.id)
	}
	(&world{T: s.T, store: s.store}).lists(want...)
}

// checkLife compares a life.
func (s *state) checkLife(l *life) {
	if got := (&world{T: s.T, store: s.store}).life(l.ev); !slices.Equal(got, l.told) {
		s.Fatalf("life of %q: %q, want %q", l.ev.ID, got, l.told)
	}
}
