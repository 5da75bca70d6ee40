package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// fixture is a pool on a real store, with turns that a test scripts.
type fixture struct {
	*Pool
	t     *testing.T
	store *boltstore.Store
	run   func(ctx context.Context, lease *conversation.Lease) error

	accepting func(ctx context.Context) error                               // what Accepting does, when set
	runAsking func(asking context.Context, lease *conversation.Lease) error // instead of run, when set

	mu       sync.Mutex
	busy     []string // the texts that were turned away
	accepted []string // the ids of what took effect when it came
}

func (f *fixture) Run(ctx, asking context.Context, lease *conversation.Lease) error {
	if f.runAsking != nil {
		return f.runAsking(asking, lease)
	}
	return f.run(ctx, lease)
}

func (f *fixture) Mark(ev connectors.Event) connectors.Event {
	ev.Aside, ev.Alone = ev.Text == "/stop", ev.Text == "/new"
	return ev
}

func (f *fixture) Accepting(ctx context.Context, ev connectors.Event) error {
	if f.accepting != nil {
		return f.accepting(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accepted = append(f.accepted, ev.ID)
	return nil
}

func (f *fixture) Recalled(context.Context, connectors.Event) error { return nil }

func (f *fixture) Busy(_ context.Context, ev connectors.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = append(f.busy, ev.Text)
	return nil
}

func newFixture(t *testing.T, config Config, opts conversation.Options) *fixture {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "test.db"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	f := &fixture{t: t, store: store}
	config.Connection = "c"
	f.Pool = New(config, store, f, slog.New(slog.NewTextHandler(io.Discard, nil)))
	return f
}

// start runs the pool until the test ends or stop is called.
func (f *fixture) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); f.Pool.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	f.t.Cleanup(stop)
	return stop
}

func (f *fixture) deliver(person, text string) {
	f.t.Helper()
	ev := connectors.Event{ID: person + text, Connection: "c", Kind: connectors.KindText, Sender: connectors.Person{ID: person}, Text: text}
	if err := f.Deliver(context.Background(), ev); err != nil {
		f.t.Fatal(err)
	}
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %s", what, patience)
		panic("unreachable")
	}
}

func TestAtMostNTurnsAtATime(t *testing.T) {
	f := newFixture(t, Config{Workers: 3}, conversation.Options{})
	began, goOn := make(chan string, 10), make(chan struct{})
	f.run = func(ctx context.Context, lease *conversation.Lease) error {
		began <- lease.Event.Text
		<-goOn
		return lease.Done(ctx, conversation.Outcome{})
	}
	f.start()
	for i := range 5 {
		f.deliver(fmt.Sprint("p", i), "hello")
	}
	for range 3 {
		receive(t, "turn", began)
	}
	if got := f.Counts().Running; got != 3 {
		t.Errorf("%d turns are running", got)
	}
	select {
	case <-began:
		t.Error("a fourth turn began")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	for range 2 {
		receive(t, "turn", began)
	}
}

func TestPanicCostsOneAttempt(t *testing.T) {
	f := newFixture(t, Config{Workers: 2}, conversation.Options{})
	answered := make(chan string, 10)
	f.run = func(ctx context.Context, lease *conversation.Lease) error {
		if lease.Event.Text == "bad" {
			panic("bad question")
		}
		answered <- lease.Event.Text
		return lease.Done(ctx, conversation.Outcome{})
	}
	f.start()
	f.deliver("ann", "bad")
	f.deliver("bob", "good")
	if got := receive(t, "answer", answered); got != "good" {
		t.Errorf("answered %q", got)
	}
	eventually(t, "panic counted and good turn done", func() bool { c := f.Counts(); return c.Panics == 1 && c.Done == 1 })
	if n, err := f.store.Waiting(context.Background(), "c"); err != nil || n != 1 {
		t.Errorf("%d events wait, %v; the bad one is to be tried again", n, err)
	}
}

func TestQuestionThatAlwaysPanicsIsGivenUp(t *testing.T) {
	f := newFixture(t, Config{}, conversation.Options{})
	f.run = func(context.Context, *conversation.Lease) error { panic("again") }
	for n := range maxPanics {
		holder := &fakeHolder{released: make(chan struct{}, 1)}
		// Many attempts were given back before, which were no panics.
		f.Pool.run(context.Background(), &conversation.Lease{Attempt: 30 + n, Holder: holder})
		if last := n == maxPanics-1; holder.done != last {
			t.Errorf("panic %d: done is %v", n+1, holder.done)
		}
	}
}

// fakeHolder is a lease without a store.
type fakeHolder struct {
	renew    error
	done     bool
	released chan struct{}
}

func (h *fakeHolder) Renew(context.Context) error                      { return h.renew }
func (h *fakeHolder) Note(context.Context, []byte) error               { return nil }
func (h *fakeHolder) Done(context.Context, conversation.Outcome) error { h.done = true; return nil }
func (h *fakeHolder) Release(context.Context, time.Time) error {
	select {
	case h.released <- struct{}{}:
	default:
	}
	return nil
}

func TestLeaseIsRenewedWhileTheTurnRuns(t *testing.T) {
	f := newFixture(t, Config{Workers: 2, Renew: 20 * time.Millisecond}, conversation.Options{Lease: 2 * time.Second})
	took := make(chan int, 10)
	f.run = func(ctx context.Context, lease *conversation.Lease) error {
		took <- lease.Attempt
		select { // more than two leases long
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		return lease.Done(ctx, conversation.Outcome{})
	}
	f.start()
	f.deliver("ann", "slow")
	receive(t, "turn", took)
	eventually(t, "turn done", func() bool { return f.Counts().Done == 1 })
	if len(took) != 0 {
		t.Error("the conversation was taken over although its holder lives")
	}
}

// /stop reaches the turn it is to stop although that turn has the only worker.
func TestStopDoesNotWaitForTheTurn(t *testing.T) {
	f := newFixture(t, Config{Workers: 1, Renew: 5 * time.Millisecond}, conversation.Options{})
	began, ended := make(chan struct{}), make(chan error, 1)
	f.runAsking = func(asking context.Context, lease *conversation.Lease) error {
		if lease.Event.Aside {
			if stopped, err := f.store.Interrupt(asking, "c", conversation.KeyOf(lease.Event), ""); !stopped || err != nil {
				t.Errorf("interrupt: %v, %v", stopped, err)
			}
			return lease.Done(asking, conversation.Outcome{})
		}
		close(began)
		<-asking.Done()
		ended <- context.Cause(asking)
		return lease.Done(context.WithoutCancel(asking), conversation.Outcome{})
	}
	f.start()
	f.deliver("ann", "long question")
	receive(t, "turn", began)
	f.deliver("ann", "/stop")
	if err := receive(t, "end of the turn", ended); !errors.Is(err, conversation.ErrInterrupted) {
		t.Errorf("the turn ended because of %v", err)
	}
	eventually(t, "both done", func() bool { return f.Counts().Done == 2 })
}

func TestTurnWithoutLeaseIsStopped(t *testing.T) {
	f := newFixture(t, Config{Renew: time.Millisecond}, conversation.Options{})
	f.run = func(ctx context.Context, _ *conversation.Lease) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Pool.run(context.Background(), &conversation.Lease{Holder: &fakeHolder{renew: conversation.ErrLost}})
	}()
	receive(t, "end of the turn", ended)
}

// A panic where the lease is kept stops that turn, and not the program.
func TestPanicWhereTheLeaseIsKept(t *testing.T) {
	f := newFixture(t, Config{Renew: time.Millisecond}, conversation.Options{})
	ended := make(chan error, 1)
	f.run = func(ctx context.Context, _ *conversation.Lease) error {
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return context.Cause(ctx)
	}
	go f.Pool.run(context.Background(), &conversation.Lease{Holder: panicking{&fakeHolder{}}})
	if err := receive(t, "end of the turn", ended); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("the turn ended because of %v", err)
	}
}

type panicking struct{ *fakeHolder }

func (panicking) Renew(context.Context) error { panic("out of order") }

// A recall that cannot be stored is refused: nobody asked anything, and it must come again.
func TestRecallPastTheBoundIsRefused(t *testing.T) {
	f := newFixture(t, Config{}, conversation.Options{MaxWaiting: 1})
	f.deliver("ann", "m")
	recall := connectors.Event{ID: "r", Connection: "c", Kind: connectors.KindRecall, Text: "m"}
	if err := f.Deliver(t.Context(), recall); !errors.Is(err, conversation.ErrFull) || len(f.busy) != 0 {
		t.Errorf("got %v, told %q", err, f.busy)
	}
}

// A store that hangs where an event takes effect leaves time for where it is stored.
func TestAcceptingLeavesTime(t *testing.T) {
	f := newFixture(t, Config{}, conversation.Options{})
	f.accepting = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.Deliver(ctx, connectors.Event{ID: "n", Connection: "c", Kind: connectors.KindText, Text: "/new"}); err != nil || ctx.Err() != nil {
		t.Errorf("got %v, %v", err, ctx.Err())
	}
	if c := f.Counts(); c.Accepted != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestPastTheBoundPeopleAreTold(t *testing.T) {
	f := newFixture(t, Config{}, conversation.Options{MaxWaiting: 2})
	for i := range 5 {
		f.deliver("ann", fmt.Sprint("m", i))
	}
	f.deliver("bob", "hello")
	if got := strings.Join(f.busy, " "); got != "m2 m3 m4 hello" { // how often they read it is the turn's business
		t.Errorf("told: %v", f.busy)
	}
	if c := f.Counts(); c.Accepted != 2 || c.TurnedAway != 4 {
		t.Errorf("counts %+v", c)
	}
	f.deliver("ann", "m0") // a redelivery is known, whatever waits
	if c := f.Counts(); c.Duplicates != 1 {
		t.Errorf("counts %+v", c)
	}
	if want := 7; len(f.accepted) != want { // each time that it comes
		t.Errorf("%d took effect when they came: %v, want %d", len(f.accepted), f.accepted, want)
	}
}

// Another Turn takes what begins from then on; what runs ends with its own.
func TestSetTurn(t *testing.T) {
	f := newFixture(t, Config{Workers: 2}, conversation.Options{})
	begun, end, next := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	f.run = func(ctx context.Context, lease *conversation.Lease) error {
		close(begun)
		<-end
		return lease.Done(ctx, conversation.Outcome{})
	}
	f.start()
	f.deliver("ann", "first")
	receive(t, "first turn", begun)
	f.SetTurn(&fixture{run: func(ctx context.Context, lease *conversation.Lease) error {
		next <- lease.Event.Text
		return lease.Done(ctx, conversation.Outcome{})
	}})
	f.deliver("bob", "second")
	if got := receive(t, "second turn", next); got != "second" {
		t.Errorf("the next turn has %q", got)
	}
	close(end)
}

// failingStore cannot be asked for a while.
type failingStore struct {
	Store
	mu    sync.Mutex
	fails int
}

func (s *failingStore) Take(ctx context.Context, connection string) (*conversation.Lease, error) {
	s.mu.Lock()
	if s.fails > 0 {
		s.fails--
		s.mu.Unlock()
		return nil, errors.New("store is away")
	}
	s.mu.Unlock()
	return s.Store.Take(ctx, connection)
}

func TestStoreMayBeAway(t *testing.T) {
	f := newFixture(t, Config{Workers: 1}, conversation.Options{})
	f.Pool.store = &failingStore{Store: f.store, fails: 1}
	answered := make(chan string, 1)
	f.run = func(ctx context.Context, lease *conversation.Lease) error {
		answered <- lease.Event.Text
		return lease.Done(ctx, conversation.Outcome{})
	}
	f.start()
	f.deliver("ann", "hello")
	receive(t, "answer", answered)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !holds(); {
		if time.Now().After(limit) {
			t.Fatalf("no %s within %s", what, patience)
		}
		time.Sleep(time.Millisecond)
	}
}
