package conversation

import (
	"context"
	"errors"
	"time"

	"longwire/connectors"
)

// Desk is a store as its operator sees it. Both stores are one. Nothing here is
// on the way of a message.
type Desk interface {
	// Inbox lists the events of a connection that are not done: dead letters
	// first, then what is in somebody's hands, then what waits, each the oldest
	// first; at most limit of them. Where more waits than fits, which of it is
	// listed is up to the store.
	Inbox(ctx context.Context, connection string, limit int) ([]Item, error)

	// Life tells what happened to an event, the oldest first, by the trace of
	// the event (connectors.Event.Trace). It is kept as long as the event's id
	// (Options.Remember) and at most MaxMarks moments of it. It returns
	// ErrNotFound when nothing is known.
	Life(ctx context.Context, connection, trace string) ([]Mark, error)

	// Retry puts a dead letter, named by its trace, back to the end of its
	// conversation as if it had never been taken, without its note, and however
	// much waits there. Drop removes it. Both return ErrNotFound when there is
	// no such dead letter.
	Retry(ctx context.Context, connection, trace string) error
	Drop(ctx context.Context, connection, trace string) error
}

// Item is one event that is not done.
type Item struct {
	// Event is what was accepted. Of one that cannot be read any more, and is a
	// dead letter for that reason, it has no more than a connection and an ID by
	// whose trace it is named.
	Event   connectors.Event
	Key     Key
	Attempt int       // how often it was taken
	State   ItemState // where it stands
	Reason  string    // why it is dead
	Since   time.Time // when it came into this state, as far as the store knows
}

// ItemState is where an event stands.
type ItemState string

// The states of an event that is not done.
const (
	ItemWaiting ItemState = "waiting" // nobody has it
	ItemHeld    ItemState = "held"    // it is in somebody's hands
	ItemDead    ItemState = "dead"    // it was given up
)

// Mark is one moment in an event's life.
type Mark struct {
	At     time.Time `json:"at"`
	What   What      `json:"what"`
	Detail string    `json:"detail,omitempty"` // the attempt, the reason
}

// What happened.
type What string

// The moments of a life. The end of an event is marked with its How, and the
// Outcome's reason as the detail.
const (
	MarkAccepted    What = "accepted"    // stored; the platform may be told
	MarkTaken       What = "taken"       // in somebody's hands; Detail is the attempt's number
	MarkNoted       What = "noted"       // the attempt noted what it is about to send, or has sent
	MarkReleased    What = "released"    // given back, to be taken again
	MarkInterrupted What = "interrupted" // the person asked to stop
	MarkRetried     What = "retried"     // an operator put the dead letter back
	MarkDropped     What = "dropped"     // the dead letter was removed: by an operator, or as the oldest of too many
)

// The bounds of a life: how many of its moments are kept, the first FirstMarks
// and the newest, and how many bytes of a detail.
const (
	MaxMarks   = 32
	FirstMarks = 8
	MaxDetail  = 256
)

// ErrNotFound is returned by a Desk when nothing is known under a trace, and by a
// Shelf when it has no value of a name.
var ErrNotFound = errors.New("not found")
