package feishu

import (
	"context"
	"sync"
	"time"

	"longwire/connectors"
)

// typingEmoji under a question says that the answer is being written: the platform
// has no other sign for that.
const typingEmoji = "Typing"

// How long the sign's removal may hold up the end of a reply. It waits for its turn
// where many replies end at once, but not while the program stops.
const (
	typingTime  = 30 * time.Second
	typingLast  = 3 * time.Second // from the moment that the reply is called off
	typingTries = 2
)

// typing is the sign of life under a question, from the beginning of a reply to its
// first words. Nothing depends on it: what fails is logged and left.
type typing struct {
	over    chan struct{} // closed when there are words
	stopped sync.Once
	done    sync.WaitGroup // the goroutine that puts it there and takes it away
}

// startTyping puts the sign under the question; maybe says that an earlier attempt
// may have done so.
func (r *reply) startTyping(ctx context.Context, maybe bool) *typing {
	t := &typing{over: make(chan struct{})}
	t.done.Go(func() {
		defer connectors.Contain(r.log, "sign of life", nil)
		id := ""
		if !maybe {
			id, maybe = r.putTyping(ctx)
		}
		select {
		case <-t.over:
		case <-ctx.Done():
		}
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), typingTime)
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(typingLast, cancel) })()
		r.removeTyping(removing, id, maybe)
	})
	return t
}

// stop begins to take the sign away.
func (t *typing) stop() {
	if t != nil {
		t.stopped.Do(func() { close(t.over) })
	}
}

// end takes the sign away.
func (t *typing) end() {
	if t != nil {
		t.stop()
		t.done.Wait()
	}
}

// putTyping puts the sign there, if there is room for it in the platform's rate. If
// nobody knows whether that worked, it may be there.
func (r *reply) putTyping(ctx context.Context) (id string, maybe bool) {
	if !r.c.api.rate.try(ctx, opReact) {
		return "", false
	}
	r.calls.spend(1)
	id, err := r.c.api.react(ctx, r.to.MessageID, typingEmoji)
	if err != nil {
		r.log.Info("no sign of life under the question", "err", err)
	}
	return id, connectors.Unsure(err)
}

// removeTyping takes the sign away: the one with this id, or if it may be there,
// whichever is found.
func (r *reply) removeTyping(ctx context.Context, id string, maybe bool) {
	var ids []string
	switch {
	case id != "":
		ids = []string{id}
	case maybe:
		r.calls.spend(1)
		err := connectors.Retry(ctx, typingTries, func() (err error) {
			ids, err = r.c.api.reactions(ctx, r.to.MessageID, typingEmoji)
			return err
		})
		if err != nil {
			r.log.Info("sign of life not found again, it may stay", "err", err)
		}
	}
	for _, id := range ids {
		r.calls.spend(1)
		err := connectors.Retry(ctx, typingTries, func() error { return r.c.api.unreact(ctx, r.to.MessageID, id) })
		if err != nil && !coded(err, "231010", "231011", "231003") { // it is gone, or the message is
			r.log.Info("sign of life not taken away", "err", err)
		}
	}
}
