// Chaos breaks everything around Longwire while people talk to it, and then
// counts: was a message lost, answered twice, answered out of order or in the
// wrong chat?
//
// It is a black box test. The program runs as it is shipped (bin/longwire run
// --config FILE), in one process or several, and is judged from the platforms'
// side: by what people saw. A run goes through combinations of platform
// (DingTalk, Feishu), store (a file, Redis, Redis behind Sentinel) and number of
// replicas; for each
//
//	start    the platform, the model, the store and the replicas
//	talk     many people write in bursts, one-to-one and in groups; every message
//	         has a number of its own, which the model repeats
//	strike   meanwhile one fault after the other happens and is mended: to the
//	         processes, the sockets, the pushes, the APIs, the store, the model,
//	         and by one person who writes too much (schedule.go has the list)
//	settle   once nothing is wrong any more, the rest is answered, and second
//	         answers are waited for
//	judge    each promise, against everything that people saw (judge.go, busy.go)
//
// What goes wrong is a pure function of the seed. It goes by the number of
// messages said, not by the clock, so a slow machine meets the same faults with
// the same messages in between.
//
// # What is measured instead
//
// Three other runs have a steady load, the program's default settings, and one
// thing that happens. Everything is judged there, too, and figures are held
// against bounds:
//
//	-rolling      every replica is started again, in turn, twice (rolling.go)
//	-outage 60s   Redis is killed and comes back that much later (outage.go)
//	-soak 30m     for that long next to nothing happens (growth.go)
//
// # What is not counted against the program
//
//   - DingTalk keeps what finds no stream, and sends what is not acked until it
//     is. The real one makes no such promise, and no program can keep what never
//     reached it.
//   - Order is judged where it is certain: for a message said after the platform
//     had the ack of an earlier one in the same chat.
//   - DingTalk's webhook knows no idempotency key. A reply that was on its way when
//     the process, the store or the HTTP answer went away is sent again, and the
//     program says so in its log and counts it. A second answer that was announced
//     like that, after such a fault, is counted as "webhook window"; one that was
//     not is a promise broken.
//   - Of a burst past what may wait, a message that was not taken needs no answer:
//     the program says so in its log, and to the person once. Each replica
//     remembers by itself whom it has told.
//
// The faults are one at a time, so that a breach can be blamed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"longwire/conversation/redisstore/redistest"
)

// The exit codes.
const (
	exitDone   = 0
	exitBroken = 1 // a promise was broken, or a combination did not come to its end
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Main is the program without its process: it returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err == nil {
		_, err = exec.LookPath(o.program)
	}
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done within %s (-timeout)", o.timeout))
	defer cancel()
	if !report(stdout, o, chaos(ctx, o, stderr)) {
		return exitBroken
	}
	return exitDone
}

// chaos runs the combinations, some at a time. Once ctx has ended the rest is not
// begun.
func chaos(ctx context.Context, o options, progress io.Writer) []result {
	progress = &whole{out: progress}
	results := make([]result, len(o.combos))
	places := make(chan struct{}, o.parallel)
	var running sync.WaitGroup
	for i := range o.combos {
		places <- struct{}{}
		running.Go(func() {
			results[i] = announced(ctx, o, i, progress)
			<-places
		})
	}
	running.Wait()
	return results
}

// whole writes one piece at a time, for several who write.
type whole struct {
	mu  sync.Mutex
	out io.Writer // guarded by mu
}

func (w *whole) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// announced runs combination i and tells how it goes.
func announced(ctx context.Context, o options, i int, progress io.Writer) result {
	c := o.combos[i]
	p := plan{combo: c}
	if o.mode == strikes {
		p.messages = o.share(o.messages, i)
		p.faults = schedule(o.seed, c, p.messages, o.share(o.faults, i), o.only)
		fmt.Fprintf(progress, "%s: %d messages, %d faults\n", c, p.messages, len(p.faults))
	} else {
		fmt.Fprintf(progress, "%s: %g messages a second\n", c, o.rate)
	}
	if o.verbose {
		for i, f := range p.faults {
			fmt.Fprintf(progress, "%s: %d. %s\n", c, i+1, f)
		}
	}
	r := combination(ctx, o, p, progress)
	r.again = o.command(p.messages, o.share(o.faults, i), c)
	fmt.Fprintf(progress, "%s: %d breach(es), %s\n", c, len(r.verdict.breaches), r.took.Round(time.Second))
	return r
}

// combination runs one in a folder of its own, which stays only if something broke.
func combination(ctx context.Context, o options, p plan, progress io.Writer) result {
	if err := context.Cause(ctx); err != nil {
		return result{combo: p.combo, err: err}
	}
	// Short: the path of Redis' socket may have about a hundred characters.
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return result{combo: p.combo, err: err}
	}
	r := play(ctx, o, p, dir, progress)
	r.combo = p.combo
	if errors.Is(r.err, redistest.ErrMissing) {
		r.err = fmt.Errorf("%w: it cannot be judged", r.err)
	}
	if r.broken() {
		r.kept = dir
		return r
	}
	r.err = os.RemoveAll(dir)
	return r
}
