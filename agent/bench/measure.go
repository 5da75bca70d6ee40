package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// run is what one run of one subject has shown.
type run struct {
	start    time.Duration // from the process' start until both streams were up
	resident int64         // bytes of memory at rest
	spans    []spans       // of the steady part
	rate     float64       // messages a second of the full part
	cpu      time.Duration // per message of the full part, in user and kernel mode
}

// startTime is how long a subject may take until both streams are up.
const startTime = 15 * time.Second

// measure runs a subject once, in a world and a folder of its own, and leaves
// nothing behind.
func measure(ctx context.Context, s subject, l load, seed uint64) (_ run, err error) {
	dir, err := os.MkdirTemp("", "longwire-bench-")
	if err != nil {
		return run{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	url, stopStore, err := s.store(dir)
	if err != nil {
		return run{}, fmt.Errorf("prepare store: %w", err)
	}
	defer stopStore()
	w, err := startWorld()
	if err != nil {
		return run{}, err
	}
	defer w.close()
	file, err := w.configure(dir, url)
	if err != nil {
		return run{}, err
	}
	p, ctx, err := start(ctx, dir, append(s.command, "--config", file)...)
	if err != nil {
		return run{}, err
	}
	r, err := w.exercise(ctx, p, l, seed)
	err = errors.Join(err, p.stop())
	if err == nil { // not earlier: a second reply may come until the very end
		err = w.book.verify()
	}
	if err != nil {
		return run{}, fmt.Errorf("%w\nthe log ends:\n%s", err, p.tail())
	}
	return r, nil
}

// exercise takes a process through its run, from the start to the last answer.
func (w *world) exercise(ctx context.Context, p *process, l load, seed uint64) (r run, err error) {
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := w.ready(starting); err != nil {
		return r, err
	}
	r.start = time.Since(p.began)

	if err := sleep(ctx, l.rest); err != nil { // the pause is the measurement
		return r, err
	}
	if r.resident, err = residentMemory(p.cmd.Process.Pid); err != nil {
		return r, err
	}
	if _, err := w.full(ctx, l.conversations, 1); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	if r.spans, err = w.steady(ctx, l, seed); err != nil {
		return r, fmt.Errorf("steady part: %w", err)
	}

	before, err := cpuTime(p.cmd.Process.Pid)
	if err != nil {
		return r, err
	}
	took, err := w.full(ctx, l.conversations, l.messages)
	if err != nil {
		return r, fmt.Errorf("full part: %w", err)
	}
	after, err := cpuTime(p.cmd.Process.Pid)
	count := l.conversations * l.messages
	r.rate = float64(count) / took.Seconds()
	r.cpu = (after - before) / time.Duration(count)
	return r, err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
