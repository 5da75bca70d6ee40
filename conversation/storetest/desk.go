package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// desk is the store under test as its operator sees it.
func (w *world) desk() conversation.Desk {
	w.Helper()
	desk, ok := w.store.(conversation.Desk)
	if !ok {
		w.Fatal("the store is not a conversation.Desk")
	}
	return desk
}

// lists insists on the inbox, each item as its state and the event's id. Of what is
// held, and of what waits, the order is not part of it.
func (w *world) lists(want ...string) {
	w.Helper()
	items, err := w.desk().Inbox(w.Context(), home, 1000)
	if err != nil {
		w.Fatalf("inbox: %v", err)
	}
	got := make([]string, len(items))
	for i, item := range items {
		got[i] = string(item.State) + " " + item.Event.ID
	}
	dead := 0
	for dead < len(got) && items[dead].State == conversation.ItemDead {
		dead++
	}
	slices.Sort(got[dead:]) // what is held sorts before what waits
	if !slices.Equal(got, want) {
		w.Fatalf("inbox %q, want %q", got, want)
	}
}

// lives insists on the life of a person's event that has the person's name as its
// id, each mark as what happened and its detail.
func (w *world) lives(person string, want ...string) {
	w.Helper()
	if got := w.life(question(person, person)); !slices.Equal(got, want) {
		w.Fatalf("life of %q: %q, want %q", person, got, want)
	}
}

// life is the life of an event, in words.
func (w *world) life(ev connectors.Event) (told []string) {
	w.Helper()
	marks, err := w.desk().Life(w.Context(), ev.Connection, ev.Trace())
	if err != nil {
		w.Fatalf("life of %q: %v", ev.ID, err)
	}
	for i, mark := range marks {
		told = append(told, strings.TrimSuffix(string(mark.What)+" "+mark.Detail, " "))
		if i > 0 && mark.At.Before(marks[i-1].At) {
			w.Fatalf("life of %q: %s at %v after %v", ev.ID, mark.What, mark.At, marks[i-1].At)
		}
	}
	return told
}

// The inbox has dead letters first, the oldest first, then what is held, then what
// waits, and no more than asked for.
func testInbox(w *world) {
	w.start(conversation.Options{Lease: short})
	w.lists()
	began := time.Now().Add(-time.Minute)
	for n, id := range []string{"d1", "d2", "h1", "r1", "w1", "w2"} {
		ev := question("person of "+id, id)
		ev.Received = began.Add(time.Duration(n) * time.Second)
		w.accept(ev)
	}
	for n, person := range []string{"person of h1", "person of r1"} {
		behind := question(person, fmt.Sprintf("w%d", n+3))
		behind.Received = began.Add(time.Duration(n+10) * time.Second)
		w.accept(behind)
	}
	w.start(conversation.Options{Lease: long})
	w.bury("d1", "first")
	w.bury("d2", "second")
	held := w.takeID("h1")
	if err := w.takeID("r1").Release(w.Context(), time.Now().Add(time.Hour)); err != nil {
		w.Fatalf("release: %v", err)
	}
	w.lists("dead d1", "dead d2", "held h1", "waiting r1", "waiting w1", "waiting w2", "waiting w3", "waiting w4")
	var first []string
	for limit := range 10 {
		items, err := w.desk().Inbox(w.Context(), home, limit)
		if err != nil || len(items) != min(limit, 8) {
			w.Fatalf("inbox of at most %d: %d items, %v", limit, len(items), err)
		}
		first = first[:0]
		for _, item := range items {
			first = append(first, fmt.Sprintf("%s %s %d", item.State, item.Event.ID, item.Attempt))
			if item.Key != conversation.KeyOf(item.Event) || item.Since.Before(began) {
				w.Errorf("item %+v", item)
			}
		}
	}
	if want := []string{"dead d1 1", "dead d2 1", "held h1 1", "waiting r1 1", "waiting w1 0", "waiting w2 0", "waiting w3 0", "waiting w4 0"}; !slices.Equal(first, want) {
		w.Errorf("inbox %q, want %q", first, want)
	}
	if items, err := w.desk().Inbox(w.Context(), "elsewhere", 10); err != nil || len(items) != 0 {
		w.Errorf("inbox of another connection: %v, %v", items, err)
	}
	w.done(held, answered(held))
	w.lists("dead d1", "dead d2", "waiting r1", "waiting w1", "waiting w2", "waiting w3", "waiting w4")
}

// A conversation whose lease has run out is not held any more.
func testInboxLeaseOver(w *world) {
	w.start(conversation.Options{Lease: short})
	w.accept(question("ann", "1"))
	w.takeID("1")
	w.pass(short + 50*time.Millisecond)
	w.lists("waiting 1")
}

// A life tells what happened, with every end by its name, over a restart, and not
// of anything else.
func testLife(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	ends := []conversation.How{"", conversation.Answered, conversation.Failed, conversation.Skipped, conversation.Dead}
	for n, how := range ends {
		person := nth("person", n)
		w.accept(question(person, person))
		w.refuse(question(person, person))
		w.release(w.takeID(person))
		l := w.takeID(person)
		w.interrupt(home, person, true)
		w.interrupt(home, person, true)
		w.note(l, "card")
		w.release(l)
		w.lives(person, "accepted", "taken 1", "released", "taken 2", "interrupted", "noted", "released")
		w.start(opts)
		l = w.takeID(person)
		w.interrupt(home, person, true)
		w.done(l, conversation.Outcome{How: how, Reason: "why\nnot?"})
	}
	w.start(opts)
	for n, how := range ends {
		if how == "" {
			how = conversation.Answered
		}
		w.lives(nth("person", n), "accepted", "taken 1", "released", "taken 2", "interrupted", "noted", "released",
			"taken 3", "interrupted", string(how)+" why\nnot?")
	}
	for _, trace := range []string{"", "aaaaaaaa", "\n"} {
		if marks, err := w.desk().Life(w.Context(), home, trace); !errors.Is(err, conversation.ErrNotFound) {
			w.Errorf("life of %q: %v, %v", trace, marks, err)
		}
	}
	if _, err := w.desk().Life(w.Context(), "elsewhere", question("person-000", "person-000").Trace()); !errors.Is(err, conversation.ErrNotFound) {
		w.Errorf("life on another connection: %v", err)
	}
}

// Of a long life the first moments and the newest are kept, and of a long reason
// the beginning.
func testLifeBounded(w *world) {
	w.start(conversation.Options{Lease: long})
	w.accept(question("ann", "ann"))
	const attempts = 40
	for range attempts {
		w.release(w.takeID("ann"))
	}
	w.bury("ann", strings.Repeat("because 你好\xff\n", 1<<16))
	life := w.life(question("ann", "ann"))
	if len(life) != conversation.MaxMarks || life[0] != "accepted" || life[conversation.FirstMarks-1] != "taken 4" {
		w.Fatalf("%d marks kept: %q", len(life), life)
	}
	last, reason := life[len(life)-2], life[len(life)-1]
	if last != fmt.Sprintf("taken %d", attempts+1) || !strings.HasPrefix(reason, "dead because 你好\uFFFD\nbecause") ||
		len(reason) > len("dead ")+conversation.MaxDetail {
		w.Errorf("a long life ends %q, %q", last, reason)
	}
	items, err := w.desk().Inbox(w.Context(), home, 1)
	if err != nil || len(items) != 1 || items[0].Attempt != attempts+1 || len(items[0].Reason) < 1<<16 {
		w.Errorf("inbox: %d items, %v", len(items), err)
	}
}

// A life is forgotten with the event's id; what happens to the event after that is
// told anew. A dead letter stays.
func testLifeForgotten(w *world) {
	const remember = 200 * time.Millisecond
	w.start(conversation.Options{Lease: long, Remember: remember, MaxDead: 2})
	w.accept(question("ann", "ann"))
	w.bury("ann", "")
	before := time.Now()
	w.accept(question("dan", "dan"))
	w.bury("dan", "")
	for n := 0; ; n++ {
		_, err := w.desk().Life(w.Context(), home, question("dan", "dan").Trace())
		if errors.Is(err, conversation.ErrNotFound) {
			break
		}
		if err != nil || time.Since(before) > patience {
			w.Fatalf("life after %v: %v", time.Since(before), err)
		}
		w.pass(remember / 20)
		w.accept(question("ben", nth("ben", n))) // forgetting may go along with a write
		l := w.takeID(nth("ben", n))
		w.done(l, answered(l))
	}
	if after := time.Since(before); after < remember-tick {
		w.Fatalf("life forgotten after %v, want %v", after, remember)
	}
	w.lists("dead ann", "dead dan")
	w.accept(question("eve", "eve"))
	w.bury("eve", "")
	w.lists("dead dan", "dead eve")
	if marks, err := w.desk().Life(w.Context(), home, question("ann", "ann").Trace()); !errors.Is(err, conversation.ErrNotFound) {
		w.Fatalf("a life that was forgotten begins anew when the dead letter has to go: %v, %v", marks, err)
	}
	if err := w.desk().Retry(w.Context(), home, question("dan", "dan").Trace()); err != nil {
		w.Fatalf("retry: %v", err)
	}
	w.waits(home, 1)
	w.takeID("dan")
}
