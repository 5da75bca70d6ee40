package turn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// page is what is noted with an event, as JSON: what the person was to read, once
// that was known as a whole, and the connector's word on what of it was sent.
type page struct {
	Ended    bool             `json:"ended,omitempty"`    // the answer had come to its end, or failed
	Question string           `json:"question,omitempty"` // as the model was asked
	Instead  bool             `json:"instead,omitempty"`  // of the turn before it
	Lead     string           `json:"lead,omitempty"`
	Text     string           `json:"text,omitempty"`
	Whole    bool             `json:"whole,omitempty"` // Text is worth remembering
	Sorry    string           `json:"sorry,omitempty"`
	How      conversation.How `json:"how,omitempty"` // where Text is the bot's own: how the event ends
	Reason   string           `json:"reason,omitempty"`
	Own      bool             `json:"own,omitempty"` // Text is the bot's own, and what it tells of was done
	Sent     json.RawMessage  `json:"sent,omitempty"`
	Ran      []string         `json:"ran,omitempty"`      // the tools that change something and were about to run
	Returned int              `json:"returned,omitempty"` // attempts that have given the event back; of the others nobody knows what became of them
	Since    time.Time        `json:"since,omitzero"`     // when the platform first took no reply
}

// ledger is the connectors.Ledger of one turn, kept by the turn's lease.
type ledger struct {
	lease  *conversation.Lease
	reply  *reply
	before []string // what an earlier attempt has run

	mu   sync.Mutex // the connector notes, and so do the tools
	page page       // what was noted last; guarded by mu
}

// openLedger reads what an earlier attempt noted. A note that cannot be read is as
// good as none: it was written by another version of the program.
func openLedger(lease *conversation.Lease, r *reply) *ledger {
	l := &ledger{lease: lease, reply: r}
	if json.Unmarshal(lease.Noted, &l.page) != nil {
		l.page = page{}
	}
	l.before = l.page.Ran
	return l
}

// Key implements connectors.Ledger.
func (l *ledger) Key() string { return connectors.ReplyKey(l.lease.Event, "") }

// Sent implements connectors.Ledger.
func (l *ledger) Sent() json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.page.Sent
}

// Note implements connectors.Ledger. Along with sent it keeps the answer, if that
// has come to its end: the next attempt says the same words and asks no model.
func (l *ledger) Note(ctx context.Context, sent any) error {
	raw, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(ctx, raw, l.page.Ran)
}

// write notes where the turn stands; mu is held.
func (l *ledger) write(ctx context.Context, sent json.RawMessage, ran []string) error {
	next := l.reply.noted()
	next.Sent, next.Ran, next.Returned, next.Since = sent, ran, l.page.Returned, l.page.Since
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

// giveBack notes that this attempt ends in good order; untaken says that the platform has
// not taken the reply.
func (l *ledger) giveBack(ctx context.Context, untaken bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if untaken && l.page.Since.IsZero() {
		l.page.Since = time.Now()
	}
	l.page.Returned++
	return l.write(ctx, l.page.Sent, l.page.Ran)
}

// returned is how many attempts have given the event back, and since when the platform
// takes no reply.
func (l *ledger) returned() (n int, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.page.Returned, l.page.Since
}

// runs notes that a tool is about to run that changes something.
func (l *ledger) runs(ctx context.Context, tool string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ran := l.page.Ran
	if !slices.Contains(ran, tool) {
		ran = append(slices.Clone(ran), tool)
	}
	return l.write(ctx, l.page.Sent, ran) // also where it says nothing new: it fails if the lease is lost
}

// ranBefore reports whether an earlier attempt was about to run a tool. With which
// arguments does not count: a model that is asked once more writes them in other words,
// and means the same.
func (l *ledger) ranBefore(tool string) bool { return slices.Contains(l.before, tool) }

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

// replay makes r say again what p says. A note of another version may lack the
// question.
func (r *reply) replay(p page, question string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Own {
		r.out = conversation.Outcome{How: p.How, Reason: p.Reason}
		r.says(p.Text)
		return
	}
	r.question = cmp.Or(p.Question, question)
	r.lead, r.whole, r.sorry, r.instead = p.Lead, p.Whole, p.Sorry, p.Instead
	r.text.WriteString(p.Text)
	if !p.Whole {
		r.failure = errNoted
	}
	r.answer = func(yield func(connectors.Delta, error) bool) {
		if shown := p.Lead + p.Text; shown != "" && !yield(connectors.Say(shown), nil) {
			return
		}
		if p.Sorry != "" {
			yield(connectors.Delta{}, &connectors.Failure{Text: p.Sorry, Err: errNoted})
		}
	}
}
