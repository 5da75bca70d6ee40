package main

import (
	"context"
	"path/filepath"

	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/metrics"
	tracing "longwire/agent/trace"
	"longwire/agent/turn"
	"longwire/connectors"
)

// openTelemetry makes what operators' tools read: metrics, and traces where a collector
// is configured.
func (a *App) openTelemetry(ctx context.Context) (err error) {
	a.metrics = metrics.New(version, a.log)
	a.onStop("close metrics", func(context.Context) error { a.metrics.Close(); return nil })
	c := a.config.Trace
	headers := make(map[string]string, len(c.Headers))
	for name, value := range c.Headers {
		headers[name] = value.Reveal()
	}
	a.tracer, err = tracing.New(ctx, tracing.Config{Endpoint: c.Endpoint, Headers: headers, Sample: c.Sample, Version: version}, a.log)
	a.onStop("send traces", a.tracer.Stop)
	return err
}

// watchAll has the metrics look at what there is now.
func (a *App) watchAll() {
	models := a.modelsForAdmin()
	from := metrics.Sources{
		Waiting: a.store, Tools: a.tools.State,
		Models: func() (all []metrics.Model) {
			for _, m := range models() {
				all = append(all, metrics.Model{Label: m.Label, Default: m.Default, Endpoints: m.Endpoints})
			}
			return all
		},
		Takes: func(ctx context.Context) error { return a.admin.Takes(ctx) }, // who is there before anybody scrapes
	}
	from.Judge = func(ctx context.Context) (healthy, degraded bool) {
		status := a.admin.Judge(ctx)
		return status != admin.Unhealthy, status == admin.Degraded
	}
	if a.spool != nil {
		from.Spool = a.spool
	}
	for _, c := range a.connections {
		from.Connections = append(from.Connections, metrics.Connection{
			Name: c.config.Name, Platform: string(c.config.Platform), Link: c.connector, Pool: c.pool, Gate: c.gate,
			Silence: silence(c.config),
		})
	}
	if a.logState != nil {
		from.Logs = append(from.Logs, metrics.Log{Name: "log", State: a.logState})
	}
	if a.records != nil {
		from.Logs = append(from.Logs, metrics.Log{Name: "record", State: a.records.State})
	}
	if path, ok := a.config.Store.File(); ok {
		from.Disks = append(from.Disks, metrics.Disk{Name: "store", Path: filepath.Dir(path)})
	}
	if path, ok := a.config.SpoolFile(); ok {
		from.Disks = append(from.Disks, metrics.Disk{Name: "spool", Path: filepath.Dir(path)})
	}
	a.metrics.Watch(from)
}

// deliver is where a connection's events go: into its pool, and told of.
func (a *App) deliver(conn *connection) connectors.Deliver {
	return func(ctx context.Context, ev connectors.Event) error {
		err := conn.pool.Deliver(ctx, ev)
		a.tracer.Accepted(ev, err)
		return err
	}
}

// reported tells everybody who is interested how a turn went.
func (a *App) reported(c config.Connection) func(turn.Report) {
	return func(r turn.Report) {
		record(a.records, c, r)
		a.metrics.Turn(r)
		a.tracer.Turn(r)
		a.tellAdmin(c, r)
	}
}
