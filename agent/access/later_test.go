package access

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Without limits a turn costs no call of the store, and what two replicas use is in the
// counts a few seconds later, all of it.
func TestWithoutLimitsTheStoreIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		here, there := New(Config{}, m, nil, quiet()), New(Config{}, m, nil, quiet())
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { here.Run(ctx) })
		running.Go(func() { there.Run(ctx) })
		defer running.Wait()
		defer end()
		use := func(times int) {
			for range times {
				for _, g := range []*Gate{here, there} {
					grant, refusal := g.Reserve(t.Context(), asks("ann", 1), 100)
					if refusal.Kind != None {
						t.Fatalf("refused: %+v", refusal)
					}
					grant.Settle(t.Context(), 10)
				}
			}
		}
		use(100)
		if n := m.asked(); n != 0 {
			t.Errorf("the store was asked %d times", n)
		}
		use(1)
		time.Sleep(laterTime + 1)
		if n := m.asked(); n != 6 { // three counts, two replicas
			t.Errorf("the store was asked %d times, want 6", n)
		}
		use(3)
		if err := there.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		used, err := here.Used(t.Context(), "ann")
		if want := (Usage{Turns: 208, Tokens: 2080, Month: 2080}); err != nil || used != want {
			t.Errorf("%+v, %v; want %+v", used, err, want)
		}
	})
}

// While the store is away it waits; and once there is a limit, it counts.
func TestWhatWaitsIsNotLost(t *testing.T) {
	m := newMemory()
	g := New(Config{}, m, nil, quiet())
	grant, _ := g.Reserve(t.Context(), asks("ann", 1), 100)
	grant.Settle(t.Context(), 90)
	m.away(true)
	if err := g.Flush(t.Context()); err == nil {
		t.Fatal("written to a store that is away")
	}
	m.away(false)
	g.Set(Config{TokensPerDay: 100})
	if _, refusal := g.Reserve(t.Context(), asks("ann", 1), 20); refusal.Kind != PersonSpent {
		t.Errorf("refused: %+v", refusal)
	}
}
