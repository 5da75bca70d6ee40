package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
	"longwire/conversation/internal/pace"
)

var _ conversation.Shelf = (*Store)(nil)

// Add returns when Redis has answered. After an error it may have been counted all
// the same, when only the answer was lost, and whoever calls again may count twice.
// To remember what was counted would cost every call another key; a count is there
// to bound something, and one that is too high bounds it earlier.
//
// Adding 0 only reads, and begins nothing.
func (s *Store) Add(ctx context.Context, connection, name string, n int64, keep time.Duration) (int64, error) {
	total, err := s.add(ctx, connection, name, n, keep)
	return total, s.storeError("add", err)
}

func (s *Store) add(ctx context.Context, connection, name string, n int64, keep time.Duration) (int64, error) {
	k, err := s.shelfOf(ctx, connection)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		total, err := s.client.Get(ctx, k.tally(name)).Int64()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return total, err
	}
	total, err := s.kept(ctx, addScript, []string{k.tally(name)}, n, atLeast1ms(keep))
	if err != nil {
		return 0, err
	}
	return int64(total), nil
}

// Pace asks for a turn, by the clock of Redis. After an error a turn may have been
// given that nobody takes.
func (s *Store) Pace(ctx context.Context, connection, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	wait, given, err := s.pace(ctx, connection, name, pace.RuleOf(period, burst, within))
	return wait, given, s.storeError("pace", err)
}

func (s *Store) pace(ctx context.Context, connection, name string, rule pace.Rule) (wait time.Duration, given bool, err error) {
	k, err := s.shelfOf(ctx, connection)
	if err != nil {
		return 0, false, err
	}
	// Rounded up, so that turns never come faster than was asked for.
	period := (rule.Period + time.Microsecond - 1).Microseconds()
	reply, err := paceScript.Run(ctx, s.client, []string{k.pace(name)},
		period, rule.Slack.Microseconds(), rule.Within.Microseconds()).Int64Slice()
	switch {
	case err != nil:
		return 0, false, err
	case len(reply) != 2:
		return 0, false, errMalformed
	}
	return time.Duration(reply[1]) * time.Microsecond, reply[0] == 1, nil
}

// Put returns when Redis has answered.
func (s *Store) Put(ctx context.Context, connection, name string, value []byte, keep time.Duration) error {
	k, err := s.shelfOf(ctx, connection)
	if err == nil {
		_, err = s.kept(ctx, putScript, []string{k.value(name)}, value, atLeast1ms(keep))
	}
	return s.storeError("put", err)
}

// Get returns a value.
func (s *Store) Get(ctx context.Context, connection, name string) ([]byte, error) {
	k, err := s.shelfOf(ctx, connection)
	if err != nil {
		return nil, s.storeError("get", err)
	}
	value, err := s.client.Get(ctx, k.value(name)).Bytes()
	if errors.Is(err, redis.Nil) {
		err = conversation.ErrNotFound
	}
	if err != nil {
		return nil, s.storeError("get", err)
	}
	return value, nil
}

// Append returns when Redis has answered. After an error the record may be there,
// and, as with Add, whoever calls again may have it twice.
func (s *Store) Append(ctx context.Context, connection, name string, record []byte, most int) error {
	k, err := s.shelfOf(ctx, connection)
	if err == nil {
		_, err = s.kept(ctx, appendScript, []string{k.records(name)}, record, max(most, 0))
	}
	return s.storeError("append", err)
}

// Records returns the newest records of a name, the oldest first.
func (s *Store) Records(ctx context.Context, connection, name string, limit int) ([][]byte, error) {
	records, err := s.records(ctx, connection, name, limit)
	return records, s.storeError("records", err)
}

func (s *Store) records(ctx context.Context, connection, name string, limit int) ([][]byte, error) {
	k, err := s.shelfOf(ctx, connection)
	if err != nil || limit <= 0 {
		return nil, err
	}
	texts, err := s.client.LRange(ctx, k.records(name), -int64(limit), -1).Result()
	if err != nil {
		return nil, err
	}
	records := make([][]byte, len(texts))
	for i, text := range texts {
		records[i] = []byte(text)
	}
	return records, nil
}

// shelfOf are the keys of a connection, unless there is no point in asking any more.
func (s *Store) shelfOf(ctx context.Context, connection string) (keys, error) {
	if err := ctx.Err(); err != nil {
		return keys{}, err
	}
	return s.keysOf(connection)
}
