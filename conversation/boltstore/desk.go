package boltstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// Inbox lists what is not done. It looks at the key of everything that waits on
// the connection, of which there is at most Options.MaxWaiting and what was
// retried, and reads no more than limit events.
func (s *Store) Inbox(ctx context.Context, connection string, limit int) ([]conversation.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, storeError("list", err)
	}
	held := s.held(connection)
	var items []conversation.Item
	err := s.db.View(func(tx *bbolt.Tx) error {
		r, ok := recordsIn(tx, connection)
		if !ok {
			return nil
		}
		items = r.deadItems(connection, limit)
		waiting, err := r.waitingItems(connection, held, limit-len(items))
		items = append(items, waiting...)
		return err
	})
	return items, storeError("list", err)
}

// held are the conversations of a connection that are in somebody's hands.
func (s *Store) held(connection string) map[conversation.Key]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := map[conversation.Key]bool{}
	if l := s.lines[connection]; l != nil {
		l.promote(time.Now())
		for key, m := range l.members {
			if m.fence != 0 {
				held[key] = true
			}
		}
	}
	return held
}

// deadItems lists the oldest dead letters.
func (r records) deadItems(connection string, limit int) (items []conversation.Item) {
	c := r.letters.Cursor()
	for k, v := c.First(); k != nil && len(items) < limit; k, v = c.Next() {
		items = append(items, record.Item(connection, v, timeOf(k)))
	}
	return items
}

// place is where one waiting event is.
type place struct {
	key  conversation.Key
	seq  uint64
	nth  uint64 // in its conversation, 0 for the oldest
	held bool
}

// waitingItems lists the oldest events that are not dead, those in somebody's
// hands first.
func (r records) waitingItems(connection string, held map[conversation.Key]bool, limit int) ([]conversation.Item, error) {
	places, err := r.places(held)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.held != b.held {
			if a.held {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.seq, b.seq)
	})
	var items []conversation.Item
	for _, p := range places[:max(0, min(limit, len(places)))] {
		item, err := r.item(connection, p)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// places lists where the waiting events are.
func (r records) places(held map[conversation.Key]bool) (places []place, err error) {
	c := r.waiting.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		key, seq, err := splitWaiting(k)
		if err != nil {
			return nil, err
		}
		p := place{key: key, seq: seq}
		if n := len(places); n > 0 && places[n-1].key == key {
			p.nth = places[n-1].nth + 1
		}
		if held[key] {
			prefix, err := prefixOf(key)
			if err != nil {
				return nil, err
			}
			p.held = p.nth < r.laneOf(prefix).together()
		}
		places = append(places, p)
	}
	return places, nil
}

// item reads one waiting event.
func (r records) item(connection string, p place) (conversation.Item, error) {
	prefix, err := prefixOf(p.key)
	if err != nil {
		return conversation.Item{}, err
	}
	kept := r.waiting.Get(numbered(prefix, p.seq))
	ev, _ := record.Decode(connection, kept)
	item := conversation.Item{Event: ev, Key: p.key, State: conversation.ItemWaiting, Since: ev.Received}
	if lane := r.laneOf(prefix); p.nth < lane.together() {
		item.Attempt = int(lane.attempt)
	}
	if p.held {
		item.State = conversation.ItemHeld
	}
	marks, err := r.life(record.Trace(kept))
	for _, mark := range slices.Backward(marks) {
		if record.Begins(mark.What) {
			item.Since = mark.At
			break
		}
	}
	return item, err
}
