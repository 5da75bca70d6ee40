package doctor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"longwire/agent/config"
)

// The exit codes.
const (
	exitGood   = 0 // no failure; there may be warnings
	exitFailed = 1
	exitUsage  = 2 // wrong use, or a configuration that cannot be read
)

const usage = `longwire doctor looks at everything that the program needs, and says what to do.

  --config FILE       default ./config.yaml, then /etc/longwire/config.yaml
  --json              for programs; both languages are in it
  --lang zh|en|auto   auto: as LANG says
  --only NAME         one check or one group, and what it rests on
  --connection NAME   one connection
  --no-stream         open no stream: on Feishu a message that comes in that moment
                      is refused, and sent again 15 s later

Models are asked a few words, and APIs are called that refuse what is asked: some
tokens, and about three API calls for each connection on DingTalk.
Exit codes: 0 no failure, 1 a failure, 2 wrong use or configuration.
`

// options are the command line.
type options struct {
	file, lang, only, connection string
	json, noStream               bool
}

// Main is longwire doctor: args are what follows on the command line, and the result
// is the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return run(ctx, args, stdout, stderr, thisMachine())
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer, on machine) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitGood
	}
	if err != nil {
		fmt.Fprintf(stderr, "longwire doctor: %v\n", err)
		return exitUsage
	}
	paper := &paper{w: stdout, chinese: o.lang == "zh" || o.lang == "auto" && chineseBy(os.Getenv)}
	cfg, problems := load(o.file)
	if len(problems) > 0 {
		publish(o, paper, problems)
		return exitUsage
	}
	if err := narrow(cfg, o.connection); err != nil {
		fmt.Fprintf(stderr, "longwire doctor: %v\n", err)
		return exitUsage
	}
	path, _ := config.Find(o.file) // as load has found it
	on.work = on.workplace(path)
	p := newPlan(cfg, on, !o.noStream)
	if all := p.names(); o.only != "" && !p.choose(o.only) {
		fmt.Fprintf(stderr, "longwire doctor: nothing is called %q; there are %s\n", o.only, strings.Join(all, ", "))
		return exitUsage
	}
	return examine(ctx, p, o, paper)
}

// examine runs the plan and reports.
func examine(ctx context.Context, p *plan, o options, paper *paper) int {
	code, findings := exitGood, []Finding(nil)
	p.run(ctx, func(f Finding) {
		findings = append(findings, f)
		if f.Level == Failure {
			code = exitFailed
		}
		if !o.json {
			paper.write(f)
		}
	})
	if o.json {
		if err := writeJSON(paper.w, findings); err != nil {
			return exitFailed
		}
		return code
	}
	paper.sum(findings)
	return code
}

// publish reports findings that are there already.
func publish(o options, paper *paper, findings []Finding) {
	if o.json {
		_ = writeJSON(paper.w, findings) // the exit code says the rest
		return
	}
	for _, f := range findings {
		paper.write(f)
	}
	paper.sum(findings)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("longwire doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // its error is shown by run
	flags.StringVar(&o.file, "config", "", "")
	flags.StringVar(&o.lang, "lang", "auto", "")
	flags.StringVar(&o.only, "only", "", "")
	flags.StringVar(&o.connection, "connection", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.BoolVar(&o.noStream, "no-stream", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("no argument %q is taken", flags.Arg(0))
	case !slices.Contains([]string{"zh", "en", "auto"}, o.lang):
		err = fmt.Errorf("--lang is zh, en or auto, not %q", o.lang)
	}
	return o, err
}

// load reads the configuration, or says all that is wrong with it.
func load(file string) (*config.Config, []Finding) {
	nothing := strings.NewReplacer() // a problem holds no secret
	path, err := config.Find(file)
	if err != nil {
		return nil, []Finding{fail(configAway).seen(err).finding(configCheck(file), 0, nothing)}
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err == nil {
		return cfg, nil
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		return nil, []Finding{fail(configAway).seen(err).finding(configCheck(path), 0, nothing)}
	}
	var findings []Finding
	for _, problem := range problems {
		findings = append(findings, fail(configProblem).seen(problem).finding(configCheck(path), 0, nothing))
	}
	return nil, findings
}

func configCheck(path string) Check { return Check{Configuration, "configuration", path} }

// narrow leaves one connection in cfg.
func narrow(cfg *config.Config, name string) error {
	if name == "" {
		return nil
	}
	var names []string
	for _, c := range cfg.Connections {
		if c.Name == name {
			cfg.Connections = []config.Connection{c}
			return nil
		}
		names = append(names, c.Name)
	}
	return fmt.Errorf("no connection is called %q; there are %s", name, strings.Join(names, ", "))
}
