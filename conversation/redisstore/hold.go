package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
)

// Reach reports whether Redis answers at all on the connection's keys. Unlike Ping it
// does not ask whether Redis would take an event, so a Redis that is out of memory is
// within reach.
func (s *Store) Reach(ctx context.Context, connection string) error {
	k, err := s.keysOf(connection)
	if err == nil {
		err = s.client.Exists(ctx, k.hold()).Err()
	}
	return s.storeError("reach", err)
}

// HoldAfterLoss makes the store Hold for d each time that Redis could not be reached
// by anything that was asked of it, from now on. A blocking read is always under way,
// so the end of a connection is noticed at once.
func (s *Store) HoldAfterLoss(d time.Duration) { s.settle.Store(int64(d)) }

// lossHook sees every answer of a client.
type lossHook struct{ store *Store }

func (h lossHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h lossHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.store.noteLoss(ctx, next(ctx, cmd))
	}
}

func (h lossHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.store.noteLoss(ctx, next(ctx, cmds))
	}
}

// noteLoss holds if err says that Redis gave no answer, and returns err.
func (s *Store) noteLoss(ctx context.Context, err error) error {
	settle := time.Duration(s.settle.Load())
	if err != nil && settle > 0 && isLoss(ctx, err) {
		s.Hold(settle)
	}
	return err
}

// isLoss reports whether a call has failed because Redis was out of reach. That its
// caller had no more time, or that other calls had every connection, says nothing
// about Redis.
func isLoss(ctx context.Context, err error) bool {
	deadline, bounded := ctx.Deadline()
	switch {
	case ctx.Err() != nil, bounded && !time.Now().Before(deadline), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return false
	}
	var answer redis.Error
	return !errors.As(err, &answer)
}

// Hold keeps every Take of this store from returning anything for d from now on.
// Whoever has missed events while Redis was away uses it before they are there: what
// was sent earlier has to be taken first.
func (s *Store) Hold(d time.Duration) { s.holdUntil.Store(time.Now().Add(d).UnixNano()) }

// held is for how long nothing is to be taken.
func (s *Store) held() time.Duration {
	return max(time.Until(time.Unix(0, s.holdUntil.Load())), 0)
}

// pause waits for d.
func (s *Store) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return conversation.ErrClosed
	}
}
