// Longwire answers people in DingTalk and Feishu/Lark with a large language
// model, over outbound streams, and keeps one promise: no message is lost, no
// message is answered twice, the link always comes back.
//
// This package is the program. It is wired here and nowhere else: main.go
// translates (the command line to a configuration, signals to a context, errors to
// an exit code, slog to a terminal or to JSON), app.go lives.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"longwire/agent/config"
	"longwire/agent/doctor"
	"longwire/agent/logs"
	"longwire/agent/service"
)

// Stamped in by the Makefile.
var (
	version = "dev"
	commit  = "unknown"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // while running
	exitUsage  = 2 // wrong use or configuration
)

const usage = `Longwire answers people in DingTalk and Feishu/Lark with a language model.

  longwire run     [--config FILE]   answer, until SIGTERM
  longwire check   [--config FILE]   read the configuration and say every problem
  longwire doctor  [--help]          go the way of a message step by step, and say what to do
  longwire health  [--config FILE]   whether the running program hears and answers
  longwire inbox   [--help]          what waits, what is being answered, the dead letters
  longwire inbox   retry|drop ID     put a dead letter back, or remove it
  longwire trace   ID                what happened to a message; ID is in its log lines and error text
  longwire feedback [--help]         what people think of the answers, as JSON lines
  longwire sandbox [--help]          both platforms and a model on this machine, to try it
  longwire install [--help]          a systemd service of it
  longwire version

The configuration is FILE, else ./config.yaml, else /etc/longwire/config.yaml.
Exit codes: 0 done, 1 failed while running, 2 wrong use or configuration.
`

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Main is the program without its process: it returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	var err error
	switch command {
	case "run":
		err = run(args, stderr)
	case "check":
		err = check(args, stdout, stderr)
	case "doctor":
		ctx, cancel := interruptible(stderr)
		defer cancel()
		return doctor.Main(ctx, args, stdout, stderr)
	case "install":
		return service.Main(args, stdout, stderr)
	case "health":
		err = askHealth(args, stdout, stderr)
	case "inbox":
		err = inbox(args, stdout, stderr)
	case "trace":
		err = trace(args, stdout, stderr)
	case "feedback":
		err = feedback(args, stdout, stderr)
	case "sandbox":
		err = runSandbox(args, stdin, stdout, stderr)
	case "version", "--version", "-version":
		fmt.Fprintf(stdout, "longwire %s (%s, %s %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	case "help", "--help", "-help", "-h":
		fmt.Fprint(stdout, usage)
	case "":
		fmt.Fprint(stderr, usage)
		return exitUsage
	default:
		err = usageError{fmt.Errorf("unknown command %q; try longwire help", command)}
	}
	return exitCode(err, stderr)
}

// usageError is an error of whoever called the program or wrote its
// configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	fmt.Fprintf(stderr, "longwire: %v\n", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// run is longwire run.
func run(args []string, stderr io.Writer) error {
	flags, file := newFlags("run", stderr)
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	cfg, err := loadFile(*file)
	if err != nil {
		return err
	}
	ctx, cancel := interruptible(stderr)
	defer cancel()
	var known secrets
	known.add(cfg)
	log, err := openLogs(cfg.Log, known.all, stderr)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // its lines are on stderr too
	for _, warning := range cfg.Warnings {
		log.Warn("configuration", "warning", warning.String())
	}
	collectLess()
	app, err := New(ctx, cfg, log.Logger)
	if err == nil && cfg.Log.File.Path != "" {
		app.WatchLog(log.State)
	}
	if err == nil {
		err = serve(ctx, app, &reloader{file: *file, app: app, log: log, secrets: &known, loaded: cfg, manager: service.FromEnvironment(os.Getenv)})
	}
	if err != nil {
		return errors.New(log.Redact(err.Error()))
	}
	return nil
}

// serve runs the program, takes up changes of its configuration, and tells the service
// manager how it is.
func serve(ctx context.Context, app *App, r *reloader) error {
	// Before the service manager hears that it may ask for a reload, and until nothing
	// runs any more: a SIGHUP that nobody listens for ends the program.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	beside.Go(func() { r.run(ctx, hangup) })
	beside.Go(func() { r.manager.Watch(ctx, app.Live, liveTime, r.log.Logger) })
	defer context.AfterFunc(ctx, func() { r.tell(r.manager.Stopping) })()
	r.tell(r.manager.Ready)
	return app.Run(ctx)
}

// liveTime is how long App.Live may say that another process would do better until the
// service manager is to take its word. It has been patient itself.
const liveTime = 10 * time.Second

// collectLess lets the heap grow to four times what is in use, unless GOGC says
// otherwise. In use are only a few MiB, so that costs little memory, while at full
// speed a tenth of the time went into collecting.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}

// check is longwire check.
func check(args []string, stdout, stderr io.Writer) error {
	cfg, err := load("check", args, stderr)
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(stderr, "warning: %s\n", warning)
	}
	fmt.Fprintf(stdout, "The configuration is good: %d connection(s), model %s, store %s.\n", len(cfg.Connections), cfg.Model.Name, cfg.Store)
	return nil
}

// load reads the flags of a command that has a configuration and no others, and
// that.
func load(command string, args []string, stderr io.Writer) (*config.Config, error) {
	flags, file := newFlags(command, stderr)
	if err := parseFlags(flags, args); err != nil {
		return nil, err
	}
	return loadFile(*file)
}

// newFlags are the flags of a command that has a configuration.
func newFlags(command string, stderr io.Writer) (flags *flag.FlagSet, file *string) {
	flags = flag.NewFlagSet("longwire "+command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	file = flags.String("config", "", "the configuration `FILE`; default ./config.yaml, then /etc/longwire/config.yaml")
	return flags, file
}

func loadFile(file string) (*config.Config, error) {
	path, err := config.Find(file)
	if err != nil {
		return nil, usageError{err}
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		var problems config.Problems
		if errors.As(err, &problems) {
			err = fmt.Errorf("%d problem(s) in the configuration:\n%w", len(problems), err)
		}
		return nil, usageError{err}
	}
	return cfg, nil
}

// parseFlags takes flags and nothing behind them.
func parseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return usageOf(err)
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("%s takes no argument %q", flags.Name(), flags.Arg(0))}
	}
	return nil
}

// usageOf is what flags.Parse returned, as an error of whoever called the program;
// --help is none.
func usageOf(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usageError{err}
}

// interruptible is a context that ends with the first SIGINT or SIGTERM. The
// second one ends the process at once.
func interruptible(stderr io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	var listener sync.WaitGroup
	listener.Go(func() {
		for first := true; ; first = false {
			select {
			case <-signals:
			case <-done:
				return
			}
			if !first {
				fmt.Fprintln(stderr, "longwire: second signal, stopping at once")
				os.Exit(exitFailed)
			}
			cancel()
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		listener.Wait()
		cancel()
	}
}

// openLogs begins to log: for people on a terminal and JSON elsewhere, unless told.
func openLogs(cfg config.Log, secrets func() []string, stderr io.Writer) (*logs.Logs, error) {
	return logs.Open(logs.Config{
		Level: cfg.Level, Levels: cfg.Levels, Format: logs.Format(cfg.Format),
		File: cfg.File.Path, MaxSize: int64(cfg.File.MaxSize), MaxAge: cfg.File.MaxAge, MaxFiles: cfg.File.MaxFiles, Compress: bool(cfg.File.Compress),
		Secrets: secrets,
	}, stderr, func(w io.Writer, level slog.Leveler) slog.Handler {
		return tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: !isTerminal(stderr)})
	})
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
