package metrics

import (
	"context"
	"time"

	"longwire/agent/access"
	"longwire/agent/logs/rotate"
	"longwire/agent/model"
	"longwire/agent/pool"
	agenttools "longwire/agent/tools"
	"longwire/connectors"
)

// Sources are what is looked at during a scrape. What is nil or empty is left out.
type Sources struct {
	Connections []Connection
	Waiting     Waiting                                            // the store
	Takes       func(ctx context.Context) error                    // whether it would take an event now, as the health report says it; nil: it is not asked
	Judge       func(ctx context.Context) (healthy, degraded bool) // as /api/health does; nil: nobody does
	Spool       Spool
	Models      func() []Model
	Tools       func() []agenttools.ServerState
	Logs        []Log
	Disks       []Disk
}

// Connection is one connection and how to learn about it.
type Connection struct {
	Name, Platform string
	Link           Link
	Pool           Pool          // nil: not yet
	Gate           Gate          // nil: everybody may ask
	Silence        time.Duration // after which a stream that is up is deaf; 0: nobody knows
}

// Link is what is known of a connection's stream; both connectors are one.
type Link interface {
	Status() connectors.Status
	Counts() connectors.Counts
	// Budget is the month's budget of API calls, and how many are used; calls 0 is no
	// budget.
	Budget(ctx context.Context) (calls, used int64, err error)
}

// Model is a model that people can choose. An endpoint may stand behind several.
type Model struct {
	Label     string
	Default   bool // it answers somewhere without being chosen
	Endpoints []model.EndpointState
}

// Pool is a connection's workers; a pool.Pool is one.
type Pool interface{ Counts() pool.Counts }

// Gate says who may ask; an access.Gate is one.
type Gate interface{ Counts() access.Counts }

// Waiting tells what waits; a conversation.Store is one.
type Waiting interface {
	Waiting(ctx context.Context, connection string) (int, error)
}

// Spool tells what the store has not taken yet; a spool.Store is one.
type Spool interface {
	Spooled(ctx context.Context) (int, error)
}

// Log is a log file, named as the configuration names it.
type Log struct {
	Name  string
	State func() rotate.State
}

// Disk is a file system on which something is kept.
type Disk struct {
	Name string // what is kept there: "store"
	Path string // anything on it
}
