package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"longwire/connectors"
)

const (
	// tries is how often a call is made that has to work, before the turn is given
	// back; triesToShow is that for the last word on a card.
	tries       = 4
	triesToShow = 5

	// instant is how long an answer may take to be whole and still be sent as it is,
	// without a card and without a sign of life: the result of a command.
	instant = 100 * time.Millisecond

	// withoutCards is how long no cards are made after the platform has said that
	// the app may not.
	withoutCards = time.Hour
)

// Reply shows answer to the person who wrote ev, and mentions nobody, whatever the
// answer says. It returns nil once the whole answer was taken by the platform, or
// when the person has withdrawn the question.
//
// The answer grows in a card, or in several where it is long (card.go). Where there
// can be no card, or the calls for it are used up, it is sent in messages when it is
// whole (post.go), and nothing is shown of what goes on meanwhile (working.go). What an earlier attempt has begun in one of these ways goes on in
// the same: the ledger tells (note.go).
func (c *Connector) Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error {
	r, err := c.newReply(ev, ledger)
	if err != nil {
		return err
	}
	defer r.end(ctx)
	grown, err := connectors.Grow(ctx, r.log, r.watched(answer), r.show)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	err = r.finish(ctx, grown)
	switch {
	case withdrawn(err):
		r.log.Info("question was withdrawn, no answer is shown", "reason", err)
	case err != nil:
		return fmt.Errorf("reply: %w", err)
	}
	return nil
}

// way is how an answer is shown.
type way int

const (
	inMessages way = iota // once it is whole
	inCard                // in a card, once it is whole
	growing               // in a card, while it grows
)

// reply is one answer on its way to a person.
type reply struct {
	c      *Connector
	ev     connectors.Event
	to     address
	ledger connectors.Ledger
	log    *slog.Logger

	whole chan struct{} // closed when the answer is
	calls spending

	// From here on one goroutine at a time: first the one that shows, then the one
	// that finishes.
	note    note
	way     way
	begun   bool  // the way is chosen
	gone    error // why there is nobody to answer any more
	typing  *typing
	cards   []*card // those of note.Cards that this attempt has touched, in that order
	at      int     // which card it is the turn of
	from    int     // where in the answer it begins
	carry   string  // what its text begins with besides
	buttons buttonsOf

	text    string    // the answer, when it was last looked at
	worded  time.Time // when its first words came
	thought string    // what the model had thought by then
}

func (c *Connector) newReply(ev connectors.Event, ledger connectors.Ledger) (*reply, error) {
	r := &reply{
		c: c, ev: ev, ledger: ledger,
		log:   c.log.With("event", ev.Trace()),
		whole: make(chan struct{}),
		calls: spending{budget: c.budget},
	}
	err := json.Unmarshal(ev.Address, &r.to)
	if err != nil || r.to.MessageID == "" && r.to.Chat == "" && r.to.OpenID == "" {
		return nil, &connectors.Error{Op: "reply", Message: "the event's address cannot be read", Fatal: true, Err: err}
	}
	if r.note, err = readNote(ledger); err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	r.buttons.labels = c.labelsFor(ev)
	if c.buttons() {
		r.buttons.key = ledger.Key()
	}
	return r, nil
}

// watched is answer with an empty delta before it, so that it is shown from the
// beginning that there will be one; whole is closed behind it.
func (r *reply) watched(answer connectors.Answer) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		defer close(r.whole)
		if yield(connectors.Delta{}, nil) {
			answer(yield)
		}
	}
}

// errStill ends the growing of an answer that is not shown while it grows.
var errStill = &connectors.Error{Op: "grow", Message: "shown when it is whole", Fatal: true}

// show shows what has come of the answer; it is connectors.Show.
func (r *reply) show(ctx context.Context, v connectors.View) (time.Duration, error) {
	if !r.begun {
		if r.c.config.Shelf == nil && len(r.note.Cards) == 0 {
			return 0, errStill
		}
		select {
		case <-r.whole:
			return 0, errStill
		case <-ctx.Done():
			return 0, errStill
		case <-time.After(instant):
		}
		r.begin(ctx)
	}
	if r.way != growing || r.gone != nil {
		return 0, errStill
	}
	return r.grow(ctx, v)
}

// begin chooses the way, and shows signs of life.
func (r *reply) begin(ctx context.Context) {
	r.choose(ctx)
	if !r.answers() || r.to.MessageID == "" || r.c.config.Shelf == nil || !r.calls.spare(callsToType) {
		return
	}
	maybe := r.note.Typing
	r.note.Typing = true
	if err := r.ledger.Note(ctx, r.note); err != nil {
		r.note.Typing = maybe
		return // without a note it could stay for ever
	}
	r.typing = r.startTyping(ctx, maybe)
}

// choose chooses the way: the one in which an earlier attempt has begun; else as it
// is configured and as there are calls for it.
func (r *reply) choose(ctx context.Context) {
	r.begun = true
	begun := len(r.note.Cards) > 0
	switch config := r.c.config; {
	case r.note.Progress != nil:
		r.way = inMessages
	case begun:
		r.way = growing
		r.calls.reserve(ctx, callsToGrow, callsForGrow)
	case config.Shelf == nil, config.Reply == ReplyText, !r.answers(), r.c.cardless():
		r.way = inMessages
		r.calls.reserve(ctx, 1, 1)
	case r.calls.reserve(ctx, callsToGrow, callsForGrow):
		r.way = growing
	case r.calls.reserve(ctx, callsForCard, callsForCard), config.Reply == ReplyCard:
		r.way = inCard
	default:
		r.way = inMessages
		r.calls.reserve(ctx, 1, 1)
	}
}

// answers reports whether this is the answer to the question, and not a word by the
// way: an apology, or that there is too much to do.
func (r *reply) answers() bool { return r.ledger.Key() == connectors.ReplyKey(r.ev, "") }

// finish shows the whole answer for good.
func (r *reply) finish(ctx context.Context, grown connectors.Grown) error {
	text := grown.Words()
	r.follow(connectors.View{Text: text, Thought: grown.Thought})
	if r.gone != nil {
		return r.gone
	}
	if !r.begun {
		r.finishInstantly(ctx)
	}
	if r.way != inMessages {
		err := r.finishCards(ctx, text)
		if err == nil || !r.fallBack(ctx, err) {
			return err
		}
	}
	err := r.sendMessages(ctx, text)
	r.abandonCards(ctx, err)
	return err
}

// finishInstantly chooses the way for an answer that was whole at once: in
// messages, unless cards are begun or demanded.
func (r *reply) finishInstantly(ctx context.Context) {
	r.begun = true
	switch {
	case r.note.Progress == nil && len(r.note.Cards) > 0:
		r.way = inCard
	case r.c.config.Shelf != nil && r.c.config.Reply == ReplyCard && r.note.Progress == nil && r.answers() && !r.c.cardless():
		r.way = inCard
	}
	r.calls.reserve(ctx, 1, 1)
}

// sendMessages sends the whole answer in messages.
func (r *reply) sendMessages(ctx context.Context, text string) error {
	pieces, err := posts(harmless(plainer(text)))
	if err != nil {
		return err
	}
	ledger := partsLedger{Ledger: r.ledger, note: &r.note}
	return connectors.SendParts(ctx, ledger, pieces, func(i int, p piece, _ bool) error {
		return r.send(ctx, fmt.Sprintf("%s-%d", r.ledger.Key(), i), p)
	}, func() bool { return r.note.Typing }) // the sign of life is taken away first
}

// fallBack goes over from cards to messages, if err says that there is no way with
// cards and it is sure that they do not show the answer.
func (r *reply) fallBack(ctx context.Context, err error) bool {
	unsure := connectors.Unsure(err) && !during(err, opCreateCard) // what was only made nobody sees
	if ctx.Err() != nil || withdrawn(err) || unsure || errors.Is(err, errNotNoted) {
		return false
	}
	r.c.learnCardless(err)
	r.log.Warn("answer goes on in messages, the card does not work", "err", err)
	r.way = inMessages
	return true
}

// end ends what goes on beside the answer, however that has ended.
func (r *reply) end(ctx context.Context) {
	if r.typing == nil && r.note.Typing { // an earlier attempt's
		r.typing = r.startTyping(ctx, true)
	}
	r.typing.end()
	r.calls.settle(ctx)
}

// cardless reports whether cards are not to be tried now.
func (c *Connector) cardless() bool { return time.Now().UnixNano() < c.noCards.Load() }

// learnCardless remembers that the app lacks the scope for cards.
func (c *Connector) learnCardless(err error) {
	if coded(err, "99991672", "99991679") {
		c.noCards.Store(time.Now().Add(withoutCards).UnixNano())
	}
}

// during reports whether err is one of the call op.
func during(err error, op string) bool {
	var e *connectors.Error
	return errors.As(err, &e) && e.Op == op
}

// cards is what a Connector has for them.
type cards struct {
	budget   *connectors.Budget
	noCards  atomic.Int64  // until when none are made, in nanoseconds since 1970
	cardLife time.Duration // how long one grows
	fresh    time.Duration // how old a text may be that is withdrawn
	brisk    time.Duration // between two updates of one, when there is room

	unfoldable atomic.Bool // the platform has refused a card for the thought folded in it
}

func (c *cards) configure(config Config, log *slog.Logger) {
	c.cardLife, c.fresh, c.brisk = cardLife, connectors.Withdrawable, briskPause
	c.budget = &connectors.Budget{Shelf: config.Shelf, Log: log}
	if config.Shelf != nil {
		c.budget.Calls = config.Budget
	}
}
