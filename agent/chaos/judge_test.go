package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const s = time.Second

// testTrace is the trace of message n.
func testTrace(n int) string {
	return "abcde" + string([]byte{byte('a' + n/676%26), byte('a' + n/26%26), byte('a' + n%26)})
}

// sorry makes the program say in words of its own what became of a message.
func sorry(words string) func(*message) {
	return func(m *message) { m.replies[0].text = fmt.Sprintf(words, m.trace) }
}

// asked is message n of a person, said and acked at these seconds and answered
// properly, one-to-one, at each of the others.
func asked(n, who int, said, acked time.Duration, answers ...time.Duration) message {
	p := person{index: who}
	m := message{id: p.question(n), trace: testTrace(n), number: n, person: p, text: p.question(n), said: said, acked: acked, place: "chat", deliveries: 1}
	for _, at := range answers {
		m.replies = append(m.replies, reply{at: at, place: "chat", text: "About " + p.question(n)})
	}
	return m
}

// with changes a message.
func (m message) with(change func(*message)) message {
	change(&m)
	return m
}

func at(k kind, struck, done, mended time.Duration) firing {
	return firing{fault: fault{kind: k}, struck: struck, done: done, mended: mended}
}

// count is what a judge should find.
type count struct{ lost, silent, twice, window, disorder, misplaced, errors, refused int }

func countOf(v verdict) count {
	return count{v.lost, v.silent, v.twice, v.window, v.disorder, v.misplaced, v.errors, v.refused}
}

// said is an announcement of messages, each once.
func said(messages ...message) map[string]int {
	announced := map[string]int{}
	for _, m := range messages {
		announced[m.trace]++
	}
	return announced
}

// verdictRow is a history and what a judge should make of it.
type verdictRow struct {
	name    string
	history history
	want    count
	broken  string // the promises, in the order of the report
}

func (row verdictRow) check(t *testing.T) {
	t.Helper()
	v := judge(row.history)
	if got := countOf(v); got != row.want {
		t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
	}
	var broken []string
	for _, p := range promises {
		for range v.brokenOf(p.promise) {
			broken = append(broken, string(p.promise))
		}
	}
	if got := strings.Join(broken, " "); got != row.broken {
		t.Errorf("%s: %q broken, want %q: %v", row.name, got, row.broken, v.breaches)
	}
}

// TestJudge has a history for each way to keep and to break a promise.
func TestJudge(t *testing.T) {
	kill10 := at(kill, 10*s, 10*s, 11*s)
	rows := []verdictRow{
		{"nothing", history{}, count{}, ""},
		{"all is well", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s), asked(1, 1, 4*s, 5*s, 6*s)}}, count{}, ""},
		{"lost", history{messages: []message{asked(0, 1, 1*s, 2*s)}}, count{lost: 1}, "P1 P2"},
		{"silent", history{messages: []message{asked(0, 1, 1*s, 0)}}, count{silent: 1}, "P2"},
		{"broken off", history{unfinished: true, messages: []message{asked(0, 1, 1*s, 2*s), asked(1, 1, 1*s, 0)}}, count{}, ""},
		{"answered without an ack", history{messages: []message{asked(0, 1, 1*s, 0, 2*s)}}, count{}, ""},

		{"twice for nothing", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s, 4*s)}}, count{twice: 1}, "P3"},
		{"three times", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s, 4*s, 5*s)}}, count{twice: 2}, "P3 P3"},
		{"twice around a kill, in Feishu", history{platform: feishuName, firings: []firing{kill10},
			messages: []message{asked(0, 1, 1*s, 2*s, 9*s, 12*s)}}, count{twice: 1}, "P6"},
		{"twice around a kill, in DingTalk, and announced", history{platform: dingtalkName, firings: []firing{kill10}, announced: said(asked(0, 1, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 9*s, 12*s)}}, count{window: 1}, ""},
		{"announced once, seen three times", history{platform: dingtalkName, firings: []firing{kill10}, announced: said(asked(0, 1, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 9*s, 12*s, 13*s)}}, count{window: 1, twice: 1}, "P6"},
		{"another one was announced", history{platform: dingtalkName, firings: []firing{kill10}, announced: said(asked(1, 2, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 9*s, 12*s)}}, count{twice: 1}, "P6"},
		{"twice around a kill, in DingTalk, unannounced", history{platform: dingtalkName, firings: []firing{kill10},
			messages: []message{asked(0, 1, 1*s, 2*s, 9*s, 12*s)}}, count{twice: 1}, "P6"},
		{"announced, but nothing had happened", history{platform: dingtalkName, announced: said(asked(0, 1, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 3*s, 9*s)}}, count{twice: 1}, "P3"},
		{"announced in Feishu, which takes a key", history{platform: feishuName, firings: []firing{kill10}, announced: said(asked(0, 1, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 9*s, 12*s)}}, count{twice: 1}, "P6"},
		{"a kill afterwards", history{platform: dingtalkName, firings: []firing{kill10}, announced: said(asked(0, 1, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 3*s, 9*s)}}, count{twice: 1}, "P3"},
		{"a freeze excuses nothing", history{platform: dingtalkName, firings: []firing{at(freeze, 2*s, 2*s, 5*s)},
			messages: []message{asked(0, 1, 1*s, 2*s, 3*s, 6*s)}}, count{twice: 1}, "P6"},
		{"nor does one before the first", history{platform: dingtalkName, firings: []firing{at(freeze, 2*s, 2*s, 5*s)},
			messages: []message{asked(0, 1, 1*s, 2*s, 5100*ms, 5200*ms)}}, count{twice: 1}, "P6"},
		{"nor does Redis", history{platform: dingtalkName, firings: []firing{at(redisStop, 2*s, 2*s, 5*s)},
			messages: []message{asked(0, 1, 1*s, 2*s, 3*s, 6*s)}}, count{twice: 1}, "P6"},

		{"out of order", history{messages: []message{asked(0, 1, 1*s, 2*s, 9*s), asked(1, 1, 3*s, 4*s, 8*s)}}, count{disorder: 1}, "P4"},
		{"far out of order", history{messages: []message{asked(0, 1, 1*s, 2*s, 9*s), asked(1, 1, 3*s, 4*s, 10*s), asked(2, 1, 5*s, 6*s, 7*s)}}, count{disorder: 1}, "P4"},
		{"an order nobody knows", history{messages: []message{asked(0, 1, 1*s, 4*s, 9*s), asked(1, 1, 3*s, 4*s, 8*s)}}, count{}, ""},
		{"another conversation", history{messages: []message{asked(0, 1, 1*s, 2*s, 9*s), asked(1, 2, 3*s, 4*s, 8*s)}}, count{}, ""},
		{"the first reply counts for the order", history{platform: dingtalkName, firings: []firing{kill10}, announced: said(asked(0, 1, 0, 0)),
			messages: []message{asked(0, 1, 1*s, 2*s, 5*s, 12*s), asked(1, 1, 3*s, 4*s, 6*s)}}, count{window: 1}, ""},

		{"the wrong chat", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.replies[0].place = "other" })}}, count{misplaced: 1}, "P5"},
		{"to the person", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.replies[0].place = m.person.private() })}}, count{}, ""},
		{"to another person", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.replies[0].place = person{index: 2}.private() })}}, count{misplaced: 1}, "P5"},
		{"in private, though asked in a group", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) {
			m.person.group, m.replies[0].place = "chat", m.person.private()
		})}}, count{misplaced: 1}, "P5"},
		{"the answer to another", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.replies[0].text = m.person.question(7) })}}, count{misplaced: 1}, "P5"},
		{"not an answer", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.replies[0].text = "Hello" })}}, count{misplaced: 1}, "P5"},
		{"a stray", history{strays: []reply{{at: s, place: "chat", text: "Hello"}}}, count{misplaced: 1}, "P5"},
		{"an error text", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(sorry("Sorry. (ref %s)"))}}, count{errors: 1}, ""},
		{"an error text about another", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.replies[0].text = "Sorry. (ref " + testTrace(1) + ")" })}}, count{errors: 1, misplaced: 1}, "P5"},
		{"an error text in Chinese", history{messages: []message{asked(0, 1, 1*s, 2*s, 3*s).with(sorry("抱歉。（编号 %s）"))}}, count{errors: 1}, ""},
	}
	for _, row := range rows {
		row.check(t)
	}
}

// What was tried is counted, or a table of zeros would look like success.
func TestJudgeCountsWhatWasTried(t *testing.T) {
	v := judge(history{
		messages: []message{
			asked(0, 1, 1*s, 2*s, 3*s).with(func(m *message) { m.deliveries = 3 }),
			asked(1, 1, 4*s, 5*s, 6*s),
			asked(2, 2, 4*s, 0, 6*s).with(func(m *message) { m.deliveries = 0 }),
		},
		firings: []firing{at(kill, s, s, s), at(drop, s, s, s), at(redisStop, s, s, s), at(model429, s, s, s)},
	})
	want := map[promise]int{p1: 2, p2: 3, p3: 2, p4: 1, p5: 3, p6: 2, p7: 2}
	for p, n := range want {
		if v.tried[p] != n {
			t.Errorf("%s: %d tried, want %d", p, v.tried[p], n)
		}
	}
	if v.messages != 3 {
		t.Errorf("%d messages, want 3", v.messages)
	}
}

func TestNumberIn(t *testing.T) {
	for _, p := range []person{{}, {chinese: true}} {
		if n, ok := numberIn(p.question(12345)); !ok || n != 12345 {
			t.Errorf("%q: %d, %t", p.question(12345), n, ok)
		}
	}
	for _, text := range []string{"", marker, marker + "1234567", marker + "1234567x", "00000001"} {
		if n, ok := numberIn(text); ok {
			t.Errorf("%q: %d", text, n)
		}
	}
}

func FuzzNumberIn(f *testing.F) {
	f.Add(person{}.question(7))
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := numberIn(text); ok && !strings.Contains(text, strings.TrimSuffix(strings.TrimPrefix(person{}.question(n), "How is "), " doing?")) {
			t.Errorf("%q holds no %d", text, n)
		}
	})
}
