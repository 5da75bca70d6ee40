package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/logs"
	"longwire/agent/logs/rotate"
	"longwire/agent/metrics"
	"longwire/agent/records"
	"longwire/agent/tools"
	tracing "longwire/agent/trace"
	"longwire/conversation/spool"
)

// App is the whole program behind the command line. New wires it, Run blocks,
// and what New has built is undone last first, by Run at its end or by New where
// it fails half-way.
type App struct {
	store    store
	measured store        // the same, with the calls of the turns measured
	spool    *spool.Store // before the store; nil: there is none
	records  *records.Log // nil: none is kept
	metrics  *metrics.Metrics
	tools    *tools.Servers
	secrets  secrets                // of all configurations so far
	file     atomic.Pointer[string] // what is wrong with the configuration file now; nil or "" for nothing
	redact   logs.Redactor          // takes them out of what the admin listener says
	logState func() rotate.State    // how writing the log file goes; nil: there is none
	tracer   *tracing.Tracer        // nil: nothing is traced
	admin    *admin.Server
	log      *slog.Logger

	running  sync.WaitGroup     // all that Run and Reload have started, but the tool servers
	tooling  sync.WaitGroup     // these: turns that may finish need them to the end
	endTools context.CancelFunc // ends them; set by starting

	mu          sync.Mutex // guards what follows, which Reload changes
	config      *config.Config
	connections []*connection
	models      *models
	ctx         context.Context   // in which all of it runs
	start       func(*connection) // begins to run a connection; nil before Run, and when it stops

	undo []step // what is to be undone, in the order in which it was done
}

type step struct {
	name string
	do   func(ctx context.Context) error
}

// stopTime bounds how long undoing may take once nothing runs any more.
const stopTime = 5 * time.Second

// New wires the program. Nothing is dialled until Run, but the store is opened and
// the admin listener is bound, so what cannot work is an error here.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *App, err error) {
	a := &App{config: cfg, log: log}
	a.secrets.add(cfg)
	a.redact.Set(a.secrets.all())
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stop())
		}
	}()

	if a.store, err = a.openStore(ctx); err != nil {
		return nil, err
	}
	a.onStop("close store", func(context.Context) error { return a.store.Close() })

	if err = a.openTelemetry(ctx); err != nil {
		return nil, err
	}
	a.measured = a.metrics.Measure(a.store)
	if a.records, err = a.openRecords(); err != nil {
		return nil, err
	}
	a.onStop("close conversation log", func(context.Context) error { return a.records.Close() })

	a.models = &models{log: log, observe: a.metrics.Model()}
	a.onStop("close model clients", func(context.Context) error { a.models.close(); return nil })
	a.tools = tools.New(toolConfigs(cfg.Tools), log)
	for _, c := range cfg.Connections {
		a.connections = append(a.connections, a.connect(c, nil))
	}
	a.watchAll()
	if a.admin, err = admin.New(a.adminConfig(), log); err != nil {
		return nil, err
	}
	a.onStop("close admin listener", a.admin.Stop)
	return a, nil
}

// Run answers people until ctx ends, then lets running turns finish. It returns
// nil after a clean stop. It is called once.
func (a *App) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var listening sync.WaitGroup
	listening.Go(func() {
		if err := a.admin.Run(); err != nil {
			fail(err)
		}
	})
	if a.spool != nil {
		a.running.Go(func() { a.spool.Run(ctx) })
	}
	a.starting(ctx)

	<-ctx.Done()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	a.stopping()
	a.running.Wait()
	a.endTools()
	a.tooling.Wait()
	err = errors.Join(err, a.stop())
	listening.Wait()
	a.log.Info("stopped")
	return err
}

// Addr is where the admin listener is.
func (a *App) Addr() string { return a.admin.Addr() }

func (a *App) onStop(name string, do func(ctx context.Context) error) {
	a.undo = append(a.undo, step{name, do})
}

// stop undoes every step, last first, whatever fails.
func (a *App) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	for i := len(a.undo) - 1; i >= 0; i-- {
		if err := a.undo[i].do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.undo[i].name, err))
		}
	}
	a.undo = nil
	return errors.Join(errs...)
}
