package main

import (
	"context"
	"fmt"
	"time"
)

const (
	beforeOutage = 20 * time.Second // of steady load, of which the first part is not counted
	afterOutage  = 20 * time.Second

	maxRecovery = 5 // by which second everything is as before

	// A second is as before when its p99 is at most normalFactor times the one
	// before the outage, and normalExtra. So many in a row make it sure.
	normalFactor  = 2
	normalExtra   = 100 * ms
	normalSeconds = 3
)

// outage has people talk while Redis is away.
func (r *run) outage(ctx context.Context) error {
	return r.speak(ctx, func(ctx context.Context) error {
		sleep(ctx, beforeOutage)
		if err := r.fire(ctx, fault{kind: redisStop, hold: r.options.length}); err != nil {
			return err
		}
		sleep(ctx, afterOutage)
		return context.Cause(ctx)
	})
}

// outageFigures are the latencies before the outage and after it, second by second.
// What was said meanwhile has to wait, and is looked at by itself.
func outageFigures(h history, l load, v verdict) ([]figure, sheet) {
	if len(h.firings) == 0 {
		return nil, sheet{}
	}
	away, back := h.firings[0].struck, h.firings[0].mended
	// What was said in the last second before may have been in hand when it happened.
	before := latencies(saidWithin(h.messages, l.began+calmTime, away-time.Second))
	bound := normalFactor*percentile(before, 99) + normalExtra
	seconds := secondsOf(h.messages, back, l.ended)
	recovered := recovery(seconds, bound)

	detail := sheet{title: "messages by the second after the return of Redis", rows: [][]any{{"second", "messages", "p50", "p99"}}}
	for i, second := range seconds {
		detail.rows = append(detail.rows, []any{i + 1, len(second), percentile(second, 50).Round(ms), percentile(second, 99).Round(ms)})
	}
	word := any(recovered)
	if recovered == 0 {
		word = "never"
	}
	meanwhile := saidWithin(h.messages, away, back)
	figures := latencyFigures(" before", before)
	figures = append(figures,
		figure{"back to normal in second", word, fmt.Sprintf("%d (normal: p99 at most %s)", maxRecovery, bound.Round(ms)), recovered == 0 || recovered > maxRecovery},
		figure{name: "said while it was away", value: len(meanwhile)},
		figure{name: "the last of these was answered", value: (lastAnswer(meanwhile) - back).Round(ms).String() + " after the return"},
		none("messages turned away", v.refused),
		figure{name: "error texts", value: v.errors},
		figure{name: "second answers in the webhook window", value: v.window},
	)
	return figures, detail
}

// secondsOf are the latencies of the messages said in each whole second between two
// moments.
func secondsOf(messages []message, from, to time.Duration) (seconds [][]time.Duration) {
	for ; from+time.Second <= to; from += time.Second {
		seconds = append(seconds, latencies(saidWithin(messages, from, from+time.Second)))
	}
	return seconds
}

// recovery is the first second, from 1, of normalSeconds in a row that are as
// before; 0 if there are none. A second without an answer is not as before.
func recovery(seconds [][]time.Duration, bound time.Duration) int {
	row := 0
	for i, second := range seconds {
		row++
		if len(second) == 0 || percentile(second, 99) > bound {
			row = 0
		}
		if row == normalSeconds {
			return i + 2 - normalSeconds
		}
	}
	return 0
}

// lastAnswer is when the last of these messages got its answer.
func lastAnswer(messages []message) (last time.Duration) {
	for _, m := range messages {
		if answers := m.answers(); len(answers) > 0 {
			last = max(last, answers[0].at)
		}
	}
	return last
}
