package main

import (
	"slices"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	all := []time.Duration{4, 1, 3, 2}
	for p, want := range map[float64]time.Duration{1: 1, 25: 1, 26: 2, 50: 2, 75: 3, 99: 4, 100: 4} {
		if got := percentile(all, p); got != want {
			t.Errorf("p%g: %d, want %d", p, got, want)
		}
	}
	if percentile(nil, 50) != 0 {
		t.Error("a percentile of nothing")
	}
	if !slices.Equal(all, []time.Duration{4, 1, 3, 2}) {
		t.Error("the values were put in another order")
	}
}

func TestLongestGap(t *testing.T) {
	messages := []message{
		asked(0, 1, 1*s, 1*s, 2*s),
		asked(1, 2, 1*s, 1*s, 7*s),
		asked(2, 3, 1*s, 1*s, 4*s),
		asked(3, 4, 1*s, 1*s),
		asked(4, 5, 1*s, 1*s).with(func(m *message) { m.replies = []reply{{at: 5 * s, text: busyWord}} }),
	}
	rows := []struct{ from, to, gap, at time.Duration }{
		{1 * s, 8 * s, 3 * s, 4 * s},   // between two
		{1 * s, 20 * s, 13 * s, 7 * s}, // after the last
		{-9 * s, 3 * s, 11 * s, -9 * s},
		{8 * s, 9 * s, 1 * s, 8 * s}, // none at all
	}
	for _, row := range rows {
		if gap, at := longestGap(messages, row.from, row.to); gap != row.gap || at != row.at {
			t.Errorf("%s to %s: %s at %s, want %s at %s", row.from, row.to, gap, at, row.gap, row.at)
		}
	}
}

func TestSecondsOf(t *testing.T) {
	messages := []message{asked(0, 1, 9*s, 9*s, 12*s), asked(1, 1, 10*s, 10*s, 12*s), asked(2, 1, 10999*ms, 11*s, 12*s), asked(3, 1, 11*s, 11*s, 12*s), asked(4, 1, 12*s, 12*s, 13*s)}
	got := secondsOf(messages, 10*s, 12500*ms)
	want := [][]time.Duration{{2 * s, 1001 * ms}, {1 * s}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRecovery(t *testing.T) {
	const good, bad = 100 * ms, 300 * ms
	rows := []struct {
		name    string
		seconds []time.Duration // one message in each, of that latency; 0: none
		want    int
	}{
		{"at once", []time.Duration{good, good, good, bad}, 1},
		{"later", []time.Duration{bad, bad, good, good, good}, 3},
		{"with a relapse", []time.Duration{good, good, bad, good, good, good}, 4},
		{"never", []time.Duration{bad, good, good, bad, good, good}, 0},
		{"a second without an answer", []time.Duration{good, 0, good, good, good}, 3},
		{"nothing", nil, 0},
	}
	for _, row := range rows {
		var seconds [][]time.Duration
		for _, one := range row.seconds {
			if one == 0 {
				seconds = append(seconds, nil)
			} else {
				seconds = append(seconds, []time.Duration{one})
			}
		}
		if got := recovery(seconds, 200*ms); got != row.want {
			t.Errorf("%s: second %d, want %d", row.name, got, row.want)
		}
	}
}
