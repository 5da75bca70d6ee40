package main

import (
	"context"
	"fmt"

	"longwire/conversation"
	"longwire/conversation/boltstore"
	"longwire/conversation/redisstore"
	"longwire/conversation/spool"
)

// store is what both stores are: the way of the messages, and the operator's desk.
type store interface {
	conversation.Store
	conversation.Desk
	conversation.Shelf
}

// openStore opens the store that the configuration names. A Redis stands behind a
// spool, so it may come later; with the spool off it has to be there now.
func (a *App) openStore(ctx context.Context) (store, error) {
	cfg := a.config
	opts := conversation.Options{
		TTL:        cfg.Conversation.TTL,
		Turns:      cfg.Conversation.Turns,
		Remember:   cfg.Inbox.Remember,
		Lease:      cfg.Inbox.Lease,
		MaxWaiting: cfg.Inbox.Waiting,

		MaxPerConversation: cfg.Inbox.PerConversation,
		Prefix:             cfg.StorePrefix,
	}
	if cfg.Conversation.Burst == "join" {
		opts.Join = cfg.Inbox.PerConversation
	}
	if opts.TTL == 0 {
		opts.TTL = -1 // the file's word for "for ever"
	}
	if path, ok := cfg.Store.File(); ok {
		return boltstore.Open(path, opts)
	}
	path, ok := cfg.SpoolFile()
	if !ok {
		return redisstore.Open(ctx, cfg.Store.Reveal(), opts)
	}
	connect := func(ctx context.Context) (spool.Real, error) { return redisstore.Open(ctx, cfg.Store.Reveal(), opts) }
	whole := opts
	whole.MaxPerConversation = opts.MaxWaiting // whom to turn away is for Redis to say
	file, err := boltstore.Open(path, whole)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	var lines []string
	for _, c := range cfg.Connections {
		lines = append(lines, c.Name, conversation.LineAside(c.Name))
	}
	a.spool = spool.Open(ctx, connect, file, lines, a.log)
	return a.spool, nil
}
