// Package access says who may ask on a connection, and how much.
//
// A question passes three gates, in this order:
//
//	Allowed   is this person, here, one of those who may ask? (list.go)
//	Pace      have they not asked too often within the last minute? (rate.go)
//	Reserve   are there tokens left, of the person's day and of the connection's
//	          month? They are taken before the model is asked (reserve.go), and
//	          Settle puts right what was taken to what was used (settle.go)
//
// Whoever is refused reads so once, and not on each message: Refusal.Say.
//
// What it promises, with any number of workers and replicas on one store:
//
//   - What is reserved and what is used are together never more than the limit.
//     Two things only can pass it: an answer that used more than was reserved for
//     it, and what is granted while the store is away.
//   - When all grants are settled, the counts are exactly what was used.
//   - Where nothing is limited nothing is asked of the store; what is used is counted
//     there all the same, a few seconds later (later.go).
//   - A crash, or a call of the store that may or may not have been carried out,
//     costs too much in the books and never too little. What raises a count comes
//     before it is noted, what lowers it comes after.
//   - A second attempt at an event goes on with what the first one reserved and
//     did not settle.
//
// While the store is away nobody waits for it. The lists hold, since they need no
// store; the rate lets pass; tokens are granted from memory, within what the counts
// were when they were last seen, and at most a tenth of the month on each replica
// (credit.go). What was used meanwhile is counted when the store is back.
//
// Left to others: the words of a refusal, and when to ask (agent/turn).
//
// Goroutines: Run, which writes what is counted later.
package access

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Config says who may ask, and how much.
type Config struct {
	// Closed lets nobody ask but those in Allow. An Allow that names anybody has
	// the same effect.
	Closed bool
	// Allow and Deny name who may ask and who may not. Deny wins.
	Allow, Deny List
	// Admins pass the lists and the rate. Their tokens are counted, and bounded,
	// like everybody's.
	Admins []string

	TurnsPerMinute int   // of a person; 0 is no limit
	TokensPerDay   int64 // of a person; 0 is no limit
	TokensPerMonth int64 // of the connection; 0 is no limit

	// Zone says when a day and a month begin; default UTC+8, where both platforms
	// are at home.
	Zone *time.Location
}

// List names people by the platform's ids. A person in it may be meant by any of
// the three.
type List struct {
	People      []string
	Groups      []string // everybody in the group, for what they write there
	Departments []string // everybody in the department
}

// Shelf is what the replicas share; a connectors.Shelf is one.
type Shelf interface {
	// Add adds n to a count and returns the total. The count is forgotten keep
	// after the Add that began it.
	Add(ctx context.Context, name string, n int64, keep time.Duration) (total int64, err error)
	// Pace asks for a turn where one comes every period, and burst at once after a
	// rest. A turn later than within is not given.
	Pace(ctx context.Context, name string, period time.Duration, burst int, within time.Duration) (wait time.Duration, given bool, err error)
}

// Departments returns the ids of all departments that a person belongs to, those
// above them included, so that a list may name any of them.
type Departments func(ctx context.Context, person string) ([]string, error)

// Gate lets the questions of one connection in. It may be used by many workers at
// once, and there may be one on every replica.
type Gate struct {
	rules atomic.Pointer[rules]
	shelf Shelf
	log   *slog.Logger

	memberships memberships    // list.go
	tellers     recent[string] // the event that told whom, by the name of the count (refusal.go)
	totals      recent[int64]  // what the counts were when they were last changed here (credit.go)
	credit      credit         // credit.go
	later       later          // later.go

	away, blind seldom        // when it was last logged that the store, or the platform, cannot be asked
	patience    time.Duration // how long one call of the store may take

	mu      sync.Mutex
	refused map[Kind]int64 // guarded by mu
}

// storePatience is how long one call of the store may take. Redis has as much time
// in redisstore.
const storePatience = 3 * time.Second

// New makes a Gate. departments is nil where the platform does not tell; a list that
// names departments then turns away everybody about whom they would decide.
func New(config Config, shelf Shelf, departments Departments, log *slog.Logger) *Gate {
	g := &Gate{
		shelf: shelf, log: log, patience: storePatience,
		memberships: memberships{ask: departments},
		refused:     make(map[Kind]int64),
	}
	for _, kind := range kinds {
		g.refused[kind] = 0 // a metric exists before it moves
	}
	g.Set(config)
	return g
}

// Set has config hold from now on. What was granted before stays granted.
func (g *Gate) Set(config Config) { g.rules.Store(rulesOf(config)) }

// Counts is what a Gate has done since it was made.
type Counts struct {
	Refused map[Kind]int64 // how often, by kind; every kind is there
	Owed    int            // settled grants that are not in the store yet
}

// Counts returns what the gate has done since it was made.
func (g *Gate) Counts() Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Counts{Refused: maps.Clone(g.refused), Owed: g.credit.debts()}
}
