package storetest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// asks has ann ask as many questions as there are letters in ids, which are the events'
// ids. One in capitals is Alone.
func (w *world) asks(ids string) {
	w.Helper()
	for _, id := range strings.Split(ids, "") {
		w.accept(asked(id))
	}
}

// asked is the event that asks accepts.
func asked(id string) connectors.Event {
	ev := question("ann", id)
	ev.Alone = strings.ToUpper(id) == id
	return ev
}

// share is the ids of the events of a lease, the oldest first.
func share(l *conversation.Lease) string {
	ids := l.Event.ID
	for _, ev := range l.Joined {
		ids += ev.ID
	}
	return ids
}

// takeShare takes from the home connection and insists on the events.
func (w *world) takeShare(ids string) *conversation.Lease {
	w.Helper()
	l := w.take()
	if got := share(l); got != ids {
		w.Fatalf("took %q at attempt %d, want %q", got, l.Attempt, ids)
	}
	return l
}

// told insists on the life of each of ann's events.
func (w *world) told(ids string, want ...string) {
	w.Helper()
	for _, id := range strings.Split(ids, "") {
		if got := w.life(asked(id)); !slices.Equal(got, want) {
			w.Fatalf("life of %q: %q, want %q", id, got, want)
		}
	}
}

// The events that wait behind the oldest come with it, in their order, up to the first
// that is Alone, and with it as many as Options.Join says. One that is Alone has its
// turn to itself, wherever it waits.
func testJoin(w *world) {
	for n, row := range []struct {
		join  int
		waits string
		want  string // the leases
	}{
		{0, "abc", "a b c"},
		{1, "abc", "a b c"},
		{-1, "abc", "a b c"},
		{2, "abc", "ab c"},
		{3, "abc", "abc"},
		{4, "abc", "abc"},
		{3, "abcdefg", "abc def g"},
		{9, "Abc", "A bc"},
		{9, "abCde", "ab C de"},
		{9, "abC", "ab C"},
		{9, "aBCd", "a B C d"},
		{9, "AB", "A B"},
		{2, "abCdef", "ab C de f"},
	} {
		w.start(conversation.Options{Lease: long, Join: row.join, Turns: 100})
		person := nth("person", n)
		for _, id := range strings.Split(row.waits, "") {
			ev := asked(id)
			ev.Sender.ID, ev.ID = person, person+id
			w.accept(ev)
		}
		turns, left := 0, len(row.waits)
		for _, want := range strings.Fields(row.want) {
			l := w.take()
			if got := strings.ReplaceAll(share(l), person, ""); got != want || l.Attempt != 1 || len(l.History) != turns {
				w.Fatalf("join %d, waiting %s: took %s at attempt %d with %d turns, want %s of %s",
					row.join, row.waits, got, l.Attempt, len(l.History), want, row.want)
			}
			w.waits(home, left)
			w.done(l, answered(l))
			turns, left = turns+1, left-len(want)
			w.waits(home, left)
		}
		w.nothing(home, glance)
	}
}

// An event that is joined is what was accepted, like any other.
func testJoinUnchanged(w *world) {
	w.start(conversation.Options{Lease: long, Join: 3})
	w.asks("ab")
	ev := asked("c")
	ev.Text, ev.Sent = "line\r\n\x00 你好", time.Date(2026, 8, 22, 1, 2, 3, 4, time.UTC)
	w.accept(ev)
	l := w.takeShare("abc")
	if got := l.Joined[1]; got.Text != ev.Text || !got.Sent.Equal(ev.Sent) || got.Connection != ev.Connection || got.Alone || got.Retries != 0 {
		w.Errorf("event %+v, want %+v", got, ev)
	}
}

// What is joined is what waited when the oldest event was taken first. It is the same
// at every later attempt: after a release, a restart and in a store with other options,
// however much waits by then.
func testJoinFixed(w *world) {
	opts := conversation.Options{Lease: long, Join: 3}
	w.start(opts)
	w.asks("ab")
	w.release(w.takeShare("ab"))
	w.asks("cde")
	w.release(w.takeShare("ab"))
	for _, join := range []int{9, 1, 2, 3} {
		opts.Join = join
		w.start(opts)
		w.release(w.takeShare("ab"))
		w.asks(string(rune('f' + join)))
	}
	l := w.takeShare("ab")
	if l.Attempt != 7 {
		w.Fatalf("attempt %d, want 7", l.Attempt)
	}
	w.done(l, answered(l))
	l = w.takeShare("cde")
	w.remembers(l, "answer to a")
	opts.Join = 1
	w.start(opts)
	w.waits(home, 7)
}

// One that was taken by itself stays by itself.
func testJoinFixedAlone(w *world) {
	opts := conversation.Options{Lease: long, Join: 1}
	w.start(opts)
	w.asks("abc")
	w.release(w.takeShare("a"))
	opts.Join = 3
	w.start(opts)
	l := w.takeShare("a")
	w.done(l, answered(l))
	l = w.takeShare("bc")
	w.done(l, answered(l))
	w.asks("d")
	w.release(w.takeShare("d"))
	w.asks("e")
	w.takeShare("d")
}

// Whoever takes over has the same events, and the lease that is over ends none.
func testJoinTakeover(w *world) {
	w.start(conversation.Options{Lease: short, Join: 3})
	w.asks("abcd")
	dead := w.takeShare("abc")
	second := w.takeShare("abc")
	if second.Attempt != 2 {
		w.Fatalf("attempt %d after a takeover, want 2", second.Attempt)
	}
	w.lost(dead)
	w.waits(home, 4)
	for err := errors.New("not yet"); err != nil; {
		l := w.takeOrKeep(&second, "a")
		if got := share(l); got != "abc" {
			w.Fatalf("took %q, want abc", got)
		}
		if err = l.Done(w.Context(), answered(l)); err != nil && !errors.Is(err, conversation.ErrLost) {
			w.Fatalf("done: %v", err)
		}
		w.lost(dead)
	}
	w.waits(home, 1)
	w.remembers(w.takeShare("d"), "answer to a")
	w.lost(dead)
}
