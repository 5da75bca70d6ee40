package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// deserted is a world in which nobody answers.
func deserted(t *testing.T) *world {
	t.Helper()
	w, err := startWorld()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func TestSteadyGivesUpWhenNothingIsAnswered(t *testing.T) {
	w := deserted(t)
	_, err := w.steady(t.Context(), load{conversations: 2, rate: 5 * maxUnanswered, seconds: 1}, 1)
	if err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("%v", err)
	}
	if len(w.book.notes) > maxUnanswered+1 {
		t.Errorf("%d messages went out", len(w.book.notes))
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	w := deserted(t)
	ended := errors.New("the process has ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if _, err := w.full(ctx, 3, 5); !errors.Is(err, ended) {
		t.Errorf("full: %v", err)
	}
	if _, err := w.steady(ctx, load{conversations: 3, rate: 1, seconds: 1}, 1); !errors.Is(err, ended) {
		t.Errorf("steady: %v", err)
	}
}
