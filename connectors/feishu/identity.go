package feishu

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/connectors/socket"
)

// identity is what the bot knows of itself. In a group only the bot's open_id
// tells whether it is mentioned, so until that is known the bot answers nobody
// in groups, and it keeps asking.
type identity struct {
	api     *api
	backoff socket.Backoff
	log     *slog.Logger

	mu   sync.Mutex
	self string // the bot's open_id, empty while unknown; guarded by mu
	err  error  // why it is unknown; guarded by mu
}

// refresh is how often the identity is asked for again once it is known. It does
// not change, but a bot that was switched off and on may be another.
const refresh = time.Hour

func newIdentity(api *api, backoff socket.Backoff, log *slog.Logger) *identity {
	return &identity{api: api, backoff: backoff, log: log}
}

// learn asks until ctx ends.
func (i *identity) learn(ctx context.Context) {
	backoff := i.backoff.WithDefaults()
	for {
		self, err := i.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		i.note(self, err)
		wait := refresh
		switch {
		case connectors.Permanent(err):
			wait = backoff.Slow
		case err != nil:
			wait = max(backoff.Next(), connectors.RetryAfter(err))
		default:
			backoff.Reset()
		}
		if !connectors.Sleep(ctx, wait) {
			return
		}
	}
}

// ask asks once.
func (i *identity) ask(ctx context.Context) (self string, err error) {
	defer connectors.Contain(i.log, "learn who the bot is", &err)
	return i.api.whoAmI(ctx)
}

// note keeps what was learned. A failure does not make the bot forget itself.
func (i *identity) note(self string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case err != nil && (i.err == nil || i.err.Error() != err.Error()):
		i.log.Warn("cannot learn who the bot is, groups wait", "known", i.self != "", "err", err)
	case err == nil && (self != i.self || i.err != nil):
		i.log.Info("the bot knows itself", "open_id", self)
	}
	i.err = err
	if err == nil {
		i.self = self
	}
}

func (i *identity) openID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.self
}

// problem says what is amiss, "" when the bot knows itself.
func (i *identity) problem() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.self != "":
		return ""
	case i.err != nil:
		return errWhoAmI.Error() + ", groups are not answered: " + i.err.Error()
	}
	return errWhoAmI.Error() + ", groups are not answered"
}
