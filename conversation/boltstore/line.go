package boltstore

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// line is the conversations of one connection that have events waiting. Each is
// in one of three places: ready, in the order in which it became so; put off to
// a later moment; or in somebody's hands. Everything here is guarded by Store.mu.
type line struct {
	members map[conversation.Key]*member
	ready   []*member
	clock   clock // those that become ready by themselves

	// bell wakes one waiting Take. Whoever takes rings again if more is ready,
	// so one ring is enough for any number.
	bell chan struct{}
	// alarm goes off when the first of clock is due. All waiting Takes listen to
	// it; the one that hears it looks at the clock for all.
	alarm *time.Timer
}

// member is one conversation in the line.
type member struct {
	key conversation.Key
	// fence is the number of the lease that holds it, 0 when nobody does.
	fence uint64
	// settling says that Done is being committed: the lease cannot run out
	// meanwhile.
	settling bool
	// due is when it becomes ready by itself: when its lease runs out, or when
	// the time has come that Release named.
	due   time.Time
	place int // in line.clock, -1 when it is not there

	interrupted uint64 // the lease that is asked to stop, 0 for none (interrupt.go)

	traces []string            // of the events that were taken last, the oldest first, until they are done
	marks  []conversation.Mark // of their lives, not in the file yet (life.go)
}

// lineOf is the line of a connection; mu is held.
func (s *Store) lineOf(connection string) *line {
	l := s.lines[connection]
	if l == nil {
		l = &line{
			members: make(map[conversation.Key]*member),
			bell:    make(chan struct{}, 1),
			alarm:   time.NewTimer(time.Hour),
		}
		l.alarm.Stop()
		s.lines[connection] = l
	}
	return l
}

// join makes a conversation that has an event waiting part of the line.
func (l *line) join(key conversation.Key) {
	if l.members[key] == nil {
		m := &member{key: key, place: -1}
		l.members[key] = m
		l.append(m)
	}
}

// append puts m, which nobody holds, at the end of the line.
func (l *line) append(m *member) {
	m.fence, m.settling = 0, false
	l.ready = append(l.ready, m)
	l.ring()
}

// putBack puts m at the head of the line again, as if it had not been taken.
func (l *line) putBack(m *member) {
	m.fence = 0
	l.ready = slices.Insert(l.ready, 0, m)
	l.ring()
}

// leave takes m, which has nothing waiting any more, out of the line.
func (l *line) leave(m *member) {
	m.fence, m.settling = 0, false
	delete(l.members, m.key)
}

// next takes the first ready conversation out of the line, nil if there is none.
func (l *line) next(now time.Time) *member {
	l.promote(now)
	if len(l.ready) == 0 {
		return nil
	}
	m := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	if len(l.ready) > 0 {
		l.ring()
	}
	return m
}

// ring wakes one waiting Take.
func (l *line) ring() {
	select {
	case l.bell <- struct{}{}:
	default: // it has been rung and nobody has heard it yet
	}
}

// wakeAt has m become ready at due, unless something else happens before.
func (l *line) wakeAt(m *member, due time.Time) {
	m.due = due
	if m.place < 0 {
		heap.Push(&l.clock, m)
	} else {
		heap.Fix(&l.clock, m.place)
	}
	l.setAlarm()
}

// hold takes m off the clock: it does not become ready by itself any more.
func (l *line) hold(m *member) {
	if m.place >= 0 {
		heap.Remove(&l.clock, m.place)
		l.setAlarm()
	}
}

// promote puts the conversations that are due at the end of the line. A lease
// that has run out is over from here on.
func (l *line) promote(now time.Time) {
	if len(l.clock) == 0 {
		return
	}
	for len(l.clock) > 0 && !l.clock[0].due.After(now) {
		l.append(heap.Pop(&l.clock).(*member))
	}
	l.setAlarm()
}

// setAlarm sets the alarm to the first moment of the clock.
func (l *line) setAlarm() {
	if len(l.clock) == 0 {
		l.alarm.Stop()
		return
	}
	l.alarm.Reset(time.Until(l.clock[0].due))
}

// clock is a heap of members by the time they are due.
type clock []*member

// Len is for container/heap.
func (c clock) Len() int { return len(c) }

// Less is for container/heap.
func (c clock) Less(i, j int) bool { return c[i].due.Before(c[j].due) }

// Swap is for container/heap.
func (c clock) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].place, c[j].place = i, j
}

// Push is for container/heap.
func (c *clock) Push(x any) {
	m := x.(*member)
	m.place = len(*c)
	*c = append(*c, m)
}

// Pop is for container/heap.
func (c *clock) Pop() any {
	last := len(*c) - 1
	m := (*c)[last]
	(*c)[last] = nil
	*c = (*c)[:last]
	m.place = -1
	return m
}

// rebuild reads from the file which conversations have events waiting, and has
// those join that the line does not know: all of them when the store is opened,
// and otherwise what a commit that failed has left in the file after all. The
// opposite, a conversation in the line with nothing in the file, is found by Take.
func (s *Store) rebuild() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(connectionsBucket).ForEachBucket(func(name []byte) error {
			waiting := tx.Bucket(connectionsBucket).Bucket(name).Bucket(waitingBucket)
			if waiting == nil {
				return nil
			}
			keys, err := waitingKeys(waiting)
			if err != nil {
				return fmt.Errorf("read the line of connection %q: %w", name, err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			l := s.lineOf(string(name))
			for _, key := range keys {
				l.join(key)
			}
			return nil
		})
	})
}

// waitingKeys lists the conversations with events waiting, the one with the
// oldest event first.
func waitingKeys(waiting *bbolt.Bucket) ([]conversation.Key, error) {
	type head struct {
		key conversation.Key
		seq uint64
	}
	var heads []head
	c := waiting.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		key, seq, err := splitWaiting(k)
		if err != nil {
			return nil, err
		}
		if n := len(heads); n == 0 || heads[n-1].key != key {
			heads = append(heads, head{key, seq})
		}
	}
	slices.SortFunc(heads, func(a, b head) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	keys := make([]conversation.Key, len(heads))
	for i, h := range heads {
		keys[i] = h.key
	}
	return keys, nil
}
