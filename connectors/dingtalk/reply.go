package dingtalk

import (
	"context"
	"encoding/json"
	"fmt"

	"longwire/connectors"
)

// Reply shows answer to the person who wrote ev, and returns nil once the whole
// answer was taken by DingTalk. How it is shown is decided in mode.go: as a card
// (card.go), as messages (plain.go), or as a card and what it did not take as
// messages. A reply that an earlier attempt has begun goes on the way it began.
func (c *Connector) Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error {
	var to address
	if err := json.Unmarshal(ev.Address, &to); err != nil {
		return &connectors.Error{Op: "reply", Message: "the event's address cannot be read", Fatal: true, Err: err}
	}
	note, err := readNote(ledger)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	answer = closing(answer, ended)
	sign := c.signOfLife(ctx, ev, to, ledger.Key(), ended)
	defer sign.end(ctx)
	switch {
	case note.Card != "":
		err = c.finishCard(ctx, c.newCard(ctx, ev, to, ledger, note), answer)
	case ledger.Sent() == nil && c.wantsCard(ev, to):
		err = c.growCard(ctx, c.newCard(ctx, ev, to, ledger, note), answer, ended)
	default:
		err = c.asMessages(ctx, ev, to, ledger, answer, sign.begun.Load)
	}
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	return nil
}

// closing is answer, and closes ended when it has ended.
func closing(answer connectors.Answer, ended chan struct{}) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		defer close(ended)
		answer(yield)
	}
}

// asMessages shows the whole answer as messages.
func (c *Connector) asMessages(ctx context.Context, ev connectors.Event, to address, ledger connectors.Ledger, answer connectors.Answer, lingers func() bool) error {
	text, err := connectors.Collect(answer)
	if err != nil {
		return err
	}
	return c.plain(ctx, ev, to, ledger, titleOf(text), connectors.Split(face(text), maxPart), c.mentioned(to), lingers)
}

// mentioned is the staff id of who is to be mentioned by an answer, or "".
func (c *Connector) mentioned(to address) string {
	if !c.config.Mention || !to.Group {
		return ""
	}
	return to.StaffID
}

// face is how DingTalk is to get a text.
func face(text string) string { return breaks(visible(text)) }
