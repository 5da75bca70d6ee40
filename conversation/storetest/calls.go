package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"longwire/conversation"
)

// accept has the store accept an event, which it may have seen before.
func (s *state) accept(p *person, id string, alone bool) {
	ev := question(p.name, id)
	ev.Alone = alone
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
	s.enqueue(p, id, alone)
}

// enqueue is the model of an event that comes to wait.
func (s *state) enqueue(p *person, id string, alone bool) {
	s.waiting++
	s.clock++
	p.waiting = append(p.waiting, ask{id: id, seq: s.clock, alone: alone})
	if len(p.waiting) == 1 {
		s.ready = append(s.ready, p)
	}
}

// take takes what is next in line, or nothing.
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
	p.take(s.opts.Join)
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
	var behind, want []string
	for _, ev := range l.Joined {
		behind = append(behind, ev.ID)
	}
	for _, ask := range p.waiting[1:p.joined] {
		want = append(want, ask.id)
	}
	if !slices.Equal(behind, want) {
		s.Fatalf("with event %q came %q, want %q", l.Event.ID, behind, want)
	}
	var turns []string
	for _, turn := range l.History {
		turns = append(turns, turn.Answer)
	}
	if !slices.Equal(turns, p.turns) {
		s.Fatalf("history %v, want %v", turns, p.turns)
	}
	if string(l.Noted) != p.note {
		s.Fatalf("note %q, want %q", l.Noted, p.note)
	}
	s.markAll(p, conversation.MarkTaken, " ", p.attempt)
	p.hand = &hand{Lease: l, of: p}
	s.leases = append(s.leases, p.hand)
}

// take is the model of an attempt.
func (p *person) take(join int) {
	p.attempt++
	if p.attempt > 1 {
		return
	}
	p.joined = 1
	for p.joined < min(join, len(p.waiting)) && !p.waiting[0].alone && !p.waiting[p.joined].alone && !p.waiting[p.joined-1].border {
		p.joined++
	}
}

// markAll adds to the models of the lives of the events that a person's lease has.
func (s *state) markAll(p *person, what ...any) {
	for _, ask := range p.waiting[:p.joined] {
		s.mark(ask.id, what...)
	}
}

// use calls a method of a lease, which may be over.
func (s *state) use(h *hand, op byte, arg int) {
	var err, want error
	var out conversation.Outcome
	note := strconv.Itoa(arg)
	switch op {
	case opDone, opBury:
		if arg%8 != 1 {
			out = conversation.Outcome{Turn: answered(h.Lease).Turn}
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
		err = h.Note(s.Context(), []byte(note))
	}
	if h.over {
		want = conversation.ErrLost
	}
	if !errors.Is(err, want) {
		s.Fatalf("call %d on a lease: %v, want %v", op, err, want)
	}
	if !h.over {
		s.used(h, op, out, note)
	}
}

// used is the model of what a call on a lease has done.
func (s *state) used(h *hand, op byte, out conversation.Outcome, note string) {
	switch op {
	case opDone, opBury:
		s.settle(h.of, out)
		s.end(h)
	case opRelease:
		s.markAll(h.of, conversation.MarkReleased)
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

// forget forgets a conversation, once for each trace.
func (s *state) forget(p *person, trace string) {
	trace = p.name + trace
	if err := s.store.Forget(s.Context(), home, conversation.KeyOf(question(p.name, "")), trace); err != nil {
		s.Fatalf("forget: %v", err)
	}
	if s.forgot[trace] {
		return
	}
	s.forgot[trace] = true
	p.turns, p.forgotten = nil, p.attempt > 0
	if n := len(p.waiting); n > 0 {
		p.waiting[n-1].border = true
	}
}

// interrupt asks for a turn to stop.
func (s *state) interrupt(p *person) {
	got, err := s.store.Interrupt(s.Context(), home, conversation.KeyOf(question(p.name, "")), "")
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
		s.enqueue(dead.of, dead.id, dead.alone)
	}
}

// settle is the model of Done.
func (s *state) settle(p *person, out conversation.Outcome) {
	for _, ask := range p.waiting[:p.joined] {
		s.mark(ask.id, out.How)
		if out.How == conversation.Dead {
			s.dead = append(s.dead, letter{ask, p})
		}
		if len(s.dead) > stateDead {
			s.mark(s.dead[0].id, conversation.MarkDropped, " too many dead letters")
			s.dead = s.dead[1:]
		}
	}
	p.waiting = p.waiting[p.joined:]
	s.waiting -= p.joined
	forgotten := p.forgotten
	p.attempt, p.joined, p.note, p.forgotten = 0, 0, "", false
	if out.Turn != nil && !forgotten {
		p.turns = append(p.turns, out.Turn.Answer)
	}
	p.turns = p.turns[max(0, len(p.turns)-stateTurns):]
}
