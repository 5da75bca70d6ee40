package main

import (
	"context"
	"fmt"
)

// platform is one of the two, as its users and its bad days see it.
type platform interface {
	// connection is the entry for the program's configuration; quick says that a
	// silent stream is to be found out soon.
	connection(quick bool) string
	// say pushes what a person said, twice if it is to come twice, and returns
	// where it was said.
	say(m message, twice bool) (place string)
	// waitAck waits until every push of the message is acked.
	waitAck(ctx context.Context, id string) error
	// waitUp waits until exactly n streams are up.
	waitUp(ctx context.Context, n int) error
	// deliveries is how often a message was pushed.
	deliveries(id string) int
	// redeliver pushes a message again.
	redeliver(id string)
	// strike makes a fault of the platform happen; mend ends it.
	strike(f fault)
	mend(f fault)
	close()
}

// The credentials of the two apps and of the model. They open nothing but what
// this program serves on loopback, and none of them may be in a log.
const (
	connectionName = "chaos"

	clientID     = "dingchaos"
	clientSecret = "chaos-client-secret"
	appID        = "cli_0c4a050000000c4a"
	appSecret    = "chaos-app-secret"
	modelKey     = "chaos-model-key"
)

// startPlatform starts the platform of a combination, which writes replies down
// in the book.
func startPlatform(name string, b *book) (p platform, err error) {
	if name == dingtalkName {
		p, err = startDingTalk(b)
	} else {
		p, err = startFeishu(b)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}
