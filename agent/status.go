package main

import (
	"context"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/logs"
	"longwire/agent/logs/rotate"
	"longwire/agent/turn"
)

// adminConfig is what the status page shows and the admin listener answers from. Reload
// makes another one.
func (a *App) adminConfig() admin.Config {
	c := a.config.Admin
	cfg := admin.Config{
		Listen: c.Listen, Token: c.Token.Reveal(), Allow: c.Allow, Cert: c.TLS.Cert, Key: c.TLS.Key,
		Version: version,
		Store:   a.measured, // so that its pings count
		Spooled: a.spool != nil,
		Desk:    a.store,
		Feedback: func(ctx context.Context, connection string, limit int) ([][]byte, error) {
			return a.store.Records(ctx, connection, turn.FeedbackName, limit)
		},
		Votes:      a.votes,
		Models:     a.modelsForAdmin(),
		Tools:      a.tools.State,
		Files:      a.files,
		Problems:   a.problems,
		Warnings:   a.warnings,
		ConfigYAML: configYAML(a.config),
		Metrics:    a.metrics.Handler(),
		Redact:     a.redact.Redact,
	}
	for _, conn := range a.connections {
		cfg.Connections = append(cfg.Connections, admin.Connection{
			Name: conn.config.Name, Platform: string(conn.config.Platform), Link: conn.connector, Pool: conn.pool.Counts,
			Silence: silence(conn.config),
		})
	}
	return cfg
}

// silence is how long a stream may say nothing before the page, the health report and the
// metrics call it deaf. Its connector leaves it after two and a half keepalives; what goes
// on longer is ours.
func silence(c config.Connection) time.Duration { return max(5*c.Keepalive, time.Minute) }

func (a *App) votes(ctx context.Context, connection string) (good, bad int64, err error) {
	if good, err = a.store.Add(ctx, connection, turn.VoteName(true), 0, turn.VoteKeep); err == nil {
		bad, err = a.store.Add(ctx, connection, turn.VoteName(false), 0, turn.VoteKeep)
	}
	return good, bad, err
}

// modelsForAdmin are the models of all connections, each once. One that answers by itself
// on any connection is a default, wherever else it is a mere choice.
func (a *App) modelsForAdmin() func() []admin.Model {
	type labelled struct {
		*running
		main bool
	}
	var all []labelled
	at := make(map[*running]int)
	for _, c := range a.config.Connections {
		for i, choice := range a.config.Choices(c) {
			r := a.models.of(choice)
			if _, seen := at[r]; !seen {
				at[r] = len(all)
				all = append(all, labelled{running: r})
			}
			one := &all[at[r]]
			one.main = one.main || i == 0
		}
	}
	return func() (models []admin.Model) {
		for _, m := range all {
			models = append(models, admin.Model{Label: m.choice.Label, Default: m.main, Endpoints: m.client.State()})
		}
		return models
	}
}

// WatchLog has the status page and the metrics tell how writing the log file goes. It is
// called before Run.
func (a *App) WatchLog(state func() rotate.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logState = state
	a.watchAll()
}

// files are the files that grow.
func (a *App) files() (files []admin.File) {
	if a.logState != nil {
		files = append(files, admin.File{Name: "log", State: a.logState()})
	}
	if a.records != nil {
		files = append(files, admin.File{Name: "record", State: a.records.State()})
	}
	return files
}

// NoteFile has the status page and the health report say what is wrong with the
// configuration file, which would keep the program from starting anew; "" for nothing.
func (a *App) NoteFile(wrong string) { a.file.Store(&wrong) }

// warnings are what keeps nobody from an answer.
func (a *App) warnings() []string {
	if wrong := a.file.Load(); wrong != nil && *wrong != "" {
		return []string{*wrong}
	}
	return nil
}

// problems are what is amiss beside the streams, the store and the models.
func (a *App) problems() (problems []string) {
	if a.spool == nil {
		return problems
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if n, err := a.spool.Spooled(ctx); err != nil {
		problems = append(problems, "the spool cannot be read: "+err.Error())
	} else if n > 0 {
		problems = append(problems, fmt.Sprintf("%d messages wait in the spool until Redis takes them", n))
	}
	return problems
}

// configYAML is the configuration in force. Secrets print as what they are, and so does
// what came into the file from outside, wherever it stands.
func configYAML(cfg *config.Config) func() string {
	var redact logs.Redactor
	redact.Set(append(cfg.Secrets(), cfg.Taken()...))
	return func() string {
		var whole yaml.Node
		err := whole.Encode(cfg)
		if err == nil {
			redactNode(&whole, redact.Redact)
			var text []byte
			if text, err = yaml.Marshal(&whole); err == nil {
				return string(text)
			}
		}
		return "the configuration cannot be shown: " + redact.Redact(err.Error())
	}
}

// redactNode takes secrets out of the texts below n, before YAML quotes and folds them.
func redactNode(n *yaml.Node, redact func(string) string) {
	if text := redact(n.Value); n.Kind == yaml.ScalarNode && text != n.Value {
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	}
	for _, below := range n.Content {
		redactNode(below, redact)
	}
}

// Live reports whether another process would do better: what the watchdog asks.
func (a *App) Live(ctx context.Context) error { return a.admin.Live(ctx) }

// tellAdmin notes how a turn went for the page.
func (a *App) tellAdmin(c config.Connection, r turn.Report) {
	a.admin.Report(admin.Turn{
		Connection: c.Name, Trace: r.Event.Trace(), How: r.How, Reason: r.Reason,
		Waited: r.Waited, FirstWord: r.FirstWord, Took: r.Took,
	})
}
