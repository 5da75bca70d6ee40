package feishu

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"longwire/connectors"
)

// A topic is what an event's Chat.Thread names: in a group of topics every message
// that is no reply begins one, elsewhere a thread is one. Its thread_id names it,
// but not every message has that: the first one may come before there is a thread,
// and of some replies only the root_id is known. So a topic goes by the name under
// which it was first heard of, and the shelf keeps that name under its first message.
//
// Whether a group is one of topics an event need not say. It is asked for, once a
// day, before the event is delivered: afterwards its conversation is fixed. While
// nobody can tell, a reply without thread_id is a topic of its own: then an answer
// may lack context, but it has no other topic's.

const (
	formRetry = 5 * time.Minute     // until asking for a group's form again that nobody told
	topicKeep = 30 * 24 * time.Hour // how long a topic keeps its name

	// topicTime bounds the looking up of that name. The event is not stored yet: most
	// of a delivery's time is for that, which has another way where the store stalls.
	topicTime = 500 * time.Millisecond
)

// inTopic is ev in the topic that it belongs to.
func (c *Connector) inTopic(ctx context.Context, ev connectors.Event) connectors.Event {
	var to address
	if !ev.Chat.Group || json.Unmarshal(ev.Address, &to) != nil || to.MessageID == "" {
		return ev
	}
	root := cmp.Or(to.Root, to.MessageID)
	if ev.Chat.Thread == "" && !to.Topics {
		switch form := c.forms.of(ctx, ev.Chat.ID); {
		case form == formPlain, form == formUnknown && to.Root == "":
			return ev
		}
	}
	ev.Chat.Thread = c.topicName(ctx, root, cmp.Or(ev.Chat.Thread, root))
	return ev
}

// topicName is the name of the topic that began with the message root. It is name
// when there is none yet. Without the shelf a topic goes by what each event says.
func (c *Connector) topicName(ctx context.Context, root, name string) string {
	shelf := c.config.Shelf
	if shelf == nil {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, topicTime)
	defer cancel()
	kept, err := shelf.Get(ctx, "topic/"+root)
	if err == nil && len(kept) > 0 && len(kept) <= maxID {
		return string(kept)
	}
	if err == nil {
		err = shelf.Put(ctx, "topic/"+root, []byte(name), topicKeep)
	}
	if err != nil {
		c.log.Warn("name of a topic is not kept, a message in it may lack the others", "err", err)
	}
	return name
}

// form is what kind of group a group is.
type form int

const (
	formUnknown form = iota
	formPlain
	formTopics
)

// groupForm asks the platform what kind of group chat is.
func (c *Connector) groupForm(ctx context.Context, chat string) (form, error) {
	const op = "read chat"
	if !safe.MatchString(chat) {
		return formUnknown, &connectors.Error{Op: op, Message: "its id is not one", Fatal: true}
	}
	c.counting.Go(func() { // beside: the store may stall, and the event waits to be stored
		defer connectors.Contain(c.log, "count a call", nil)
		c.spend(ctx)
	})
	var data struct {
		Mode  connectors.LooseString `json:"chat_mode"`          // "group", "topic"
		Shape connectors.LooseString `json:"group_message_type"` // of a "group": "chat", "thread"
	}
	err := c.api.once(ctx, op, "/open-apis/im/v1/chats/"+chat, nil, &data)
	switch {
	case err != nil:
		c.log.Debug("nobody can tell whether a group is one of topics", "err", err)
		return formUnknown, err
	case data.Mode == "topic" || data.Shape == "thread":
		return formTopics, nil
	}
	return formPlain, nil
}
