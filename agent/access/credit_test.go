package access

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// While the store is away tokens are granted from memory, within what was known;
// what was used is counted when it is back.
func TestStoreAwayAndBack(t *testing.T) {
	m := newMemory()
	g := New(Config{TokensPerDay: 100, TokensPerMonth: 1000}, m, nil, quiet())
	granted(t, g, asks("ann", 1), 50).Settle(t.Context(), 40)
	m.away(true)
	gr := granted(t, g, asks("ann", 2), 60)
	turnedAway(t, g, asks("ann", 3), 1, PersonSpent)
	gr.Settle(t.Context(), 20)
	insist(t, "owed", g.Counts().Owed, 1)
	turnedAway(t, g, asks("ann", 3), 41, PersonSpent)
	granted(t, g, asks("ann", 3), 40).Settle(t.Context(), 45)
	turnedAway(t, g, asks("ann", 4), 0, PersonSpent)
	insist(t, "owed", g.Counts().Owed, 2)
	if _, err := g.Used(t.Context(), "ann"); err == nil {
		t.Error("what was used is known without a store")
	}

	m.away(false)
	turnedAway(t, g, asks("ann", 5), 1, PersonSpent)
	used(t, g, "ann", 105, 105, 3)
	insist(t, "owed", g.Counts().Owed, 0)
	if len(g.credit.lent) != 0 {
		t.Errorf("still lent: %v", g.credit.lent)
	}
	granted(t, g, asks("ben", 1), 100)
	used(t, g, "ben", 100, 205, 0)
}

// What was lent is paid at once where the store is back before it is settled.
func TestLentAndSettledAtOnce(t *testing.T) {
	m := newMemory()
	m.away(true)
	g := New(Config{TokensPerDay: 100}, m, nil, quiet())
	gr := granted(t, g, asks("ann", 1), 60)
	m.away(false)
	gr.Settle(t.Context(), 30)
	used(t, g, "ann", 30, 30, 1)
	m.away(true)
	granted(t, g, asks("ann", 2), 70)
	turnedAway(t, g, asks("ann", 3), 1, PersonSpent)
}

// Nobody spends the month while the store is away.
func TestLentIsPartOfTheMonth(t *testing.T) {
	m := newMemory()
	g := New(Config{TokensPerMonth: 1000}, m, nil, quiet())
	granted(t, g, asks("ann", 1), 30)
	m.away(true)
	granted(t, g, asks("ann", 2), 60).Settle(t.Context(), 50)
	granted(t, g, asks("ben", 1), 50)
	turnedAway(t, g, asks("cat", 1), 1, Unknown)

	m.away(false)
	granted(t, g, asks("cat", 1), 890)
	used(t, g, "cat", 890, 970, 0)
	m.away(true)
	turnedAway(t, g, asks("dan", 1), 1, ConnectionSpent) // 970 and the 50 that ben still has
}

// A replica that has never seen the store grants the part too.
func TestLentWithoutAnyKnowledge(t *testing.T) {
	m := newMemory()
	m.away(true)
	g := New(Config{TokensPerDay: 60, TokensPerMonth: 1000}, m, nil, quiet())
	granted(t, g, asks("ann", 1), 60)
	turnedAway(t, g, asks("ann", 2), 1, PersonSpent)
	turnedAway(t, g, asks("ben", 1), 41, Unknown)
	granted(t, g, asks("ben", 1), 40)
}

// What was reserved before the store went away is settled when it is back, exactly.
func TestSettledWhileAway(t *testing.T) {
	for _, use := range []int64{0, 10, 40, 70} {
		m := newMemory()
		g := New(Config{TokensPerDay: 100}, m, nil, quiet())
		gr := granted(t, g, asks("ann", 1), 40)
		m.away(true)
		gr.Settle(t.Context(), use)
		insist(t, "owed", g.Counts().Owed, 1)
		m.away(false)
		granted(t, g, asks("ben", 1), 1)
		used(t, g, "ann", use, use+1, min(use, 1))
	}
}

// Debts are paid a few at a time, all of them, once, while many ask.
func TestDebtsArePaid(t *testing.T) {
	m := newMemory()
	m.away(true)
	config := Config{TokensPerMonth: 1_000_000}
	g := New(config, m, nil, quiet())
	const debts = 10 * payAtOnce
	for n := range debts {
		granted(t, g, asks("ann", n), 10).Settle(t.Context(), 7)
	}
	insist(t, "owed", g.Counts().Owed, debts)
	m.away(false)
	granted(t, g, asks("ben", 0), 5)
	insist(t, "owed", g.Counts().Owed, debts-payAtOnce)
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			if gr, _ := g.Reserve(t.Context(), asks("ben", 1+n), 5); gr == nil {
				t.Error("refused")
			}
		})
	}
	all.Wait()
	insist(t, "owed", g.Counts().Owed, 0)
	used(t, g, "ann", 7*debts, 7*debts+65*5, debts)
}

// Debts do not outlive the gate: they are paid when the program ends.
func TestFlushPaysAllDebts(t *testing.T) {
	m := newMemory()
	m.away(true)
	g := New(Config{TokensPerDay: 1_000_000}, m, nil, quiet())
	const debts = 3*payAtOnce + 1
	for n := range debts {
		granted(t, g, asks("ann", n), 10).Settle(t.Context(), 7)
	}
	if err := g.Flush(t.Context()); err == nil {
		t.Error("paid to a store that is away")
	}
	m.away(false)
	if err := g.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	insist(t, "owed", g.Counts().Owed, 0)
	used(t, g, "ann", 7*debts, 7*debts, debts)
}

// What is owed is bounded, and the log says what that costs.
func TestDebtsAreBounded(t *testing.T) {
	m := newMemory()
	m.away(true)
	var log strings.Builder
	g := New(Config{TokensPerDay: 10 * maxOwed}, m, nil, slog.New(slog.NewTextHandler(&log, nil)))
	granted(t, g, asks("ann", 0), 5).Settle(t.Context(), 0)
	insist(t, "owed, with nothing used", g.Counts().Owed, 0)
	for n := range maxOwed + 2 {
		granted(t, g, asks("ann", 1+n), 5).Settle(t.Context(), 3)
	}
	insist(t, "owed", g.Counts().Owed, maxOwed)
	insist(t, "lines", strings.Count(log.String(), "is not counted"), 2)
	m.away(false)
	for g.Counts().Owed > 0 {
		insist(t, "pay", g.payDebts(t.Context()), nil)
	}
	insist(t, "lent", len(g.credit.lent), 0)
	used(t, g, "ann", 3*maxOwed, 3*maxOwed, maxOwed)
}

// A call that was carried out although it failed costs too much, and never too
// little.
func TestCallsInDoubt(t *testing.T) {
	for _, use := range []int64{10, 40, 55} {
		for failing := range 12 {
			m, changes := newMemory(), 0
			g := New(Config{TokensPerDay: 1000, TokensPerMonth: 10_000}, m, nil, quiet())
			m.fault = func(_ string, n int64) (error, error) {
				if n == 0 {
					return nil, nil
				}
				if changes++; changes-1 == failing {
					return nil, errAway
				}
				return nil, nil
			}
			granted(t, g, asks("ann", 1), 40).Settle(t.Context(), use)
			granted(t, g, asks("ben", 1), 0) // has what is owed paid
			u, err := g.Used(t.Context(), "ann")
			if err != nil || g.Counts().Owed != 0 || min(u.Tokens, u.Month) < use || max(u.Tokens, u.Month) > use+40+use {
				t.Errorf("used %d, change %d in doubt: %+v, %v", use, failing, u, err)
			}
			if changes <= failing && (u.Tokens != use || u.Month != use) {
				t.Errorf("used %d, none in doubt: %+v", use, u)
			}
		}
	}
}
