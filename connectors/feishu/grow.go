package feishu

import (
	"context"
	"errors"
	"strings"
	"time"

	"longwire/connectors"
)

const (
	// briskPause is between two updates of a card when there is room for all that
	// anybody likes; the platform takes ten a second. Where there is less, cards
	// grow more slowly, up to slowPause.
	briskPause = 500 * time.Millisecond
	slowPause  = 10 * time.Second

	// cardLife is how long a card grows. The platform stops that after ten minutes.
	cardLife = 9 * time.Minute

	// setbackPause is how long to wait when a card could not be made or sent.
	setbackPause = 2 * time.Second
)

// errCrowded says that others need the room that an update would take.
var errCrowded = &connectors.Error{Op: opGrowCard, Message: "left out, there is no room in the platform's rate"}

// grow shows what has come of the answer in the card that it is the turn of, and
// goes on to the next one where that is full or old.
func (r *reply) grow(ctx context.Context, v connectors.View) (time.Duration, error) {
	r.follow(v)
	for {
		k, to, err := r.place(ctx, v)
		if err != nil {
			return r.setback(ctx, err)
		}
		if k.shown == to || k.quiet || !r.calls.spare(k.leaves(to)) {
			return k.pause, nil
		}
		err = r.update(ctx, k, to)
		if coded(err, codeStreamTimeout, codeStreamClosed) {
			if err := r.renew(ctx, k, v.Text); err != nil {
				return r.setback(ctx, err)
			}
			continue // in another card, or in this one once more, or not at all
		}
		return max(k.pause, connectors.RetryAfter(err)), err
	}
}

// leaves is how many calls are left for later by an update to what k is to look like:
// more, if it has no new words.
func (k *card) leaves(to look) int64 {
	if to.words == k.shown.words {
		return callsToSay
	}
	return callsToClose
}

// follow takes in what has come. Text that does not go on from what there was has been
// withdrawn, and is shown in its place: then the answer begins anew, in the first card.
// No card was closed for text that can be withdrawn (settled); had one been, it would
// be filled anew.
func (r *reply) follow(v connectors.View) {
	if !strings.HasPrefix(v.Text, r.text) {
		r.text, r.at, r.from, r.carry = "", 0, 0, ""
	}
	if r.text == "" && v.Text != "" {
		r.worded = time.Now()
	}
	r.text, r.thought = v.Text, v.Thought
}

// settled reports whether the text, of n bytes, can no longer be withdrawn. Only then is
// some of it left in a card that does not grow.
func (r *reply) settled(n int) bool {
	return n > connectors.MaxWithdrawn || time.Since(r.worded) > r.c.fresh
}

// update makes k look so while it grows. What is refused for good stays for the end.
func (r *reply) update(ctx context.Context, k *card, to look) error {
	if !r.c.api.rate.try(ctx, opGrowCard) {
		k.slower()
		return errCrowded
	}
	err := k.operate(ctx, r.note.Cards[r.at].ID, 1, func(op operation) error {
		r.calls.spend(1)
		return r.c.api.growCard(ctx, op, answerElement, to.all)
	})
	switch {
	case err == nil:
		k.shown, k.reopened = to, false
		k.faster(r.c.brisk, r.calls.budget.Limited())
		r.spoken(to)
	case coded(err, codeStreamTimeout, codeStreamClosed):
	case connectors.Permanent(err):
		r.log.Info("card does not grow, it will be filled at the end", "err", err)
		k.quiet = true
		return nil
	default:
		k.slower()
	}
	return err
}

// spoken ends the sign of life once there are words.
func (r *reply) spoken(shown look) {
	if shown.words != "" {
		r.typing.stop()
	}
}

// place is the card that grows, there for people to see, and what it is to look like.
// While this attempt has no words, those of an earlier one stay.
func (r *reply) place(ctx context.Context, v connectors.View) (*card, look, error) {
	for {
		rest := r.rest(v.Text)
		p := firstPart(rest)
		to := r.look(v, p)
		k, made, err := r.open(ctx, r.at, face{text: to.all, buttons: r.buttons, kind: grows})
		if err != nil {
			return nil, look{}, err
		}
		if made {
			k.shown = to
			r.spoken(to)
		}
		switch full := p.n < len(rest); {
		case full:
			err = r.turnOver(ctx, p)
		case time.Since(k.since) >= r.c.cardLife && !k.quiet:
			err = r.renew(ctx, k, v.Text)
		case to.words == "" && k.shown == look{}:
			return k, k.shown, nil
		default:
			return k, to, nil
		}
		if err != nil {
			return nil, look{}, err
		}
	}
}

// turnOver finishes the card that grows with p, and goes on to the next one.
func (r *reply) turnOver(ctx context.Context, p cardPart) error {
	if err := r.replace(ctx, r.at, r.lastFace(r.continued(p.text), buttonsOf{})); err != nil {
		return err
	}
	r.advance(p)
	return nil
}

// renew goes on behind the time that a card may grow: in another card, where there
// is something to leave in this one; else in this one, which is told to stream
// again. An earlier attempt's card has nothing of this one's to leave.
func (r *reply) renew(ctx context.Context, k *card, text string) error {
	if k.shown.words != "" && r.settled(len(text)) {
		if p := lastBorder(r.rest(text)); p.n > len(r.carry) && strings.TrimSpace(p.text) != "" {
			return r.turnOver(ctx, p)
		}
	}
	if k.reopened {
		k.quiet = true
		return nil
	}
	k.reopened = true
	err := r.set(ctx, r.at, streaming)
	switch {
	case connectors.Permanent(err):
		k.quiet = true
		return nil
	case err == nil:
		k.since = time.Now()
	}
	return err
}

// setback is what becomes of the growing when there is no card to show: for good, if
// there is nobody to show it to, or no way; else it is tried again.
func (r *reply) setback(ctx context.Context, err error) (time.Duration, error) {
	switch {
	case withdrawn(err):
		r.gone = err
		return 0, errStill
	case ctx.Err() != nil:
		return 0, errStill
	case connectors.Permanent(err) && !errors.Is(err, errNotNoted) && r.fallBack(ctx, err):
		return 0, errStill
	}
	r.log.Info("no card to grow yet", "err", err)
	return max(setbackPause, connectors.RetryAfter(err)), err
}

// slower doubles the pause, because others need the room.
func (k *card) slower() { k.pause = min(2*k.pause, slowPause) }

// faster shortens it again; where each update is counted it grows instead, so that
// those there are last the longer, the longer the answer.
func (k *card) faster(brisk time.Duration, counted bool) {
	if counted {
		k.pause = min(k.pause*5/4+brisk/2, slowPause)
		return
	}
	k.pause = max(k.pause*3/4, brisk)
}
