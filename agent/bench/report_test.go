package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// made is a run with round numbers: a steady part of 100 messages, all alike.
func made(overhead time.Duration, rate float64, mib int64, start time.Duration) run {
	r := run{start: start, resident: mib << 20, rate: rate, cpu: 100 * time.Microsecond}
	for range 100 {
		r.spans = append(r.spans, spans{toModel: overhead / 2, toPerson: overhead / 2})
	}
	return r
}

// wellMade are runs that reach every target.
func wellMade() map[string][]run {
	return map[string][]run{
		bareName:     {made(2*time.Millisecond, 1000, 10, 10*time.Millisecond), made(2*time.Millisecond, 3000, 10, 10*time.Millisecond)},
		embeddedName: {made(8*time.Millisecond, 800, 20, 20*time.Millisecond), made(8*time.Millisecond, 800, 20, 20*time.Millisecond)},
		redisName:    {made(6*time.Millisecond, 600, 20, 20*time.Millisecond), made(6*time.Millisecond, 2400, 20, 20*time.Millisecond)},
	}
}

func TestJudge(t *testing.T) {
	for name, row := range map[string]struct {
		subject string
		change  func(*run)
		line    string // of the report; "" when every target is reached
		within  float64
	}{
		"all reached":  {redisName, func(*run) {}, "", 0},
		"slow":         {redisName, func(r *run) { r.spans = made(16*time.Millisecond, 0, 0, 0).spans }, "FAIL  redis     overhead p99: 16.0, to be under 15.0 ms", 0.1},
		"little done":  {redisName, func(r *run) { r.rate *= 0.7 }, "FAIL  redis     messages a second: 0.490, to be at least 0.500 of the bare loop", 0.1},
		"large":        {embeddedName, func(r *run) { r.resident = 31 << 20 }, "FAIL  embedded  resident at rest: 31.0, to be under 30.0 MiB", 0.1},
		"late":         {redisName, func(r *run) { r.start = 310 * time.Millisecond }, "FAIL  redis     start to both streams up: 0.310, to be under 0.300 s", 0.1},
		"on the limit": {redisName, func(r *run) { r.start = 300 * time.Millisecond }, "FAIL  redis     start to both streams up: 0.300, to be under 0.300 s", 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			runs := wellMade()
			for i := range runs[row.subject] {
				row.change(&runs[row.subject][i])
			}
			verdicts := judge(runs)
			want := 0
			if row.line != "" {
				want = 1
			}
			if got := missed(verdicts, 0); got != want {
				t.Errorf("%d targets missed, not %d: %v", got, want, verdicts)
			}
			if got := missed(verdicts, row.within); got != 0 {
				t.Errorf("%d targets missed with a tolerance of %g: %v", got, row.within, verdicts)
			}
			if text := fmt.Sprintln(verdicts); row.line != "" && !strings.Contains(text, row.line) {
				t.Errorf("%s\nwant %s", text, row.line)
			}
		})
	}
}

func TestJudgeWithoutRedis(t *testing.T) {
	runs := wellMade()
	delete(runs, redisName)
	verdicts := judge(runs)
	if got := missed(verdicts, 1); got != 4 {
		t.Errorf("%d targets missed, not the 4 of redis: %v", got, verdicts)
	}
	if got := strings.Count(fmt.Sprintln(verdicts), "SKIP  redis"); got != 4 {
		t.Errorf("%d targets skipped: %v", got, verdicts)
	}
}

func TestReport(t *testing.T) {
	runs := wellMade()
	o, err := parseOptions([]string{"-rounds", "2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	report(&b, o, []string{"a machine"}, runs, judge(runs))
	for _, want := range []string{
		// 600 of 1000 and 2400 of 3000: pair by pair, not 1500 of 2000.
		"messages a second                     2000        800  0.53 (0.27-0.80)        1500  0.70 (0.60-0.80)\n",
		"overhead: both together, p99, ms      2.00       8.00  4.00 (4.00-4.00)        6.00  3.00 (3.00-3.00)\n",
		"PASS  redis     messages a second: 0.700, to be at least 0.500 of the bare loop\n",
		"a machine\n",
		"-rounds 2 -rate 200 -seconds 4 -messages 20\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s\nlacks %s", &b, want)
		}
	}
	delete(runs, redisName)
	b.Reset()
	report(&b, o, nil, runs, judge(runs))
	if want := "0.53 (0.27-0.80)           -  -\n"; !strings.Contains(b.String(), want) {
		t.Errorf("%s\nlacks %s", &b, want)
	}
}
