package conversation

import (
	"context"
	"time"
)

// Shelf is what the replicas share beside the conversations: counts, paces, small
// values and short records, each under a name within a connection. Both stores have
// one. Like an accepted event, what a call has changed is safe when it returns nil,
// a pace excepted: after a restart of everything it begins anew.
//
// Names are up to the caller and hold any bytes; of one name there may be a count,
// a pace, a value and records, and they have nothing to do with each other.
type Shelf interface {
	// Add adds n, which may be 0 or negative, to a count and returns the total.
	// The count begins at 0 and is forgotten keep after the Add that began it. An
	// Add of 0 only reads, and begins nothing.
	Add(ctx context.Context, connection, name string, n int64, keep time.Duration) (total int64, err error)

	// Pace asks for a turn where one comes every period, and up to burst at once
	// after a rest. It returns how long to wait for the turn, and whether it was
	// given: a turn that would come later than within is not taken, costs nothing,
	// and wait then says how much too late it was. A negative within leaves that
	// much of the burst to callers who ask for more: with a period of 50ms,
	// within -500ms asks for a turn only while ten others could be had at once.
	Pace(ctx context.Context, connection, name string, period time.Duration, burst int, within time.Duration) (wait time.Duration, given bool, err error)

	// Put keeps a value for keep, in the place of an earlier one. Get returns it,
	// or ErrNotFound.
	Put(ctx context.Context, connection, name string, value []byte, keep time.Duration) error
	Get(ctx context.Context, connection, name string) (value []byte, err error)

	// Append adds a record behind the others of that name, of which the newest
	// most are kept. Records returns at most limit of the newest, the oldest first.
	Append(ctx context.Context, connection, name string, record []byte, most int) error
	Records(ctx context.Context, connection, name string, limit int) (records [][]byte, err error)
}
