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
// In between, Note keeps with the event what its next attempt has to know, Interrupt
// carries a person's wish to stop to whoever has the turn in hand, and Forget drops
// the turns so far.
//
// What a store promises:
//
//   - Accepted means stored: after Accept returns nil the event survives a crash
//     of the process (boltstore: fsync; redisstore: Redis has answered).
//   - An event id is accepted once within Options.Remember, also across restarts.
//   - A conversation is in one pair of hands. Its events are taken in the order
//     in which they were accepted, each only after the one before is done, or
//     together with it where Options.Join says so.
//   - Conversations are handed out in the order in which they became ready, so
//     one with many waiting events does not delay another: after each turn it
//     goes to the end of the line.
//   - A lease that is not renewed within Options.Lease is over, whether or not
//     anybody else has it by then: the conversation is handed out again, and
//     every call on the old lease returns ErrLost and changes nothing.
//   - A note is as safe as an accepted event. It stays with its event, over a
//     Release, a crash and a takeover, until the event is done.
//   - An interruption reaches the lease it was meant for, in whichever process,
//     and no later one.
//   - What is given up is kept: an event done as Dead becomes a dead letter, which
//     holds up nobody and stays until an operator retries or drops it (see Desk),
//     the oldest first to go when there are more than Options.MaxDead.
//   - What waits is bounded, on a connection and in a conversation, so that one
//     person cannot fill the connection for all.
//   - Nothing is rewritten as a whole: a turn is appended, an event is appended,
//     so the cost of a message does not grow with its conversation, nor with
//     what waits in it.
//
// Left to others: what to say (agent/turn), how many at a time (agent/pool).
package conversation

import (
	"context"
	"errors"
	"slices"
	"time"

	"longwire/connectors"
)

// Key names a conversation within its connection.
type Key string

// KeyOf says to which conversation an event belongs: one-to-one to the person; in
// a group, and in a topic of it, to everybody there where the event is Shared, else
// to the person. A recall has a conversation of its own: it is nobody's, as far as the
// platform tells, and no number of them is too many for one conversation.
func KeyOf(ev connectors.Event) Key {
	if ev.Kind == connectors.KindRecall {
		return Key("recall/" + ev.Text)
	}
	if !ev.Chat.Group {
		return Key("person/" + ev.Sender.ID)
	}
	key := "group/" + ev.Chat.ID
	if ev.Chat.Thread != "" {
		key += "/thread/" + ev.Chat.Thread
	}
	if ev.Shared {
		return Key(key)
	}
	return Key(key + "/person/" + ev.Sender.ID)
}

// Turn is one question and its answer, as they are remembered.
type Turn struct {
	Question string    `json:"question"`
	Answer   string    `json:"answer"`
	At       time.Time `json:"at"`
	// Before says that from this turn on the prompts do without the oldest turns;
	// nil says nothing. It is written with the turn, so whatever forgets the turn
	// forgets it too.
	Before *Before `json:"before,omitempty"`
	// Instead says that this turn has taken the place of the one before it, whose
	// question was asked again: its answer is no longer a part of the conversation.
	Instead bool `json:"instead,omitempty"`
}

// Current is a history without the turns in whose place others have come. What those have
// said of the oldest ones still holds.
func Current(history []Turn) []Turn {
	if !slices.ContainsFunc(history, func(t Turn) bool { return t.Instead }) {
		return history
	}
	var current []Turn
	var before *Before // of the one that was left out last
	for i, t := range history {
		if t.Instead && t.Before == nil {
			t.Before = before
		}
		if before = nil; i+1 == len(history) || !history[i+1].Instead {
			current = append(current, t)
		} else {
			before = t.Before
		}
	}
	return current
}

// Before stands for the oldest turns of a conversation, in the prompts from the turn
// that carries it on.
type Before struct {
	Until   time.Time `json:"until,omitzero"`    // At of the last turn that is left out
	Told    time.Time `json:"told,omitzero"`     // At of the last turn that Summary tells of: Until or earlier
	Summary string    `json:"summary,omitempty"` // "" where the turns are just left out
}

// Outcome is how a turn ended, as Done writes it.
type Outcome struct {
	How    How    // what became of the event; default Answered
	Turn   *Turn  // what to remember; nil when there is nothing to remember
	Reason string // why, where How is not Answered; for the operator, without message text
}

// How is what became of an event in the end.
type How string

// The ends of an event.
const (
	Answered How = "answered" // the person has the answer
	Failed   How = "failed"   // the person has an error text instead
	Skipped  How = "skipped"  // a policy says that it is not answered, and the log says so
	Dead     How = "dead"     // given up: kept as a dead letter until an operator retries or drops it
)

// Store keeps conversations. All methods may be called at the same time.
type Store interface {
	// Accept stores ev behind what already waits in its conversation. It
	// returns false, and changes nothing, when an event with this ID was
	// accepted on this connection before, whatever waits. It returns ErrFull,
	// and changes nothing, when Options.MaxWaiting events wait on the
	// connection or Options.MaxPerConversation in the conversation.
	Accept(ctx context.Context, ev connectors.Event) (fresh bool, err error)

	// Take waits for a conversation of the connection that is ready and that
	// nobody holds, and leases it. It returns ctx.Err() when ctx ends first.
	Take(ctx context.Context, connection string) (*Lease, error)

	// Waiting counts the events of the connection that are not done, the ones
	// in somebody's hands included.
	Waiting(ctx context.Context, connection string) (int, error)

	// Interrupt asks whoever holds the conversation to stop the turn in hand,
	// in whichever process: its next Renew returns ErrInterrupted. With a trace it
	// is meant for the turn of that event and no other. It reports whether there
	// was one.
	Interrupt(ctx context.Context, connection string, key Key, trace string) (bool, error)

	// Forget drops the turns of the conversation. The turn of an event that was
	// taken before and is not done yet is not remembered either, and what waits is
	// not joined with what comes from then on. What has the same
	// trace forgets once within Options.Remember, so the call may be repeated.
	Forget(ctx context.Context, connection string, key Key, trace string) error

	// Ping reports whether the store could accept an event now.
	Ping(ctx context.Context) error

	// Close lets the store go. Leases still held are over.
	Close() error
}

// Lease is one conversation in one pair of hands, from Take to Done or Release.
type Lease struct {
	Event connectors.Event // the oldest waiting event
	// Joined are the events that waited behind Event when it was taken first, and
	// that are answered with it, in their order: none of them Alone, and with Event
	// at most Options.Join. Every attempt has the same ones, and Done is about them
	// all.
	Joined  []connectors.Event
	Attempt int    // how often this event was taken, 1 the first time; it survives a crash
	History []Turn // oldest first; empty when the last turn is older than Options.TTL
	Noted   []byte // what an earlier attempt noted about this event; nil when it noted nothing
	Holder         // the store's side of the lease
}

// Holder is how a lease speaks to its store. Every method returns ErrLost, and
// changes nothing, when the lease is over.
type Holder interface {
	// Renew keeps the lease for another Options.Lease. ErrInterrupted says that
	// the lease was kept, and that the person has asked to stop this turn.
	Renew(ctx context.Context) error
	// Note keeps note with the event until Done, over a Release and a crash: the
	// next Lease of the event has it. It replaces an earlier note. When Note
	// returns nil, the note is as safe as an accepted event.
	Note(ctx context.Context, note []byte) error
	// Done writes the outcome and removes the event, and those joined with it, in
	// one step, and ends the lease. What is Dead is put away, each as a dead letter.
	Done(ctx context.Context, out Outcome) error
	// Release gives the conversation back with the event still first in line,
	// to be taken again at or after retry, and ends the lease. The zero time
	// means at once.
	Release(ctx context.Context, retry time.Time) error
}

// ErrLost is returned by the methods of a lease that is over: it was not renewed
// in time, or it was ended before. Whoever gets it stops and shows nothing more.
var ErrLost = errors.New("lease lost")

// ErrInterrupted is returned by Renew when Interrupt was called for the
// conversation since it was taken. The lease is kept.
var ErrInterrupted = errors.New("turn interrupted")

// ErrFull is returned by Accept when as many events wait as may wait, on the
// connection or in the conversation.
var ErrFull = errors.New("too many events waiting")

// ErrClosed is returned by every method of a store after Close. The methods of a
// lease return ErrLost then.
var ErrClosed = errors.New("store is closed")

// Options are the bounds of a store. A zero field takes its default.
type Options struct {
	TTL        time.Duration // how long a conversation is remembered after its last turn; default 30m, negative: for ever
	Turns      int           // how many turns are remembered; default 100
	Remember   time.Duration // how long event ids are remembered; default 24h, Feishu redelivers for 7h
	Lease      time.Duration // how long a lease lives without Renew; default 30s
	MaxWaiting int           // events waiting per connection; default 10000

	Prefix string // what all names begin with in a store that others use too (redisstore), without braces; default longwire

	Join               int // events of a conversation in one lease, that are not Alone; default 1
	MaxPerConversation int // events waiting per conversation; default 20
	MaxDead            int // dead letters kept per connection, the oldest go first; default 10000, negative: none
}

// WithDefaults returns o with every zero field set to its default.
func (o Options) WithDefaults() Options {
	if o.TTL == 0 {
		o.TTL = 30 * time.Minute
	}
	if o.Turns == 0 {
		o.Turns = 100
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
	if o.Prefix == "" {
		o.Prefix = "longwire"
	}
	if o.Join == 0 {
		o.Join = 1
	}
	if o.MaxPerConversation == 0 {
		o.MaxPerConversation = 20
	}
	if o.MaxDead == 0 {
		o.MaxDead = 10_000
	}
	return o
}
