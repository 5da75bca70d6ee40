package turn

import (
	"context"
	"time"

	"longwire/connectors"
)

// helloKeep is how long it is remembered who was greeted: for as long as anybody
// will remember it.
const helloKeep = 10 * 365 * 24 * time.Hour

// helloTo is whom a greeting is for: a group, or a person.
func helloTo(ev connectors.Event) string {
	if ev.Chat.Group {
		return "hello/group/" + ev.Chat.ID
	}
	return "hello/person/" + ev.Sender.ID
}

// greet reports whether whom ev comes from is to be greeted now: once, by whichever
// replica, and not when the store cannot tell.
func (t *Turn) greet(ctx context.Context, ev connectors.Event) bool {
	if t.with.Shelf == nil || t.config.Welcome == "" {
		return false
	}
	name := helloTo(ev)
	if n, err := t.with.Shelf.Add(ctx, name, 0, helloKeep); err != nil || n > 0 { // costs less than a change
		return false
	}
	n, err := t.with.Shelf.Add(ctx, name, 1, helloKeep)
	if err != nil {
		t.log.Warn("nobody is greeted", "event", ev.Trace(), "err", err)
	}
	return err == nil && n == 1
}

// welcome is the greeting.
func (t *Turn) welcome(lang Language) string {
	if t.config.Welcome != WelcomeBuiltIn {
		return t.config.Welcome
	}
	return lang.welcome()
}
