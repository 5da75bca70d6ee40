package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

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
		lives: map[string]*life{}, forgot: map[string]bool{},
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
	forgot  map[string]bool  // the traces of what was forgotten
	waiting int
	clock   int // numbers the events
}

// person is the model of a conversation.
type person struct {
	name    string
	waiting []ask
	attempt int
	joined  int    // how many of waiting have been taken together
	note    string // of the oldest waiting event
	turns   []string

	forgotten bool // the turn of the oldest is not to be remembered, because it was taken before that

	hand *hand // who has it, nil for nobody; not over for the store, even if it was closed
}

// ask is the model of a waiting event.
type ask struct {
	id    string
	seq   int
	alone bool

	border bool // nothing behind it is joined with it
}

// letter is the model of a dead letter.
type letter struct {
	ask
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
	opForget
	ops
)

// call makes one call.
func (s *state) call(op byte, arg int) {
	switch op % ops {
	case opAccept, opAcceptToo:
		s.accept(&s.people[arg%statePeople], strconv.Itoa(arg/statePeople%24), arg >= 128)
	case opTake, opTakeToo:
		s.take()
	case opInterrupt:
		s.interrupt(&s.people[arg%statePeople])
	case opDesk:
		s.retryOrDrop(arg)
	case opForget:
		s.forget(&s.people[arg%statePeople], strconv.Itoa(arg/statePeople%4))
	case opOther:
		if arg%4 == 0 {
			s.opts.Join = arg/4%stateEach + 1
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
			if i < p.joined && p.hand != nil {
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
