package dingtalk

import (
	"context"
	"time"

	"longwire/connectors"
)

// How answers are shown.
const (
	ReplyAuto = "auto" // a card that grows while the month's budget allows it, then one filled at the end, then messages; what is answered at once is a message
	ReplyCard = "card" // the same, and what is answered at once is a card too
	ReplyText = "text" // markdown messages
)

// DefaultTemplate is a public template of DingTalk's own SDK. Templates belong to an
// app in principle: a company that means it registers its own on the card platform
// and names it in Card.Template.
const DefaultTemplate = "382e4302-551d-4880-bf29-a30acfab2e71.schema"

// Card says what cards look like. A zero field takes its default.
//
// A template of one's own needs a streaming variable of type markdown (Key). Buttons
// that it has send "stop", "again", "good" or "bad", as their parameter "action" or as
// their id, and may show the variable that Words names. Proposals have a template of
// DingTalk's own.
type Card struct {
	Template string // cardTemplateId; default DefaultTemplate
	Key      string // the template's streaming variable, of type markdown; default msgContent
	// FlowStatus says that the template shows the variable flowStatus instead of the
	// state that the platform keeps, so it has to be set: two more calls per card.
	// DefaultTemplate needs it, whatever this says.
	FlowStatus bool
	// Words names the variable in which who has pressed a button reads what came of
	// it, private to them; default "words", and staticMsgContent in DefaultTemplate.
	Words string

	// MaxBytes is how much of an answer a card takes; the rest follows as messages.
	// DingTalk recommends 3 KB and takes far more: clients stream 20 000 characters.
	// Default 15 000.
	MaxBytes int
	Gap      time.Duration // least time between two frames of a card; default 800 ms, below 500 ms DingTalk throttles
	// Quick is how soon an answer has to be complete to need neither a card (with
	// ReplyAuto) nor a sign that it is being prepared; default 300 ms, negative: none is.
	Quick time.Duration

	tries int           // of a card's last frame, about a minute by default; tests have less time
	fetch time.Duration // how long clients take to fetch a card that has just appeared; tests do not wait
}

func (k Card) withDefaults() Card {
	if k.Template == "" {
		k.Template = DefaultTemplate
	}
	if k.Key == "" {
		k.Key = "msgContent"
	}
	if k.Words == "" {
		k.Words = "words"
		if k.Template == DefaultTemplate {
			k.Words = "staticMsgContent"
		}
	}
	k.FlowStatus = k.FlowStatus || k.Template == DefaultTemplate
	if k.MaxBytes <= 0 {
		k.MaxBytes = 15_000
	}
	if k.Gap <= 0 {
		k.Gap = 800 * time.Millisecond
	}
	if k.Quick == 0 {
		k.Quick = 300 * time.Millisecond
	}
	if k.tries <= 0 {
		k.tries = 8
	}
	if k.fetch <= 0 {
		k.fetch = fetchTime
	}
	return k
}

// prepare fills in the defaults, and makes what replies are made with.
func (c *Connector) prepare() {
	config := &c.config
	config.Card = config.Card.withDefaults()
	if config.Reply == "" {
		config.Reply = ReplyAuto
	}
	if config.Shelf == nil {
		config.Reply, config.Budget, config.Act = ReplyText, 0, nil
	}
	if config.Labels == nil {
		config.Labels = labels
	}
	c.api.petty = &purse{c: c}
	c.budget = &connectors.Budget{Calls: config.Budget, Shelf: config.Shelf, Log: c.log, Now: config.now}
}

// shelfTime is how long what belongs to a card is kept: buttons work, and quotes of it
// can be read, for a week.
const shelfTime = 7 * 24 * time.Hour

// wantCalls is how many API calls an answer would like to have for its card.
const wantCalls = 15

// filledCalls is how many a card costs that is filled once, at its end: it is created,
// gets its last frame, and its template is told, if that needs to be.
func (c *Connector) filledCalls() int64 { return 1 + c.closingCalls() }

func (c *Connector) closingCalls() int64 {
	if c.config.Card.FlowStatus {
		return 2
	}
	return 1
}

// otherCalls is how many calls a card that was created needs besides its frames.
func (c *Connector) otherCalls() int64 {
	if c.config.Card.FlowStatus {
		return 1 + c.closingCalls() // the template is told of the first frame, too
	}
	return c.closingCalls()
}

// slow waits until an answer is too slow to be shown at once. False means that it has
// ended by then, or that ctx has.
func (c *Connector) slow(ctx context.Context, ended <-chan struct{}) bool {
	timer := time.NewTimer(c.config.Card.Quick)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
	case <-ctx.Done():
	}
	return c.config.Card.Quick < 0 && ctx.Err() == nil
}

// wantsCard reports whether the answer to ev may be a card. A person outside the
// organisation cannot be sent one, nor is one made anew for a question that was given
// up once: the platform may know its card, in whatever state.
func (c *Connector) wantsCard(ev connectors.Event, to address) bool {
	return c.config.Reply != ReplyText && ev.Retries == 0 && to.takesCard() && c.cards.open()
}

// takesCard reports whether a card can be sent there.
func (a address) takesCard() bool {
	if a.Group {
		return a.Chat != ""
	}
	return a.StaffID != ""
}
