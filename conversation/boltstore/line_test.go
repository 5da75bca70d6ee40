package boltstore

import (
	"testing"
	"time"

	"longwire/conversation"
)

// heard reports whether the bell was rung.
func heard(l *line) bool {
	select {
	case <-l.bell:
		return true
	default:
		return false
	}
}

// Two that become ready while both Takes are between looking and listening ring
// once. The Take that hears it passes it on, or the other would sleep for ever.
func TestBellIsPassedOn(t *testing.T) {
	s := fresh(t, conversation.Options{})
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lineOf("home")
	l.join("a")
	l.join("b")
	if !heard(l) || heard(l) {
		t.Fatal("two became ready, and the bell was not rung once")
	}
	if m := l.next(time.Now()); m == nil || m.key != "a" {
		t.Fatalf("next is %v, want a", m)
	}
	if !heard(l) {
		t.Fatal("one was taken and one is ready, and the bell was not passed on")
	}
	if m := l.next(time.Now()); m == nil || m.key != "b" {
		t.Fatalf("next is %v, want b", m)
	}
	if heard(l) || l.next(time.Now()) != nil {
		t.Fatal("nothing is ready")
	}
}

// The alarm is set to the first of those that become ready by themselves,
// whatever order they come and go in.
func TestClock(t *testing.T) {
	s := fresh(t, conversation.Options{})
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lineOf("home")
	now := time.Now()
	at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	members := map[int]*member{}
	for _, n := range []int{5, 2, 8, 1, 9, 3} {
		members[n] = &member{key: conversation.Key(rune('0' + n)), place: -1}
		l.wakeAt(members[n], at(n))
	}
	l.hold(members[1])
	l.hold(members[8])
	l.hold(members[8]) // it is off the clock already
	l.wakeAt(members[9], at(4))
	l.promote(at(4))
	var got string
	for m := l.next(now); m != nil; m = l.next(now) {
		got += string(m.key)
	}
	if got != "239" {
		t.Errorf("ready after four hours: %s, want 239", got)
	}
	if len(l.clock) != 1 || l.clock[0] != members[5] {
		t.Errorf("%d left on the clock, want one", len(l.clock))
	}
}
