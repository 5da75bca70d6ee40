package feishu

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"longwire/connectors"
)

// How much of a forward is read. A forward may hold forwards.
const (
	maxForwarded    = 50 // messages, in all
	maxForwardDepth = 3
	maxForwardCalls = 5                   // for forwards whose messages did not come with the outer one
	maxForwardText  = connectors.MaxQuote // bytes
)

// readForward is what is said in the messages that ev is a forward of.
func (c *Connector) readForward(ctx context.Context, ev connectors.Event) (string, error) {
	var to address
	if err := json.Unmarshal(ev.Address, &to); err != nil {
		return "", fmt.Errorf("parse address: %w", err)
	}
	items, err := c.readMessage(ctx, to.MessageID, false)
	if err != nil {
		return "", err
	}
	if items[0].Deleted == "true" {
		return "", nil
	}
	return c.unfold(ctx, to.MessageID, items, called(items)), nil
}

// unfolding writes forwarded messages line by line.
type unfolding struct {
	c        *Connector
	inside   map[string][]item // by the forward that they are in
	called   map[string]string // names of people by id
	numbers  map[string]int    // of people without a name
	written  map[string]bool   // forwards, so that none is written twice, whatever the platform says is in it
	text     strings.Builder
	messages int // that may still be written
	calls    int // that may still be made
	cut      bool
}

// unfold is what is said in the forward id: a line for each message, with who wrote
// it. Their pictures and files cannot be fetched, and have marks.
func (c *Connector) unfold(ctx context.Context, id string, items []item, called map[string]string) string {
	u := &unfolding{
		c: c, inside: make(map[string][]item), called: called, numbers: make(map[string]int),
		written: make(map[string]bool), messages: maxForwarded, calls: maxForwardCalls,
	}
	u.sort(id, items)
	u.text.WriteString(forwardMark)
	u.write(ctx, id, 1)
	if u.cut {
		u.text.WriteString("\n[and more]")
	}
	return u.text.String()
}

// sort puts the messages that came with the forward id into their places.
func (u *unfolding) sort(id string, items []item) {
	for _, it := range items {
		if string(it.ID) != id && it.Upper != "" {
			u.inside[string(it.Upper)] = append(u.inside[string(it.Upper)], it)
		}
	}
}

// write writes the messages in the forward id.
func (u *unfolding) write(ctx context.Context, id string, depth int) {
	if depth > maxForwardDepth {
		u.cut = true
		return
	}
	if u.written[id] {
		return
	}
	u.written[id] = true
	for _, it := range u.inside[id] {
		if u.messages--; u.messages < 0 || u.cut {
			u.cut = true
			return
		}
		u.line(it, depth)
		if it.Type == "merge_forward" {
			if depth < maxForwardDepth {
				u.fetch(ctx, it)
			}
			u.write(ctx, string(it.ID), depth+1)
		}
	}
}

// fetch asks for the messages in a forward that came without them.
func (u *unfolding) fetch(ctx context.Context, it item) {
	id := string(it.ID)
	if len(u.inside[id]) > 0 || u.calls == 0 {
		return
	}
	u.calls--
	items, err := u.c.readMessage(ctx, id, false)
	if err != nil {
		u.c.log.Debug("forward in a forward cannot be read", "err", err)
		return
	}
	for id, name := range called(items) {
		u.called[id] = name
	}
	u.sort(id, items)
}

// line writes one message.
func (u *unfolding) line(it item, depth int) {
	left := maxForwardText - u.text.Len()
	says, err := say(string(it.Type), string(it.Body.Content), reading{names: it.names(), limit: max(left, 0)})
	if err != nil {
		says = said{text: "[message]"}
	}
	indent := strings.Repeat("  ", depth-1)
	line := "\n" + indent + u.speaker(it) + ": " + strings.ReplaceAll(says.text, "\n", "\n"+indent+"  ")
	line, over := truncate(line, left)
	u.text.WriteString(line)
	u.cut = u.cut || over || says.over
}

// speaker is who wrote a message: their name if it is known, else a number that is
// the same in all of the forward.
func (u *unfolding) speaker(it item) string {
	who := it.author()
	switch {
	case u.called[who] != "":
		return u.called[who]
	case it.ours(u.c.config.AppID, u.c.identity.openID()) || it.Sender.Type == "app":
		return "bot"
	case u.numbers[who] == 0:
		u.numbers[who] = len(u.numbers) + 1
	}
	return fmt.Sprintf("person %d", u.numbers[who])
}
