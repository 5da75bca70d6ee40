package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// metric is one line of the table.
type metric struct {
	name string
	of   func(run) float64
}

// The metrics that targets are about.
var (
	overheadP99 = metric{"overhead: both together, p99, ms", spanMetric(99, spans.overhead)}
	throughput  = metric{"messages a second", func(r run) float64 { return r.rate }}
	memory      = metric{"resident at rest, MiB", func(r run) float64 { return float64(r.resident) / (1 << 20) }}
	startup     = metric{"start to both streams up, s", func(r run) float64 { return r.start.Seconds() }}
)

// metrics are the lines of the table, in order.
var metrics = []metric{
	{"frame to model request, p50, ms", spanMetric(50, func(s spans) time.Duration { return s.toModel })},
	{"frame to model request, p99, ms", spanMetric(99, func(s spans) time.Duration { return s.toModel })},
	{"last delta to reply, p50, ms", spanMetric(50, func(s spans) time.Duration { return s.toPerson })},
	{"last delta to reply, p99, ms", spanMetric(99, func(s spans) time.Duration { return s.toPerson })},
	{"overhead: both together, p50, ms", spanMetric(50, spans.overhead)},
	overheadP99,
	throughput,
	{"CPU per message, µs", func(r run) float64 { return float64(r.cpu) / float64(time.Microsecond) }},
	memory,
	startup,
}

// spanMetric is a percentile of one of the spans.
func spanMetric(p float64, of func(spans) time.Duration) func(run) float64 {
	return func(r run) float64 {
		durations := make([]time.Duration, len(r.spans))
		for i, s := range r.spans {
			durations[i] = of(s)
		}
		return percentile(millis(durations), p)
	}
}

// values are a metric of several runs, in their order.
func (m metric) values(runs []run) []float64 {
	out := make([]float64, len(runs))
	for i, r := range runs {
		out[i] = m.of(r)
	}
	return out
}

// report prints everything.
func report(w io.Writer, o options, facts []string, runs map[string][]run, verdicts []verdict) {
	fmt.Fprintf(w, "\nLongwire against a bare loop, %d conversations on two platforms, rounds: %d\n", o.load.conversations, o.rounds)
	fmt.Fprintf(w, "Times at %g messages a second for %d s; messages a second and CPU over %d messages at full speed.\n",
		o.load.rate, o.load.seconds, o.load.conversations*o.load.messages)
	fmt.Fprintf(w, "Medians of the rounds. Ratios to the bare loop of the same round: median (lowest-highest).\n\n")
	table(w, runs)
	fmt.Fprintln(w)
	for _, v := range verdicts {
		fmt.Fprintln(w, v)
	}
	fmt.Fprintln(w)
	for _, fact := range facts {
		fmt.Fprintln(w, fact)
	}
	fmt.Fprintf(w, "every message had exactly one reply\nagain: %s\n", o.command())
}

// table prints a line for every metric and a column for every subject.
func table(w io.Writer, runs map[string][]run) {
	const row = "%-34s%8s%11s  %-20s%8s  %s\n"
	fmt.Fprintf(w, row, "", bareName, embeddedName, "ratio", redisName, "ratio")
	for _, m := range metrics {
		bare, embedded, redis := m.values(runs[bareName]), m.values(runs[embeddedName]), m.values(runs[redisName])
		fmt.Fprintf(w, row, m.name, number(median(bare)),
			number(median(embedded)), span(ratios(embedded, bare)),
			number(median(redis)), span(ratios(redis, bare)))
	}
}

// span writes ratios in short.
func span(ratios []float64) string {
	if len(ratios) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
}

// number writes three digits that count, and nothing where there is no number.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
