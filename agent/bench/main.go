// Bench measures what Longwire costs: the program against a bare loop, in ratios.
//
// Three subjects run in turn, each as a process of its own, on the same simulated
// platforms with a model that takes no time:
//
//	bare      the same connectors, one model call, one reply; no store, no turn,
//	          no log line per message (bare.go)
//	embedded  longwire run with store: file:, which is on the disk (fsync) before
//	          a frame is acked
//	redis     longwire run with store: redis://, a private redis-server on
//	          loopback with appendonly yes and appendfsync everysec
//
// Each run of a subject (measure.go) goes
//
//	start    until both platforms have their stream: the start time
//	rest     a pause, then the resident memory
//	warm up  one message in each conversation, not measured
//	steady   messages at a fixed mean rate, whether or not earlier ones are
//	         answered: the times from frame to model request and from last delta
//	         to reply
//	full     every conversation asks as soon as it has its answer: messages a
//	         second, and CPU per message
//	stop     SIGTERM, and the check: every message has exactly one reply
//
// This process is the platforms, the model, the people and the one clock, so a
// time never spans two clocks. Messages are told apart by a number in their text,
// which the model repeats. The subjects alternate, so that what else happens on
// the machine hits all of them; a ratio is taken within a round, and of the
// rounds the median is shown with the lowest and highest.
//
// # Limits
//
// The platforms and the model share the machine's cores with the subject. They
// cost every subject about the same, so they pull the ratio of messages a second
// towards one; CPU per message is the subject's own and does not have that flaw.
// The work of redis-server is in no CPU number, but takes its share of the cores.
//
// Both make the same model call: up to twenty turns of the conversation go along,
// which the program reads from its store and the bare loop has in memory. The program
// logs a line per message, as it does by default; the bare loop does not, so the
// ratios hold what logging costs, too.
//
// Loopback has no distance: the times are what the program adds, not what a
// person waits. Linux only, because memory and CPU are read from /proc.
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
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"longwire/conversation/redisstore/redistest"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // a run went wrong, or with -enforce a target was missed
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Main is the benchmark without its process: it returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == bareCommand {
		if err := runBare(ctx, args[1:], stderr); err != nil {
			fmt.Fprintf(stderr, "bare loop: %v\n", err)
			return exitFailed
		}
		return exitDone
	}
	opts, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitUsage
	}
	if err := bench(ctx, opts, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitFailed
	}
	return exitDone
}

// options are the flags.
type options struct {
	program   string
	rounds    int
	load      load
	enforce   bool
	tolerance float64
}

// conversations is how many people write, each in a chat of their own: half of
// them in DingTalk, half in Feishu.
const conversations = 200

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{load: load{conversations: conversations, rest: 2 * time.Second}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.program, "program", filepath.Join("bin", "longwire"), "the program, as make build leaves it")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each subject runs, 1 to 50")
	flags.Float64Var(&o.load.rate, "rate", 200, "messages a second of the steady part, 1 to 2000")
	flags.IntVar(&o.load.seconds, "seconds", 4, "length of the steady part, 1 to 60")
	flags.IntVar(&o.load.messages, "messages", 20, "messages of each of the 200 conversations in the full part, 1 to 500")
	flags.BoolVar(&o.enforce, "enforce", false, "exit with 1 if a target is missed")
	flags.Float64Var(&o.tolerance, "tolerance", 0.1, "by which part a target may be missed under -enforce, for busy machines")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("no argument %q is known", flags.Arg(0))
	case o.rounds < 1 || o.rounds > 50:
		return o, errors.New("-rounds: write 1 to 50")
	case o.load.rate < 1 || o.load.rate > 2000:
		return o, errors.New("-rate: write 1 to 2000")
	case o.load.seconds < 1 || o.load.seconds > 60:
		return o, errors.New("-seconds: write 1 to 60")
	case o.load.messages < 1 || o.load.messages > 500:
		return o, errors.New("-messages: write 1 to 500")
	case o.tolerance < 0 || o.tolerance > 1:
		return o, errors.New("-tolerance: write 0 to 1")
	}
	return o, nil
}

// command is how to run this again.
func (o options) command() string {
	return fmt.Sprintf("make build && go run ./agent/bench -rounds %d -rate %g -seconds %d -messages %d",
		o.rounds, o.load.rate, o.load.seconds, o.load.messages)
}

// bench measures and reports.
func bench(ctx context.Context, o options, stdout, stderr io.Writer) error {
	subjects, err := subjectsFor(o.program)
	if err != nil {
		return err
	}
	facts, err := machineFacts(ctx, o.program)
	if err != nil {
		return err
	}
	before, err := busyNow()
	if err != nil {
		return err
	}
	runs, err := rounds(ctx, o, subjects, stderr)
	if err != nil {
		return err
	}
	after, err := busyNow()
	if err != nil {
		return err
	}
	facts = append(facts, fmt.Sprintf("other programs kept %.1f of %d cores busy meanwhile", after.others(before), runtime.NumCPU()))
	verdicts := judge(runs)
	report(stdout, o, facts, runs, verdicts)
	if err := reportTokens(stdout); err != nil {
		return err
	}
	if missed := missed(verdicts, o.tolerance); o.enforce && missed > 0 {
		return fmt.Errorf("%d target(s) missed by more than %.0f %%", missed, 100*o.tolerance)
	}
	return nil
}

// rounds runs the subjects in turn, again and again.
func rounds(ctx context.Context, o options, subjects []subject, stderr io.Writer) (map[string][]run, error) {
	runs := make(map[string][]run)
	for round := range o.rounds {
		for _, s := range subjects {
			fmt.Fprintf(stderr, "round %d of %d: %s\n", round+1, o.rounds, s.name)
			r, err := measure(ctx, s, o.load, uint64(round))
			switch {
			case errors.Is(err, redistest.ErrMissing):
				fmt.Fprintln(stderr, "  redis-server is not installed: not measured")
				continue
			case ctx.Err() != nil:
				return nil, errors.New("interrupted")
			case err != nil:
				return nil, fmt.Errorf("round %d, %s: %w", round+1, s.name, err)
			}
			runs[s.name] = append(runs[s.name], r)
		}
	}
	return runs, nil
}

// subjectsFor lists the subjects in the order of a round.
func subjectsFor(program string) ([]subject, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	if _, err := exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("find the program (make build makes it): %w", err)
	}
	return []subject{
		{name: bareName, command: []string{self, bareCommand}, store: fileStore}, // named in the configuration, never opened
		{name: embeddedName, command: []string{program, "run"}, store: fileStore},
		{name: redisName, command: []string{program, "run"}, store: redisStore},
	}, nil
}
