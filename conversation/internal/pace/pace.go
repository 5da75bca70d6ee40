// Package pace is the arithmetic of a pace, as conversation.Shelf has it: one turn
// every period, and up to burst at once after a rest. Both stores use it;
// redisstore has Turn once more, in Lua, since Redis has the clock.
//
// All that is to be known of a pace is when it is at rest, that is when burst turns
// can be had at once. A turn that is given moves that moment a period on. This is
// the generic cell rate algorithm of ITU-T I.371, in the form of a virtual schedule.
package pace

import "time"

// Ever is longer than anybody waits. No part of a Rule is longer, so that sums of
// them fit into a Duration, and with the time of day into the 53 bits that Lua has
// for microseconds.
const Ever = 50 * 365 * 24 * time.Hour

// Rule is what Shelf.Pace is asked for.
type Rule struct {
	Period time.Duration // from turn to turn
	Slack  time.Duration // how much before its time a turn may come: a period for each of a burst but one
	Within time.Duration // how much later than now the turn may come
}

// RuleOf makes a Rule of Shelf.Pace's arguments. A burst of less than one turn is
// one turn; a period below 0 is none.
func RuleOf(period time.Duration, burst int, within time.Duration) Rule {
	r := Rule{
		Period: min(max(period, 0), Ever),
		Slack:  Ever,
		Within: min(max(within, -Ever), Ever),
	}
	more := time.Duration(max(burst, 1) - 1)
	if r.Period == 0 || more <= Ever/r.Period {
		r.Slack = more * r.Period
	}
	return r
}

// Turn asks for a turn of a pace that is at rest from the given moment on; the zero
// time is at rest. If it is given, next is when the pace is at rest from now on, and
// wait is how long to wait for the turn. If not, nothing has changed, and wait is
// how much too late the turn would have come.
func (r Rule) Turn(rest, now time.Time) (next time.Time, wait time.Duration, given bool) {
	if rest.Before(now) {
		rest = now
	}
	wait = rest.Sub(now) - r.Slack
	if wait > r.Within {
		return rest, wait - r.Within, false
	}
	return rest.Add(r.Period), max(wait, 0), true
}
