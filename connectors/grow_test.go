package connectors

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shows is what was shown, and when.
type shows struct {
	texts []string
	times []time.Duration
}

// timed is an answer whose deltas come with a pause before each.
func timed(pause time.Duration, deltas []string, end error) Answer {
	return func(yield func(Delta, error) bool) {
		for _, d := range deltas {
			time.Sleep(pause)
			if !yield(Say(d), nil) {
				return
			}
		}
		if end != nil {
			yield(Delta{}, end)
		}
	}
}

func TestGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var s shows
		grown, err := Grow(t.Context(), slog.New(slog.DiscardHandler), timed(time.Second, strings.Split("abcdefgh", ""), nil), func(_ context.Context, v View) (time.Duration, error) {
			s.texts, s.times = append(s.texts, v.Text), append(s.times, time.Since(began))
			return 2400 * time.Millisecond, nil
		})
		if err != nil || grown.Text != "abcdefgh" || grown.Failure != nil || grown.Words() != "abcdefgh" {
			t.Fatalf("%+v, %v", grown, err)
		}
		if want := "a abc abcde"; strings.Join(s.texts, " ") != want {
			t.Errorf("shown %q at %v, want %q", s.texts, s.times, want)
		}
	})
}

// What has come is shown although the model says nothing for a while.
func TestGrowShowsWhileTheModelPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shows
		answer := func(yield func(Delta, error) bool) {
			if yield(Say("a"), nil) && yield(Say("b"), nil) {
				time.Sleep(time.Minute)
				yield(Say("c"), nil)
			}
		}
		if _, err := Grow(t.Context(), slog.New(slog.DiscardHandler), answer, func(_ context.Context, v View) (time.Duration, error) {
			s.texts = append(s.texts, v.Text)
			return time.Second, nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(s.texts, "ab") {
			t.Errorf("shown %q", s.texts)
		}
	})
}

// A slow platform holds up neither the model nor, once its call has come back, the end.
func TestGrowWaitsForTheCallOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, came, running := time.Now(), time.Duration(0), false
		answer := func(yield func(Delta, error) bool) {
			if yield(Say("a"), nil) {
				time.Sleep(time.Second)
				yield(Say("b"), nil)
				came = time.Since(began)
			}
		}
		if _, err := Grow(t.Context(), slog.New(slog.DiscardHandler), answer, func(context.Context, View) (time.Duration, error) {
			running = true
			time.Sleep(10 * time.Second)
			running = false
			return time.Hour, nil
		}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); came != time.Second || running || took != 10*time.Second {
			t.Errorf("the answer took %s, the whole %s, running %t", came, took, running)
		}
	})
}

func TestGrowEnds(t *testing.T) {
	sorry := &Failure{Text: "sorry", Err: errors.New("model")}
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		end   error
		words string
		err   error
	}{
		"well":     {nil, "ab", nil},
		"a failed": {sorry, "ab\n\nsorry", nil},
		"given up": {gone, "ab", gone},
	} {
		grown, err := Grow(t.Context(), slog.New(slog.DiscardHandler), timed(0, []string{"a", "b"}, c.end), func(context.Context, View) (time.Duration, error) { return 0, nil })
		if !errors.Is(err, c.err) || grown.Words() != c.words {
			t.Errorf("%s: %q, %v", name, grown.Words(), err)
		}
	}
	if words := (Grown{Failure: sorry}).Words(); words != "sorry" {
		t.Errorf("a failure alone: %q", words)
	}
}

// What could not be shown is shown after the pause, also when nothing new comes.
func TestGrowTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shows
		answer := func(yield func(Delta, error) bool) {
			yield(Say("a"), nil)
			time.Sleep(time.Minute)
		}
		if _, err := Grow(t.Context(), slog.New(slog.DiscardHandler), answer, func(_ context.Context, v View) (time.Duration, error) {
			if s.texts = append(s.texts, v.Text); len(s.texts) < 3 {
				return time.Second, errors.New("too many cards grow")
			}
			return time.Second, nil
		}); err != nil || len(s.texts) != 3 {
			t.Errorf("shown %q, %v", s.texts, err)
		}
	})
}

// What the platform will never show is not shown again and again; the answer goes on.
func TestGrowStopsShowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		grown, err := Grow(t.Context(), slog.New(slog.DiscardHandler), timed(time.Second, []string{"a", "b", "c"}, nil), func(context.Context, View) (time.Duration, error) {
			calls++
			return 0, &Error{Op: "show", Fatal: true}
		})
		if err != nil || grown.Text != "abc" || calls != 1 {
			t.Errorf("%+v, %v, %d calls", grown, err, calls)
		}
	})
}

// A panic of show ends the showing and not the process: the answer is taken in to its
// end, and whoever waits gets an error.
func TestGrowContainsPanics(t *testing.T) {
	gone := errors.New("gone")
	for name, end := range map[string]error{"well": nil, "given up": gone} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var text bytes.Buffer
				calls := 0
				show := func(context.Context, View) (time.Duration, error) { calls++; panic("boom") }
				grown, err := Grow(t.Context(), slog.New(slog.NewTextHandler(&text, nil)), timed(time.Second, []string{"a", "b", "c"}, end), show)
				if calls != 1 || grown.Text != "abc" || end == nil && !Permanent(err) || end != nil && !errors.Is(err, gone) {
					t.Errorf("%+v, %v, %d calls", grown, err, calls)
				}
				if log := text.String(); strings.Count(log, "panic contained") != 1 || !strings.Contains(log, "boom") || !strings.Contains(log, "grow_test.go") {
					t.Errorf("the log is\n%s", log)
				}
			})
		})
	}
}

// What is withdrawn is gone, and what goes on besides is told until the next delta.
func TestGrowWithdraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []Delta{{Thought: "hm"}, Say("wrong"), {Doing: "searching"}, {Again: true, Text: "right"}, {Thought: "!"}}
		var views []View
		answer := func(yield func(Delta, error) bool) {
			for _, d := range steps {
				yield(d, nil)
				time.Sleep(time.Second)
			}
		}
		grown, err := Grow(t.Context(), slog.New(slog.DiscardHandler), answer, func(_ context.Context, v View) (time.Duration, error) {
			views = append(views, v)
			return 0, nil
		})
		want := []View{{Thought: "hm"}, {Text: "wrong", Thought: "hm"}, {Text: "wrong", Thought: "hm", Doing: "searching"}, {Text: "right"}, {Text: "right", Thought: "!"}}
		if err != nil || !slices.Equal(views, want) || grown.View != want[4] {
			t.Errorf("shown %+v, in the end %+v, %v", views, grown, err)
		}
	})
}
