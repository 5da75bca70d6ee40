package feishu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"longwire/connectors"
)

// A reply's cards, in the order of the calls (the ledger is written in between, so
// that an attempt after a crash goes on where this one ended):
//
//	note that there will be a card
//	create it, and note its card_id: nobody sees it yet
//	send it as a reply; the uuid makes one message of all attempts; note that
//	grow it, again and again, each time with the whole text and a higher sequence
//	replace it by its last form, and switch streaming off
//
// Where the answer outgrows a card, or the card has grown for too long, it is
// replaced by its last form and the next one is begun (turnOver).

// card is one card of a reply, in this attempt.
type card struct {
	sequencer
	open bool // it is sent

	shown    look          // what this attempt has shown in it while it grew
	since    time.Time     // when it was last told to stream
	reopened bool          // it was told again, and nothing was shown since
	quiet    bool          // it does not grow any more, it is filled at the end
	pause    time.Duration // between two updates
}

// errNotNoted says that the ledger took no note, so that nothing could be shown.
var errNotNoted = errors.New("not noted")

func (r *reply) noteDown(ctx context.Context) error {
	if err := r.ledger.Note(ctx, r.note); err != nil {
		return fmt.Errorf("%w: %w", errNotNoted, err)
	}
	return nil
}

// card is card number i; what the ledger has of it may come from an earlier attempt.
func (r *reply) card(i int) *card {
	for len(r.cards) <= i {
		created := r.note.Cards[len(r.cards)].Created
		r.cards = append(r.cards, &card{sequencer: sequencer{created: created}, since: created, pause: r.c.brisk})
	}
	return r.cards[i]
}

// open makes sure that card number i is there for people to see. If it has to be
// made, it is made as f says; made reports that.
func (r *reply) open(ctx context.Context, i int, f face) (k *card, made bool, err error) {
	if i < len(r.cards) && r.cards[i].open {
		return r.cards[i], false, nil
	}
	if i == len(r.note.Cards) {
		r.note.Cards = append(r.note.Cards, sentCard{Created: time.Now()})
		if err := r.noteDown(ctx); err != nil {
			r.note.Cards = r.note.Cards[:i]
			return nil, false, err
		}
	}
	if r.note.Cards[i].ID == "" {
		if err := r.create(ctx, &r.note.Cards[i], f); err != nil {
			return nil, false, err
		}
		made = true
	}
	if !r.note.Cards[i].Sent {
		if err := r.sendCard(ctx, i, !made); err != nil {
			return nil, made, err
		}
	}
	k = r.card(i)
	k.open = true
	return k, made, nil
}

// create makes a card. A card whose id could not be noted is made again: nobody has
// seen it.
func (r *reply) create(ctx context.Context, noted *sentCard, f face) error {
	var id string
	created := time.Now()
	err := r.put(f, func(json string) error {
		return connectors.Retry(ctx, tries, func() (err error) {
			r.calls.spend(1)
			id, err = r.c.api.createCard(ctx, json)
			return err
		})
	})
	if err != nil {
		return err
	}
	noted.ID, noted.Created = id, created
	if err := r.noteDown(ctx); err != nil {
		noted.ID = ""
		return err
	}
	return nil
}

// sendCard sends card number i; again says that this may have been done before.
func (r *reply) sendCard(ctx context.Context, i int, again bool) error {
	if r.buttons.key != "" {
		if err := r.c.keepQuestion(ctx, r.buttons.key, r.ev); err != nil {
			r.log.Warn("buttons of a card will not work", "err", err)
		}
	}
	content, err := cardContent(r.note.Cards[i].ID)
	if err != nil {
		return err
	}
	err = r.say(ctx, outgoing{"interactive", content, fmt.Sprintf("%s-c%d", r.ledger.Key(), i)})
	if err != nil && !taken(err, again) {
		return err
	}
	r.note.Cards[i].Sent = true
	return r.noteDown(ctx)
}

// taken reports whether err says that the message is there: its uuid is known and
// answered no further, or it was sent before and a card can be sent only once.
func taken(err error, again bool) bool {
	return coded(err, "230049", "18121") || again && coded(err, "230099")
}

// put has show show f; where the platform refuses that for good with a thought folded
// in it, then without: no answer is lost over that, and no other thought is tried.
func (r *reply) put(f face, show func(json string) error) error {
	if r.c.unfoldable.Load() {
		f.thought = ""
	}
	json, err := f.json()
	if err != nil {
		return err
	}
	if err = show(json); f.thought == "" || !connectors.Permanent(err) {
		return err
	}
	refused := err
	f.thought = ""
	if json, err = f.json(); err != nil {
		return err
	}
	if err = show(json); err == nil {
		r.c.unfoldable.Store(true)
		r.log.Warn("cards go without thoughts from now on, the platform refuses them", "err", refused)
	}
	return err
}

// replace puts card number i into its last form and switches its streaming off. That
// it shows text is what counts: it stops streaming by itself in the end.
func (r *reply) replace(ctx context.Context, i int, f face) error {
	if err := r.fill(ctx, i, f); err != nil {
		return err
	}
	settings, err := closed(f.text)
	if err != nil {
		return err
	}
	if err := r.set(ctx, i, settings); err != nil {
		r.log.Info("card not closed, it closes by itself", "err", err)
	}
	return nil
}

// fill puts card number i into another face.
func (r *reply) fill(ctx context.Context, i int, f face) error {
	return r.put(f, func(json string) error {
		return r.card(i).operate(ctx, r.note.Cards[i].ID, triesToShow, func(op operation) error {
			r.calls.spend(1)
			return r.c.api.replaceCard(ctx, op, json)
		})
	})
}

// set changes the settings of card number i.
func (r *reply) set(ctx context.Context, i int, settings string) error {
	return r.card(i).operate(ctx, r.note.Cards[i].ID, tries, func(op operation) error {
		r.calls.spend(1)
		return r.c.api.setCard(ctx, op, settings)
	})
}

// blank is shown where there are no words, which no element may be without; above
// says that there are, in an earlier card.
const (
	blank = "—"
	above = "⬆"
)

// finishCards shows the whole answer for good: what is left of it goes into the card
// that grows and, where it does not fit, into more.
func (r *reply) finishCards(ctx context.Context, text string) error {
	if len(r.note.Cards) == 0 && strings.TrimSpace(text) == "" {
		return nil
	}
	if err := r.noteDown(ctx); err != nil { // and with it, that the answer is whole
		return err
	}
	for last := false; !last; {
		rest := r.rest(text)
		p := firstPart(rest)
		last = p.n == len(rest)
		if err := r.finishCard(ctx, p, last); err != nil {
			return err
		}
		if !last {
			r.advance(p)
		}
	}
	for i := r.at + 1; i < len(r.note.Cards); i++ { // an earlier attempt had more to say
		if r.note.Cards[i].ID == "" {
			continue
		}
		if err := r.replace(ctx, i, face{text: above}); err != nil {
			r.log.Warn("card of an earlier attempt stays as it is", "err", err)
		}
	}
	return nil
}

// finishCard shows p in the card that it is the turn of.
func (r *reply) finishCard(ctx context.Context, p cardPart, last bool) error {
	text, buttons := p.text, r.buttons
	if strings.TrimSpace(text) == "" {
		text = blank
	}
	if !last {
		text, buttons = r.continued(text), buttonsOf{}
	}
	f := r.lastFace(text, buttons)
	_, made, err := r.open(ctx, r.at, f)
	if err != nil || made {
		return err
	}
	return r.replace(ctx, r.at, f)
}

// lastFace is how the card that it is the turn of stays. The first one has what was
// thought besides.
func (r *reply) lastFace(text string, buttons buttonsOf) face {
	f := face{text: text, buttons: buttons}
	if r.at == 0 {
		f.thought = folded(r.thought, text)
	}
	return f
}

// rest is the part of text that no finished card shows, as the next one begins it.
func (r *reply) rest(text string) string { return r.carry + text[r.from:] }

// advance goes on to the next card behind p.
func (r *reply) advance(p cardPart) {
	r.from += p.n - len(r.carry)
	r.carry = p.carry
	r.at++
}

func (r *reply) continued(text string) string { return text + "\n\n" + r.buttons.labels.Continued }

// abandonCards leaves no card growing of an answer that went out in messages, or
// will not go out: err says why. One that is to be tried again keeps its cards.
func (r *reply) abandonCards(ctx context.Context, err error) {
	if err != nil && !connectors.Permanent(err) {
		return
	}
	for i, noted := range r.note.Cards {
		if noted.ID == "" {
			continue
		}
		var left error
		if err == nil {
			left = r.replace(ctx, i, face{text: r.buttons.labels.Continued})
		} else {
			left = r.set(ctx, i, stopped)
		}
		if left != nil {
			r.log.Info("card left as it is", "err", left)
		}
	}
}
