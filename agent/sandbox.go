package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"longwire/agent/config"
	"longwire/agent/sandbox"
)

// sandboxFlags are the flags of longwire sandbox.
type sandboxFlags struct {
	say, as string
	group   bool
	store   string
	level   slog.Level
	timeout time.Duration
}

func parseSandboxFlags(args []string, stderr io.Writer) (sandboxFlags, error) {
	f := sandboxFlags{level: slog.LevelWarn}
	flags := flag.NewFlagSet("longwire sandbox", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&f.say, "say", "", "say `TEXT`, print the answer and exit; without it there is a prompt")
	flags.StringVar(&f.as, "as", "dingtalk", "write as a user of this `PLATFORM`: dingtalk or feishu")
	flags.BoolVar(&f.group, "group", false, "say it in a group, with the bot mentioned")
	flags.StringVar(&f.store, "store", "", "keep conversations in this store (`URL` as in the configuration); default a file in a temporary folder")
	flags.TextVar(&f.level, "log-level", f.level, "debug, info, warn or error")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for the answer to --say")
	if err := parseFlags(flags, args); err != nil {
		return f, err
	}
	if f.as != string(config.DingTalk) && f.as != string(config.Feishu) {
		return f, usageError{fmt.Errorf("--as %s: write dingtalk or feishu", f.as)}
	}
	return f, nil
}

// runSandbox is longwire sandbox: the platforms, the model, and the program as
// longwire run would start it, connected to them.
func runSandbox(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags, err := parseSandboxFlags(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := interruptible(stderr)
	defer cancel()
	name := os.Getenv("MODEL_NAME")
	if name == "" {
		name = "qwen-plus"
	}
	box, err := sandbox.Start(sandbox.Options{
		ModelEndpoint: os.Getenv("MODEL_ENDPOINT"),
		ModelKey:      os.Getenv("MODEL_API_KEY"),
		ModelName:     name,
	})
	if err != nil {
		return err
	}
	defer box.Close()

	cfg := box.Configure()
	cfg.Log = config.Log{Level: flags.level, Format: "auto"}
	cfg.Spool = "off" // what --store names is there to be tried
	folder, err := sandboxStore(cfg, flags.store)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // "" where nothing was made
	log, err := openLogs(cfg.Log, cfg.Secrets, stderr)
	if err != nil {
		return err
	}
	app, err := New(ctx, cfg, log.Logger)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%sstatus    http://%s/\nstore     %s\n\n", box.Describe(), app.Addr(), cfg.Store)
	return talk(ctx, box, app, flags, stdin, stdout)
}

// sandboxStore sets the store; folder is what to remove at the end.
func sandboxStore(cfg *config.Config, url string) (folder string, err error) {
	if url == "" {
		if folder, err = os.MkdirTemp("", "longwire-sandbox-"); err != nil {
			return "", err
		}
		url = "file:" + filepath.Join(folder, "longwire.db")
	}
	if err := cfg.Store.UnmarshalText([]byte(url)); err != nil {
		return folder, usageError{fmt.Errorf("--store: write file:PATH or redis://host:6379/0")}
	}
	return folder, nil
}

// talk runs the program and talks to it until the talk or ctx ends.
func talk(ctx context.Context, box *sandbox.Sandbox, app *App, flags sandboxFlags, stdin io.Reader, stdout io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		defer stop()
		failed = app.Run(ctx)
	})
	said := converse(ctx, box, app, flags, stdin, stdout)
	stop()
	running.Wait()
	if failed != nil {
		return failed
	}
	return said
}

func converse(ctx context.Context, box *sandbox.Sandbox, app *App, flags sandboxFlags, stdin io.Reader, stdout io.Writer) error {
	ready, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := box.Ready(ready); err != nil {
		return err
	}
	ask := func(ctx context.Context, line sandbox.Line, grow func(text string)) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, flags.timeout)
		defer cancel()
		return box.Ask(ctx, line, app.settled, grow)
	}
	as := config.Platform(flags.as)
	if flags.say == "" {
		return sandbox.Chat(ctx, stdin, stdout, as, ask)
	}
	answer, err := ask(ctx, sandbox.Line{As: as, Group: flags.group, Mention: flags.group, Text: flags.say}, func(string) {})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, answer)
	return err
}

// settled reports whether nothing waits on a connection any more.
func (a *App) settled(ctx context.Context, connection string) (bool, error) {
	n, err := a.store.Waiting(ctx, connection)
	return n == 0, err
}
