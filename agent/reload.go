package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"longwire/agent/config"
	"longwire/connectors"
	"longwire/conversation"
)

// takeover is how long a new stream has until the one that it replaces is ended all
// the same: it may be that the platform takes only one.
const takeover = 15 * time.Second

// flushTime bounds the last word of a connection that ends to the store.
const flushTime = 3 * time.Second

// Reload goes on with another configuration. Prompts, models, keys, limits, lists and
// tools hold from the next turn on; only connections whose own settings have changed
// have a new stream, and that is up before the old one ends. What cannot change while
// the program runs stays as it is, and is logged.
func (a *App) Reload(next *config.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.start == nil {
		return errors.New("the program does not run")
	}
	changes := config.Changed(a.config, next)
	for _, key := range changes.Fixed {
		a.log.Warn("configuration: this takes a restart to change, until then it stays as it was", "key", key)
	}
	a.secrets.add(next)
	a.redact.Set(a.secrets.all())
	longest := a.longestTurn()
	a.config = a.fixed(next)
	a.tools.Set(toolConfigs(a.config.Tools), longest)

	fresh := append(slices.Clone(changes.Added), changes.Stream...)
	var connections, ended []*connection
	for _, c := range a.config.Connections {
		old := a.named(c.Name)
		if slices.Contains(fresh, c.Name) {
			conn := a.connect(c, old)
			a.watch(c.Name)
			a.start(conn)
			connections = append(connections, conn)
			continue
		}
		a.refresh(old, c)
		connections = append(connections, old)
	}
	for _, old := range a.connections {
		if !slices.Contains(connections, old) {
			ended = append(ended, old)
		}
	}
	a.connections = connections
	for _, old := range ended {
		a.replaced(old, a.named(old.config.Name))
	}
	a.models.keep(a.choices())
	a.watchAll()
	a.admin.Set(a.adminConfig())
	a.log.Info("configuration taken up", "added", strings.Join(changes.Added, " "), "removed", strings.Join(changes.Removed, " "), "new_streams", strings.Join(changes.Stream, " "))
	return nil
}

// fixed is next with what cannot change as it is now.
func (a *App) fixed(next *config.Config) *config.Config {
	c, now := *next, a.config
	c.Store, c.StorePrefix, c.Spool, c.Inbox = now.Store, now.StorePrefix, now.Spool, now.Inbox
	c.Admin.Listen, c.Record, c.Trace = now.Admin.Listen, now.Record, now.Trace
	c.Log.Format, c.Log.File = now.Log.Format, now.Log.File
	c.Conversation.TTL, c.Conversation.Turns, c.Conversation.Burst = now.Conversation.TTL, now.Conversation.Turns, now.Conversation.Burst
	return &c
}

// refresh has a connection that keeps its stream take its turns by the configuration.
func (a *App) refresh(conn *connection, c config.Connection) {
	conn.config = c
	conn.gate.Set(gateConfig(a.config, c))
	t := conn.turn.Load().Next(a.turnConfig(c), a.turnWith(conn, conversation.ShelfOf(a.measured, c.Name)))
	conn.turn.Store(t)
	conn.pool.SetTurn(t)
}

// longestTurn is how long a turn may take that has begun: to read its question, and to
// answer it.
func (a *App) longestTurn() (longest time.Duration) {
	for _, c := range a.config.Connections {
		longest = max(longest, 2*a.config.ModelFor(c).TurnTimeout)
	}
	return longest
}

// replaced ends a connection, once the one that takes its place is up. Turns of the old
// one may finish; what waits is taken by the new one's workers.
func (a *App) replaced(old, by *connection) {
	a.running.Go(func() {
		for begun := time.Now(); by != nil && by.connector.Status().State != connectors.Connected && time.Since(begun) < takeover; {
			if !connectors.Sleep(a.ctx, 50*time.Millisecond) {
				break
			}
		}
		old.stop()
		a.log.Info("connection ended", "connection", old.config.Name, "replaced", by != nil)
	})
}

// watch has a connection's events moved out of the spool, where there is one.
func (a *App) watch(name string) {
	if a.spool != nil {
		a.spool.Watch(name, conversation.LineAside(name))
	}
}

// named is the connection with a name, nil where there is none.
func (a *App) named(name string) *connection {
	for _, c := range a.connections {
		if c.config.Name == name {
			return c
		}
	}
	return nil
}

// choices are the models of all connections.
func (a *App) choices() (all []config.Choice) {
	for _, c := range a.config.Connections {
		all = append(all, a.config.Choices(c)...)
	}
	return all
}

// starting begins to run connections and tool servers within ctx, from here on.
func (a *App) starting(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ctx = ctx
	a.start = func(c *connection) {
		ctx, stop := context.WithCancel(a.ctx)
		c.stop = stop
		name := c.config.Name
		a.running.Go(func() { c.connector.Run(ctx) })
		a.running.Go(func() { c.gate.Run(ctx) })
		a.running.Go(func() {
			c.pool.Run(ctx)
			c.memory.Close()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
			defer cancel()
			if err := c.gate.Flush(ctx); err != nil {
				a.log.Warn("tokens of the last seconds are not counted", "connection", name, "err", err)
			}
		})
	}
	a.running.Go(a.watchKeys)
	var tooling context.Context // goes on while running turns finish
	tooling, a.endTools = context.WithCancel(context.WithoutCancel(ctx))
	a.tooling.Go(func() { a.tools.Run(tooling) })
	for _, c := range a.connections {
		a.start(c)
	}
	a.log.Info("running", "version", version, "connections", len(a.connections), "store", a.config.Store, "health", "http://"+a.admin.Addr()+"/api/health")
}

// keysLook is how often the keys' last days are looked at, in case that nobody asks.
const keysLook = time.Hour

// watchKeys has the log tell of keys that are about to expire, from the start on.
func (a *App) watchKeys() {
	for more := true; more; more = connectors.Sleep(a.ctx, keysLook) {
		a.mu.Lock()
		for _, r := range a.models.running {
			r.client.State() // looks after its keys
		}
		a.mu.Unlock()
	}
}

// stopping has nothing be started any more.
func (a *App) stopping() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.start = nil
	a.log.Info("stopping, running turns may finish", "within", a.config.Shutdown)
}
