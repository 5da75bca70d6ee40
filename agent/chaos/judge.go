package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// promise is one of those that the program makes, as the report names them.
type promise string

// The promises that a run can break.
const (
	p1 promise = "P1" // an ack means stored
	p2 promise = "P2" // every message ends in one visible outcome
	p3 promise = "P3" // what comes again is not answered again
	p4 promise = "P4" // order within a conversation
	p5 promise = "P5" // to the message that asked
	p6 promise = "P6" // after a crash the same reply, not a second one
	p7 promise = "P7" // the link comes back
	p8 promise = "P8" // too much work is refused aloud
	px promise = "PX" // and besides: no end by itself, no panic, no secret in the log
	pm promise = "PM" // what was measured is within its bounds
)

// promises are all of them and what they say.
var promises = []struct {
	promise promise
	says    string
	tried   string // what is counted as tried
}{
	{p1, "an ack means stored", "messages acked"},
	{p2, "every message gets one visible outcome", "messages said"},
	{p3, "a message that comes again is not answered again", "deliveries beyond the first"},
	{p4, "answers keep the order of the questions", "messages behind an acked one"},
	{p5, "an answer goes to the message that asked", "replies"},
	{p6, "after a crash no second answer is begun", "faults of process, store or answer"},
	{p7, "the link comes back", "faults of process or socket"},
	{p8, "too much work is refused aloud", "messages turned away"},
	{px, "no end by itself, no panic, no secret in the log", "processes"},
	{pm, "what was measured is within its bounds", "figures"},
}

// breach is a promise broken once.
type breach struct {
	promise promise
	at      time.Duration // 0 where there is no moment
	what    string
}

// verdict is what became of a history.
type verdict struct {
	tried    map[promise]int
	breaches []breach

	messages  int
	errors    int // outcomes that are error texts
	lost      int // acked, and nothing was ever seen
	silent    int // never acked, and nothing was ever seen
	twice     int // second answers that nothing excuses
	window    int // second answers in DingTalk's webhook window, which the program announced
	disorder  int
	misplaced int // in another chat, or about another message
	refused   int // not taken, because too many waited

	beside time.Duration // the longest that anybody else waited during an overload
}

// crashes are the kinds that make a reply be finished by somebody else, or later.
func crashes(k kind) bool {
	t := traitOf(k)
	return t.process || t.store != "" || k == lostAnswer
}

// cuts are the kinds that end the stream.
func cuts(k kind) bool {
	switch k {
	case drop, blackHole, halfFrame, disconnect, bootstrap, handshake:
		return true
	}
	return traitOf(k).process
}

// judge compares a history with the promises. It knows only what people and
// platforms see. P7 and PX are left to whoever saw the processes.
func judge(h history) verdict {
	v := verdict{tried: make(map[promise]int), messages: len(h.messages)}
	for _, f := range h.firings {
		if crashes(f.fault.kind) {
			v.tried[p6]++
		}
		if cuts(f.fault.kind) {
			v.tried[p7]++
		}
	}
	v.outcomes(h)
	v.order(h)
	v.places(h)
	v.seconds(h)
	v.refusals(h)
	slices.SortStableFunc(v.breaches, func(a, b breach) int { return int(a.at - b.at) })
	return v
}

func (v *verdict) broke(p promise, at time.Duration, format string, args ...any) {
	v.breaches = append(v.breaches, breach{p, at, fmt.Sprintf(format, args...)})
}

// outcomes looks for messages without one.
func (v *verdict) outcomes(h history) {
	for _, m := range h.messages {
		v.tried[p2]++
		v.tried[p3] += max(0, m.deliveries-1)
		if m.acked > 0 {
			v.tried[p1]++
		}
		answers := m.answers()
		switch {
		case len(answers) > 0:
			if isErrorText(answers[0].text) {
				v.errors++
			}
		case m.turnedAway():
			v.refused++
		case h.unfinished:
		case m.acked > 0:
			v.lost++
			v.broke(p1, m.said, "lost: %s was acked, and nothing was ever seen", m)
			v.broke(p2, m.said, "no outcome: %s", m)
		default:
			v.silent++
			v.broke(p2, m.said, "silent: %s was never acked, and nothing was ever seen", m)
		}
	}
}

// order looks for answers that overtook an earlier one of their conversation. The
// program can only know the order in which it was given the messages, which the
// platforms do not promise to be that of the people: it is certain only for a
// message that was said after the platform had the ack of an earlier one.
func (v *verdict) order(h history) {
	people := make(map[int][]message)
	for _, m := range h.messages {
		people[m.person.index] = append(people[m.person.index], m)
	}
	for _, said := range people {
		for i, m := range said {
			v.behind(said[:i], m)
		}
	}
}

// behind compares a message with those said earlier in its conversation.
func (v *verdict) behind(earlier []message, m message) {
	certain, overtook := false, ""
	answers := m.answers()
	for _, e := range earlier {
		if e.acked == 0 || e.acked > m.said {
			continue
		}
		certain = true
		before := e.answers()
		if len(answers) > 0 && len(before) > 0 && answers[0].at < before[0].at {
			overtook = e.String()
		}
	}
	if certain {
		v.tried[p4]++
	}
	if overtook != "" {
		v.disorder++
		v.broke(p4, answers[0].at, "out of order: %s was answered before %s", m, overtook)
	}
}

// places looks for replies that are not where, or not about what, was asked.
func (v *verdict) places(h history) {
	for _, m := range h.messages {
		for _, r := range m.replies {
			v.tried[p5]++
			number, ok := numberIn(r.text)
			trace, sorry := traceIn(r.text) // the word that it was not taken names one, too
			switch {
			case r.place != m.place && (m.person.group != "" || r.place != m.person.private()):
				v.broke(p5, r.at, "wrong chat: the reply to %s was shown in %q, not in %q", m, r.place, m.place)
			case ok && number != m.number:
				v.broke(p5, r.at, "wrong answer: the reply to %s is about message %d", m, number)
			case sorry && trace != m.trace:
				v.broke(p5, r.at, "wrong answer: the reply to %s is about the event %s", m, trace)
			case !ok && !sorry:
				v.broke(p5, r.at, "wrong answer: the reply to %s is %.60q", m, r.text)
			default:
				continue
			}
			v.misplaced++
		}
	}
	for _, r := range h.strays {
		v.tried[p5]++
		v.misplaced++
		v.broke(p5, r.at, "stray: a reply in %q to no message: %.60q", r.place, r.text)
	}
}

// second is a reply to a message that has one already.
type second struct {
	message     message
	first, then time.Duration // when the reply before it was seen, and it
}

// seconds looks for messages answered more than once.
func (v *verdict) seconds(h history) {
	var all []second
	for _, m := range h.messages {
		answers := m.answers()
		for i := 1; i < len(answers); i++ {
			all = append(all, second{m, answers[i-1].at, answers[i].at})
		}
	}
	slices.SortFunc(all, func(a, b second) int { return int(a.then - b.then) })
	announced := maps.Clone(h.announced)
	for _, s := range all {
		p, why := p3, "nothing had crashed"
		for _, f := range h.firings {
			if crashes(f.fault.kind) && f.between(s.message.said, s.then) {
				p, why = p6, "meanwhile "+string(f.fault.kind)+" at "+clock(f.struck)
			}
		}
		if h.platform == dingtalkName && p == p6 && announced[s.message.trace] > 0 {
			announced[s.message.trace]--
			v.window++
			continue
		}
		v.twice++
		v.broke(p, s.then, "twice: %s, answered at %s and at %s, %s", s.message, clock(s.first), clock(s.then), why)
	}
}

// between reports whether a fault lies between two moments, if only in part. A
// process that is killed has done its last when it is gone; everything else goes
// on until it is mended.
func (f firing) between(from, to time.Duration) bool {
	over := f.mended
	if f.fault.kind == kill {
		over = f.done
	}
	return from <= over && f.struck <= to
}

// String is a message as the report names it.
func (m message) String() string {
	acked := "not acked"
	if m.acked > 0 {
		acked = "acked " + clock(m.acked)
	}
	return fmt.Sprintf("message %d of person %d (said %s, %s, delivered ×%d)", m.number, m.person.index, clock(m.said), acked, m.deliveries)
}

// clock is a time since the run began.
func clock(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }
