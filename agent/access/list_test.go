package access

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"longwire/connectors"
)

// chart is who is in which department.
func chart(_ context.Context, person string) ([]string, error) {
	switch person {
	case "ann", "boss":
		return []string{"dev", "all"}, nil
	case "ben":
		return []string{"sales", "all"}, nil
	case "lost":
		return nil, errAway
	}
	return nil, nil
}

func TestAllowed(t *testing.T) {
	people := func(ids ...string) List { return List{People: ids} }
	groups := func(ids ...string) List { return List{Groups: ids} }
	departments := func(ids ...string) List { return List{Departments: ids} }
	ann, ben, cat, lost := asks("ann", 1), asks("ben", 1), asks("cat", 1), asks("lost", 1)
	nobody := asks("", 1)
	rows := []struct {
		name   string
		config Config
		ev     connectors.Event
		want   Kind
	}{
		{"open", Config{}, ann, None},
		{"open, nameless", Config{}, nobody, None},
		{"closed", Config{Closed: true}, ann, NotAllowed},
		{"closed, allowed", Config{Closed: true, Allow: people("ann")}, ann, None},
		{"closed, another", Config{Closed: true, Allow: people("ann")}, ben, NotAllowed},
		{"a list closes", Config{Allow: people("ann")}, ben, NotAllowed},
		{"a list closes, allowed", Config{Allow: people("ann")}, ann, None},
		{"a list of nothing does not close", Config{Allow: people("")}, ann, None},
		{"nothing names the nameless", Config{Allow: people("", "ann"), Deny: people("")}, nobody, NotAllowed},
		{"nor denies them", Config{Deny: people("", "ann")}, nobody, None},
		{"denied", Config{Deny: people("ann")}, ann, NotAllowed},
		{"another is denied", Config{Deny: people("ann")}, ben, None},
		{"deny wins", Config{Allow: people("ann"), Deny: people("ann")}, ann, NotAllowed},
		{"admin", Config{Closed: true, Deny: people("ann"), Admins: []string{"ann"}}, ann, None},
		{"not an admin", Config{Closed: true, Admins: []string{"ann"}}, ben, NotAllowed},

		{"group", Config{Allow: groups("g")}, inGroup(ann, "g"), None},
		{"another group", Config{Allow: groups("g")}, inGroup(ann, "h"), NotAllowed},
		{"from a group, alone", Config{Allow: groups("g")}, ann, NotAllowed},
		{"a chat of two is no group", Config{Allow: groups("g")}, func() connectors.Event { ev := ann; ev.Chat.ID = "g"; return ev }(), NotAllowed},
		{"person in any group", Config{Allow: people("ann")}, inGroup(ann, "h"), None},
		{"group denied", Config{Deny: groups("g")}, inGroup(ann, "g"), NotAllowed},
		{"group denied, not here", Config{Deny: groups("g")}, inGroup(ann, "h"), None},
		{"group allowed, person denied", Config{Allow: groups("g"), Deny: people("ann")}, inGroup(ann, "g"), NotAllowed},
		{"a group is not a person", Config{Allow: List{People: []string{"g"}, Groups: []string{"ben"}}}, inGroup(ann, "ann"), NotAllowed},

		{"department", Config{Allow: departments("dev")}, ann, None},
		{"another department", Config{Allow: departments("dev")}, ben, NotAllowed},
		{"no department", Config{Allow: departments("dev")}, cat, NotAllowed},
		{"department denied", Config{Deny: departments("sales")}, ben, NotAllowed},
		{"another department denied", Config{Deny: departments("sales")}, ann, None},
		{"department denied, person allowed", Config{Allow: people("ben"), Deny: departments("sales")}, ben, NotAllowed},
		{"department allowed, another denied", Config{Allow: departments("all"), Deny: departments("sales")}, ben, NotAllowed},
		{"department or person", Config{Allow: List{People: []string{"cat"}, Departments: []string{"dev"}}}, cat, None},

		{"cannot be told, allow", Config{Allow: departments("dev")}, lost, Unknown},
		{"cannot be told, deny", Config{Deny: departments("dev")}, lost, Unknown},
		{"need not be told, allowed", Config{Allow: List{People: []string{"lost"}, Departments: []string{"dev"}}}, lost, None},
		{"need not be told, denied", Config{Deny: List{People: []string{"lost"}, Departments: []string{"dev"}}}, lost, NotAllowed},
		{"need not be told, admin", Config{Deny: departments("dev"), Admins: []string{"lost"}}, lost, None},
	}
	for _, row := range rows {
		g := New(row.config, newMemory(), chart, quiet())
		if got := g.Allowed(t.Context(), row.ev); got.Kind != row.want || got.Say != (row.want != None) {
			t.Errorf("%s: %+v, want %q", row.name, got, row.want)
		}
	}
}

// Where the platform tells no departments, a list of them keeps out.
func TestAllowedWithoutDepartments(t *testing.T) {
	for _, config := range []Config{{Allow: List{Departments: []string{"dev"}}}, {Deny: List{Departments: []string{"dev"}}}} {
		g := New(config, newMemory(), nil, quiet())
		insist(t, "allowed", g.Allowed(t.Context(), asks("ann", 1)).Kind, Unknown)
	}
}

// The lists need no store.
func TestAllowedWhileTheStoreIsAway(t *testing.T) {
	m := newMemory()
	m.away(true)
	g := New(Config{Allow: List{People: []string{"ann"}}}, m, nil, quiet())
	insist(t, "ann", g.Allowed(t.Context(), asks("ann", 1)), Refusal{})
	insist(t, "ben", g.Allowed(t.Context(), asks("ben", 1)), Refusal{NotAllowed, true})
	insist(t, "ben again", g.Allowed(t.Context(), asks("ben", 2)), Refusal{NotAllowed, false})
}

// What the platform said is believed for ten minutes, that it said nothing for one,
// and it is logged as often.
func TestDepartmentsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var questions atomic.Int32
		var log strings.Builder
		ask := func(ctx context.Context, person string) ([]string, error) {
			questions.Add(1)
			return chart(ctx, person)
		}
		g := New(Config{Allow: List{Departments: []string{"dev"}}}, newMemory(), ask, slog.New(slog.NewTextHandler(&log, nil)))
		for _, step := range []struct {
			after     time.Duration
			person    string
			want      Kind
			questions int32 // so far
			lines     int   // of the log, so far
		}{
			{0, "ann", None, 1, 0},
			{membershipKeep - 1, "ann", None, 1, 0},
			{1, "ann", None, 2, 0},
			{0, "ben", NotAllowed, 3, 0},
			{0, "lost", Unknown, 4, 1},
			{ignoranceKeep - 1, "lost", Unknown, 4, 1},
			{1, "lost", Unknown, 5, 2},
			{0, "ben", NotAllowed, 5, 2},
		} {
			time.Sleep(step.after)
			got := g.Allowed(t.Context(), asks(step.person, 1)).Kind
			lines := strings.Count(log.String(), "departments cannot be told")
			if got != step.want || questions.Load() != step.questions || lines != step.lines {
				t.Fatalf("%+v: %q, %d questions, %d lines", step, got, questions.Load(), lines)
			}
		}
	})
}

// A caller who gives up says nothing about the platform.
func TestDepartmentsOfAnEndedContext(t *testing.T) {
	ask := func(ctx context.Context, person string) ([]string, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return chart(ctx, person)
	}
	g := New(Config{Allow: List{Departments: []string{"dev"}}}, newMemory(), ask, quiet())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	insist(t, "given up", g.Allowed(ctx, asks("ann", 1)).Kind, Unknown)
	insist(t, "next", g.Allowed(t.Context(), asks("ann", 2)).Kind, None)
}

// Departments are asked for only where they decide.
func TestDepartmentsAreNotAskedForNothing(t *testing.T) {
	ask := func(context.Context, string) ([]string, error) {
		t.Error("the platform is asked")
		return nil, errors.New("asked")
	}
	for _, config := range []Config{
		{},
		{Closed: true},
		{Deny: List{People: []string{"ann"}, Departments: []string{"dev"}}},
		{Allow: List{People: []string{"ann"}, Departments: []string{"dev"}}},
		{Admins: []string{"ann"}, Deny: List{Departments: []string{"dev"}}},
	} {
		New(config, newMemory(), ask, quiet()).Allowed(t.Context(), asks("ann", 1))
	}
}

// A new configuration holds from the next question on.
func TestSet(t *testing.T) {
	g := New(Config{}, newMemory(), nil, quiet())
	insist(t, "open", g.Enter(t.Context(), asks("ann", 1)).Kind, None)
	g.Set(Config{Closed: true})
	insist(t, "closed", g.Enter(t.Context(), asks("ann", 2)).Kind, NotAllowed)
	g.Set(Config{TurnsPerMinute: 1})
	insist(t, "paced", g.Enter(t.Context(), asks("ann", 3)).Kind, None)
	insist(t, "too fast", g.Enter(t.Context(), asks("ann", 4)).Kind, TooFast)
	g.Set(Config{TokensPerDay: 5})
	turnedAway(t, g, asks("ann", 5), 6, PersonSpent)
	counts := g.Counts().Refused
	if len(counts) != len(kinds) || counts[NotAllowed] != 1 || counts[TooFast] != 1 || counts[PersonSpent] != 1 || counts[Unknown] != 0 {
		t.Errorf("counts %v", counts)
	}
}

func TestRecentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent[int]
		for n := range maxRecent {
			r.put(asks("p", n).ID, n, time.Duration(1+n%2)*time.Minute)
		}
		time.Sleep(time.Minute)
		r.put("one more", 1, time.Minute) // in the place of those whose time is up
		insist(t, "kept", len(r.kept), maxRecent/2+1)
		_, ok := r.get("p#1")
		insist(t, "still there", ok, true)
		_, ok = r.get("p#0")
		insist(t, "over", ok, false)
		for n := range maxRecent {
			r.put(asks("q", n).ID, n, time.Hour)
			if len(r.kept) > maxRecent {
				t.Fatalf("%d are kept", len(r.kept))
			}
		}
		value, ok := r.get(asks("q", maxRecent-1).ID)
		insist(t, "the newest", ok && value == maxRecent-1, true)
	})
}
