package redisstore

import (
	"context"

	"longwire/conversation"
)

// Interrupt has the next Renew of whoever holds the conversation, in whichever
// process, return ErrInterrupted. It looks through the leases of the connection.
func (s *Store) Interrupt(ctx context.Context, connection string, key conversation.Key, trace string) (bool, error) {
	k, err := s.keysOf(connection)
	if err != nil {
		return false, s.storeError("interrupt", err)
	}
	asked, err := interruptScript.Run(ctx, s.client, []string{k.ready(), k.lane(key), k.waiting(key)},
		group, atLeast1ms(s.opts.Lease), string(key), k.lives(), atLeast1ms(s.opts.Remember), trace).Bool()
	return asked, s.storeError("interrupt", err)
}

// Forget drops the turns of the conversation.
func (s *Store) Forget(ctx context.Context, connection string, key conversation.Key, trace string) error {
	k, err := s.keysOf(connection)
	if err != nil {
		return s.storeError("forget", err)
	}
	return s.storeError("forget", forgetScript.Run(ctx, s.client, []string{k.turns(key), k.lane(key), k.forgot(trace), k.waiting(key)}, atLeast1ms(s.opts.Remember)).Err())
}
