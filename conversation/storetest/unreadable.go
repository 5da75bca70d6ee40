package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Spoil changes what a store has stored of event n, 0 for the oldest, of those that
// wait in a conversation of the home connection: kept is given what is there and
// returns what is to be there.
type Spoil func(t *testing.T, store conversation.Store, key conversation.Key, n int, kept func(was string) string)

// RunUnreadable has events become unreadable. Each is put away as a dead letter,
// and what waits behind it goes on.
func RunUnreadable(t *testing.T, setup func(t *testing.T) Open, spoil Spoil) {
	for _, test := range []struct {
		name string
		kept func(was string) string
		id   string // by which the dead letter is known; "" where it has none of its own any more
	}{
		{"Text", func(was string) string { return was[:8] + "no JSON\n" }, ""},
		{"Cut", func(was string) string { return was[:len(was)-1] }, ""},
		{"Nothing", func(string) string { return "" }, ""},
		{"Short", func(string) string { return "\xff\x00" }, ""},
		{"Empty", func(was string) string { return was[:8] + "{}" }, ""},
		{"OtherType", func(was string) string { return was[:8] + `{"id":"1","connection":"home","text":7}` }, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{T: t, open: setup(t)}
			w.start(conversation.Options{Lease: long})
			w.accept(question("ann", "1"))
			w.accept(question("ann", "2"))
			key := conversation.KeyOf(question("ann", ""))
			spoil(t, w.store, key, 0, test.kept)
			if items, err := w.desk().Inbox(w.Context(), home, 10); err != nil || len(items) != 2 {
				t.Fatalf("inbox before: %v, %v", items, err)
			}
			l := w.takeID("2")
			w.waits(home, 1)
			trace := w.unreadable(key, test.id)
			if err := w.desk().Retry(w.Context(), home, trace); err != nil {
				t.Fatalf("retry: %v", err)
			}
			w.waits(home, 2)
			w.done(l, answered(l))
			w.nothing(home, glance)
			w.waits(home, 0)
			if again := w.unreadable(key, test.id); again != trace {
				t.Fatalf("trace %s became %s", trace, again)
			}
			if err := w.desk().Drop(w.Context(), home, trace); err != nil {
				t.Fatalf("drop: %v", err)
			}
			w.lists()
		})
	}
	t.Run("Joined", func(t *testing.T) { runUnreadableJoined(t, setup, spoil) })
}

// runUnreadableJoined has one of the events that wait for a lease together become
// unreadable. What is joined ends before it, at every attempt, and it is put away when
// its turn comes.
func runUnreadableJoined(t *testing.T, setup func(t *testing.T) Open, spoil Spoil) {
	for n, leases := range [][]string{{"bcd"}, {"a", "cd"}, {"ab", "d"}, {"abc"}} {
		for form, kept := range map[string]func(was string) string{
			"Text":      func(was string) string { return was[:8] + "no JSON\n" },
			"Nothing":   func(string) string { return "" },
			"OtherType": func(was string) string { return strings.Replace(was, `"text":"`, `"text":7,"was":"`, 1) },
		} {
			t.Run(fmt.Sprint(n, form), func(t *testing.T) {
				w := &world{T: t, open: setup(t)}
				w.start(conversation.Options{Lease: long, Join: 4})
				w.asks("abcd")
				spoil(t, w.store, conversation.KeyOf(asked("a")), n, kept)
				for _, ids := range leases {
					w.release(w.takeShare(ids))
					l := w.takeShare(ids)
					w.done(l, answered(l))
				}
				w.nothing(home, glance)
				w.waits(home, 0)
				w.unreadable(conversation.KeyOf(asked("a")), "")
				for _, id := range strings.Split(strings.Join(leases, ""), "") {
					if life := w.life(asked(id)); life[len(life)-1] != "answered" {
						t.Errorf("life of %q: %q", id, life)
					}
				}
			})
		}
	}
}

// unreadable insists that the inbox begins with an unreadable event, and returns the
// trace by which it is named.
func (w *world) unreadable(key conversation.Key, id string) (trace string) {
	w.Helper()
	items, err := w.desk().Inbox(w.Context(), home, 1)
	if err != nil || len(items) != 1 {
		w.Fatalf("inbox: %v, %v", items, err)
	}
	item := items[0]
	if item.State != conversation.ItemDead || item.Key != key || item.Attempt != 1 || item.Reason == "" ||
		item.Event.Connection != home || item.Event.ID == "" || id != "" && item.Event.ID != id ||
		time.Since(item.Since) > time.Hour {
		w.Fatalf("item %+v", item)
	}
	want := "dead " + item.Reason
	if life := w.life(connectors.Event{Connection: home, ID: item.Event.ID}); life[len(life)-1] != want {
		w.Fatalf("life %q, want it to end %q", life, want)
	}
	return item.Event.Trace()
}
