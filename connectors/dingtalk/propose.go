package dingtalk

import (
	"context"
	"encoding/json"
	"fmt"

	"longwire/connectors"
)

// buttonTemplate is the public template of DingTalk's own SDKs for markdown with
// buttons. It is no AI card: it needs no states, appears with all that it has to say,
// and clients of others show its buttons for good (field). Its variables:
//
//	markdown           what it says
//	sys_full_json_obj  {"msgButtons":[{"text":"…","color":"gray","id":"yes","request":true},…]}
//	tips               small words below
//
// That tips may be another one for each person is UNVERIFIED.
const (
	buttonTemplate = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
	proposalText   = "markdown"
	proposalWords  = "tips"
)

// Propose asks whoever wrote p.Event, in a card with two buttons, whether something is
// to be done. Where no card can be had it is a message with p.Plain. The same key again
// shows nothing more: the card is known to DingTalk by it, and of a message we know
// ourselves, but for the moment between its note and a crash.
func (c *Connector) Propose(ctx context.Context, p connectors.Proposal) error {
	k, err := c.newProposal(ctx, p)
	if err != nil {
		return err
	}
	switch {
	case k.note.Closed, k.note.Made && !k.note.Gone:
		return nil
	case k.note.Card != "" && !k.note.Gone, k.ledger.Sent() == nil && c.wantsButtons(p, k.to):
		shown, err := c.proposeCard(ctx, k, p)
		if err != nil {
			return fmt.Errorf("propose: %w", err)
		}
		if shown {
			return nil
		}
	}
	if err := c.proposePlain(ctx, k, p); err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	return nil
}

// newProposal is the card of a proposal, as far as its note says.
func (c *Connector) newProposal(ctx context.Context, p connectors.Proposal) (*card, error) {
	k := &card{
		c: c, ev: p.Event, ledger: c.shelved(ctx, p.Key), labels: c.config.Labels(p.Event), purse: c.api.petty,
		template: buttonTemplate, gate: &c.asks,
	}
	if err := json.Unmarshal(p.Event.Address, &k.to); err != nil {
		return nil, &connectors.Error{Op: "propose", Message: "the event's address cannot be read", Fatal: true, Err: err}
	}
	k.first = proposal(p.Text, button{connectors.PressYes, k.labels.Yes}, button{connectors.PressNo, k.labels.No})
	var err error
	k.note, err = readNote(k.ledger)
	return k, err
}

// proposal is what the card of a proposal says.
func proposal(text string, buttons ...button) map[string]string {
	return map[string]string{proposalText: face(text), "sys_full_json_obj": object(map[string]any{"msgButtons": buttonList(buttons)})}
}

// wantsButtons reports whether a proposal may be a card. What is proposed has to be
// read as a whole.
func (c *Connector) wantsButtons(p connectors.Proposal, to address) bool {
	return c.buttons() && c.config.Reply != ReplyText && to.takesCard() && c.asks.open() && len(face(p.Text)) <= c.config.Card.MaxBytes
}

// proposalCalls is what the card of a proposal costs: it appears, and it is concluded.
const proposalCalls = 2

// proposeCard shows a proposal as a card. It reports false when there can be none.
func (c *Connector) proposeCard(ctx context.Context, k *card, p connectors.Proposal) (shown bool, err error) {
	if k.note.Card == "" {
		k.purse = c.reserve(ctx, proposalCalls, proposalCalls)
		defer k.purse.close(ctx)
		if k.purse.holds() == 0 {
			return false, nil
		}
	}
	err = k.keepQuestion(ctx)
	if err == nil {
		err = k.appear(ctx)
	}
	switch {
	case !k.made.IsZero(): // though the ledger may not know
		k.keepText(ctx, p.Text)
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	c.log.Warn("proposal is no card but a message", "event", p.Event.Trace(), "err", err)
	k.note.Gone = true
	return false, nil
}

// proposePlain shows a proposal as a message.
func (c *Connector) proposePlain(ctx context.Context, k *card, p connectors.Proposal) error {
	ledger := &cardLedger{Ledger: k.ledger, note: k.note}
	parts := connectors.Split(face(p.Plain), maxPart)
	if err := c.plain(ctx, p.Event, k.to, ledger, titleOf(p.Plain), parts, c.mentioned(k.to), connectors.Always); err != nil {
		return err
	}
	note := ledger.note
	note.Closed = true
	return k.ledger.Note(ctx, note)
}

// Conclude takes the buttons from the card of a proposal and puts words below what it
// says. Of a proposal that is no card nothing is concluded. DingTalk does not want it
// to be called while a press of the card waits for its answer (documented).
func (c *Connector) Conclude(ctx context.Context, p connectors.Proposal, words string) error {
	k, err := c.newProposal(ctx, p)
	if err != nil {
		return err
	}
	if k.note.Card == "" || k.note.Gone {
		return nil
	}
	text := clipped(p.Text, max(c.config.Card.MaxBytes-len(words), 0)) + "\n\n" + words
	err = connectors.Retry(ctx, tries, func() error {
		return c.mustCall(ctx, updatePace, func() error { return k.update(ctx, proposal(text)) })
	})
	if err != nil {
		return fmt.Errorf("conclude proposal: %w", err)
	}
	return nil
}

// shelfLedger is the ledger of a proposal, which has none of its own: its note stands
// on the shelf. It is only as safe as the shelf, and nobody is to go without their
// message because that is away, so a note that is not kept is no error for messages. A
// card says itself whether it is there.
type shelfLedger struct {
	c    *Connector
	key  string
	sent json.RawMessage
}

func (c *Connector) shelved(ctx context.Context, key string) *shelfLedger {
	l := &shelfLedger{c: c, key: key}
	if c.config.Shelf == nil {
		return l
	}
	raw, err := c.config.Shelf.Get(ctx, l.name())
	if err != nil {
		c.log.Warn("a proposal may be shown twice", "err", err)
	}
	if len(raw) > 0 {
		l.sent = raw
	}
	return l
}

func (l *shelfLedger) name() string { return "proposal/" + l.key }

// Key implements connectors.Ledger.
func (l *shelfLedger) Key() string { return l.key }

// Sent implements connectors.Ledger.
func (l *shelfLedger) Sent() json.RawMessage { return l.sent }

// Held implements connectors.Ledger.
func (l *shelfLedger) Held(context.Context) error { return nil }

// Note implements connectors.Ledger.
func (l *shelfLedger) Note(ctx context.Context, sent any) error {
	raw, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("note proposal: %w", err)
	}
	l.sent = raw
	if l.c.config.Shelf == nil {
		return nil
	}
	if err := l.c.config.Shelf.Put(ctx, l.name(), raw, shelfTime); err != nil {
		l.c.log.Warn("a proposal may be shown twice", "err", err)
	}
	return nil
}
