package spool

import (
	"context"
	"time"

	"longwire/conversation"
)

// The shelf is the real store's, which all replicas share. While it is away every
// call is an error, and whoever calls decides what to do without: a count in the
// file would be that of one replica, and nobody could add it up afterwards.

var _ conversation.Shelf = (*Store)(nil)

// Add implements conversation.Shelf.
func (s *Store) Add(ctx context.Context, connection, name string, n int64, keep time.Duration) (int64, error) {
	real, err := s.store()
	if err != nil {
		return 0, err
	}
	return real.Add(ctx, connection, name, n, keep)
}

// Pace implements conversation.Shelf.
func (s *Store) Pace(ctx context.Context, connection, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	real, err := s.store()
	if err != nil {
		return 0, false, err
	}
	return real.Pace(ctx, connection, name, period, burst, within)
}

// Put implements conversation.Shelf.
func (s *Store) Put(ctx context.Context, connection, name string, value []byte, keep time.Duration) error {
	real, err := s.store()
	if err != nil {
		return err
	}
	return real.Put(ctx, connection, name, value, keep)
}

// Get implements conversation.Shelf. A store that is away is not ErrNotFound.
func (s *Store) Get(ctx context.Context, connection, name string) ([]byte, error) {
	real, err := s.store()
	if err != nil {
		return nil, err
	}
	return real.Get(ctx, connection, name)
}

// Append implements conversation.Shelf.
func (s *Store) Append(ctx context.Context, connection, name string, record []byte, most int) error {
	real, err := s.store()
	if err != nil {
		return err
	}
	return real.Append(ctx, connection, name, record, most)
}

// Records implements conversation.Shelf.
func (s *Store) Records(ctx context.Context, connection, name string, limit int) ([][]byte, error) {
	real, err := s.store()
	if err != nil {
		return nil, err
	}
	return real.Records(ctx, connection, name, limit)
}
