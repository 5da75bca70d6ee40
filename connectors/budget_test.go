package connectors

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a Shelf of counts and values; pace answers for it.
type memory struct {
	mu     sync.Mutex
	counts map[string]int64
	away   error
	pace   func(period time.Duration, burst int, within time.Duration) (time.Duration, bool)
}

func (m *memory) Add(_ context.Context, name string, n int64, _ time.Duration) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away != nil {
		return 0, m.away
	}
	if m.counts == nil {
		m.counts = make(map[string]int64)
	}
	m.counts[name] += n
	return m.counts[name], nil
}

func (m *memory) Pace(_ context.Context, _ string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	if m.away != nil {
		return 0, false, m.away
	}
	wait, given := m.pace(period, burst, within)
	return wait, given, nil
}

func (m *memory) Put(context.Context, string, []byte, time.Duration) error { return nil }
func (m *memory) Get(context.Context, string) ([]byte, error)              { return nil, nil }

func quietLog() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// A month of answers, each of which would like a dozen calls: all that can have
// some get some, and the month's calls are not passed.
func TestBudgetLastsTheMonth(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, monthZone)
	var log strings.Builder
	b := &Budget{Calls: 5000, Shelf: &memory{}, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }}
	plain, last, used := 0, 0, int64(0)
	const answers = 1000
	for n := range answers {
		granted := b.Reserve(t.Context(), 12, 3)
		if granted == 0 {
			plain++
		} else {
			last = n
			b.Return(t.Context(), granted-min(granted, 9)) // nine were needed
		}
		var err error
		if used, err = b.Used(t.Context()); err != nil || used > 5000 {
			t.Fatalf("answer %d: %d calls, %v", n, used, err)
		}
		now = now.Add(30 * 24 * time.Hour / answers)
	}
	if used < 4900 || last < answers-10 {
		t.Errorf("%d calls used, %d answers plain, the last card is answer %d", used, plain, last)
	}
	if text := log.String(); strings.Count(text, "80 %") != 1 {
		t.Errorf("the log says %s", text)
	}
	now = time.Date(2026, 12, 1, 0, 0, 0, 0, monthZone)
	if used, err := b.Used(t.Context()); used != 0 || err != nil {
		t.Errorf("the next month begins with %d, %v", used, err)
	}
}

// A busy day does not take the whole month along.
func TestBudgetIsSpread(t *testing.T) {
	now := time.Date(2026, 11, 7, 0, 0, 0, 0, monthZone) // a fifth of the month
	b := &Budget{Calls: 1000, Shelf: &memory{}, Log: quietLog(), Now: func() time.Time { return now }}
	var granted int64
	for range 500 {
		granted += b.Reserve(t.Context(), 10, 1)
	}
	if granted != 280 {
		t.Errorf("%d calls on one day, want 280", granted)
	}
}

func TestBudgetAtTheSameTime(t *testing.T) {
	now := time.Date(2026, 11, 30, 23, 0, 0, 0, monthZone)
	b := &Budget{Calls: 1000, Shelf: &memory{}, Log: quietLog(), Now: func() time.Time { return now }}
	var mu sync.Mutex
	var sum int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 50 {
				granted := b.Reserve(t.Context(), 7, 2)
				mu.Lock()
				sum += granted
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if used, _ := b.Used(t.Context()); sum > 1000 || used != sum {
		t.Errorf("granted %d, used %d", sum, used)
	}
}

// What has to be said is said also when the budget is used up, and counted.
func TestBudgetCountsWhatIsSpentBesides(t *testing.T) {
	now := time.Date(2026, 11, 30, 23, 59, 0, 0, monthZone)
	b := &Budget{Calls: 10, Shelf: &memory{}, Log: quietLog(), Now: func() time.Time { return now }}
	b.Spend(t.Context(), 12)
	b.Spend(t.Context(), -3)
	if used, err := b.Used(t.Context()); used != 12 || err != nil {
		t.Errorf("%d used, %v", used, err)
	}
	if got := b.Reserve(t.Context(), 1, 0); got != 0 {
		t.Errorf("granted %d of nothing", got)
	}
}

func TestBudgetWithoutLimitOrStore(t *testing.T) {
	free := &Budget{Shelf: &memory{away: errors.New("away")}, Log: quietLog()}
	if got := free.Reserve(t.Context(), 9, 2); got != 9 {
		t.Errorf("without a limit: %d", got)
	}
	away := &Budget{Calls: 100, Shelf: &memory{away: errors.New("away")}, Log: quietLog()}
	if got := away.Reserve(t.Context(), 9, 2); got != 2 {
		t.Errorf("without a store: %d", got)
	}
	away.Return(t.Context(), 2)
}

func TestPace(t *testing.T) {
	var asked []time.Duration
	given := true
	m := &memory{pace: func(_ time.Duration, _ int, within time.Duration) (time.Duration, bool) {
		asked = append(asked, within)
		return 0, given
	}}
	p := Pace{Shelf: m, Name: "n", Period: 50 * time.Millisecond, Burst: 20, Spare: 5}
	if !p.Try(t.Context()) || p.Wait(t.Context()) != nil {
		t.Error("a turn that was given is not taken")
	}
	if given = false; p.Try(t.Context()) {
		t.Error("a turn that was not given is taken")
	}
	if asked[0] != -250*time.Millisecond || asked[1] < time.Hour {
		t.Errorf("asked within %v", asked)
	}
	m.away = errors.New("away")
	if !p.Try(t.Context()) || p.Wait(t.Context()) != nil {
		t.Error("without the store nothing may be said")
	}
	m.away = nil
	m.pace = func(time.Duration, int, time.Duration) (time.Duration, bool) { return time.Hour, true }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a long time: %v", err)
	}
}
