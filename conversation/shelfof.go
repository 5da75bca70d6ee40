package conversation

import (
	"context"
	"errors"
	"time"

	"longwire/connectors"
)

// ShelfOf is the part of a shelf that belongs to one connection, as its connector
// sees it.
func ShelfOf(shelf Shelf, connection string) connectors.Shelf {
	return part{shelf, connection}
}

type part struct {
	shelf      Shelf
	connection string
}

func (p part) Add(ctx context.Context, name string, n int64, keep time.Duration) (int64, error) {
	return p.shelf.Add(ctx, p.connection, name, n, keep)
}

func (p part) Pace(ctx context.Context, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	return p.shelf.Pace(ctx, p.connection, name, period, burst, within)
}

func (p part) Put(ctx context.Context, name string, value []byte, keep time.Duration) error {
	return p.shelf.Put(ctx, p.connection, name, value, keep)
}

func (p part) Get(ctx context.Context, name string) ([]byte, error) {
	value, err := p.shelf.Get(ctx, p.connection, name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return value, err
}
