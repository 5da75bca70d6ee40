package dingtalk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"longwire/connectors"
)

// card is an answer shown as an AI card. Its life:
//
//	begin    a note, then one call that creates the card and puts it into the chat
//	show     frames with the text so far, at a cadence (cardgrow.go)
//	finish   the last frame, which is never left out, and what did not fit (cardend.go)
//
// An attempt that follows a crash finds the note, and finishes the same card with the
// whole text. What the platform takes to recognise a repetition is derived from the
// ledger's key: the outTrackId, and the guid of each frame.
type card struct {
	c      *Connector
	ev     connectors.Event
	to     address
	ledger connectors.Ledger
	note   cardNote
	labels connectors.Labels
	purse  *purse

	template string            // cardTemplateId
	first    map[string]string // the variables that it appears with
	gate     *gate             // whether such cards are open to the app

	ended <-chan struct{} // closed when the answer has ended
	begun chan struct{}   // closed when begin is over
	err   error           // why there is no card; set before begun is closed

	unkept error // why the ledger did not take the last note

	// cardgrow.go; after begin, only show touches these until the answer has ended
	cadence cadence
	made    time.Time // when the card appeared
	last    time.Time // when a frame was sent last
	shown   string    // the last frame that was taken
	text    string    // what it had of the answer itself
	spare   bool      // frames have the answer and nothing else, because that was refused
	frames  int       // how many were sent

	inputting bool // the template knows that frames come
}

// cardNote is what the ledger keeps of a reply that began as a card.
type cardNote struct {
	Card    string          `json:"card"`              // outTrackId
	Made    bool            `json:"made,omitempty"`    // it is in the chat
	Carrier string          `json:"carrier,omitempty"` // as which message
	Room    int             `json:"room,omitempty"`    // how many bytes its last frame may have, where that is not the setting
	Closed  bool            `json:"closed,omitempty"`  // its last frame was taken; only messages follow
	Gone    bool            `json:"gone,omitempty"`    // it cannot be finished; the whole answer goes out as messages
	Parts   json.RawMessage `json:"parts,omitempty"`   // how far the messages have come
}

// readNote reads the ledger of a reply; the zero note is of one that is no card.
func readNote(ledger connectors.Ledger) (cardNote, error) {
	var note cardNote
	if ledger.Sent() == nil {
		return note, nil
	}
	if err := json.Unmarshal(ledger.Sent(), &note); err != nil {
		return note, &connectors.Error{Op: "read ledger", Fatal: true, Err: err}
	}
	return note, nil
}

// InCard reports whether the reply of a ledger stands in a card that is not finished.
func (c *Connector) InCard(ledger connectors.Ledger) bool {
	note, err := readNote(ledger)
	return err == nil && note.Card != "" && !note.Closed && !note.Gone
}

// newCard is the card of a reply, as far as its note says.
func (c *Connector) newCard(ctx context.Context, ev connectors.Event, to address, ledger connectors.Ledger, note cardNote) *card {
	look := c.config.Card
	k := &card{
		c: c, ev: ev, to: to, ledger: ledger, note: note, labels: c.config.Labels(ev), begun: make(chan struct{}),
		template: look.Template, first: map[string]string{look.Key: ""}, gate: &c.cards,
	}
	if look.FlowStatus {
		k.first["flowStatus"] = flowProcessing
	}
	if note.Card == "" {
		k.purse = c.reserve(ctx, wantCalls, c.filledCalls())
	} else {
		k.purse = c.reserve(ctx, c.filledCalls()+1, 0)
	}
	return k
}

// growCard shows an answer as a card that grows, unless the budget or DingTalk does
// not have one for it.
func (c *Connector) growCard(ctx context.Context, k *card, answer connectors.Answer, ended <-chan struct{}) error {
	defer k.purse.close(ctx)
	k.ended = ended
	var beginning sync.WaitGroup
	beginning.Go(func() { k.begin(ctx) })
	grown, err := connectors.Grow(ctx, k.log(), answer, k.show)
	beginning.Wait()
	if err != nil {
		return err
	}
	return k.finish(ctx, grown)
}

// finishCard goes on with a card that an earlier attempt has begun. It is not grown a
// second time: whoever reads it would see it shrink.
func (c *Connector) finishCard(ctx context.Context, k *card, answer connectors.Answer) error {
	defer k.purse.close(ctx)
	grown, err := connectors.Grow(ctx, k.log(), answer, func(context.Context, connectors.View) (time.Duration, error) { return 0, errStill })
	if err != nil {
		return err
	}
	return k.finish(ctx, grown)
}

// errStill ends the growing of a card.
var errStill = &connectors.Error{Op: "show", Message: "the card does not grow", Fatal: true}

// begin puts the card into the chat as soon as it is clear that there will be one.
func (k *card) begin(ctx context.Context) {
	defer close(k.begun)
	defer connectors.Contain(k.log(), "begin card", &k.err)
	if k.purse.holds() == 0 || k.c.config.Reply != ReplyCard && !k.c.slow(ctx, k.ended) {
		return
	}
	if err := k.keepQuestion(ctx); err != nil {
		k.c.log.Warn("the buttons of a card will not work", "event", k.ev.Trace(), "err", err)
	}
	if k.err = k.appear(ctx); k.err != nil {
		k.c.log.Warn("card not begun", "event", k.ev.Trace(), "err", k.err)
	}
}

// log is the log of the card's reply.
func (k *card) log() *slog.Logger { return k.c.log.With("event", k.ev.Trace()) }

// appear puts the card into the chat, unless it is there.
func (k *card) appear(ctx context.Context) error {
	again := k.note.Card != ""
	if !again {
		note := k.note
		note.Card = k.ledger.Key()
		if err := k.write(ctx, note); err != nil {
			return err
		}
	}
	err := connectors.Retry(ctx, tries, func() error {
		return k.c.mustCall(ctx, createPace, func() error {
			carrier, err := k.create(ctx, again)
			again = true
			if err == nil {
				k.note.Carrier = carrier
			}
			return err
		})
	})
	k.gate.saw(k.c.log, err)
	if err != nil {
		return err
	}
	k.made = time.Now()
	k.cadence = newCadence(k.c.config.Card.Gap, k.purse.holds()-k.c.otherCalls())
	note := k.note
	note.Made = true
	return k.write(ctx, note)
}

// write notes where the card stands.
func (k *card) write(ctx context.Context, note cardNote) error {
	if k.unkept = k.ledger.Note(ctx, note); k.unkept != nil {
		return fmt.Errorf("note card: %w", k.unkept)
	}
	k.note = note
	return nil
}

// keepQuestion keeps what a press of one of the card's buttons needs.
func (k *card) keepQuestion(ctx context.Context) error {
	if k.c.config.Act == nil {
		return nil
	}
	raw, err := json.Marshal(k.ev)
	if err != nil {
		return fmt.Errorf("keep question: %w", err)
	}
	return k.c.config.Shelf.Put(ctx, "card/"+k.ledger.Key(), raw, shelfTime)
}

// keepText keeps what the card says, for whoever quotes it.
func (k *card) keepText(ctx context.Context, text string) {
	if k.note.Carrier == "" {
		return
	}
	if err := k.c.config.Shelf.Put(ctx, carrierKey(k.note.Carrier), []byte(clipped(text, connectors.MaxQuote)), shelfTime); err != nil {
		k.c.log.Warn("a quote of this card will not be understood", "event", k.ev.Trace(), "err", err)
	}
}

// cardLedger is the ledger of the messages that follow a card, or stand in for it:
// what they note goes into the card's note.
type cardLedger struct {
	connectors.Ledger
	note cardNote
}

// Sent is what the messages have noted.
func (l *cardLedger) Sent() json.RawMessage { return l.note.Parts }

// Note implements connectors.Ledger.
func (l *cardLedger) Note(ctx context.Context, sent any) error {
	raw, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("note part: %w", err)
	}
	note := l.note
	note.Parts = raw
	if err := l.Ledger.Note(ctx, note); err != nil {
		return err
	}
	l.note = note
	return nil
}
