package dingtalktest

import (
	"container/heap"
	"slices"
	"time"
)

// expect starts the wait for an ack.
func (s *Server) expect(p *push) {
	after := s.opts.RedeliverAfter
	switch {
	case p.kind == typeEvent:
		after = s.opts.EventTimeout
	case p.topic == TopicCard:
		after = s.opts.PressTimeout
	}
	p.due = time.Now().Add(after)
	heap.Push(&s.overdue, p)
	if s.nextWake.IsZero() || p.due.Before(s.nextWake) {
		select {
		case s.look <- struct{}{}:
		default:
		}
	}
}

// settle ends the wait for an ack.
func (s *Server) settle(p *push) {
	if p.place >= 0 {
		heap.Remove(&s.overdue, p.place)
	}
}

// redeliverLoop pushes again what was not acked in time. One loop and one queue
// serve all messages, so a message costs no goroutine and no timer of its own.
func (s *Server) redeliverLoop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.redeliverDue(time.Now()))
		select {
		case <-s.done:
			return
		case <-timer.C:
		case <-s.look:
		}
	}
}

// redeliverDue pushes again what is due and returns how long nothing will be.
func (s *Server) redeliverDue(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.overdue) > 0 && !s.overdue[0].due.After(now) {
		p := s.overdue[0]
		most := s.opts.RedeliverMax
		switch {
		case p.kind == typeEvent:
			most = s.opts.EventRedeliverMax
		case p.topic == TopicCard:
			most = 0 // no retry is known
		}
		if p.tries < most {
			p.tries++
			s.stats.Redelivered++
			s.deliver(p)
			continue
		}
		s.settle(p)
		s.stats.Abandoned++
		s.forget(p)
		s.wake()
	}
	if len(s.overdue) == 0 {
		s.nextWake = time.Time{}
		return time.Hour
	}
	s.nextWake = s.overdue[0].due
	return s.nextWake.Sub(now)
}

// dueQueue is a heap of pushes, the earliest deadline first.
type dueQueue []*push

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is for package heap.
func (q *dueQueue) Push(x any) {
	p := x.(*push)
	p.place = len(*q)
	*q = append(*q, p)
}

// Pop is for package heap.
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = slices.Delete(*q, last, last+1)
	p.place = -1
	return p
}
