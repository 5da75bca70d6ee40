package storetest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// testOnePairOfHands is RunReplicas with one store.
func testOnePairOfHands(w *world) {
	w.start(conversation.Options{Lease: long})
	onePairOfHands(w.T, []conversation.Store{w.store}, 1)
}

// RunReplicas has n stores work on the same data at the same time: every event is
// taken and done once, in order, alone or joined with the ones before it, a
// conversation is in one pair of hands, and the shelf is one.
func RunReplicas(t *testing.T, n int, open Open) {
	stores := make([]conversation.Store, n)
	for i := range stores {
		store, err := open(conversation.Options{Lease: long, Join: joined})
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		stores[i] = store
	}
	onePairOfHands(t, stores, joined)
	sharedShelf(t, stores)
}

const (
	crowd    = 200 // conversations
	eachAsks = 5   // events of each
	workers  = 32
	intakes  = 8 // goroutines that accept
	joined   = 3 // events in one lease, where several are
)

// hands watches over the events while many work on them.
type hands struct {
	t      *testing.T
	ctx    context.Context
	finish context.CancelFunc // called with the last event
	left   atomic.Int64

	join int // Options.Join of the stores

	mu    sync.Mutex
	busy  map[conversation.Key]bool // in somebody's hands
	next  map[conversation.Key]int  // the number of the event that has to come
	turns map[conversation.Key]int  // how many are done
	share map[conversation.Key]int  // with how many that one was taken, 0 for not yet
}

// onePairOfHands accepts and works at the same time, spread over the stores.
func onePairOfHands(t *testing.T, stores []conversation.Store, join int) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	h := &hands{t: t, ctx: ctx, finish: cancel, join: join, busy: map[conversation.Key]bool{},
		next: map[conversation.Key]int{}, turns: map[conversation.Key]int{}, share: map[conversation.Key]int{}}
	h.left.Store(crowd * eachAsks)
	var wg sync.WaitGroup
	for n := range intakes {
		wg.Go(func() { h.intake(stores[n%len(stores)], n) })
	}
	for n := range workers {
		wg.Go(func() { h.work(stores[n%len(stores)], n) })
	}
	wg.Wait()
	if left := h.left.Load(); left != 0 {
		t.Fatalf("%d events were not done", left)
	}
	if n, err := stores[0].Waiting(t.Context(), home); err != nil || n != 0 {
		t.Fatalf("waiting: %d, %v; want 0", n, err)
	}
}

// intake accepts the events of every intakes-th conversation.
func (h *hands) intake(store conversation.Store, first int) {
	for n := range eachAsks {
		for c := first; c < crowd; c += intakes {
			person := nth("person", c)
			fresh, err := store.Accept(h.t.Context(), question(person, person+"#"+strconv.Itoa(n)))
			if err != nil || !fresh {
				h.t.Errorf("accept: fresh %t, err %v", fresh, err)
				return
			}
		}
	}
}

// work takes until the last event is done.
func (h *hands) work(store conversation.Store, n int) {
	for turn := n; ; turn++ {
		l, err := store.Take(h.ctx, home)
		if errors.Is(err, context.Canceled) {
			return
		}
		if err != nil {
			h.t.Errorf("take: %v", err)
			return
		}
		key := conversation.KeyOf(l.Event)
		h.grab(key, l)
		if turn%7 == 0 {
			if err := l.Renew(h.t.Context()); err != nil {
				h.t.Errorf("renew: %v", err)
			}
		}
		if turn%5 == 0 {
			h.let(key, 0)
			if err := l.Release(h.t.Context(), time.Now().Add(time.Duration(turn%3)*time.Millisecond)); err != nil {
				h.t.Errorf("release: %v", err)
			}
			continue
		}
		done := 1 + len(l.Joined)
		h.let(key, done)
		if err := l.Done(h.t.Context(), answered(l)); err != nil {
			h.t.Errorf("done: %v", err)
		}
		if h.left.Add(-int64(done)) == 0 {
			h.finish()
		}
	}
}

// grab notes that somebody has the conversation, who must be the only one, and
// checks that these are the events that have to come.
func (h *hands) grab(key conversation.Key, l *conversation.Lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[key] {
		h.t.Errorf("conversation %q is in two pairs of hands", key)
	}
	h.busy[key] = true
	for i, ev := range append([]connectors.Event{l.Event}, l.Joined...) {
		_, number, _ := strings.Cut(ev.ID, "#")
		if number != strconv.Itoa(h.next[key]+i) {
			h.t.Errorf("took event %q, want number %d", ev.ID, h.next[key]+i)
		}
	}
	share := 1 + len(l.Joined)
	if share > h.join || h.share[key] != 0 && share != h.share[key] {
		h.t.Errorf("event %q comes with %d, of at most %d, and came with %d before", l.Event.ID, share, h.join, h.share[key])
	}
	h.share[key] = share
	if len(l.History) != h.turns[key] {
		h.t.Errorf("event %q comes with %d turns, want %d", l.Event.ID, len(l.History), h.turns[key])
	}
}

// let notes, before the store is told, that nobody has the conversation any more.
func (h *hands) let(key conversation.Key, done int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy[key] = false
	if done > 0 {
		h.next[key] += done
		h.turns[key]++
		h.share[key] = 0
	}
}
