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
	"longwire/agent/model"
	"longwire/agent/pool"
	"longwire/agent/turn"
	"longwire/connectors"
	"longwire/connectors/dingtalk"
	"longwire/connectors/feishu"
	"longwire/conversation"
	"longwire/conversation/boltstore"
	"longwire/conversation/redisstore"
	"longwire/conversation/spool"
)

// App is the whole program behind the command line. New wires it, Run blocks,
// and what New has built is undone last first, by Run at its end or by New where
// it fails half-way.
type App struct {
	config      *config.Config
	store       store
	connections []*connection
	admin       *admin.Server
	beside      func(ctx context.Context) // what the store needs to run, nil for nothing
	log         *slog.Logger

	undo []step // what is to be undone, in the order in which it was done
}

// store is what both stores are: the way of the messages, and the operator's desk.
type store interface {
	conversation.Store
	conversation.Desk
	conversation.Shelf
}

// connection is one configured connection: its stream and its workers.
type connection struct {
	connector connector
	pool      *pool.Pool
}

// connector is what both platforms' connectors are.
type connector interface {
	turn.Replier
	turn.Reader
	admin.Link
	Run(ctx context.Context)
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

	client := model.New(model.Config{
		Endpoint:  cfg.Model.Endpoint,
		Key:       cfg.Model.APIKey.Reveal(),
		Name:      cfg.Model.Name,
		MaxTokens: cfg.Model.MaxTokens,

		Transcription: cfg.Model.Transcription,

		FirstToken: cfg.Model.FirstTokenTimeout,
		Idle:       cfg.Model.IdleTimeout,
		Attempts:   cfg.Model.Attempts,
	})
	a.onStop("close model client", func(context.Context) error { client.Close(); return nil })

	for _, c := range cfg.Connections {
		a.connections = append(a.connections, a.connect(c, client))
	}
	if a.admin, err = admin.New(a.adminConfig(), log); err != nil {
		return nil, err
	}
	a.onStop("close admin listener", a.admin.Stop)
	return a, nil
}

// connect wires one connection: the connector delivers to the pool, the pool runs
// turns, and a turn replies through the connector.
func (a *App) connect(c config.Connection, client *model.Client) *connection {
	log := a.log.With("connection", c.Name)
	conn := &connection{}
	var t *turn.Turn // the three know each other: what is delivered runs a turn, and a turn replies
	deliver := func(ctx context.Context, ev connectors.Event) error { return conn.pool.Deliver(ctx, ev) }
	act := func(ctx context.Context, action connectors.Action) (string, error) { return t.Press(ctx, action) }
	labels := func(ev connectors.Event) connectors.Labels { return t.Labels(ev) }
	shelf := conversation.ShelfOf(a.store, c.Name)
	switch c.Platform {
	case config.DingTalk:
		conn.connector = dingtalk.New(dingtalk.Config{
			Name:         c.Name,
			ClientID:     c.ClientID,
			ClientSecret: c.ClientSecret.Reveal(),
			RobotCode:    c.RobotCode,
			Endpoint:     c.Endpoint,
			Keepalive:    c.Keepalive,
			Shelf:        shelf,
			Act:          act,
			Labels:       labels,
			Reply:        c.Reply,
			Card:         dingtalk.Card{Template: c.Card.Template, Key: c.Card.Key, FlowStatus: bool(c.Card.FlowStatus), Words: c.Card.Words},
			Budget:       int64(c.Budget.APICalls),
			Rate:         rate(c.Rate),
			Mention:      bool(c.Mention),
		}, deliver, log)
	case config.Feishu:
		conn.connector = feishu.New(feishu.Config{
			Name:      c.Name,
			AppID:     c.AppID,
			AppSecret: c.AppSecret.Reveal(),
			Endpoint:  c.Endpoint,
			Keepalive: c.Keepalive,
			Shelf:     shelf,
			Act:       act,
			Labels:    labels,
			Reply:     c.Reply,
			Budget:    int64(c.Budget.APICalls),
			Rate:      rate(c.Rate),
		}, deliver, log)
	}
	var hearer turn.Transcriber
	if a.config.Model.Transcription != "" {
		hearer = client
	}
	t = turn.New(turn.Config{
		SystemPrompt: a.config.Model.SystemPrompt,
		Language:     turn.Language(a.config.Conversation.Language),
		Timeout:      a.config.Model.TurnTimeout,
		Late:         a.config.Conversation.Late,
		MaxAge:       a.config.Conversation.MaxAge,
		Welcome:      welcome(c.Welcome),
		Admins:       c.Admins,
		Recalls:      c.Platform == config.Feishu,
	}, turn.With{
		Model: client, Replier: conn.connector, Reader: conn.connector, Hearer: hearer, Stopper: a.store,
		Shelf: shelf, Records: a.store, Deliver: deliver,
	}, log)
	conn.pool = pool.New(pool.Config{
		Connection: c.Name,
		Workers:    c.Workers,
		Renew:      min(a.config.Inbox.Lease/3, time.Second),
		Grace:      max(a.config.Shutdown, 1), // 0 in the file is "at once", in the pool the default
	}, a.store, t, log)
	return conn
}

// rate is the file's rate, as a connector has it.
func rate(r config.Rate) connectors.Rate {
	limit := func(c config.Calls) int {
		if c == 0 {
			return -1
		}
		return int(c)
	}
	return connectors.Rate{PerSecond: limit(r.PerSecond), PerMinute: limit(r.PerMinute)}
}

// welcome is the file's word for a greeting, as a turn has it.
func welcome(word string) string {
	switch word {
	case config.On:
		return turn.WelcomeBuiltIn
	case config.Off:
		return ""
	}
	return word
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

// openStore opens the store that the configuration names. A Redis stands behind a
// spool, so it may come later; with the spool off it has to be there now.
func (a *App) openStore(ctx context.Context) (store, error) {
	cfg := a.config
	opts := conversation.Options{
		TTL:        cfg.Conversation.TTL,
		Turns:      cfg.Conversation.Turns,
		Remember:   cfg.Inbox.Remember,
		Lease:      cfg.Inbox.Lease,
		MaxWaiting: cfg.Inbox.Waiting,

		MaxPerConversation: cfg.Inbox.PerConversation,
	}
	if cfg.Conversation.Burst == "join" {
		opts.Join = cfg.Inbox.PerConversation
	}
	if opts.TTL == 0 {
		opts.TTL = -1 // the file's word for "for ever"
	}
	if path, ok := cfg.Store.File(); ok {
		return boltstore.Open(path, opts)
	}
	path, ok := cfg.SpoolFile()
	if !ok {
		return redisstore.Open(ctx, cfg.Store.Reveal(), opts)
	}
	connect := func(ctx context.Context) (spool.Real, error) { return redisstore.Open(ctx, cfg.Store.Reveal(), opts) }
	whole := opts
	whole.MaxPerConversation = opts.MaxWaiting // whom to turn away is for Redis to say
	file, err := boltstore.Open(path, whole)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	var lines []string
	for _, c := range cfg.Connections {
		lines = append(lines, c.Name, conversation.LineAside(c.Name))
	}
	spooled := spool.Open(ctx, connect, file, lines, a.log)
	a.beside = spooled.Run
	return spooled, nil
}

// Run answers people until ctx ends, then lets running turns finish. It returns
// nil after a clean stop. It is called once.
func (a *App) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var running, listening sync.WaitGroup
	listening.Go(func() {
		if err := a.admin.Run(); err != nil {
			fail(err)
		}
	})
	if a.beside != nil {
		running.Go(func() { a.beside(ctx) })
	}
	for _, c := range a.connections {
		running.Go(func() { c.connector.Run(ctx) })
		running.Go(func() { c.pool.Run(ctx) })
	}
	a.log.Info("running", "version", version, "connections", len(a.connections), "store", a.config.Store, "health", "http://"+a.admin.Addr()+"/api/health")

	<-ctx.Done()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	a.log.Info("stopping, running turns may finish", "within", a.config.Shutdown)
	running.Wait()
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
