package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// overs are the names of the figures that are beyond their bounds.
func overs(figures []figure) string {
	var names []string
	for _, f := range figures {
		if f.over {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}

// steadyHistory has somebody else write ten times a second for so long, who is
// answered as fast as latency says.
func steadyHistory(length time.Duration, latency func(said time.Duration) time.Duration) (h history) {
	for at := time.Duration(0); at < length; at += 100 * ms {
		n := len(h.messages)
		h.messages = append(h.messages, asked(n, n, at, at+ms, at+latency(at)))
	}
	return h
}

func TestRollingFigures(t *testing.T) {
	const length = 20 * s
	soon := func(time.Duration) time.Duration { return 50 * ms }
	wait := func(longest time.Duration) func(at time.Duration) time.Duration {
		return func(at time.Duration) time.Duration { // nobody is answered from second 10 on
			if 10*s <= at && at < 10*s+longest {
				return 10*s + longest - at
			}
			return 50 * ms
		}
	}
	errors := steadyHistory(length, soon)
	sorry("Sorry. (ref %s)")(&errors.messages[7])
	turnedAway := steadyHistory(length, soon)
	sorry(busyWord)(&turnedAway.messages[7])
	twice := steadyHistory(length, soon)
	twice.messages[7].replies = append(twice.messages[7].replies, twice.messages[7].replies[0])

	for name, row := range map[string]struct {
		history history
		want    string
	}{
		"all is well":     {steadyHistory(length, soon), ""},
		"a short gap":     {steadyHistory(length, wait(1900*ms)), ""},
		"a gap":           {steadyHistory(length, wait(2200*ms)), "longest gap between answers"},
		"an error text":   {errors, "error texts"},
		"turned away":     {turnedAway, "messages turned away"},
		"a second answer": {twice, "second answers, announced or not"},
	} {
		if got := overs(rollingFigures(row.history, load{ended: length}, judge(row.history))); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// Redis is away from second 20 to second 40; what is said then waits for it. For
// some seconds after that answers take longer.
func TestOutageFigures(t *testing.T) {
	const away, back, length = 20 * s, 40 * s, 60 * s
	recoverWithin := func(slow time.Duration) history {
		h := steadyHistory(length, func(at time.Duration) time.Duration {
			switch {
			case away <= at && at < back:
				return back + time.Second - at
			case back <= at && at < back+slow:
				return 900 * ms
			}
			return 50 * ms
		})
		h.firings = []firing{at(redisStop, away, away, back)}
		return h
	}
	for slow, want := range map[time.Duration]string{0: "", 4 * s: "", 5 * s: "back to normal in second", 20 * s: "back to normal in second"} {
		h := recoverWithin(slow)
		figures, detail := outageFigures(h, load{ended: length}, judge(h))
		if got := overs(figures); got != want {
			t.Errorf("slow for %s: %q, want %q", slow, got, want)
		}
		if len(detail.rows) != 1+20 || fmt.Sprint(detail.rows[20]) != fmt.Sprint([]any{20, 10, percentile(latencies(h.messages[590:]), 50), percentile(latencies(h.messages[590:]), 99)}) {
			t.Errorf("slow for %s: %v", slow, detail.rows)
		}
	}
	turnedAway := recoverWithin(0)
	sorry(busyWord)(&turnedAway.messages[250])
	figures, _ := outageFigures(turnedAway, load{ended: length}, judge(turnedAway))
	if got := overs(figures); got != "messages turned away" {
		t.Errorf("turned away: %q", got)
	}
	lost := recoverWithin(0)
	lost.messages[250].replies = nil
	if v := judge(lost); v.lost != 1 {
		t.Errorf("a lost one: %+v", countOf(v))
	}
}

// What is beyond its bound is a promise broken, and is told in the table.
func TestMeasured(t *testing.T) {
	r := &run{options: options{mode: rolling}, load: load{ended: 20 * s}}
	h := steadyHistory(20*s, func(time.Duration) time.Duration { return 50 * ms })
	sorry("Sorry. (ref %s)")(&h.messages[7])
	v := judge(h)
	sheets := r.measured(&v, h)
	if v.brokenOf(pm) != 1 || v.tried[pm] != 4 || len(sheets) != 1 {
		t.Errorf("%d of %d, %d tables", v.brokenOf(pm), v.tried[pm], len(sheets))
	}
	if rows := fmt.Sprint(sheets[0].rows); !strings.Contains(rows, "[error texts 1 0 NO]") {
		t.Errorf("the table: %s", rows)
	}
	h.unfinished = true
	if r.measured(&v, h) != nil {
		t.Error("a run that was broken off was measured")
	}
}
