package turn

import (
	"context"
	"encoding/json"
	"errors"

	"longwire/connectors"
	"longwire/conversation"
)

// page is what is noted with an event, as JSON: what the person was to read, once
// that was known as a whole, and the connector's word on what of it was sent.
type page struct {
	Ended bool            `json:"ended,omitempty"` // the answer had come to its end, or failed
	Lead  string          `json:"lead,omitempty"`
	Text  string          `json:"text,omitempty"`
	Whole bool            `json:"whole,omitempty"` // Text is worth remembering
	Sorry string          `json:"sorry,omitempty"`
	Sent  json.RawMessage `json:"sent,omitempty"`
}

// ledger is the connectors.Ledger of one turn, kept by the turn's lease.
type ledger struct {
	lease *conversation.Lease
	reply *reply
	page  page // what was noted last
}

// openLedger reads what an earlier attempt noted. A note that cannot be read is as
// good as none: it was written by another version of the program.
func openLedger(lease *conversation.Lease, r *reply) *ledger {
	l := &ledger{lease: lease, reply: r}
	if json.Unmarshal(lease.Noted, &l.page) != nil {
		l.page = page{}
	}
	return l
}

// Key implements connectors.Ledger.
func (l *ledger) Key() string { return connectors.ReplyKey(l.lease.Event, "") }

// Sent implements connectors.Ledger.
func (l *ledger) Sent() json.RawMessage { return l.page.Sent }

// Note implements connectors.Ledger. Along with sent it keeps the answer, if that
// has come to its end: the next attempt says the same words and asks no model.
func (l *ledger) Note(ctx context.Context, sent any) error {
	raw, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	next := l.reply.noted()
	next.Sent = raw
	note, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := l.lease.Note(ctx, note); err != nil {
		return err
	}
	l.page = next
	return nil
}

// Held implements connectors.Ledger.
func (l *ledger) Held(ctx context.Context) error {
	err := l.lease.Renew(ctx)
	if errors.Is(err, conversation.ErrLost) {
		return err
	}
	return nil // interrupted, or the store is away: nobody else has it
}

// errNoted stands for the failure of an earlier attempt, which told it to the log.
var errNoted = errors.New("as an earlier attempt found")

// replay makes r say again what p says.
func (r *reply) replay(p page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lead, r.whole, r.sorry = p.Lead, p.Whole, p.Sorry
	r.text.WriteString(p.Text)
	if !p.Whole {
		r.failure = errNoted
	}
	r.answer = func(yield func(string, error) bool) {
		if shown := p.Lead + p.Text; shown != "" && !yield(shown, nil) {
			return
		}
		if p.Sorry != "" {
			yield("", &connectors.Failure{Text: p.Sorry, Err: errNoted})
		}
	}
}
