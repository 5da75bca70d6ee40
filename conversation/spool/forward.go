package spool

import (
	"context"

	"longwire/conversation"
)

// What follows asks the real store and adds what is still in the file.

// Take implements conversation.Store.
func (s *Store) Take(ctx context.Context, line string) (*conversation.Lease, error) {
	real, err := s.store()
	if err != nil {
		return nil, err
	}
	return real.Take(ctx, line)
}

// Waiting implements conversation.Store.
func (s *Store) Waiting(ctx context.Context, line string) (int, error) {
	spooled, err := s.file.Waiting(ctx, line)
	if err != nil {
		return 0, err
	}
	real, err := s.store()
	if err != nil {
		return 0, err
	}
	waiting, err := real.Waiting(ctx, line)
	return spooled + waiting, err
}

// Interrupt implements conversation.Store.
func (s *Store) Interrupt(ctx context.Context, line string, key conversation.Key, trace string) (bool, error) {
	real, err := s.store()
	if err != nil {
		return false, err
	}
	return real.Interrupt(ctx, line, key, trace)
}

// Forget implements conversation.Store.
func (s *Store) Forget(ctx context.Context, line string, key conversation.Key, trace string) error {
	real, err := s.store()
	if err != nil {
		return err
	}
	return real.Forget(ctx, line, key, trace)
}

// Inbox implements conversation.Desk.
func (s *Store) Inbox(ctx context.Context, line string, limit int) ([]conversation.Item, error) {
	real, err := s.store()
	if err != nil {
		return nil, err
	}
	items, err := real.Inbox(ctx, line, limit)
	if err != nil || len(items) >= limit {
		return items, err
	}
	spooled, err := s.file.Inbox(ctx, line, limit-len(items))
	for _, item := range spooled {
		item.State, item.Reason = conversation.ItemWaiting, "in the spool, until the store is back"
		items = append(items, item)
	}
	return items, err
}

// Life implements conversation.Desk.
func (s *Store) Life(ctx context.Context, line, trace string) ([]conversation.Mark, error) {
	real, err := s.store()
	if err != nil {
		return nil, err
	}
	return real.Life(ctx, line, trace)
}

// Retry implements conversation.Desk.
func (s *Store) Retry(ctx context.Context, line, trace string) error {
	real, err := s.store()
	if err != nil {
		return err
	}
	return real.Retry(ctx, line, trace)
}

// Drop implements conversation.Desk.
func (s *Store) Drop(ctx context.Context, line, trace string) error {
	real, err := s.store()
	if err != nil {
		return err
	}
	return real.Drop(ctx, line, trace)
}

var (
	_ conversation.Store = (*Store)(nil)
	_ conversation.Desk  = (*Store)(nil)
)
