package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// bury takes the next event, which must have this id, and gives it up.
func (w *world) bury(id, reason string) {
	w.Helper()
	w.done(w.takeID(id), conversation.Outcome{How: conversation.Dead, Reason: reason})
}

// An event that is given up no longer holds up its conversation and does not wait;
// it is kept, with what is known of it, also over a restart.
func testDead(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	before := time.Now().Add(-time.Minute) // clocks may differ
	w.accept(question("ann", "1"))
	w.accept(question("ann", "2"))
	w.release(w.takeID("1"))
	const reason = "the model said\nno\r\n\x00 你好 \"quoted\""
	l := w.takeID("1")
	turn := &conversation.Turn{Question: "?", Answer: "sorry"}
	w.done(l, conversation.Outcome{How: conversation.Dead, Reason: reason, Turn: turn})
	w.lost(l)
	w.waits(home, 1)
	w.remembers(w.takeID("2"), "sorry")

	w.start(opts)
	items, err := w.desk().Inbox(w.Context(), home, 1)
	if err != nil || len(items) != 1 {
		w.Fatalf("inbox: %v, %v", items, err)
	}
	got, ev := items[0], question("ann", "1")
	if got.Since.Before(before) || got.Since.After(time.Now().Add(time.Minute)) {
		w.Errorf("dead since %v", got.Since)
	}
	if got.Event.ID != ev.ID || got.Event.Text != ev.Text || got.Event.Sender != ev.Sender ||
		got.Key != conversation.KeyOf(ev) || got.Attempt != 2 || got.State != conversation.ItemDead || got.Reason != reason {
		w.Errorf("dead letter %+v", got)
	}
	w.refuse(ev) // its id is remembered like any other
	if life := w.life(ev); life[len(life)-1] != "dead "+reason {
		w.Errorf("life ends %q", life[len(life)-1])
	}
}

// A dead letter that is retried comes last in its conversation, as if it had never
// been taken; one that is dropped is gone. Each is there once.
func testRetryAndDrop(w *world) {
	opts := conversation.Options{Lease: long, MaxWaiting: 1}
	w.start(opts)
	for _, id := range []string{"1", "2"} {
		w.accept(question("ann", id))
		l := w.takeID(id)
		w.note(l, "card of "+id)
		w.done(l, conversation.Outcome{How: conversation.Dead})
	}
	w.accept(question("ann", "3"))
	w.start(opts)
	desk := w.desk()
	first, second := question("ann", "1").Trace(), question("ann", "2").Trace()
	if err := desk.Retry(w.Context(), home, first); err != nil {
		w.Fatalf("retry: %v", err)
	}
	if err := desk.Drop(w.Context(), home, second); err != nil {
		w.Fatalf("drop: %v", err)
	}
	for _, trace := range []string{first, second, "", "aaaaaaaa", "no trace at all\n"} {
		w.unknown(home, trace)
		w.unknown("elsewhere", trace)
	}
	w.lists("waiting 1", "waiting 3") // more than Accept would have let in
	l := w.takeID("3")
	w.done(l, answered(l))
	l = w.takeID("1")
	w.noted(l, "")
	if l.Attempt != 1 {
		w.Fatalf("attempt %d of an event that was retried", l.Attempt)
	}
	w.note(l, "another card")
	w.done(l, answered(l))
	w.waits(home, 0)
	w.lists()
	for id, want := range map[string][]string{
		"1": {"accepted", "taken 1", "noted", "dead", "retried", "taken 1", "noted", "answered"},
		"2": {"accepted", "taken 1", "noted", "dead", "dropped"},
		"3": {"accepted", "taken 1", "answered"},
	} {
		if got := w.life(question("ann", id)); !slices.Equal(got, want) {
			w.Errorf("life of %q: %q, want %q", id, got, want)
		}
	}
}

// unknown insists that there is no such dead letter.
func (w *world) unknown(connection, trace string) {
	w.Helper()
	for call, err := range map[string]error{
		"retry": w.desk().Retry(w.Context(), connection, trace),
		"drop":  w.desk().Drop(w.Context(), connection, trace),
	} {
		if !errors.Is(err, conversation.ErrNotFound) {
			w.Errorf("%s %q: %v, want %v", call, trace, err, conversation.ErrNotFound)
		}
	}
}

// Of many that retry and drop the same dead letter, one does.
func testRetryOnce(w *world) {
	w.start(conversation.Options{Lease: long})
	for n := range 10 {
		ev := question("ann", nth("ann", n))
		w.accept(ev)
		w.bury(ev.ID, "")
		var retried, dropped atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				call, count := w.desk().Retry, &retried
				if i%2 == 0 {
					call, count = w.desk().Drop, &dropped
				}
				switch err := call(w.Context(), home, ev.Trace()); {
				case err == nil:
					count.Add(1)
				case !errors.Is(err, conversation.ErrNotFound):
					w.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if retried.Load()+dropped.Load() != 1 {
			w.Fatalf("retried %d times and dropped %d times, want one of both", retried.Load(), dropped.Load())
		}
		w.waits(home, int(retried.Load()))
		if retried.Load() == 1 {
			l := w.takeID(ev.ID)
			w.done(l, answered(l))
		}
	}
}

// There are at most Options.MaxDead dead letters on a connection, the youngest, and
// the life of those that had to go tells it. A smaller bound is reached by and by.
func testDeadBound(w *world) {
	opts := conversation.Options{Lease: long, MaxDead: 3}
	w.start(opts)
	for n := range 5 {
		w.accept(question("ann", nth("e", n)))
		w.bury(nth("e", n), "")
	}
	elsewhere := question("ann", "e")
	elsewhere.Connection = "elsewhere"
	w.accept(elsewhere)
	w.done(w.takeFrom("elsewhere"), conversation.Outcome{How: conversation.Dead})
	w.lists("dead e-002", "dead e-003", "dead e-004")
	want := []string{"accepted", "taken 1", "dead", "dropped too many dead letters"}
	if got := w.life(question("ann", nth("e", 1))); !slices.Equal(got, want) {
		w.Errorf("life of one that had to go: %q, want %q", got, want)
	}
	opts.MaxDead = 1
	w.start(opts)
	w.accept(question("ann", "last"))
	w.bury("last", "")
	w.lists("dead last")
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
	behind := question("person of h1", "w3")
	behind.Received = began.Add(10 * time.Second)
	w.accept(behind)
	w.start(conversation.Options{Lease: long})
	w.bury("d1", "first")
	w.bury("d2", "second")
	held := w.takeID("h1")
	if err := w.takeID("r1").Release(w.Context(), time.Now().Add(time.Hour)); err != nil {
		w.Fatalf("release: %v", err)
	}
	w.lists("dead d1", "dead d2", "held h1", "waiting r1", "waiting w1", "waiting w2", "waiting w3")
	var first []string
	for limit := range 8 {
		items, err := w.desk().Inbox(w.Context(), home, limit)
		if err != nil || len(items) != limit && limit != 8 {
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
	if want := []string{"dead d1 1", "dead d2 1", "held h1 1", "waiting r1 1", "waiting w1 0", "waiting w2 0", "waiting w3 0"}; !slices.Equal(first, want) {
		w.Errorf("inbox %q, want %q", first, want)
	}
	if items, err := w.desk().Inbox(w.Context(), "elsewhere", 10); err != nil || len(items) != 0 {
		w.Errorf("inbox of another connection: %v, %v", items, err)
	}
	w.done(held, answered(held))
	w.lists("dead d1", "dead d2", "waiting r1", "waiting w1", "waiting w2", "waiting w3")
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
	w.start(conversation.Options{Lease: long, Remember: remember})
	before := time.Now()
	w.accept(question("ann", "ann"))
	w.bury("ann", "")
	for n := 0; ; n++ {
		_, err := w.desk().Life(w.Context(), home, question("ann", "ann").Trace())
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
	w.lists("dead ann")
	if err := w.desk().Retry(w.Context(), home, question("ann", "ann").Trace()); err != nil {
		w.Fatalf("retry: %v", err)
	}
	w.waits(home, 1)
	w.takeID("ann")
}
