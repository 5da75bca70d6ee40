package admin

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestStoreIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		ping := func(context.Context) error { asked.Add(1); return nil }
		var p probe
		for range 10 {
			if _, err := p.check(t.Context(), ping); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(probeLife)
		_, _ = p.check(t.Context(), ping)
		if got := asked.Load(); got != 2 {
			t.Errorf("asked %d times", got)
		}
	})
}

func TestStoreThatHangsIsAProblemInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probe
		began := time.Now()
		since, err := p.check(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if err == nil || time.Since(began) > probeTime || since.IsZero() {
			t.Errorf("got %v since %s after %s", err, since, time.Since(began))
		}
	})
}

// Whoever cannot wait is told what is known: the trouble before, or that there is no
// answer. Nobody waits for a store that does not even mind its deadline.
func TestNobodyWaitsLongerForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probe
		var asked atomic.Int64
		hangs := make(chan struct{})
		ping := func(context.Context) error { asked.Add(1); <-hangs; return nil }
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if since, err := p.check(short, ping); err == nil || err.Error() != "no answer for 2s" || !since.Equal(began) || time.Since(began) != 2*time.Second {
			t.Errorf("got %v since %s after %s", err, since, time.Since(began))
		}
		if _, err := p.check(t.Context(), ping); err == nil || err.Error() != "no answer for 5s" || asked.Load() != 1 {
			t.Errorf("got %v, asked %d times", err, asked.Load())
		}
		close(hangs)
		p.stop(t.Context())
		if _, err := p.check(t.Context(), ping); err != nil || asked.Load() != 1 {
			t.Errorf("answered: %v, asked %d times", err, asked.Load())
		}
		time.Sleep(probeLife)
		away := errors.New("away")
		if _, err := p.check(t.Context(), func(context.Context) error { return away }); !errors.Is(err, away) {
			t.Errorf("got %v", err)
		}
		time.Sleep(probeLife)
		over, end := context.WithCancel(t.Context())
		end()
		slow := func(context.Context) error { time.Sleep(time.Second); return away }
		if _, err := p.check(over, slow); !errors.Is(err, away) {
			t.Errorf("still in trouble: %v", err)
		}
		p.stop(t.Context())
	})
}
