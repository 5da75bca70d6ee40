package turn

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
)

// world is a turn on a real store, before a brain that does as it is told and a screen
// on which people read.
type world struct {
	*testing.T
	store  *boltstore.Store
	shelf  connectors.Shelf
	brain  *brain
	screen *screen
	turn   *Turn
	log    *logged

	outcomes []conversation.Outcome
	reports  []Report
	events   int
}

// newWorld makes a world; with changes what its turn works with.
func newWorld(t *testing.T, config Config, with func(*With), rounds ...round) *world {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "store"), conversation.Options{Join: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{T: t, store: store, shelf: conversation.ShelfOf(store, "c"), brain: &brain{rounds: rounds}, screen: &screen{}, log: &logged{}}
	w.turn = w.replica(config, with)
	return w
}

// replica is a turn of another process on the same store, with the same brain and
// screen.
func (w *world) replica(config Config, with func(*With)) *Turn {
	all := With{
		Choices: []Choice{w.brain.choice("one")}, Replier: w.screen, Proposer: w.screen, Store: w.store,
		Shelf: w.shelf, Records: w.store, Report: func(r Report) { w.reports = append(w.reports, r) },
	}
	if with != nil {
		with(&all)
	}
	config.RetryWait = time.Millisecond
	return New(config, all, slog.New(slog.NewTextHandler(w.log, nil)))
}

// logged is a log that several write.
type logged struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// from is what somebody writes.
func (w *world) from(person, text string) connectors.Event {
	w.events++
	return connectors.Event{
		ID: fmt.Sprintf("m%d", w.events), Connection: "c", Kind: connectors.KindOf(text), Text: text,
		Chat: connectors.Chat{ID: "with-" + person}, Sender: connectors.Person{ID: person, Name: person}, Received: time.Now(),
	}
}

// inGroup is what somebody writes in a group.
func (w *world) inGroup(person, text string) connectors.Event {
	ev := w.from(person, text)
	ev.Chat = connectors.Chat{ID: "g", Group: true}
	return ev
}

// deliver does what a pool does with an event that comes in.
func (w *world) deliver(events ...connectors.Event) {
	w.Helper()
	for _, ev := range events {
		ev = w.turn.Mark(ev)
		if err := w.turn.Accepting(w.Context(), ev); err != nil {
			w.Fatal(err)
		}
		if fresh, err := w.store.Accept(w.Context(), ev); err != nil || !fresh {
			w.Fatalf("accept %q: %t, %v", ev.Text, fresh, err)
		}
	}
}

// take is the lease of what waits in the line of ev.
func (w *world) take(ev connectors.Event) *conversation.Lease {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	lease, err := w.store.Take(ctx, conversation.LineOf(w.turn.Mark(ev)))
	if err != nil {
		w.Fatalf("take: %v", err)
	}
	lease.Holder = watched{lease.Holder, w}
	return lease
}

// watched keeps the outcomes.
type watched struct {
	conversation.Holder
	world *world
}

func (h watched) Done(ctx context.Context, out conversation.Outcome) error {
	err := h.Holder.Done(ctx, out)
	if err == nil {
		h.world.outcomes = append(h.world.outcomes, out)
	}
	return err
}

// ask has events answered and returns what people read, and how that ended.
func (w *world) ask(events ...connectors.Event) (string, conversation.Outcome) {
	w.Helper()
	w.deliver(events...)
	return w.run(w.turn, events[0])
}

// run has turn answer what waits in the line of ev.
func (w *world) run(turn *Turn, ev connectors.Event) (string, conversation.Outcome) {
	w.Helper()
	said, done := len(w.screen.shown), len(w.outcomes)
	if err := turn.Run(w.Context(), w.Context(), w.take(ev)); err != nil {
		w.Fatalf("run %q: %v", ev.Text, err)
	}
	if len(w.outcomes) != done+1 {
		w.Fatalf("%q is settled %d times", ev.Text, len(w.outcomes)-done)
	}
	return strings.Join(w.screen.shown[said:], "|"), w.outcomes[done]
}

// question is what the model was asked last.
func (w *world) question() string {
	w.Helper()
	messages := w.brain.last(w.T).Messages
	return messages[len(messages)-1].Content
}
