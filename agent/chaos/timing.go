package main

import (
	"math"
	"slices"
	"time"
)

// latencies are how long the first answers took, of the messages that have one.
func latencies(messages []message) (all []time.Duration) {
	for _, m := range messages {
		if answers := m.answers(); len(answers) > 0 {
			all = append(all, answers[0].at-m.said)
		}
	}
	return all
}

// percentile is the smallest of the durations that at least p percent of them do
// not exceed; 0 for none.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// latencyFigures are the usual ones, to be read only. The title says of what.
func latencyFigures(of string, all []time.Duration) []figure {
	return []figure{
		{name: "latency p50" + of, value: percentile(all, 50).Round(ms)},
		{name: "latency p99" + of, value: percentile(all, 99).Round(ms)},
		{name: "latency max" + of, value: percentile(all, 100).Round(ms)},
	}
}

// saidWithin are the messages said from a moment until before another.
func saidWithin(messages []message, from, to time.Duration) (some []message) {
	for _, m := range messages {
		if from <= m.said && m.said < to {
			some = append(some, m)
		}
	}
	return some
}

// longestGap is the longest time without any answer between two moments, and when
// it began.
func longestGap(messages []message, from, to time.Duration) (gap, at time.Duration) {
	moments := []time.Duration{to}
	for _, m := range messages {
		for _, a := range m.answers() {
			if from < a.at && a.at < to {
				moments = append(moments, a.at)
			}
		}
	}
	slices.Sort(moments)
	last := from
	for _, moment := range moments {
		if moment-last > gap {
			gap, at = moment-last, last
		}
		last = moment
	}
	return gap, at
}
