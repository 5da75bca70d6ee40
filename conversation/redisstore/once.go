package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// once is a hook that keeps a cluster's client from sending a script again after its
// answer was lost. That client has one bound, MaxRedirects, for what it may repeat and
// for the redirections it has to follow, since slots move from node to node; so the
// bound stays, and each script says that it is not to be repeated. A redirection is
// followed all the same: nothing was carried out where it came from. Other commands
// only read, or write what they may write twice.
type once struct{}

var _ redis.Hook = once{}

// DialHook is for redis.Hook.
func (once) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook is for redis.Hook.
func (once) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd.Name() {
		case "eval", "evalsha":
			cmd = unrepeated{cmd}
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook is for redis.Hook. The store sends a cluster no pipelines.
func (once) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// unrepeated is a command that is sent once.
type unrepeated struct{ redis.Cmder }

// NoRetry is for redis.Cmder.
func (unrepeated) NoRetry() bool { return true }
