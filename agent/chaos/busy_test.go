package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	busyWord        = "Too many messages are waiting for an answer, so I did not take this one. (ref %s)"
	busyWordChinese = "现在等待回答的消息太多了，这条消息我没有收下。（编号 %s）"
)

// glutton is who overloads the program, in the second 10, and overloaded what
// becomes of it: as many messages as may wait are answered in their order, and the
// rest is refused, of which the first told times aloud.
const glutton = 77

func overloaded(taken, refused, told int) history {
	h := history{bursts: []burst{{glutton, 10 * s, 14 * s}}}
	for i := range taken + refused {
		at := 10*s + time.Duration(i)*ms
		m := asked(i, glutton, at, at+ms)
		switch {
		case i < taken:
			m = asked(i, glutton, at, at+ms, 11*s+time.Duration(i)*ms)
		case i < taken+told:
			m.refused = true
			m.replies = []reply{{at: at + ms, place: "chat", text: fmt.Sprintf(busyWord, m.trace)}}
		default:
			m.refused = true
		}
		h.messages = append(h.messages, m)
	}
	return h
}

// and is a history with more messages.
func (h history) and(messages ...message) history {
	h.messages = append(h.messages, messages...)
	return h
}

// inCards is the history with its answers in cards.
func (h history) inCards() history {
	h.cards = true
	return h
}

// TestJudgeOfOverloads has the ways to keep and to break the promise that too much
// is refused aloud.
func TestJudgeOfOverloads(t *testing.T) {
	told := func(word string) func(*message) {
		return func(m *message) {
			if strings.Contains(word, "%s") {
				word = fmt.Sprintf(word, m.trace)
			}
			m.replies = append(m.replies, reply{at: 13 * s, place: "chat", text: word})
		}
	}
	lost := overloaded(mayWait, 30, 1)
	lost.messages[3].replies = nil
	twice := overloaded(mayWait, 30, 1)
	twice.messages[0].replies = append(twice.messages[0].replies, reply{at: 13 * s, place: "chat", text: twice.messages[0].text})
	disorder := overloaded(mayWait, 30, 1)
	disorder.messages[3].replies[0].at = 13 * s
	both := overloaded(mayWait, 1, 1)
	both.messages[mayWait] = both.messages[mayWait].with(told(person{}.question(mayWait)))
	again := overloaded(mayWait, 1, 1)
	again.messages[mayWait] = both.messages[mayWait].with(func(m *message) { m.deliveries = 2 })
	unread := overloaded(mayWait, 30, 1)
	unread.messages[mayWait].refused = false // the log is not needed where the person was told

	rows := []verdictRow{
		{"as it should be", overloaded(mayWait, 30, 1), count{refused: 30}, ""},
		{"told, and not in the log", unread, count{refused: 30}, ""},
		{"nothing refused", overloaded(40, 0, 0), count{}, ""},
		{"refused in silence", overloaded(mayWait, 30, 0), count{refused: 30}, "P8"},
		{"told twice", overloaded(mayWait, 30, 2), count{refused: 30}, "P8"},
		{"told by each of three replicas", overloaded(mayWait, 30, 3), count{refused: 30}, "P8"},
		{"refused too soon", overloaded(mayWait-1, 30, 1), count{refused: 30}, "P8"},
		{"neither answered nor refused", lost, count{refused: 30, lost: 1}, "P1 P2 P8"},
		{"answered twice", twice, count{refused: 30, twice: 1}, "P3"},
		{"answered out of order", disorder, count{refused: 30, disorder: 6}, "P4 P4 P4 P4 P4 P4"},
		{"refused and answered", both, count{refused: 0}, "P8"},
		{"refused, come again and answered", again, count{refused: 0}, ""},

		{"somebody else refused", overloaded(mayWait, 30, 1).and(asked(90, 1, 1*s, 2*s).with(told(busyWord))), count{refused: 31}, "P8"},
		{"refused in Chinese", history{messages: []message{asked(0, 1, 1*s, 2*s).with(told(busyWordChinese))}}, count{refused: 1}, "P8"},
		{"somebody else delayed", overloaded(mayWait, 30, 1).and(asked(90, 1, 11*s, 12*s, 14*s)), count{refused: 30}, "P8"},
		{"somebody else delayed by a card", overloaded(mayWait, 30, 1).and(asked(90, 1, 11*s, 12*s, 14*s)).inCards(), count{refused: 30}, ""},
		{"somebody else a little delayed", overloaded(mayWait, 30, 1).and(asked(90, 1, 11*s, 12*s, 13*s)), count{refused: 30}, ""},
		{"delayed, but by their own", overloaded(mayWait, 30, 1).and(asked(90, 1, 9*s, 9*s, 13*s), asked(91, 1, 11*s, 12*s, 14*s)), count{refused: 30}, ""},
		{"delayed, but it came late", overloaded(mayWait, 30, 1).and(asked(90, 1, 11*s, 12*s, 14*s).with(func(m *message) { m.deliveries = 2 })), count{refused: 30}, ""},
		{"delayed, but not then", overloaded(mayWait, 30, 1).and(asked(90, 1, 15*s, 16*s, 19*s)), count{refused: 30}, ""},
	}
	for _, row := range rows {
		row.check(t)
	}
}

func TestJudgeCountsOverloads(t *testing.T) {
	v := judge(overloaded(mayWait, 30, 1).and(asked(90, 1, 11*s, 12*s, 12500*ms)))
	if v.tried[p8] != 30 || v.beside != 1500*ms {
		t.Errorf("%d tried, the others waited %s", v.tried[p8], v.beside)
	}
}

func TestBusyTexts(t *testing.T) {
	for _, text := range []string{busyWord, busyWordChinese} {
		if !isBusyText(text) {
			t.Errorf("%q is not known", text)
		}
	}
	for _, text := range []string{"", "Too many people are asking right now. Please try again in a moment. (ref abcdefgh)", person{}.question(1)} {
		if isBusyText(text) {
			t.Errorf("%q is taken for a refusal", text)
		}
	}
}
