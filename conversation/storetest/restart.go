package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// What was accepted is there after a restart, in the same order, and the line
// too.
func testRestart(w *world) {
	opts := conversation.Options{Lease: short}
	w.start(opts)
	const people, each = 7, 4
	for n := range people * each {
		w.accept(question(nth("person", n%people), nth("event", n)))
	}
	opts.Lease = long
	w.start(opts)
	w.waits(home, people*each)
	for n := range people * each {
		l := w.takeID(nth("event", n))
		if l.Attempt != 1 {
			w.Fatalf("attempt %d, want 1", l.Attempt)
		}
		w.done(l, answered(l))
		if n == people*each/2 {
			w.start(opts)
		}
	}
	w.waits(home, 0)
	w.start(opts)
	w.nothing(home, glance)
}

// hostile are names that a store might mistake for something else.
var hostile = []string{
	"a", "a/b", "a/thread/b", "{", "}", "{}", "}{", "{a}", "{b}:{a}", "a:b", "a\x00b", "a\x00", "\x00", "a\nb",
	"\r\n", "*", "$", ">", "-", "0-0", "+", "?", "[a]", "'; DROP", "%7B", "%", "%25", "你好", "é", "e\u0301", "🙂",
	"ready", "waiting:a", " ", "a ", strings.Repeat("k", 1024), strings.Repeat("{", 1024), strings.Repeat("键", 400),
}

// Conversations and event ids may be called anything and are told apart.
func testHostileKeys(w *world) {
	opts := conversation.Options{Lease: long}
	w.start(opts)
	events := make([]connectors.Event, 0, 2*len(hostile))
	for _, name := range hostile {
		ev := question(name, name)
		events = append(events, ev)
		ev.Chat = connectors.Chat{ID: name, Group: true, Thread: name}
		ev.ID = "group " + name
		events = append(events, ev)
	}
	for round := range 2 {
		for n := range events {
			if round > 0 {
				w.refuse(events[n])
				events[n].ID += " again"
			}
			w.accept(events[n])
		}
		w.start(opts)
		for _, ev := range events {
			l := w.takeID(ev.ID)
			if conversation.KeyOf(l.Event) != conversation.KeyOf(ev) {
				w.Fatalf("took from %q, want %q", conversation.KeyOf(l.Event), conversation.KeyOf(ev))
			}
			want := []string{}
			if round > 0 {
				want = append(want, "answer to "+strings.TrimSuffix(ev.ID, " again"))
			}
			w.remembers(l, want...)
			w.done(l, answered(l))
		}
		w.waits(home, 0)
	}
}

// Connections may be called anything and are told apart.
func testHostileConnections(w *world) {
	w.start(conversation.Options{Lease: long})
	for _, name := range hostile {
		ev := question("ann", "1")
		ev.Connection, ev.Text = name, name
		w.accept(ev)
		w.refuse(ev)
	}
	for _, name := range hostile {
		w.waits(name, 1)
		l := w.takeFrom(name)
		if l.Event.Connection != name || l.Event.Text != name {
			w.Fatalf("took an event of %q from %q", l.Event.Connection, name)
		}
		w.done(l, answered(l))
		w.waits(name, 0)
	}
}

// Events and turns may be large.
func testLargeEvents(w *world) {
	opts := conversation.Options{Lease: long, Turns: 3}
	w.start(opts)
	sizes := []int{5 << 20, 200_000, 200_000, 200_000, 0, 200_000}
	text := func(n int) string { return strings.Repeat(string(rune('a'+n))+"你", sizes[n]/4) }
	for n := range sizes {
		ev := question("ann", nth("ann", n))
		ev.Text = text(n)
		w.accept(ev)
	}
	w.start(opts)
	for n := range sizes {
		l := w.takeID(nth("ann", n))
		if l.Event.Text != text(n) {
			w.Fatalf("event %d has %d bytes of text and not its own %d", n, len(l.Event.Text), len(text(n)))
		}
		if n > 0 && l.History[len(l.History)-1].Answer != text(n-1) {
			w.Fatalf("the answer of turn %d is not its own", n-1)
		}
		w.done(l, said(l.Event.Text))
	}
}

// An event comes out as it went in.
func testEventUnchanged(w *world) {
	w.start(conversation.Options{Lease: long})
	ev := connectors.Event{
		ID:         "id\u2028<&>",
		Connection: home,
		Kind:       connectors.KindText,
		Chat:       connectors.Chat{ID: "c", Group: true, Thread: "t", Title: "标题"},
		Sender:     connectors.Person{ID: "p", Name: "名 \x00 \" \\"},
		Text:       "line\r\n\x00<script>\u2029🙂",
		Sent:       time.Date(2026, 8, 22, 1, 2, 3, 4, time.UTC),
		Received:   time.Date(2026, 8, 22, 1, 2, 4, 5, time.UTC),
		Address:    json.RawMessage(`{"webhook":"https://example.com/?a=1&b=<2>","n":1e3}`),
	}
	w.accept(ev)
	got := w.take().Event
	if !sameJSON(w, got.Address, ev.Address) {
		w.Errorf("address %s, want %s", got.Address, ev.Address)
	}
	if !got.Sent.Equal(ev.Sent) || !got.Received.Equal(ev.Received) {
		w.Errorf("sent %v, received %v; want %v, %v", got.Sent, got.Received, ev.Sent, ev.Received)
	}
	if got.ID != ev.ID || got.Connection != ev.Connection || got.Kind != ev.Kind || got.Chat != ev.Chat ||
		got.Sender != ev.Sender || got.Text != ev.Text {
		w.Errorf("event %+v, want %+v", got, ev)
	}
}

// sameJSON reports whether a and b say the same.
func sameJSON(w *world, a, b json.RawMessage) bool {
	var values [2]any
	for i, raw := range []json.RawMessage{a, b} {
		if err := json.Unmarshal(raw, &values[i]); err != nil {
			w.Errorf("address %s: %v", raw, err)
			return false
		}
	}
	x, y := values[0].(map[string]any), values[1].(map[string]any)
	return len(x) == len(y) && x["webhook"] == y["webhook"] && x["n"] == y["n"]
}

// A store that works says so.
func testPing(w *world) {
	w.start(conversation.Options{})
	if err := w.store.Ping(w.Context()); err != nil {
		w.Fatalf("ping: %v", err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	if err := w.store.Ping(ctx); err == nil {
		w.Fatal("ping with a context that has ended says that the store works")
	}
}

// After Close every call is an error, leases are over, and Close may come twice.
func testClosed(w *world) {
	opts := conversation.Options{Lease: short}
	w.start(opts)
	w.accept(question("ann", "1"))
	w.accept(question("ben", "2"))
	l := w.take()
	store := w.store
	for range 2 {
		if err := store.Close(); err != nil {
			w.Fatalf("close: %v", err)
		}
	}
	if fresh, err := store.Accept(w.Context(), question("ann", "3")); fresh || !errors.Is(err, conversation.ErrClosed) {
		w.Errorf("accept after close: fresh %t, err %v", fresh, err)
	}
	for call, err := range closedCalls(w.Context(), store, w.desk()) {
		if !errors.Is(err, conversation.ErrClosed) {
			w.Errorf("%s after close: %v, want %v", call, err, conversation.ErrClosed)
		}
	}
	w.lost(l)
	w.start(opts)
	w.waits(home, 2)
}

// closedCalls makes every call of a store but Accept and Close, and returns what
// became of it.
func closedCalls(ctx context.Context, store conversation.Store, desk conversation.Desk) map[string]error {
	errs := map[string]error{
		"ping":   store.Ping(ctx),
		"retry":  desk.Retry(ctx, home, "aaaaaaaa"),
		"drop":   desk.Drop(ctx, home, "aaaaaaaa"),
		"forget": store.Forget(ctx, home, "person/ann", "aaaaaaaa"),
	}
	_, errs["take"] = store.Take(ctx, home)
	_, errs["waiting"] = store.Waiting(ctx, home)
	_, errs["interrupt"] = store.Interrupt(ctx, home, "person/ann", "")
	_, errs["inbox"] = desk.Inbox(ctx, home, 10)
	_, errs["life"] = desk.Life(ctx, home, "aaaaaaaa")
	return errs
}

// Close ends the Takes that wait.
func testCloseWakesTake(w *world) {
	w.start(conversation.Options{Lease: long})
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			_, err := w.store.Take(w.Context(), home)
			errs <- err
		}()
	}
	w.nothing(home, glance)
	if err := w.store.Close(); err != nil {
		w.Fatalf("close: %v", err)
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, conversation.ErrClosed) {
			w.Fatalf("take of a store that was closed: %v, want %v", err, conversation.ErrClosed)
		}
	}
}
