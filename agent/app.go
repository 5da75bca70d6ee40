package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/records"
	"longwire/agent/turn"
)

// App is the whole program behind the command line. New wires it, Run blocks,
// and what New has built is undone last first, by Run at its end or by New where
// it fails half-way.
type App struct {
	store   store
	records *records.Log // nil: none is kept
	admin   *admin.Server
	beside  func(ctx context.Context) // what the store needs to run, nil for nothing
	log     *slog.Logger

	running sync.WaitGroup // all that Run and Reload have started

	mu          sync.Mutex // guards what follows, which Reload changes
	config      *config.Config
	connections []*connection
	models      *models
	tools       *toolbox
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
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stop())
		}
	}()

	if a.store, err = a.openStore(ctx); err != nil {
		return nil, err
	}
	a.onStop("close store", func(context.Context) error { return a.store.Close() })

	if a.records, err = a.openRecords(); err != nil {
		return nil, err
	}
	a.onStop("close conversation log", func(context.Context) error { return a.records.Close() })

	a.models = &models{log: log}
	a.onStop("close model clients", func(context.Context) error { a.models.close(); return nil })
	a.tools = a.newToolbox(cfg.Tools)
	for _, c := range cfg.Connections {
		a.connections = append(a.connections, a.connect(c))
	}
	if a.admin, err = admin.New(a.adminConfig(), log); err != nil {
		return nil, err
	}
	a.onStop("close admin listener", a.admin.Stop)
	return a, nil
}

func (a *App) adminConfig() admin.Config {
	cfg := admin.Config{
		Listen:  a.config.Admin.Listen,
		Token:   a.config.Admin.Token.Reveal(),
		Version: version,
		Store:   a.store,
		Desk:    a.store,
		Feedback: func(ctx context.Context, connection string, limit int) ([][]byte, error) {
			return a.store.Records(ctx, connection, turn.FeedbackName, limit)
		},
	}
	cfg.Votes = func(ctx context.Context, connection string) (good, bad int64, err error) {
		if good, err = a.store.Add(ctx, connection, turn.VoteName(true), 0, turn.VoteKeep); err == nil {
			bad, err = a.store.Add(ctx, connection, turn.VoteName(false), 0, turn.VoteKeep)
		}
		return good, bad, err
	}
	for i, c := range a.config.Connections {
		cfg.Connections = append(cfg.Connections, admin.Connection{
			Name:     c.Name,
			Platform: string(c.Platform),
			Link:     a.connections[i].connector,
		})
	}
	return cfg
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
	if a.beside != nil {
		a.running.Go(func() { a.beside(ctx) })
	}
	a.starting(ctx)
	a.log.Info("running", "version", version, "connections", len(a.connections), "store", a.config.Store, "health", "http://"+a.admin.Addr()+"/api/health")

	<-ctx.Done()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	a.log.Info("stopping, running turns may finish", "within", a.config.Shutdown)
	a.stopping()
	a.running.Wait()
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
