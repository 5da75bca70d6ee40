package feishu

import (
	"context"
	"encoding/json"
	"time"

	"longwire/connectors"
)

// note is what the ledger keeps of a reply. With Progress the answer goes out as
// messages, one after the other, whatever else there is; without it, it is in Cards.
type note struct {
	Typing bool       `json:"typing,omitempty"` // there may be a sign of life under the question
	Cards  []sentCard `json:"cards,omitempty"`  // in the order in which they follow one another
	*connectors.Progress
}

// sentCard is one card of a reply.
type sentCard struct {
	ID      string    `json:"id,omitempty"` // empty while it is not known whether it was made
	Created time.Time `json:"created"`      // when that was about to happen, by our clock
	Sent    bool      `json:"sent,omitempty"`
}

// readNote reads what an earlier attempt noted.
func readNote(ledger connectors.Ledger) (note, error) {
	var n note
	if ledger.Sent() == nil {
		return n, nil
	}
	if err := json.Unmarshal(ledger.Sent(), &n); err != nil {
		return note{}, &connectors.Error{Op: "read ledger", Fatal: true, Err: err}
	}
	return n, nil
}

// InCard reports whether the reply of a ledger stands in a card that is not finished.
func (c *Connector) InCard(ledger connectors.Ledger) bool {
	n, err := readNote(ledger)
	return err == nil && len(n.Cards) > 0 && n.Progress == nil
}

// partsLedger is the ledger of an answer in messages, for connectors.SendParts. It
// keeps the rest of the note beside their progress.
type partsLedger struct {
	connectors.Ledger
	note *note
}

// Sent implements connectors.Ledger.
func (l partsLedger) Sent() json.RawMessage {
	if l.note.Progress == nil {
		return nil
	}
	raw, err := json.Marshal(l.note.Progress)
	if err != nil {
		return nil // a number and a flag: it does not happen
	}
	return raw
}

// Note implements connectors.Ledger.
func (l partsLedger) Note(ctx context.Context, sent any) error {
	next := *l.note
	if progress, ok := sent.(connectors.Progress); ok {
		next.Progress = &progress
	}
	if err := l.Ledger.Note(ctx, next); err != nil {
		return err
	}
	*l.note = next
	return nil
}
