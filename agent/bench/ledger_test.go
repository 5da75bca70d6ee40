package main

import (
	"strings"
	"testing"
	"time"
)

// at is a moment, in ms after another.
func at(ms int) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(ms) * time.Millisecond)
}

func TestNumberIn(t *testing.T) {
	for text, want := range map[string]int{
		question(0):                    0,
		question(12345678):             12345678,
		strings.Join(answer(4711), ""): 4711,
		"message 0000012":              -1,
		"message 0000x012":             -1,
		"message -0000012":             -1,
		"message ":                     -1,
		"":                             -1,
		"The number 00000012 alone":    -1,
	} {
		number, ok := numberIn(text)
		if !ok {
			number = -1
		}
		if number != want {
			t.Errorf("%q: %d, not %d", text, number, want)
		}
	}
}

func FuzzNumberIn(f *testing.F) {
	f.Add(question(7))
	f.Add("message 99999999message")
	f.Fuzz(func(t *testing.T, text string) {
		if number, ok := numberIn(text); ok && (number < 0 || !strings.Contains(text, marker)) {
			t.Errorf("%q: %d", text, number)
		}
	})
}

// answered is a ledger with n messages that went well.
func answered(n int) *ledger {
	l := &ledger{}
	for number := range n {
		_, note := l.open()
		note.pushed = at(0)
		l.asked(question(number), at(3))
		l.sent(question(number), at(10))
		l.replied(strings.Join(answer(number), ""), at(14))
	}
	return l
}

func TestLedgerSpans(t *testing.T) {
	l := answered(2)
	// What comes again does not move what came first.
	l.asked(question(1), at(50))
	l.sent(question(1), at(60))
	for i, s := range l.spansOf(l.notes) {
		if s.toModel != 3*time.Millisecond || s.toPerson != 4*time.Millisecond || s.overhead() != 7*time.Millisecond {
			t.Errorf("message %d: %+v", i, s)
		}
	}
}

func TestLedgerSpansCountTheAnswerThatWasGiven(t *testing.T) {
	l := &ledger{}
	_, n := l.open()
	n.pushed = at(0)
	l.asked(question(0), at(1))
	l.sent(question(0), at(2)) // and then the connection to the model broke
	l.asked(question(0), at(500))
	l.sent(question(0), at(501))
	l.replied(question(0), at(503))
	if s := l.spansOf(l.notes)[0]; s.toModel != time.Millisecond || s.toPerson != 2*time.Millisecond {
		t.Errorf("%+v", s)
	}
}

func TestLedgerVerify(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(*ledger)
		want  string // "" for nothing wrong
	}{
		"all well":      {func(*ledger) {}, ""},
		"no reply":      {func(l *ledger) { l.open() }, "1 of 4 messages without a reply"},
		"two replies":   {func(l *ledger) { l.replied(question(2), at(20)) }, "1 of 3 messages with more than one reply"},
		"not asked":     {func(l *ledger) { l.open(); l.replied(question(3), at(20)) }, "1 of 4 messages answered without the model"},
		"error text":    {func(l *ledger) { l.replied("Sorry, abcdefgh", at(20)) }, `1 replies to no message, the first: "Sorry, abcdefgh"`},
		"unknown":       {func(l *ledger) { l.replied(question(3), at(20)) }, "1 replies to no message"},
		"several wrong": {func(l *ledger) { l.open(); l.replied("Hm", at(20)) }, "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			l := answered(3)
			row.spoil(l)
			err := l.verify()
			switch {
			case row.want == "" && err != nil:
				t.Error(err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

func TestLedgerWhereabouts(t *testing.T) {
	l := &ledger{}
	_, n := l.open()
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "has not reached the model"},
		{func() { l.asked(question(0), at(1)) }, "the model is at work on"},
		{func() { l.sent(question(0), at(2)) }, "the model has answered"},
	} {
		step.do()
		if got := l.whereabouts(n); got != step.want {
			t.Errorf("%q, not %q", got, step.want)
		}
	}
}
