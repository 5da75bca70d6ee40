package main

import "time"

// besideTime is how long somebody else may wait for an answer while one person
// overloads the program. It is shorter than the answers to what was taken of a
// burst take, one after the other.
const besideTime = 2 * time.Second

// cardTime is how much longer that is with cards, which DingTalk's clients need time
// to fetch before they may be finished.
const cardTime = 4 * time.Second

// turnedAway reports whether the program says that the message was not taken, to
// the person or in its log.
func (m message) turnedAway() bool { return m.refused || m.told() > 0 }

// told is how often the person was told so.
func (m message) told() int { return len(m.replies) - len(m.answers()) }

// refusals looks at what was turned away: only where too much waits, never in
// silence, and nobody else has to suffer.
func (v *verdict) refusals(h history) {
	overloading := make(map[int]bool)
	for _, b := range h.bursts {
		overloading[b.person] = true
		v.refusalsOf(b, h)
	}
	for _, m := range h.messages {
		if !m.turnedAway() {
			continue
		}
		v.tried[p8]++
		switch {
		case !overloading[m.person.index]:
			v.broke(p8, m.said, "turned away for nothing: %s, and little of theirs waited", m)
		case len(m.answers()) > 0 && m.deliveries <= 1: // not taken, and it did not come again
			v.broke(p8, m.said, "turned away, and answered: %s", m)
		}
	}
	v.othersBeside(h, overloading)
}

// refusalsOf judges one burst, which is shorter than the minute in which nobody is
// told again, by whichever replica.
func (v *verdict) refusalsOf(b burst, h history) {
	taken, refused, told := 0, 0, 0
	for _, m := range h.messages {
		if m.person.index != b.person {
			continue
		}
		told += m.told()
		if m.turnedAway() {
			refused++
		}
		if len(m.answers()) > 0 {
			taken++
		}
	}
	switch {
	case refused == 0:
		return
	case told == 0:
		v.broke(p8, b.began, "refused in silence: person %d was not told that %d messages were not taken", b.person, refused)
	case told > 1:
		v.broke(p8, b.began, "person %d was told %d times that too many wait", b.person, told)
	}
	if taken < mayWait && !h.unfinished {
		v.broke(p8, b.began, "refused too soon: of person %d only %d messages were taken, and %d may wait", b.person, taken, mayWait)
	}
}

// othersBeside looks at those who wrote during a burst and had nothing waiting, and
// whose message came through at once.
func (v *verdict) othersBeside(h history, overloading map[int]bool) {
	bound := besideTime
	if h.cards {
		bound += cardTime
	}
	busyUntil := make(map[int]time.Duration) // by person
	for _, m := range h.messages {
		who, answers := m.person.index, m.answers()
		idle := busyUntil[who] < m.said
		if len(answers) == 0 {
			busyUntil[who] = 1 << 62
			continue
		}
		busyUntil[who] = max(busyUntil[who], answers[0].at)
		if overloading[who] || !idle || m.deliveries > 1 || !h.burstAt(m.said) {
			continue
		}
		waited := answers[0].at - m.said
		v.beside = max(v.beside, waited)
		if waited > bound {
			v.broke(p8, m.said, "somebody else had to wait: %s was answered after %s", m, waited.Round(ms))
		}
	}
}

// burstAt reports whether somebody overloads the program at a moment.
func (h history) burstAt(at time.Duration) bool {
	for _, b := range h.bursts {
		if b.began <= at && at <= b.over {
			return true
		}
	}
	return false
}
