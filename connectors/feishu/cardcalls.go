package feishu

import (
	"context"
	"fmt"
	"math"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcardkit "github.com/larksuite/oapi-sdk-go/v3/service/cardkit/v1"

	"longwire/connectors"
)

// The calls of CardKit; each is an API with a rate of its own.
const (
	opCreateCard  = "create card"
	opGrowCard    = "grow card"
	opReplaceCard = "replace card"
	opSetCard     = "set card"
)

// What CardKit refuses an operation with, as far as there is something to do about it.
const (
	codeSequence      = "300317" // the sequence is not above the last one
	codeStreamTimeout = "200850" // the card has streamed for ten minutes; said once
	codeStreamClosed  = "300309" // the card does not stream
)

// createCard makes a card entity. It shows nowhere until it is sent.
func (a *api) createCard(ctx context.Context, card string) (id string, err error) {
	req := larkcardkit.NewCreateCardReqBuilder().
		Body(larkcardkit.NewCreateCardReqBodyBuilder().Type("card_json").Data(card).Build()).
		Build()
	err = a.paced(ctx, opCreateCard, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.cards.Card.Create(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		if resp.Data != nil && resp.Data.CardId != nil {
			id = *resp.Data.CardId
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	if err == nil && id == "" {
		err = &connectors.Error{Op: opCreateCard, Message: "the answer holds no card_id", Fatal: true}
	}
	return id, err
}

// operation is one change of a card: the platform carries it out once per uuid, and
// only if its sequence is above that of every operation before.
type operation struct {
	card     string // its id
	sequence int
	uuid     string
}

// growCard shows text in an element while its card streams: what is new goes on
// being typed behind what was there. Whoever calls it has asked the governor.
func (a *api) growCard(ctx context.Context, op operation, element, text string) error {
	req := larkcardkit.NewContentCardElementReqBuilder().CardId(op.card).ElementId(element).
		Body(larkcardkit.NewContentCardElementReqBodyBuilder().Content(text).Sequence(op.sequence).Uuid(op.uuid).Build()).
		Build()
	err := a.call(ctx, opGrowCard, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.cards.CardElement.Content(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	a.rate.learn(opGrowCard, err)
	return err
}

// replaceCard puts another card in the place of the one that there is, whether or
// not it streams.
func (a *api) replaceCard(ctx context.Context, op operation, card string) error {
	req := larkcardkit.NewUpdateCardReqBuilder().CardId(op.card).
		Body(larkcardkit.NewUpdateCardReqBodyBuilder().
			Card(larkcardkit.NewCardBuilder().Type("card_json").Data(card).Build()).
			Sequence(op.sequence).Uuid(op.uuid).Build()).
		Build()
	return a.paced(ctx, opReplaceCard, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.cards.Card.Update(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
}

// setCard changes a card's settings: whether it streams, and what the list of chats
// says about it.
func (a *api) setCard(ctx context.Context, op operation, settings string) error {
	req := larkcardkit.NewSettingsCardReqBuilder().CardId(op.card).
		Body(larkcardkit.NewSettingsCardReqBodyBuilder().Settings(settings).Sequence(op.sequence).Uuid(op.uuid).Build()).
		Build()
	return a.paced(ctx, opSetCard, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.cards.Card.Settings(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
}

// sequencer gives a card's operations their sequence. What an attempt has used that
// crashed nobody knows, so the sequence is the time in milliseconds since the card
// was made, as the ledger has it: that is above whatever was used, and in the 14
// days that a card lives it stays below 2³¹.
type sequencer struct {
	created time.Time
	last    int
}

// next is the sequence of the next operation.
func (s *sequencer) next(now time.Time) int {
	s.last = min(max(s.last+1, int(min(now.Sub(s.created).Milliseconds(), math.MaxInt32))), math.MaxInt32)
	return s.last
}

// jump leaves a gap, because the platform has refused a sequence: another replica's
// clock was ahead of ours. n counts the jumps: ten seconds, a quarter of an hour, a day.
func (s *sequencer) jump(n int) {
	gap := 10_000
	for range n {
		gap *= 100
	}
	s.last = min(s.last+gap, math.MaxInt32-1_000_000)
}

// maxJumps bounds how often one operation is repeated for its sequence.
const maxJumps = 3

// operate carries one operation out on the card id, with up to tries calls. A
// repetition has the same sequence and uuid, so it takes effect once.
func (s *sequencer) operate(ctx context.Context, id string, tries int, do func(op operation) error) error {
	for jumps := 0; ; jumps++ {
		op := operation{card: id, sequence: s.next(time.Now())}
		op.uuid = fmt.Sprintf("%s-%d", id, op.sequence)
		unsure := false // an earlier try may have taken effect
		err := connectors.Retry(ctx, tries, func() error {
			err := do(op)
			if unsure && coded(err, codeSequence) {
				return nil // it has: its own sequence stands in the way of its repetition
			}
			unsure = unsure || connectors.Unsure(err)
			return err
		})
		if !coded(err, codeSequence) || jumps == maxJumps {
			return err
		}
		s.jump(jumps)
	}
}
