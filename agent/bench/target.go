package main

import (
	"fmt"
	"math"
)

// target is something to be reached.
type target struct {
	subject string
	what    string
	metric  metric
	unit    string
	limit   float64
	share   bool // limit is the least ratio to the bare loop; else the highest value
}

// targets are all there are. Memory and start do not depend on how fast the
// machine is by much; the other two are set for Redis on loopback.
var targets = []target{
	{redisName, "overhead p99", overheadP99, "ms", 15, false},
	{redisName, "messages a second", throughput, "of the bare loop", 0.5, true},
	{embeddedName, "resident at rest", memory, "MiB", 30, false},
	{redisName, "resident at rest", memory, "MiB", 30, false},
	{embeddedName, "start to both streams up", startup, "s", 0.3, false},
	{redisName, "start to both streams up", startup, "s", 0.3, false},
}

// verdict is what became of a target.
type verdict struct {
	target target
	got    float64 // NaN if it was not measured
}

// judge compares the medians with the targets.
func judge(runs map[string][]run) []verdict {
	verdicts := make([]verdict, len(targets))
	for i, t := range targets {
		values := t.metric.values(runs[t.subject])
		if t.share {
			values = ratios(values, t.metric.values(runs[bareName]))
		}
		verdicts[i] = verdict{t, median(values)}
	}
	return verdicts
}

// reached reports whether the target is reached when it may be missed by the
// tolerance, a part of its limit. What was not measured is not reached.
func (v verdict) reached(tolerance float64) bool {
	if v.target.share {
		return v.got >= v.target.limit*(1-tolerance)
	}
	return v.got < v.target.limit*(1+tolerance)
}

func (v verdict) String() string {
	word, bound := "PASS", "under"
	if v.target.share {
		bound = "at least"
	}
	got := number(v.got)
	switch {
	case math.IsNaN(v.got):
		word, got = "SKIP", "not measured"
	case !v.reached(0):
		word = "FAIL"
	}
	return fmt.Sprintf("%s  %-8s  %s: %s, to be %s %s %s", word, v.target.subject, v.target.what, got, bound, number(v.target.limit), v.target.unit)
}

// missed counts the targets that are not reached even with the tolerance.
func missed(verdicts []verdict, tolerance float64) (n int) {
	for _, v := range verdicts {
		if !v.reached(tolerance) {
			n++
		}
	}
	return n
}
