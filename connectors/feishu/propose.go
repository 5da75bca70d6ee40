package feishu

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"longwire/connectors"
)

// callsToPropose are those that a proposal in a card makes: the card is made and sent.
const callsToPropose = 2

// Propose shows p where its event was asked, in a card with the buttons Yes and No, or
// where there can be none, as a message. It is shown once per p.Key, by whichever
// process and however often it is called: the shelf keeps how far it has come. An error
// means that it may not be shown; if that is not Permanent, Propose is to be called
// again.
func (c *Connector) Propose(ctx context.Context, p connectors.Proposal) error {
	r, err := c.newProposal(ctx, p)
	if err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	defer r.calls.settle(ctx)
	if err := r.propose(ctx, p); err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	return nil
}

// Conclude puts words below what was proposed, and takes the buttons away. Of a proposal
// in a message it leaves everything as it is. An error is for the log alone.
func (c *Connector) Conclude(ctx context.Context, p connectors.Proposal, words string) error {
	r, err := c.newProposal(ctx, p)
	if err != nil {
		return fmt.Errorf("conclude: %w", err)
	}
	defer r.calls.settle(ctx)
	if r.note.Progress != nil || len(r.note.Cards) == 0 || r.note.Cards[0].ID == "" {
		return nil
	}
	text := firstPart(strings.TrimSpace(p.Text + "\n\n" + words)).text
	if err := r.fill(ctx, 0, face{text: text}); err != nil {
		return fmt.Errorf("conclude: %w", err)
	}
	return nil
}

// newProposal is the reply that consists of p, as far as it has come.
func (c *Connector) newProposal(ctx context.Context, p connectors.Proposal) (*reply, error) {
	ledger, err := c.openProposal(ctx, p)
	if err != nil {
		return nil, err
	}
	r, err := c.newReply(p.Event, ledger)
	if err != nil {
		return nil, err
	}
	r.buttons.key = "" // what a press is to find is kept before the card is made, not when it is sent
	r.begun = true
	return r, nil
}

// propose shows p.
func (r *reply) propose(ctx context.Context, p connectors.Proposal) error {
	text := firstPart(p.Text)
	r.way = inMessages
	switch {
	case r.note.Progress != nil:
	case len(r.note.Cards) > 0:
		r.way = inCard
	case !r.c.buttons(), r.c.config.Reply == ReplyText, r.c.cardless(), text.n < len(p.Text):
	case r.calls.reserve(ctx, callsToPropose, callsToPropose), r.c.config.Reply == ReplyCard:
		r.way = inCard
	}
	if r.way == inCard {
		err := r.proposeInCard(ctx, p, text.text)
		if err == nil || !r.fallBack(ctx, err) {
			return err
		}
	}
	return r.sendMessages(ctx, p.Plain)
}

// proposeInCard shows text, of p, in a card.
func (r *reply) proposeInCard(ctx context.Context, p connectors.Proposal, text string) error {
	if err := r.c.keepQuestion(ctx, p.Key, p.Event); err != nil {
		return fmt.Errorf("%w: %w", errNotNoted, err) // nobody would understand its buttons
	}
	buttons := buttonsOf{key: p.Key, labels: r.buttons.labels}
	_, _, err := r.open(ctx, 0, face{text: text, buttons: buttons, kind: asks})
	return err
}

// shelved is the ledger of a proposal. It stays when the turn that has made it is done.
type shelved struct {
	connectors.Ledger // which knows the key, and keeps nothing
	shelf             connectors.Shelf
	name              string
	sent              json.RawMessage
}

// openProposal is p's ledger. Without a shelf nothing is remembered of it but what the
// platform remembers of the key, for an hour.
func (c *Connector) openProposal(ctx context.Context, p connectors.Proposal) (connectors.Ledger, error) {
	if p.Key == "" || len(p.Key) > maxID {
		return nil, &connectors.Error{Op: "read proposal", Message: "its key is not one", Fatal: true}
	}
	unkept := connectors.Unkept(p.Event, "proposal/"+p.Key)
	if c.config.Shelf == nil {
		return unkept, nil
	}
	name := "proposal/" + p.Key
	sent, err := c.config.Shelf.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read proposal: %w", err)
	}
	return &shelved{Ledger: unkept, shelf: c.config.Shelf, name: name, sent: sent}, nil
}

// Sent implements connectors.Ledger.
func (s *shelved) Sent() json.RawMessage { return s.sent }

// Note implements connectors.Ledger.
func (s *shelved) Note(ctx context.Context, sent any) error {
	raw, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("note proposal: %w", err)
	}
	if err := s.shelf.Put(ctx, s.name, raw, pressKeep); err != nil {
		return fmt.Errorf("note proposal: %w", err)
	}
	s.sent = raw
	return nil
}
