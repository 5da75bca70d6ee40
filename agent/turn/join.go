package turn

import (
	"context"
	"strings"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// together are the questions of a lease, which are answered as one. They are as old as
// the newest of them.
func together(lease *conversation.Lease) []connectors.Event {
	asked := append([]connectors.Event{lease.Event}, lease.Joined...)
	front(lease, asked)
	return asked
}

// front makes the event of a lease stand for asked: the first of them says who has
// asked, and the reply goes to the newest, where people are looking. Its ID stays, by
// which every attempt knows the reply.
func front(lease *conversation.Lease, asked []connectors.Event) {
	first, newest := asked[0], asked[len(asked)-1]
	lease.Event.Sender = first.Sender
	lease.Event.Sent, lease.Event.Received, lease.Event.Address = newest.Sent, newest.Received, newest.Address
}

// wanted are those of asked that are to be answered. It says why none is.
func (t *Turn) wanted(ctx context.Context, lease *conversation.Lease, asked []connectors.Event) (rest []connectors.Event, reason string) {
	ev := lease.Event
	if time.Since(writtenAt(ev)) > t.config.MaxAge && ev.Retries == 0 { // whoever puts an old question back wants it answered
		return nil, "older than conversation.max_age"
	}
	for _, one := range asked {
		if !t.takenBack(ctx, one) {
			rest = append(rest, one)
		}
	}
	switch {
	case len(rest) == 0:
		return nil, ErrRecalled.Error()
	case ev.Kind == connectors.KindRecall:
		if err := t.recall(ctx, ev); err != nil {
			t.log.Warn("a question that was taken back may be answered", "event", ev.Trace(), "err", err)
		}
		return nil, "a recall, noted"
	case ev.Kind == connectors.KindHello && lease.Attempt == 1 && !t.greet(ctx, ev):
		return nil, "greeted already, or nobody is to be"
	}
	front(lease, rest)
	return rest, ""
}

// delivered is ev, which stands for asked, as it was delivered: what is answered once
// more at the press of a button is read once more, too.
func delivered(ev connectors.Event, asked []connectors.Event) connectors.Event {
	for i, one := range asked {
		switch {
		case i == 0:
			ev.Text, ev.Quote, ev.Files = one.Text, one.Quote, one.Files
			continue
		case one.Sender.ID != ev.Sender.ID:
			one.Text = named(one, one.Text)
		}
		ev.Text += "\n" + one.Text
		ev.Files = append(ev.Files[:len(ev.Files):len(ev.Files)], one.Files...)
	}
	return ev
}

// severals reports whether several people talk in ev's conversation, so that the model
// has to be told who says what.
func severals(ev connectors.Event) bool { return ev.Shared && ev.Chat.Group }

// named says in a conversation of several people who asked.
func named(ev connectors.Event, text string) string {
	name := strings.Join(strings.Fields(ev.Sender.Name), " ")
	if name == "" || !severals(ev) {
		return text
	}
	return name + ": " + text
}

// underway are the questions that are being answered together, by the first of them: a
// turn for several goes on when only some of them are taken back.
type underway struct {
	mu    sync.Mutex
	asked map[string][]connectors.Event // by ReplyKey; guarded by mu
}

// add notes what a turn answers, and returns what forgets that.
func (u *underway) add(asked []connectors.Event) (remove func()) {
	if len(asked) == 1 {
		return func() {}
	}
	key := connectors.ReplyKey(asked[0], "")
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.asked == nil {
		u.asked = make(map[string][]connectors.Event)
	}
	u.asked[key] = asked
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.asked, key)
	}
}

// with is what is being answered together with ev, which is the first.
func (u *underway) with(ev connectors.Event) []connectors.Event {
	u.mu.Lock()
	defer u.mu.Unlock()
	if asked, ok := u.asked[connectors.ReplyKey(ev, "")]; ok {
		return asked
	}
	return []connectors.Event{ev}
}
