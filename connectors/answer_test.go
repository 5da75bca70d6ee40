package connectors

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// answerOf is an answer of deltas with an error at its end, if there is one.
func answerOf(end error, deltas ...string) Answer {
	return func(yield func(Delta, error) bool) {
		for _, delta := range deltas {
			if !yield(Say(delta), nil) {
				return
			}
		}
		if end != nil {
			yield(Delta{}, end)
		}
	}
}

func TestCollect(t *testing.T) {
	sorry := &Failure{Text: "抱歉 (abc)", Err: errors.New("model is away")}
	plain := errors.New("given back")
	rows := []struct {
		name   string
		answer Answer
		text   string
		err    error
	}{
		{"nothing", answerOf(nil), "", nil},
		{"deltas", answerOf(nil, "he", "", "llo"), "hello", nil},
		{"words", Words("hi"), "hi", nil},
		{"failure at once", answerOf(sorry), "抱歉 (abc)", nil},
		{"failure later", answerOf(sorry, "half"), "half\n\n抱歉 (abc)", nil},
		{"wrapped failure", answerOf(fmt.Errorf("turn: %w", sorry), "half"), "half\n\n抱歉 (abc)", nil},
		{"plain error", answerOf(plain, "half"), "", plain},
	}
	for _, row := range rows {
		text, err := Collect(row.answer)
		if text != row.text || !errors.Is(err, row.err) {
			t.Errorf("%s: %q, %v; want %q, %v", row.name, text, err, row.text, row.err)
		}
	}
}

func TestCollectLeavesAnAnswerAtItsError(t *testing.T) {
	plain, more := errors.New("given back"), false
	_, err := Collect(func(yield func(Delta, error) bool) { more = yield(Delta{}, plain) })
	if !errors.Is(err, plain) || more {
		t.Errorf("err %v, asked for more: %t", err, more)
	}
}

func TestWordsCanBeBrokenOff(t *testing.T) {
	for text, err := range Words("once") {
		if text.Text != "once" || err != nil {
			t.Errorf("%q, %v", text.Text, err)
		}
		break
	}
}

func TestFailureIsForTheOperator(t *testing.T) {
	cause := errors.New("model is away")
	err := error(&Failure{Text: "sorry", Err: cause})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "model is away") || strings.Contains(err.Error(), "sorry") {
		t.Errorf("%v", err)
	}
	if text := (&Failure{Text: "sorry"}).Error(); text == "" {
		t.Error("a failure without a cause has no text")
	}
}
