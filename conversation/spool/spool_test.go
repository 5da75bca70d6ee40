package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
	"longwire/conversation/redisstore"
	"longwire/conversation/redisstore/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patient = 30 * time.Second

// fixture is a Redis with a spool before it.
type fixture struct {
	*Store
	t     *testing.T
	redis *redistest.Server
	file  string
	join  int
	stop  func()
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	redis := redistest.Start(t)
	if !redis.Real() {
		t.Skip("needs a real redis-server")
	}
	return newReplica(t, redis)
}

// newReplica is a program on a Redis that others may be on as well.
func newReplica(t *testing.T, redis *redistest.Server) *fixture {
	t.Helper()
	f := &fixture{t: t, redis: redis, file: filepath.Join(t.TempDir(), "spool.db")}
	f.open()
	t.Cleanup(func() { f.stop() })
	return f
}

// open starts the store, as a program does that starts.
func (f *fixture) open() {
	f.t.Helper()
	opts := conversation.Options{MaxPerConversation: 10_000, Join: f.join}
	file, err := boltstore.Open(f.file, opts)
	if err != nil {
		f.t.Fatal(err)
	}
	connect := func(ctx context.Context) (Real, error) {
		store, err := redisstore.Open(ctx, f.redis.URL(), opts)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	f.Store = Open(context.Background(), connect, file, []string{"c", conversation.LineAside("c")}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	f.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = f.Close() // Redis may be gone
	})
}

func event(person string, n int) connectors.Event {
	return connectors.Event{Sent: time.Unix(int64(n), 0), ID: fmt.Sprint(person, n), Connection: "c", Kind: connectors.KindText, Sender: connectors.Person{ID: person}, Text: fmt.Sprint(n)}
}

func (f *fixture) accept(ev connectors.Event) bool {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond) // as the intake has it
	defer cancel()
	fresh, err := f.Accept(ctx, ev)
	if err != nil {
		f.t.Fatalf("accept %s: %v", ev.ID, err)
	}
	return fresh
}

func (f *fixture) spooled() int {
	f.t.Helper()
	n, err := f.Spooled(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// drain takes n events and checks that each person's come in order, each once.
func (f *fixture) drain(n int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	next := map[string]int{}
	for range n {
		lease, err := f.Take(ctx, "c")
		for err != nil && ctx.Err() == nil {
			lease, err = f.Take(ctx, "c")
		}
		if err != nil {
			f.t.Fatalf("take: %v; so far %v", err, next)
		}
		person := lease.Event.Sender.ID
		if want := fmt.Sprint(next[person]); lease.Event.Text != want {
			f.t.Fatalf("%s: %s came instead of %s", person, lease.Event.Text, want)
		}
		next[person]++
		if err := lease.Done(ctx, conversation.Outcome{}); err != nil {
			f.t.Fatal(err)
		}
	}
	eventually(f.t, "end of everything", func() bool {
		n, err := f.Waiting(ctx, "c")
		return err == nil && n == 0
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patient); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no %s within %s", what, patient)
		}
	}
}

func (f *fixture) connected() {
	f.t.Helper()
	eventually(f.t, "connection", func() bool { return f.Ping(context.Background()) == nil })
}

func TestWithRedisNothingIsSpooled(t *testing.T) {
	f := newFixture(t)
	f.connected()
	f.accept(event("ann", 0))
	if f.accept(event("ann", 0)) {
		t.Error("accepted twice")
	}
	if n := f.spooled(); n != 0 {
		t.Errorf("%d events are spooled", n)
	}
	f.drain(1)
}

func TestRedisAway(t *testing.T) {
	for name, away := range map[string]struct {
		leave func(f *fixture)
		back  func(f *fixture) error
	}{
		"stopped":  {func(f *fixture) { f.redis.Stop() }, func(f *fixture) error { return f.redis.Restart() }},
		"stalling": {func(f *fixture) { _ = f.redis.Pause() }, func(f *fixture) error { return f.redis.Resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.connected()
			f.accept(event("ann", 0))
			f.accept(event("bob", 0))
			away.leave(f)
			for n := 1; n < 6; n++ {
				for _, person := range []string{"ann", "bob"} {
					if !f.accept(event(person, n)) {
						t.Errorf("%s %d counts as known", person, n)
					}
				}
			}
			if f.accept(event("ann", 3)) {
				t.Error("a redelivery while Redis is away is accepted again")
			}
			if err := f.Ping(context.Background()); err == nil {
				t.Error("healthy without Redis")
			}
			if err := away.back(f); err != nil {
				t.Fatal(err)
			}
			for _, person := range []string{"ann", "bob"} { // behind what is spooled, or after it
				f.accept(event(person, 6))
			}
			f.drain(14)
			if f.accept(event("bob", 4)) {
				t.Error("a redelivery after Redis is back is accepted again")
			}
		})
	}
}

// The platform spreads the events of a conversation over the replicas. What each of
// them has spooled of it comes in order.
func TestReplicasKeepTheOrder(t *testing.T) {
	const each = 12
	for name, away := range map[string]struct {
		leave func(r *redistest.Server)
		back  func(r *redistest.Server) error
	}{
		"stopped":  {func(r *redistest.Server) { r.Stop() }, func(r *redistest.Server) error { return r.Restart() }},
		"stalling": {func(r *redistest.Server) { _ = r.Pause() }, func(r *redistest.Server) error { return r.Resume() }},
	} {
		t.Run(name, func(t *testing.T) {
			first := newFixture(t)
			replicas := []*fixture{first, newReplica(t, first.redis), newReplica(t, first.redis)}
			for _, f := range replicas {
				f.connected()
			}
			away.leave(first.redis)
			var people sync.WaitGroup // each says one thing after the other
			for _, person := range []string{"ann", "bob", "eve"} {
				people.Go(func() {
					for n := range each {
						replicas[(n+len(person))%len(replicas)].accept(event(person, n))
					}
				})
			}
			people.Wait()
			if err := away.back(first.redis); err != nil {
				t.Fatal(err)
			}
			for _, person := range []string{"ann", "bob", "eve"} {
				replicas[2].accept(event(person, each))
			}
			first.drain(3 * (each + 1))
		})
	}
}

// Questions that are to be answered together move as what they are, too.
func TestJoinedEventsMove(t *testing.T) {
	f := newFixture(t)
	f.join = 5
	f.stop()
	f.open()
	f.connected()
	f.redis.Stop()
	for n := range 12 {
		f.accept(event("ann", n))
	}
	if err := f.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	next := 0
	for next < 12 {
		lease, err := f.Take(ctx, "c")
		if ctx.Err() != nil {
			t.Fatalf("after %d: %v", next, err)
		}
		if err != nil {
			continue
		}
		for _, ev := range append([]connectors.Event{lease.Event}, lease.Joined...) {
			if ev.Text != fmt.Sprint(next) {
				t.Fatalf("%s came instead of %d", ev.Text, next)
			}
			next++
		}
		if err := lease.Done(ctx, conversation.Outcome{}); err != nil {
			t.Fatal(err)
		}
	}
}

// What is in the file survives the program, and a program may start without Redis.
func TestStartWithoutRedis(t *testing.T) {
	f := newFixture(t)
	f.connected()
	f.redis.Stop()
	f.accept(event("ann", 0))
	f.stop()
	f.open()
	f.accept(event("ann", 1))
	if n := f.spooled(); n != 2 {
		t.Errorf("%d events are spooled", n)
	}
	if _, err := f.Take(context.Background(), "c"); err == nil {
		t.Error("something was taken from a store that is away")
	}
	if err := f.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	f.drain(2)
}

func TestSpoolAtItsBoundRefuses(t *testing.T) {
	f := newFixture(t)
	f.connected()
	f.redis.Stop()
	f.stop()
	file, err := boltstore.Open(f.file, conversation.Options{MaxWaiting: 1})
	if err != nil {
		t.Fatal(err)
	}
	f.file = filepath.Join(t.TempDir(), "other.db")
	s := Open(context.Background(), func(context.Context) (Real, error) { return nil, errors.New("away") }, file, []string{"c"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer func() { _ = s.Close() }()
	if _, err := s.Accept(context.Background(), event("ann", 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(context.Background(), event("bob", 0)); err == nil || errors.Is(err, conversation.ErrFull) {
		t.Errorf("a full spool says %v", err)
	}
}

func TestSpooledEventsAreInTheInbox(t *testing.T) {
	f := newFixture(t)
	f.connected()
	f.accept(event("ann", 0))
	ctx := context.Background()
	items, err := f.Inbox(ctx, "c", 10)
	if err != nil || len(items) != 1 {
		t.Fatalf("got %+v, %v", items, err)
	}
	if marks, err := f.Life(ctx, "c", items[0].Event.Trace()); err != nil || len(marks) == 0 {
		t.Errorf("got %+v, %v", marks, err)
	}
	for _, err := range []error{f.Retry(ctx, "c", "x"), f.Drop(ctx, "c", "x")} {
		if !errors.Is(err, conversation.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
	if stopped, err := f.Interrupt(ctx, "c", "x", ""); stopped || err != nil {
		t.Errorf("got %v, %v", stopped, err)
	}
}

// A connection that is added while the program runs has its events moved like others.
func TestWatchedLineMoves(t *testing.T) {
	f := newFixture(t)
	f.redis.Stop()
	added := event("ann", 1)
	added.Connection = "added"
	f.accept(added)
	f.Watch("added", "c")
	if f.spooled() != 1 {
		t.Fatalf("%d events are in the spool, want 1", f.spooled())
	}
	if err := f.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	lease, err := f.Take(ctx, "added")
	for err != nil && ctx.Err() == nil {
		lease, err = f.Take(ctx, "added")
	}
	if err != nil || lease.Event.ID != added.ID {
		t.Fatalf("take: %v, %v", lease, err)
	}
}
