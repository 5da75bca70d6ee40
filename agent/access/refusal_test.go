package access

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A person is told once: a day long where only an operator or the next day changes
// anything, a minute long otherwise.
func TestRefusalIsSaidOnce(t *testing.T) {
	closed := Config{Closed: true, Allow: List{Departments: []string{"dev"}}, TurnsPerMinute: 1, TokensPerDay: 10, TokensPerMonth: 20}
	rows := []struct {
		kind  Kind
		ask   func(g *Gate, person string, n int) Refusal
		again time.Duration
	}{
		{NotAllowed, func(g *Gate, person string, n int) Refusal { return g.Allowed(t.Context(), asks(person, n)) }, 24 * time.Hour},
		{Unknown, func(g *Gate, person string, n int) Refusal {
			ev := asks("lost", n)
			if person == "ben" {
				ev = asks("lost too", n)
			}
			return g.Allowed(t.Context(), ev)
		}, time.Minute},
		{TooFast, func(g *Gate, person string, n int) Refusal {
			_ = g.Pace(t.Context(), asks(person, -n)) // takes the turn, if there is one
			return g.Pace(t.Context(), asks(person, n))
		}, time.Minute},
		{PersonSpent, func(g *Gate, person string, n int) Refusal {
			_, refusal := g.Reserve(t.Context(), asks(person, n), 11)
			return refusal
		}, 24 * time.Hour},
		{ConnectionSpent, func(g *Gate, person string, n int) Refusal {
			g.Set(Config{TokensPerMonth: 20})
			_, refusal := g.Reserve(t.Context(), asks(person, n), 21)
			return refusal
		}, 24 * time.Hour},
	}
	departments := chart
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			lookup := departments
			if row.kind == Unknown {
				lookup = nil
			}
			gates := []*Gate{New(closed, m, lookup, quiet()), New(closed, m, lookup, quiet())}
			event := 0
			said := func(person string) int {
				total := 0
				for n := range 6 {
					event++
					refusal := row.ask(gates[n%2], person, event)
					insist(t, "kind", refusal.Kind, row.kind)
					if refusal.Say {
						total++
					}
				}
				return total
			}
			insist(t, string(row.kind)+": said", said("ben"), 1)
			time.Sleep(row.again / 2)
			insist(t, string(row.kind)+": said again", said("ben"), 0)
			insist(t, string(row.kind)+": said to another", said("cat"), 1)
			time.Sleep(row.again/2 + time.Second)
			insist(t, string(row.kind)+": said the next time", said("ben"), 1)
		})
	}
}

// The event whose person is told stays that event, on any replica, and for another
// kind of refusal there is another.
func TestRefusalIsSaidByItsEvent(t *testing.T) {
	m := newMemory()
	a, b := New(Config{Closed: true}, m, nil, quiet()), New(Config{Closed: true}, m, nil, quiet())
	insist(t, "first", a.Allowed(t.Context(), asks("ann", 1)), Refusal{NotAllowed, true})
	insist(t, "another event", b.Allowed(t.Context(), asks("ann", 2)), Refusal{NotAllowed, false})
	for range 2 {
		insist(t, "its second attempt", b.Allowed(t.Context(), asks("ann", 1)), Refusal{NotAllowed, true})
		insist(t, "its third attempt", a.Allowed(t.Context(), asks("ann", 1)), Refusal{NotAllowed, true})
	}
	a.Set(Config{TokensPerDay: 1})
	_, refusal := a.Reserve(t.Context(), asks("ann", 3), 2)
	insist(t, "another kind", refusal, Refusal{PersonSpent, true})
}

// The store going away in the middle of it leaves the person told.
func TestRefusalIsSaidWhileTheStoreGoesAway(t *testing.T) {
	for failing := range 4 {
		m, calls := newMemory(), 0
		m.fault = func(string, int64) (error, error) {
			if calls++; calls > failing {
				return nil, errAway // after it was carried out
			}
			return nil, nil
		}
		g := New(Config{Closed: true}, m, nil, quiet())
		insist(t, "first", g.Allowed(t.Context(), asks("ann", 1)).Say, true)
		insist(t, "second", g.Allowed(t.Context(), asks("ann", 2)).Say, false)
		insist(t, "first again", g.Allowed(t.Context(), asks("ann", 1)).Say, true)
	}
}

// A person has their turns at once after a rest, and then one each part of a minute.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{TurnsPerMinute: 6, Admins: []string{"boss"}}, newMemory(), nil, quiet())
		n := 0
		turns := func(person string) (given int) {
			for range 20 {
				if n++; g.Pace(t.Context(), asks(person, n)).Kind == None {
					given++
				}
			}
			return given
		}
		insist(t, "at once", turns("ann"), 6)
		insist(t, "another person", turns("ben"), 6)
		insist(t, "an admin", turns("boss"), 20)
		time.Sleep(10*time.Second - time.Nanosecond)
		insist(t, "too early", turns("ann"), 0)
		time.Sleep(time.Nanosecond)
		insist(t, "ten seconds later", turns("ann"), 1)
		time.Sleep(time.Minute)
		insist(t, "a minute later", turns("ann"), 6)
		g.Set(Config{})
		insist(t, "without a rate", turns("ann"), 20)
	})
}

// While the store is away everybody passes, and the log says so once a minute.
func TestPaceWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.away(true)
		var log strings.Builder
		g := New(Config{TurnsPerMinute: 1}, m, nil, slog.New(slog.NewTextHandler(&log, nil)))
		for n := range 121 {
			insist(t, "pace", g.Pace(t.Context(), asks("ann", n)), Refusal{})
			time.Sleep(time.Second)
		}
		insist(t, "lines", strings.Count(log.String(), "the store cannot be asked"), 3)
	})
}
