package access

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

var errAway = errors.New("away")

// memory is a shelf in memory, whose calls can go wrong.
type memory struct {
	mu     sync.Mutex
	counts map[string]*tally    // guarded by mu
	rests  map[string]time.Time // guarded by mu
	calls  int                  // of Add and Pace; guarded by mu
	// fault decides, with mu held, what goes wrong with an Add: before errors
	// change nothing, after are those of a call that was carried out.
	fault func(name string, n int64) (before, after error)
}

type tally struct {
	n     int64
	until time.Time
}

func newMemory() *memory {
	return &memory{counts: map[string]*tally{}, rests: map[string]time.Time{}}
}

// away has every call fail from now on, or none.
func (m *memory) away(is bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = nil
	if is {
		m.fault = func(string, int64) (error, error) { return errAway, nil }
	}
}

func (m *memory) asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *memory) Add(ctx context.Context, name string, n int64, keep time.Duration) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	var after error
	if m.fault != nil {
		var before error
		if before, after = m.fault(name, n); before != nil {
			return 0, before
		}
	}
	now := time.Now()
	c := m.counts[name]
	if c == nil || !now.Before(c.until) {
		c = &tally{until: now.Add(keep)}
		if n != 0 {
			m.counts[name] = c
		}
	}
	c.n += n
	if after != nil {
		return 0, after
	}
	return c.n, nil
}

func (m *memory) Pace(_ context.Context, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fault != nil {
		return 0, false, errAway
	}
	now := time.Now()
	rest := m.rests[name]
	if rest.Before(now) {
		rest = now
	}
	if wait := rest.Sub(now) - time.Duration(burst-1)*period; wait > within {
		return wait - within, false, nil
	}
	m.rests[name] = rest.Add(period)
	return 0, true, nil
}

// noon is when events come, unless a test says otherwise.
func noon() time.Time {
	now := time.Now().In(monthZone)
	return time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, monthZone)
}

// asks is an event of a person, one to one.
func asks(person string, n int) connectors.Event {
	return connectors.Event{
		ID: person + "#" + strconv.Itoa(n), Connection: "home", Kind: connectors.KindText,
		Sender: connectors.Person{ID: person}, Received: noon(),
	}
}

// inGroup is ev in a group.
func inGroup(ev connectors.Event, group string) connectors.Event {
	ev.Chat = connectors.Chat{ID: group, Group: true}
	return ev
}

// insist fails the test unless got is want.
func insist[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %+v, want %+v", what, got, want)
	}
}

// granted reserves and insists on a grant.
func granted(t *testing.T, g *Gate, ev connectors.Event, estimate int64) *Grant {
	t.Helper()
	gr, refusal := g.Reserve(t.Context(), ev, estimate)
	if gr == nil || refusal != (Refusal{}) {
		t.Fatalf("reserve %d for %s: %+v", estimate, ev.ID, refusal)
	}
	return gr
}

// turnedAway reserves and insists on a refusal.
func turnedAway(t *testing.T, g *Gate, ev connectors.Event, estimate int64, want Kind) {
	t.Helper()
	gr, refusal := g.Reserve(t.Context(), ev, estimate)
	if gr != nil || refusal.Kind != want {
		t.Fatalf("reserve %d for %s: granted %t, %+v, want %s", estimate, ev.ID, gr != nil, refusal, want)
	}
}

// used insists on what the store has counted for a person.
func used(t *testing.T, g *Gate, person string, tokens, month, turns int64) {
	t.Helper()
	u, err := g.Used(t.Context(), person)
	if err != nil || u.Tokens != tokens || u.Month != month || u.Turns != turns {
		t.Fatalf("used by %s: %+v, %v; want %d tokens, %d in the month, %d turns", person, u, err, tokens, month, turns)
	}
}

// Enter reports whether ev may have a turn that asks the model: whether its person
// is allowed to, and is within the rate, of which it takes one turn.
func (g *Gate) Enter(ctx context.Context, ev connectors.Event) Refusal {
	if refusal := g.Allowed(ctx, ev); refusal.Kind != None {
		return refusal
	}
	return g.Pace(ctx, ev)
}
