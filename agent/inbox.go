package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"longwire/agent/admin"
	"longwire/agent/config"
)

// desk is a command that asks the running program, and how it prints.
type desk struct {
	client *admin.Client
	json   bool
	args   []string // what stands behind the flags
	out    io.Writer
}

// inbox is longwire inbox.
func inbox(args []string, stdout, stderr io.Writer) error {
	flags, file := newFlags("inbox", stderr)
	connection := flags.String("connection", "", "only this connection, by `NAME`")
	limit := flags.Int("limit", 100, "at most `N` of each connection")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return usageOf(err)
	}
	d, err := openDesk(*file, *asJSON, flags.Args(), stdout)
	if err != nil {
		return err
	}
	switch {
	case len(d.args) == 0:
		return d.list(*connection, *limit)
	case len(d.args) == 2 && d.args[0] == "retry":
		return d.settle("put back, it will be answered", d.client.Retry)
	case len(d.args) == 2 && d.args[0] == "drop":
		return d.settle("dropped", d.client.Drop)
	}
	return usageError{errors.New("write longwire inbox, longwire inbox retry ID or longwire inbox drop ID")}
}

// trace is longwire trace.
func trace(args []string, stdout, stderr io.Writer) error {
	flags, file := newFlags("trace", stderr)
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return usageOf(err)
	}
	if flags.NArg() != 1 {
		return usageError{errors.New("write longwire trace ID; the ID is in the message's log lines (event) and error text")}
	}
	d, err := openDesk(*file, *asJSON, flags.Args(), stdout)
	if err != nil {
		return err
	}
	return d.life(d.args[0])
}

func openDesk(file string, asJSON bool, args []string, stdout io.Writer) (*desk, error) {
	client, err := newClient(file)
	if err != nil {
		return nil, err
	}
	return &desk{client: client, json: asJSON, args: args, out: stdout}, nil
}

// newClient asks the running program. It needs to know where that listens and no more:
// the rest of the file may be in the middle of an edit.
func newClient(file string) (*admin.Client, error) {
	path, err := config.Find(file)
	if err != nil {
		return nil, usageError{err}
	}
	cfg, err := config.LoadAdmin(path, os.LookupEnv)
	if err != nil {
		return nil, usageError{err}
	}
	client := admin.NewClient(cfg.Listen, cfg.Token.Reveal())
	if cfg.TLS.Cert != "" {
		return client, client.Trust(cfg.TLS.Cert)
	}
	return client, nil
}

// errUnhealthy is what longwire health found.
var errUnhealthy = errors.New("not healthy")

// askHealth is longwire health, for the health check of a container.
func askHealth(args []string, stdout, stderr io.Writer) error {
	flags, file := newFlags("health", stderr)
	live := flags.Bool("live", false, "only whether it runs and is not stuck, for what would start it anew otherwise")
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	client, err := newClient(*file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTime)
	defer cancel()
	if *live {
		return client.Live(ctx)
	}
	healthy, err := client.PrintHealth(ctx, stdout)
	if err == nil && !healthy {
		err = errUnhealthy
	}
	return err
}

// healthTime bounds longwire health.
const healthTime = 5 * time.Second

func (d *desk) list(connection string, limit int) error {
	entries, err := d.client.Inbox(context.Background(), connection, limit)
	if err != nil {
		return err
	}
	if d.json {
		return d.printJSON(entries)
	}
	if len(entries) == 0 {
		_, err := fmt.Fprintln(d.out, "Nothing waits, and there are no dead letters.")
		return err
	}
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tAGE\tATTEMPTS\tCONNECTION\tFROM\tCHAT\tREASON")
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.ID, e.State, time.Since(e.Received).Round(time.Second), e.Attempts, e.Connection, e.From, e.Chat, e.Reason)
	}
	return w.Flush()
}

func (d *desk) settle(done string, do func(ctx context.Context, id string) error) error {
	id := d.args[1]
	if err := do(context.Background(), id); err != nil {
		if errors.Is(err, admin.ErrNotFound) {
			return fmt.Errorf("there is no dead letter %s", id)
		}
		return err
	}
	_, err := fmt.Fprintf(d.out, "%s: %s\n", id, done)
	return err
}

func (d *desk) life(id string) error {
	life, err := d.client.Trace(context.Background(), id)
	if errors.Is(err, admin.ErrNotFound) {
		return fmt.Errorf("nothing is known of %s: it is not from here, or older than inbox.remember", id)
	}
	if err != nil {
		return err
	}
	if d.json {
		return d.printJSON(life)
	}
	fmt.Fprintf(d.out, "%s on %s\n", life.ID, life.Connection)
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	for i, mark := range life.Marks {
		after := ""
		if i > 0 {
			after = "+" + mark.At.Sub(life.Marks[0].At).Round(time.Millisecond).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", mark.At.Local().Format("2006-01-02 15:04:05.000"), after, mark.What, mark.Detail)
	}
	return w.Flush()
}

func (d *desk) printJSON(value any) error {
	enc := json.NewEncoder(d.out)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// feedback is longwire feedback.
func feedback(args []string, stdout, stderr io.Writer) error {
	flags, file := newFlags("feedback", stderr)
	connection := flags.String("connection", "", "only this connection, by `NAME`")
	limit := flags.Int("limit", 1000, "at most the `N` newest of each connection")
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	d, err := openDesk(*file, true, nil, stdout)
	if err != nil {
		return err
	}
	return d.client.Feedback(context.Background(), *connection, *limit, stdout)
}
