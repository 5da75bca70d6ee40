package main

import (
	"context"
	"sync/atomic"
	"time"

	"longwire/agent/access"
	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/pool"
	"longwire/agent/turn"
	"longwire/connectors"
	"longwire/connectors/dingtalk"
	"longwire/connectors/feishu"
	"longwire/conversation"
)

// connection is one configured connection: its stream, its workers, and who takes the
// turns. The three know each other: what is delivered waits for a worker, a worker runs
// a turn, and a turn replies through the connector.
type connection struct {
	config    config.Connection
	connector connector
	pool      *pool.Pool
	gate      *access.Gate
	memory    *turn.Memory
	turn      atomic.Pointer[turn.Turn]
	stop      context.CancelFunc // ends it; set when it is started
}

// connector is what both platforms' connectors are.
type connector interface {
	turn.Replier
	turn.Reader
	turn.Proposer
	admin.Link
	Departments(ctx context.Context, person string) ([]string, error)
	Run(ctx context.Context)
}

// connect wires one connection. Where it takes the place of an old one, it knows what that
// has shown to people.
func (a *App) connect(c config.Connection, old *connection) *connection {
	log := a.log.With("connection", c.Name)
	shelf := conversation.ShelfOf(a.measured, c.Name)
	conn := &connection{config: c, memory: turn.NewMemory(shelf, log)}
	conn.connector = a.connector(c, conn, shelf)
	conn.gate = access.New(gateConfig(a.config, c), shelf, conn.connector.Departments, log)
	t := turn.New(a.turnConfig(c), a.turnWith(conn, shelf), log)
	if old != nil {
		t = old.turn.Load().Next(a.turnConfig(c), a.turnWith(conn, shelf))
	}
	conn.turn.Store(t)
	conn.pool = pool.New(pool.Config{
		Connection: c.Name,
		Workers:    c.Workers,
		Renew:      min(a.config.Inbox.Lease/3, time.Second),
		Grace:      max(a.config.Shutdown, 1), // 0 in the file is "at once", in the pool the default
	}, a.measured, t, log)
	return conn
}

// connector is the stream of a connection.
func (a *App) connector(c config.Connection, conn *connection, shelf connectors.Shelf) connector {
	log := a.log.With("connection", c.Name)
	deliver, meter := a.deliver(conn), a.metrics.Meter(c.Name, string(c.Platform))
	act := func(ctx context.Context, action connectors.Action) (string, error) {
		return conn.turn.Load().Press(ctx, action)
	}
	labels := func(ev connectors.Event) connectors.Labels { return conn.turn.Load().Labels(ev) }
	if c.Platform == config.Feishu {
		return feishu.New(feishu.Config{
			Name:      c.Name,
			AppID:     c.AppID,
			AppSecret: c.AppSecret.Reveal(),
			Endpoint:  c.Endpoint,
			Keepalive: c.Keepalive,
			Proxy:     c.Proxy.Func(),
			Meter:     meter,
			Shelf:     shelf,
			Act:       act,
			Labels:    labels,
			Reply:     c.Reply,
			Budget:    int64(c.Budget.APICalls),
			Rate:      rate(c.Rate),
		}, deliver, log)
	}
	return dingtalk.New(dingtalk.Config{
		Name:         c.Name,
		ClientID:     c.ClientID,
		ClientSecret: c.ClientSecret.Reveal(),
		RobotCode:    c.RobotCode,
		Endpoint:     c.Endpoint,
		Keepalive:    c.Keepalive,
		Proxy:        c.Proxy.Func(),
		Meter:        meter,
		Shelf:        shelf,
		Act:          act,
		Labels:       labels,
		Reply:        c.Reply,
		Card:         dingtalk.Card{Template: c.Card.Template, Key: c.Card.Key, FlowStatus: bool(c.Card.FlowStatus), Words: c.Card.Words},
		Budget:       int64(c.Budget.APICalls),
		Rate:         rate(c.Rate),
		Mention:      bool(c.Mention),
	}, deliver, log)
}

// turnConfig says how turns are taken on a connection.
func (a *App) turnConfig(c config.Connection) turn.Config {
	talk, m := a.config.ConversationFor(c), a.config.ModelFor(c)
	tools := []string{} // nil would be all of them
	for _, tool := range a.config.ToolsFor(c) {
		tools = append(tools, tool.Name)
	}
	return turn.Config{
		SystemPrompt: a.config.PromptFor(c),
		Language:     turn.Language(talk.Language),
		Timeout:      m.TurnTimeout,
		Late:         talk.Late,
		MaxAge:       talk.MaxAge,
		Welcome:      welcome(c.Welcome),
		Admins:       c.Admins,
		Recalls:      c.Platform == config.Feishu,
		Shared:       talk.Scope == "chat",
		Reasoning:    bool(a.config.ReasoningFor(c)),
		Tools:        tools,
		Rounds:       m.ToolRounds,
	}
}

// turnWith is what turns on a connection work with.
func (a *App) turnWith(conn *connection, shelf connectors.Shelf) turn.With {
	c := conn.config
	with := turn.With{
		Replier: conn.connector, Reader: conn.connector, Proposer: conn.connector, Store: a.measured,
		Shelf: shelf, Records: a.measured, Gate: conn.gate, Memory: conn.memory,
		Deliver: a.deliver(conn),
		Report:  a.reported(c),
		Voted:   func(ev connectors.Event, by connectors.Person, good bool) { voted(a.records, c, ev, by, good) },
	}
	for _, choice := range a.config.Choices(c) {
		r := a.models.of(choice)
		with.Choices = append(with.Choices, r.turnChoice(a.config.ConversationFor(c)))
		if with.Hearer == nil && r.hears() {
			with.Hearer = r.client
		}
	}
	if len(a.config.ToolsFor(c)) > 0 {
		with.Toolbox = a.tools
	}
	return with
}

// gateConfig is who may ask on a connection, and how much.
func gateConfig(cfg *config.Config, c config.Connection) access.Config {
	who, limits := cfg.AccessFor(c), cfg.LimitsFor(c)
	list := func(l config.Listed) access.List {
		return access.List{People: l.People, Groups: l.Groups, Departments: l.Departments}
	}
	return access.Config{
		Closed: who.Mode == "closed", Allow: list(who.Allow), Deny: list(who.Deny), Admins: c.Admins,
		TurnsPerMinute: int(limits.TurnsPerMinute), TokensPerDay: int64(limits.TokensPerDay), TokensPerMonth: int64(limits.TokensPerMonth),
	}
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
