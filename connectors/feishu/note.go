package feishu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"longwire/connectors"
)

// note is what the ledger keeps of a reply. With Progress the answer goes out as
// messages, one after the other, whatever else there is; without it, it is in Cards.
type note struct {
	Retry  string     `json:"retry,omitempty"`  // which retry by an operator this reply belongs to; empty where it is none
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

// uuid is what the platform takes for a repetition of a message of the reply, for an
// hour: the same in every attempt. Within that hour an operator may put an event back
// that was given up, more than once, and what is sent then is no repetition. So the
// first attempt of a retry draws a name for it, which is noted before anything is sent.
func (r *reply) uuid(part string) string {
	if r.note.Retry == "" {
		return r.ledger.Key() + part
	}
	sum := sha256.Sum256([]byte(r.ledger.Key() + "\x00" + r.note.Retry))
	return hex.EncodeToString(sum[:16]) + part
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
