package feishutest

import (
	"container/heap"
	"time"
)

// alarm is something to do at a time. One clock goroutine serves them all, so
// that tens of thousands of ack deadlines need no goroutine each and Close has
// one thing to wait for. An alarm cannot be taken back: what it does looks first
// whether there is still something to do.
type alarm struct {
	at time.Time
	do func() // called with Server.mu held
}

// alarms is a heap, the earliest first.
type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	old := *a
	last := old[len(old)-1]
	old[len(old)-1] = alarm{} // lets go of what do holds
	*a = old[:len(old)-1]
	return last
}

// after calls do in d, with mu held. mu is held here, too.
func (s *Server) after(d time.Duration, do func()) {
	at := s.now().Add(d)
	heap.Push(&s.alarms, alarm{at, do})
	if s.alarms[0].at.Equal(at) {
		s.wakeClock()
	}
}

func (s *Server) wakeClock() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// now is the cloud's time: the world's and what Skip added. mu is held.
func (s *Server) now() time.Time { return time.Now().Add(s.skipped) }

// Skip moves the cloud's clock ahead by d at once: tokens and cards grow older by
// d, redeliveries come due, and so do the deadlines of what is under way.
func (s *Server) Skip(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped += d
	s.wakeClock()
}

// runClock rings the alarms until Close.
func (s *Server) runClock() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.ring())
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
	}
}

// ring does what is due and returns how long the next alarm is away.
func (s *Server) ring() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.alarms) > 0 && !s.closed {
		if wait := s.alarms[0].at.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&s.alarms).(alarm).do()
	}
	return time.Hour
}
