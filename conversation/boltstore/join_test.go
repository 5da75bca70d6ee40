package boltstore

import (
	"testing"

	"longwire/conversation"
)

// A lane of an earlier time has two numbers. Its oldest event was taken by itself, and
// stays by itself; one that was not taken yet is joined. One of today has the two
// where an earlier program looks for them.
func TestLaneForms(t *testing.T) {
	two := func(waiting, attempt uint64) []byte { return numbered(numberBytes(waiting), attempt) }
	for name, row := range map[string]struct {
		lane    []byte
		attempt int
		joined  int
	}{
		"not taken":       {two(3, 0), 1, 2},
		"taken":           {two(3, 1), 2, 0},
		"taken often":     {two(3, 7), 8, 0},
		"as it is today":  {numbered(numbered(numberBytes(3), 2), 7), 8, 1},
		"today, in doubt": {numbered(numbered(numberBytes(3), 0), 7), 8, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, conversation.Options{Join: 3})
			for n := range 3 {
				accept(t, s, event("ann", n, 1))
			}
			prefix, err := prefixOf(conversation.KeyOf(event("ann", 0, 1)))
			if err != nil {
				t.Fatal(err)
			}
			change(t, s, func(r records) error { return r.lanes.Put(prefix, row.lane) })
			if items, err := s.Inbox(t.Context(), "home", 1); err != nil || items[0].Attempt != row.attempt-1 {
				t.Fatalf("inbox before: %+v, %v", items, err)
			}
			l := take(t, s)
			if l.Attempt != row.attempt || len(l.Joined) != row.joined {
				t.Fatalf("attempt %d with %d joined, want %d with %d", l.Attempt, len(l.Joined), row.attempt, row.joined)
			}
			change(t, s, func(r records) error {
				if v := r.lanes.Get(prefix); number(v) != 3 || lastNumber(v) != uint64(row.attempt) {
					t.Errorf("lane %x", v)
				}
				return nil
			})
			items, err := s.Inbox(t.Context(), "home", 10)
			if err != nil {
				t.Fatal(err)
			}
			held := 0
			for _, item := range items {
				if item.State == conversation.ItemHeld {
					held++
				}
			}
			if held != 1+row.joined {
				t.Errorf("%d are held, want %d", held, 1+row.joined)
			}
			if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Waiting(t.Context(), "home"); err != nil || n != 2-row.joined {
				t.Errorf("waiting: %d, %v; want %d", n, err, 2-row.joined)
			}
		})
	}
}
