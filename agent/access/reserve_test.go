package access

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
)

func TestReserveAndSettle(t *testing.T) {
	g := New(Config{TokensPerDay: 100, TokensPerMonth: 150}, newMemory(), nil, quiet())
	gr := granted(t, g, asks("ann", 1), 60)
	used(t, g, "ann", 60, 60, 0)
	turnedAway(t, g, asks("ann", 2), 41, PersonSpent)
	used(t, g, "ann", 60, 60, 0)
	second := granted(t, g, asks("ann", 2), 40)
	used(t, g, "ann", 100, 100, 0)
	turnedAway(t, g, asks("ann", 3), 1, PersonSpent)

	gr.Settle(t.Context(), 25)
	used(t, g, "ann", 65, 65, 1)
	gr.Settle(t.Context(), 60) // once
	used(t, g, "ann", 65, 65, 1)
	second.Settle(t.Context(), 0) // the model was not reached
	used(t, g, "ann", 25, 25, 1)

	turnedAway(t, g, asks("ben", 1), 101, PersonSpent)
	ben := granted(t, g, asks("ben", 1), 100)
	turnedAway(t, g, asks("cat", 1), 26, ConnectionSpent)
	used(t, g, "cat", 0, 125, 0) // the person's day is given back
	ben.Settle(t.Context(), 140) // more than was reserved
	used(t, g, "ben", 140, 165, 1)
	turnedAway(t, g, asks("ben", 2), 0, PersonSpent)
	turnedAway(t, g, asks("cat", 1), 1, ConnectionSpent)
	used(t, g, "ann", 25, 165, 1)
	var none *Grant
	none.Settle(t.Context(), 5)
	used(t, g, "ann", 25, 165, 1)
}

// To refuse somebody who has nothing left, and was told so, changes nothing in the
// store: whoever writes on and on costs no write.
func TestRefusalChangesNothing(t *testing.T) {
	m := newMemory()
	g := New(Config{TokensPerDay: 10, TokensPerMonth: 15}, m, nil, quiet())
	granted(t, g, asks("ann", 1), 10)
	turnedAway(t, g, asks("ann", 2), 1, PersonSpent)
	m.fault = func(name string, n int64) (error, error) {
		if n != 0 {
			t.Errorf("%d is added to %s", n, name)
		}
		return nil, nil
	}
	for n := range 3 {
		turnedAway(t, g, asks("ann", 3+n), 1, PersonSpent)
	}
}

// Admins pass the lists and the rate, and not the allowances.
func TestAdminsAreCounted(t *testing.T) {
	g := New(Config{Closed: true, TurnsPerMinute: 1, TokensPerDay: 10, Admins: []string{"boss"}}, newMemory(), nil, quiet())
	for n := range 3 {
		insist(t, "enter", g.Enter(t.Context(), asks("boss", n)), Refusal{})
	}
	granted(t, g, asks("boss", 1), 10).Settle(t.Context(), 10)
	used(t, g, "boss", 10, 10, 1)
	turnedAway(t, g, asks("boss", 2), 1, PersonSpent)
}

// Without limits nothing is asked of the store before the model is, and what was
// used is counted all the same.
func TestWithoutLimits(t *testing.T) {
	m := newMemory()
	g := New(Config{}, m, nil, quiet())
	gr := granted(t, g, asks("ann", 1), math.MaxInt64)
	insist(t, "calls", m.asked(), 0)
	gr.Settle(t.Context(), 7)
	used(t, g, "ann", 7, 7, 1)
}

// With one limit the other count has none, and is kept.
func TestOneLimit(t *testing.T) {
	for _, config := range []Config{{TokensPerDay: 10, TokensPerMonth: -1}, {TokensPerMonth: 10, TokensPerDay: -1}} {
		g := New(config, newMemory(), nil, quiet())
		granted(t, g, asks("ann", 1), 10).Settle(t.Context(), 9)
		used(t, g, "ann", 9, 9, 1)
		want := PersonSpent
		if config.TokensPerMonth > 0 {
			want = ConnectionSpent
		}
		turnedAway(t, g, asks("ann", 2), 2, want)
		used(t, g, "ann", 9, 9, 1)
		granted(t, g, asks("ann", 2), 1)
	}
}

// No number that a caller may come with breaks the books.
func TestAbsurdNumbers(t *testing.T) {
	g := New(Config{TokensPerDay: math.MaxInt64, TokensPerMonth: math.MaxInt64}, newMemory(), nil, quiet())
	granted(t, g, asks("ann", 1), math.MinInt64).Settle(t.Context(), math.MinInt64)
	used(t, g, "ann", 0, 0, 0)
	for n := range 4 {
		granted(t, g, asks("ann", 2+n), math.MaxInt64).Settle(t.Context(), math.MaxInt64)
	}
	used(t, g, "ann", 4*maxTokens, 4*maxTokens, 4)
	insist(t, "owed", g.Counts().Owed, 0)
}

// An event belongs to the day on which it came, in the zone of the gate, whenever
// its turn is; a day and a month begin anew.
func TestDaysAndMonths(t *testing.T) {
	at := func(text string) connectors.Event {
		ev := asks("ann", len(text))
		ev.ID = text
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		ev.Received = when
		return ev
	}
	m := newMemory()
	g := New(Config{TokensPerDay: 10, TokensPerMonth: 25}, m, nil, quiet())
	granted(t, g, at("2026-10-31T15:59:59Z"), 10)
	turnedAway(t, g, at("2026-10-31T15:59:58Z"), 1, PersonSpent)
	granted(t, g, at("2026-10-31T16:00:00Z"), 10) // midnight in Beijing, of a month too
	granted(t, g, at("2026-11-01T16:00:00Z"), 10)
	turnedAway(t, g, at("2026-11-02T16:00:00Z"), 6, ConnectionSpent)
	granted(t, g, at("2026-11-02T16:00:00Z"), 5)
	granted(t, g, at("2026-10-30T15:00:00Z"), 10) // October has room
	utc := New(Config{TokensPerDay: 10, TokensPerMonth: 25, Zone: time.UTC}, newMemory(), nil, quiet())
	granted(t, utc, at("2026-10-31T15:59:59Z"), 10)
	turnedAway(t, utc, at("2026-10-31T16:00:00Z"), 1, PersonSpent)

	ev := asks("zoe", 1)
	ev.Received = time.Time{} // is taken to have come now
	fresh := New(Config{TokensPerDay: 10}, newMemory(), nil, quiet())
	granted(t, fresh, ev, 4).Settle(t.Context(), 4)
	used(t, fresh, "zoe", 4, 4, 1)
}

// A second attempt, on any replica, goes on with what the first one reserved, even
// if it needs more and nothing is left.
func TestSecondAttempt(t *testing.T) {
	m := newMemory()
	config := Config{TokensPerDay: 100, TokensPerMonth: 100}
	a, b := New(config, m, nil, quiet()), New(config, m, nil, quiet())
	granted(t, a, asks("ann", 1), 70)
	granted(t, a, asks("ben", 1), 30)
	again := granted(t, b, asks("ann", 1), 80)
	used(t, b, "ann", 70, 100, 0)
	again.Settle(t.Context(), 10)
	used(t, b, "ann", 10, 40, 1)
	granted(t, b, asks("ann", 1), 60) // what was settled is over: this one is a new question to the model
	used(t, b, "ann", 70, 100, 1)
}

// Of two attempts at once one settles the reservation, and both uses are counted.
func TestTwoAttemptsAtOnce(t *testing.T) {
	for _, uses := range [][2]int64{{10, 20}, {70, 5}, {5, 90}, {90, 95}, {0, 0}, {70, 70}} {
		m := newMemory()
		config := Config{TokensPerDay: 100}
		a, b := New(config, m, nil, quiet()), New(config, m, nil, quiet())
		late, next := granted(t, a, asks("ann", 1), 70), granted(t, b, asks("ann", 1), 70)
		late.Settle(t.Context(), uses[0])
		next.Settle(t.Context(), uses[1])
		u, err := a.Used(t.Context(), "ann")
		if sum := uses[0] + uses[1]; err != nil || u.Tokens != sum || u.Month != sum {
			t.Errorf("%v: %+v, %v", uses, u, err)
		}
		insist(t, "held", m.counts["reserved/ann#1"].n, 0)
	}
}

// crash is what a process does that dies at a call of the store.
type crash struct{}

// crashing is a shelf whose process dies before its nth change.
type crashing struct {
	*memory
	left int
}

func (c *crashing) Add(ctx context.Context, name string, n int64, keep time.Duration) (int64, error) {
	if n != 0 {
		if c.left--; c.left < 0 {
			panic(crash{})
		}
	}
	return c.memory.Add(ctx, name, n, keep)
}

// dies reports whether do ends in a crash.
func dies(t *testing.T, do func()) (dead bool) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			if _, dead = v.(crash); !dead {
				panic(v)
			}
		}
	}()
	do()
	return false
}

// Wherever the first attempt dies, the second one's use is counted, and never less;
// at most what the first one reserved, or used beyond that, is counted besides.
func TestCrashAnywhere(t *testing.T) {
	const reserved, second = 40, 30
	for _, first := range []int64{10, 40, 55} {
		deaths := 0
		for changes := 0; ; changes++ {
			m := newMemory()
			config := Config{TokensPerDay: 1000, TokensPerMonth: 1000}
			died := dies(t, func() {
				gr := granted(t, New(config, &crashing{m, changes}, nil, quiet()), asks("ann", 1), reserved)
				gr.Settle(t.Context(), first)
			})
			g := New(config, m, nil, quiet())
			granted(t, g, asks("ann", 1), reserved).Settle(t.Context(), second)
			u, err := g.Used(t.Context(), "ann")
			if most := second + max(first, reserved); err != nil || min(u.Tokens, u.Month) < second || max(u.Tokens, u.Month) > most {
				t.Errorf("used %d, died before change %d: %+v, %v; want %d to %d", first, changes, u, err, second, most)
			}
			if !died {
				break
			}
			deaths++
		}
		if deaths < 5 {
			t.Errorf("used %d: only %d deaths", first, deaths)
		}
	}
}

// Without a second attempt a crash costs what was reserved, or used, at most, and
// what was used is counted once Settle has begun to give back.
func TestCrashAndNoMore(t *testing.T) {
	const reserved = 40
	for _, first := range []int64{10, 55} {
		for changes := 0; changes < 9; changes++ {
			m := newMemory()
			config := Config{TokensPerDay: 1000, TokensPerMonth: 1000}
			settling := false
			dies(t, func() {
				gr := granted(t, New(config, &crashing{m, changes}, nil, quiet()), asks("ann", 1), reserved)
				settling = true
				gr.Settle(t.Context(), first)
			})
			u, err := New(config, m, nil, quiet()).Used(t.Context(), "ann")
			if least := min(first, reserved); err != nil || settling && min(u.Tokens, u.Month) < least || max(u.Tokens, u.Month) > max(first, reserved) {
				t.Errorf("used %d, died before change %d: %+v, %v", first, changes, u, err)
			}
		}
	}
}

// Who does not fit beside somebody who is about to give back looks again.
func TestTakeLooksAgain(t *testing.T) {
	m := newMemory()
	g := New(Config{TokensPerDay: 100}, m, nil, quiet())
	granted(t, g, asks("ann", 1), 90)
	day, beside := g.rules.Load().day(asks("ann", 1)), 0
	m.fault = func(name string, n int64) (error, error) {
		if strings.HasPrefix(name, "tokens/"+day) && n == 10 { // just before it, somebody else adds too much
			if beside++; beside == 1 {
				m.counts[name].n += 15
			}
		}
		if strings.HasPrefix(name, "tokens/"+day) && n == -10 && beside == 1 { // and gives it back
			m.counts[name].n -= 15
		}
		return nil, nil
	}
	granted(t, g, asks("ann", 2), 10)
	insist(t, "tries", beside, 2)
	used(t, g, "ann", 100, 100, 0)
}

// When there is room at each look, and none at each try, that ends too.
func TestTakeGivesUp(t *testing.T) {
	m, tries := newMemory(), 0
	g := New(Config{TokensPerDay: 100}, m, nil, quiet())
	m.fault = func(name string, n int64) (error, error) {
		switch c := m.counts[name]; {
		case n == 10:
			if tries++; c == nil {
				c = &tally{until: time.Now().Add(dayKeep)}
				m.counts[name] = c
			}
			c.n += 100
		case n == -10:
			c.n -= 100
		}
		return nil, nil
	}
	turnedAway(t, g, asks("ann", 1), 10, PersonSpent)
	insist(t, "tries", tries, takeTries)
	m.fault = nil
	used(t, g, "ann", 0, 0, 0)
}
