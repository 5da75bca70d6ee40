package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// busy is how long the machine's cores have computed up to a moment, and how much
// of it was for this benchmark. Two of them say how much else went on, which is
// what to look at first when two benchmarks differ.
type busy struct {
	at        time.Time
	all, ours time.Duration
}

// busyNow counts ended processes only, so it is to be called when no subject runs.
func busyNow() (busy, error) {
	b := busy{at: time.Now()}
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return busy{}, fmt.Errorf("read CPU time (Linux only): %w", err)
	}
	if b.all, err = parseBusy(string(raw)); err != nil {
		return busy{}, err
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return busy{}, fmt.Errorf("read CPU time: %w", err)
		}
		b.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return b, nil
}

// parseBusy reads the first line of /proc/stat: cpu, then ticks in user, nice,
// system, idle, iowait, irq, softirq and steal. What follows is in user already.
func parseBusy(raw string) (time.Duration, error) {
	line, _, _ := strings.Cut(raw, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, errors.New("read CPU time: not the line of all cores")
	}
	var ticks uint64
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		if idle := i == 3 || i == 4; !idle {
			ticks += n
		}
	}
	return time.Duration(ticks) * tick, nil
}

// others is how many cores everything but the benchmark kept busy since earlier.
func (b busy) others(earlier busy) float64 {
	return max(0, float64((b.all-earlier.all)-(b.ours-earlier.ours))/float64(b.at.Sub(earlier.at)))
}
