// Chaos breaks everything around Longwire while people talk to it, and then
// counts: was a message lost, answered twice, answered out of order or in the
// wrong chat?
//
// It is a black box test. The program runs as it is shipped (bin/longwire run
// --config FILE), in one process or several, and is judged from the platforms'
// side: by what people saw. A run goes through combinations of platform
// (DingTalk, Feishu), store (a file, Redis, Redis behind Sentinel) and number of replicas; for each
//
//	start    the platform, the model, the store and the replicas
//	talk     a hundred people write in bursts, one-to-one and in groups; every
//	         message has a number of its own, which the model repeats
//	strike   meanwhile one fault after the other happens and is mended: to the
//	         processes, the sockets, the pushes, the APIs, the store, the model
//	         (schedule.go has the list)
//	settle   once nothing is wrong any more, the rest is answered, and second
//	         answers are waited for
//	judge    each promise, against everything that people saw (judge.go)
//
// What goes wrong is a pure function of the seed. It goes by the number of
// messages said, not by the clock, so a slow machine meets the same faults with
// the same messages in between.
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

// Main is the soak without its process: it returns the exit code.
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

// chaos runs the combinations, one after the other. Once ctx has ended the rest is
// not begun.
func chaos(ctx context.Context, o options, progress io.Writer) (results []result) {
	for i, c := range o.combos {
		messages, faults := o.share(o.messages, i), o.share(o.faults, i)
		p := plan{c, messages, schedule(o.seed, c, messages, faults, o.only)}
		fmt.Fprintf(progress, "%s: %d messages, %d faults\n", c, messages, len(p.faults))
		if o.verbose {
			for i, f := range p.faults {
				fmt.Fprintf(progress, "  %d. %s\n", i+1, f)
			}
		}
		r := combination(ctx, o, p, progress)
		r.again = o.command(messages, faults, c)
		fmt.Fprintf(progress, "  %d breach(es), %s\n", len(r.verdict.breaches), r.took.Round(time.Second))
		results = append(results, r)
	}
	return results
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
	r, err := soak(ctx, o, p, dir, progress)
	r.combo, r.err = p.combo, err
	if errors.Is(err, redistest.ErrMissing) {
		r.err = fmt.Errorf("%w: it cannot be judged", err)
	}
	if r.broken() {
		r.kept = dir
		return r
	}
	if err := os.RemoveAll(dir); err != nil {
		r.err = err
	}
	return r
}
