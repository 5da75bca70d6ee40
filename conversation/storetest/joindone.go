package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"longwire/conversation"
)

// Done ends all of them in one step, with one turn and the same outcome in each one's
// life, and no redelivery of any begins it anew.
func testJoinDone(w *world) {
	opts := conversation.Options{Lease: long, Join: 3}
	w.start(opts)
	for n, how := range []conversation.How{"", conversation.Failed, conversation.Skipped} {
		ids := []string{"abc", "def", "ghi"}[n]
		w.asks(ids)
		w.release(w.takeShare(ids))
		w.told(ids, "accepted", "taken 1", "released")
		w.start(opts)
		w.told(ids, "accepted", "taken 1", "released")
		l := w.takeShare(ids)
		w.done(l, conversation.Outcome{How: how, Reason: "why", Turn: answered(l).Turn})
		w.lost(l)
		w.waits(home, 0)
		w.start(opts)
		if how == "" {
			how = conversation.Answered
		}
		w.told(ids, "accepted", "taken 1", "released", "taken 2", string(how)+" why")
		for _, id := range strings.Split(ids, "") {
			w.refuse(asked(id))
		}
		w.nothing(home, glance)
	}
	w.asks("j")
	w.remembers(w.takeShare("j"), "answer to a", "answer to d", "answer to g")
}

// Events that are given up together are a dead letter each, in their order, and an
// operator has each by itself.
func testJoinDead(w *world) {
	opts := conversation.Options{Lease: long, Join: 3, MaxDead: 4}
	w.start(opts)
	w.asks("abcd")
	l := w.takeShare("abc")
	w.note(l, "card")
	w.done(l, conversation.Outcome{How: conversation.Dead, Reason: "too often"})
	w.start(opts)
	w.waits(home, 1)
	w.told("bc", "accepted", "taken 1", "dead too often")
	items, err := w.desk().Inbox(w.Context(), home, 10)
	if err != nil || len(items) != 4 {
		w.Fatalf("inbox: %v, %v", items, err)
	}
	for n, id := range []string{"a", "b", "c"} {
		got := items[n]
		if got.State != conversation.ItemDead || got.Event.ID != id || got.Event.Text != asked(id).Text || got.Attempt != 1 ||
			got.Reason != "too often" || got.Key != conversation.KeyOf(asked(id)) {
			w.Errorf("dead letter %d: %+v", n, got)
		}
	}
	if err := w.desk().Retry(w.Context(), home, asked("b").Trace()); err != nil {
		w.Fatalf("retry: %v", err)
	}
	w.lists("dead a", "dead c", "waiting b", "waiting d")
	l = w.takeShare("db") // the one that was retried is joined like any other
	w.noted(l, "")
	if l.Event.Retries != 0 || l.Joined[0].Retries != 1 {
		w.Errorf("retried %d and %d times, want the second once", l.Event.Retries, l.Joined[0].Retries)
	}
	w.done(l, answered(l))
	if err := w.desk().Drop(w.Context(), home, asked("c").Trace()); err != nil {
		w.Fatalf("drop: %v", err)
	}
	w.told("b", "accepted", "taken 1", "dead too often", "retried", "taken 1", "answered")
	w.told("c", "accepted", "taken 1", "dead too often", "dropped")
	w.waits(home, 0)
}

// The bound on dead letters holds for those that come together too.
func testJoinDeadBound(w *world) {
	opts := conversation.Options{Lease: long, Join: 3, MaxDead: 2}
	w.start(opts)
	w.asks("abc")
	w.done(w.takeShare("abc"), conversation.Outcome{How: conversation.Dead})
	w.lists("dead b", "dead c")
	w.told("a", "accepted", "taken 1", "dead", "dropped too many dead letters")
	w.asks("de")
	w.done(w.takeShare("de"), conversation.Outcome{How: conversation.Dead})
	w.lists("dead d", "dead e")
	opts.MaxDead = -1
	w.start(opts)
	w.asks("fgh")
	w.done(w.takeShare("fgh"), conversation.Outcome{How: conversation.Dead})
	w.lists()
	w.waits(home, 0)
}

// Joined events wait until they are done, so they count for both bounds, and when they
// are done there is room for as many.
func testJoinFull(w *world) {
	full := func(person, id string) {
		w.Helper()
		if fresh, err := w.store.Accept(w.Context(), question(person, id)); fresh || !errors.Is(err, conversation.ErrFull) {
			w.Fatalf("accept when full: fresh %t, err %v; want false, %v", fresh, err, conversation.ErrFull)
		}
	}
	opts := conversation.Options{Lease: long, Join: 3, MaxPerConversation: 3, MaxWaiting: 4}
	w.start(opts)
	w.asks("abc")
	l := w.takeShare("abc")
	full("ann", "more")
	w.accept(question("ben", "x"))
	full("ben", "y")
	w.release(l)
	ben := w.takeShare("x")
	l = w.takeShare("abc")
	full("ann", "more")
	w.done(l, answered(l))
	w.waits(home, 1)
	w.asks("def")
	full("ann", "more")
	full("ben", "y")
	w.done(ben, answered(ben))
	l = w.takeShare("def")
	w.done(l, conversation.Outcome{How: conversation.Dead})
	w.asks("ghi")
	full("ann", "more")
	w.waits(home, 3)
}

// The inbox shows all of them as held, taken as often as they were, and once they are
// released as waiting; what came later only waits.
func testJoinInbox(w *world) {
	w.start(conversation.Options{Lease: long, Join: 2})
	began := time.Now().Add(-time.Minute) // clocks may differ
	w.asks("abcd")
	inbox := func(want ...string) {
		w.Helper()
		for limit := range 6 {
			items, err := w.desk().Inbox(w.Context(), home, limit)
			var got []string
			for _, item := range items {
				got = append(got, fmt.Sprint(item.State, " ", item.Event.ID, " ", item.Attempt))
				if item.Since.Before(began) {
					w.Errorf("%q is %s since %v", item.Event.ID, item.State, item.Since)
				}
			}
			if err != nil || !slices.Equal(got, want[:min(limit, len(want))]) {
				w.Fatalf("inbox of at most %d: %q, %v; want %q", limit, got, err, want)
			}
		}
	}
	inbox("waiting a 0", "waiting b 0", "waiting c 0", "waiting d 0")
	l := w.takeShare("ab")
	inbox("held a 1", "held b 1", "waiting c 0", "waiting d 0")
	w.release(l)
	inbox("waiting a 1", "waiting b 1", "waiting c 0", "waiting d 0")
	if err := w.takeShare("ab").Release(w.Context(), time.Now().Add(100*time.Millisecond)); err != nil {
		w.Fatalf("release: %v", err)
	}
	inbox("waiting a 2", "waiting b 2", "waiting c 0", "waiting d 0")
	l = w.takeShare("ab")
	inbox("held a 3", "held b 3", "waiting c 0", "waiting d 0")
	w.done(l, answered(l))
	inbox("waiting c 0", "waiting d 0")
	w.takeShare("cd")
	inbox("held c 1", "held d 1")
}

// A note and an interruption are about the lease, and told of the oldest event.
func testJoinLease(w *world) {
	opts := conversation.Options{Lease: long, Join: 2}
	w.start(opts)
	w.asks("ab")
	l := w.takeShare("ab")
	w.note(l, "card")
	w.interrupt(home, "ann", true)
	w.renewed(l, conversation.ErrInterrupted)
	w.told("b", "accepted", "taken 1")
	w.release(l)
	w.told("b", "accepted", "taken 1", "released")
	w.start(opts)
	l = w.takeShare("ab")
	w.noted(l, "card")
	w.renewed(l, nil)
	w.interrupt(home, "ann", true)
	w.start(opts) // where the interruption was not written yet
	w.told("b", "accepted", "taken 1", "released", "taken 2")
	w.told("a", "accepted", "taken 1", "noted", "interrupted", "released", "taken 2", "interrupted")
}

// Another replica has the same events, whatever it would join itself.
func pairJoin(here, there *world) {
	here.start(conversation.Options{Lease: long, Join: 3})
	there.start(conversation.Options{Lease: long, Join: 1})
	here.asks("abcdEf")
	l := here.takeShare("abc")
	there.lists("held a", "held b", "held c", "waiting E", "waiting d", "waiting f")
	here.release(l)
	l = there.takeShare("abc")
	there.release(l)
	l = here.takeShare("abc")
	here.done(l, answered(l))
	there.waits(home, 3)
	there.told("abc", "accepted", "taken 1", "released", "taken 2", "released", "taken 3", "answered")
	l = there.takeShare("d")
	there.remembers(l, "answer to a")
	there.release(l)
	l = here.takeShare("d")
	here.done(l, conversation.Outcome{How: conversation.Dead})
	l = there.takeShare("E")
	there.done(l, answered(l))
	here.takeShare("f")
}
