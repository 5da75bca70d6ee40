// Package conversation says what a conversation is and what a store of them
// promises. The two stores are boltstore (one file, the default) and redisstore;
// both pass the suite in storetest, which states this page as tests.
//
// A conversation is what we remember of one chat: the events that wait for an
// answer, in the order in which they came, and the turns already done. A store
// moves an event through three calls and no others:
//
//	Accept   the event is remembered and waits; only then is it acked
//	Take     the next conversation that nobody holds comes as a Lease, with its
//	         oldest waiting event and its history
//	Done     the turn is written and the event removed, in one step
//
// What a store promises:
//
//   - Accepted means stored: after Accept returns nil the event survives a crash
//     of the process (boltstore: fsync; redisstore: Redis has answered).
//   - An event id is accepted once within Options.Remember, also across restarts.
//   - A conversation is in one pair of hands. Its events are taken in the order
//     in which they were accepted, each only after the one before is done.
//   - Conversations are handed out in the order in which they became ready, so
//     one with many waiting events does not delay another: after each turn it
//     goes to the end of the line.
//   - A lease that is not renewed within Options.Lease is over, whether or not
//     anybody else has it by then: the conversation is handed out again, and
//     every call on the old lease returns ErrLost and changes nothing.
//   - Nothing is rewritten as a whole: a turn is appended, an event is appended,
//     so the cost of a message does not grow with its conversation.
//
// Left to others: what to say (agent/turn), how many at a time (agent/pool).
package conversation

import (
	"context"
	"errors"
	"time"

	"longwire/connectors"
)

// Key names a conversation within its connection.
type Key string

// KeyOf says to which conversation an event belongs: one-to-one to the person; in
// a group to the person in that group, and in a topic of a group to the person in
// that topic.
func KeyOf(ev connectors.Event) Key {
	if !ev.Chat.Group {
		return Key("person/" + ev.Sender.ID)
	}
	if ev.Chat.Thread != "" {
		return Key("group/" + ev.Chat.ID + "/thread/" + ev.Chat.Thread + "/person/" + ev.Sender.ID)
	}
	return Key("group/" + ev.Chat.ID + "/person/" + ev.Sender.ID)
}

// Turn is one question and its answer, as they are remembered.
type Turn struct {
	Question string    `json:"question"`
	Answer   string    `json:"answer"`
	At       time.Time `json:"at"`
}

// Outcome is how a turn ended, as Done writes it.
type Outcome struct {
	Turn   *Turn // what to remember; nil when there is nothing to remember
	Forget bool  // drop the turns so far, before Turn is appended
}

// Store keeps conversations. All methods may be called at the same time.
type Store interface {
	// Accept stores ev behind what already waits in its conversation. It
	// returns false, and changes nothing, when an event with this ID was
	// accepted on this connection before, whatever waits. It returns ErrFull,
	// and changes nothing, when Options.MaxWaiting events wait on the
	// connection.
	Accept(ctx context.Context, ev connectors.Event) (fresh bool, err error)

	// Take waits for a conversation of the connection that is ready and that
	// nobody holds, and leases it. It returns ctx.Err() when ctx ends first.
	Take(ctx context.Context, connection string) (*Lease, error)

	// Waiting counts the events of the connection that are not done, the ones
	// in somebody's hands included.
	Waiting(ctx context.Context, connection string) (int, error)

	// Ping reports whether the store could accept an event now.
	Ping(ctx context.Context) error

	// Close lets the store go. Leases still held are over.
	Close() error
}

// Lease is one conversation in one pair of hands, from Take to Done or Release.
type Lease struct {
	Event   connectors.Event // the oldest waiting event
	Attempt int              // how often this event was taken, 1 the first time; it survives a crash
	History []Turn           // oldest first; empty when the last turn is older than Options.TTL
	Holder                   // the store's side of the lease
}

// Holder is how a lease speaks to its store. Every method returns ErrLost, and
// changes nothing, when the lease is over.
type Holder interface {
	// Renew keeps the lease for another Options.Lease.
	Renew(ctx context.Context) error
	// Done writes the outcome and removes the event, in one step, and ends the
	// lease.
	Done(ctx context.Context, out Outcome) error
	// Release gives the conversation back with the event still first in line,
	// to be taken again at or after retry, and ends the lease. The zero time
	// means at once.
	Release(ctx context.Context, retry time.Time) error
}

// ErrLost is returned by the methods of a lease that is over: it was not renewed
// in time, or it was ended before. Whoever gets it stops and shows nothing more.
var ErrLost = errors.New("lease lost")

// ErrFull is returned by Accept when as many events wait as the store may hold.
var ErrFull = errors.New("too many events waiting")

// Options are the bounds of a store. A zero field takes its default.
type Options struct {
	TTL        time.Duration // how long a conversation is remembered after its last turn; default 30m, negative: for ever
	Turns      int           // how many turns are remembered; default 20
	Remember   time.Duration // how long event ids are remembered; default 24h, Feishu redelivers for 7h
	Lease      time.Duration // how long a lease lives without Renew; default 30s
	MaxWaiting int           // events waiting per connection; default 10000
}

// WithDefaults returns o with every zero field set to its default.
func (o Options) WithDefaults() Options {
	if o.TTL == 0 {
		o.TTL = 30 * time.Minute
	}
	if o.Turns == 0 {
		o.Turns = 20
	}
	if o.Remember == 0 {
		o.Remember = 24 * time.Hour
	}
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = 10_000
	}
	return o
}
