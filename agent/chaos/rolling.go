package main

import (
	"context"
	"fmt"
	"time"
)

const (
	rounds   = 2               // so often every replica is started again
	calmTime = 5 * time.Second // how long nothing happens before and after that
	maxGap   = 2 * time.Second // the longest time without an answer to anybody
)

// roll has people talk while every replica is started again, as an update does it:
// SIGTERM, and once it is gone it is started, and once its stream is up it is the
// next one's turn.
func (r *run) roll(ctx context.Context) error {
	return r.speak(ctx, func(ctx context.Context) error {
		sleep(ctx, calmTime)
		for range rounds {
			for i := range r.replicas {
				if err := r.fire(ctx, fault{kind: term, replica: i}); err != nil {
					return err
				}
				if err := r.awaitUp(ctx, "the restart of "+r.replicas[i].name); err != nil {
					return err
				}
			}
		}
		sleep(ctx, calmTime)
		return context.Cause(ctx)
	})
}

// rollingFigures are what people noticed of it, which is to be next to nothing.
func rollingFigures(h history, l load, v verdict) []figure {
	from, to := l.began+time.Second, l.ended // the first answer may take a moment
	gap, at := longestGap(h.messages, from, to)
	all := latencies(h.messages)
	stop := time.Duration(0)
	for _, f := range h.firings {
		stop = max(stop, f.done-f.struck)
	}
	figures := []figure{
		{"longest gap between answers", fmt.Sprintf("%s, from %s", gap.Round(ms), clock(at)), maxGap.String(), gap > maxGap},
		none("error texts", v.errors),
		none("messages turned away", v.refused),
		none("second answers, announced or not", v.twice+v.window),
		{name: "restarts", value: len(h.firings)},
		{name: "longest time to stop", value: stop.Round(ms)},
		{name: "answers a second", value: fmt.Sprintf("%.1f", float64(len(all))/(l.ended-l.began).Seconds())},
	}
	return append(figures, latencyFigures("", all)...)
}
