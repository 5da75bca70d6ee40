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
	at := time.Now().Add(d)
	heap.Push(&s.alarms, alarm{at, do})
	if s.alarms[0].at.Equal(at) {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// runClock rings the alarms until Close.
func (s *Server) runClock() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.ring(time.Now()))
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
	}
}

// ring does what is due and returns how long the next alarm is away.
func (s *Server) ring(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.alarms) > 0 && !s.closed {
		if wait := s.alarms[0].at.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&s.alarms).(alarm).do()
	}
	return time.Hour
}
