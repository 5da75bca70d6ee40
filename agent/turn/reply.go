package turn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// reply is what a turn says, and what became of it while it went by. The connector
// shows it and notes how far it is at the same time.
type reply struct {
	answer connectors.Answer
	ledger *ledger
	out    conversation.Outcome // how the turn ends, unless the answer fails
	lead   string               // before the answer: a greeting, or that the question had to wait

	mu      sync.Mutex
	text    strings.Builder // the answer so far; guarded by mu
	first   time.Duration   // until its first visible word
	whole   bool            // it came to its end, and is worth remembering; guarded by mu
	failure error           // why it did not; guarded by mu
	sorry   string          // what the person read instead, or behind it; guarded by mu
}

// add notes a delta, and when the first one came.
func (r *reply) add(delta string, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text.Len() == 0 {
		r.first = after
	}
	r.text.WriteString(delta)
}

// soFar is the answer as it has come.
func (r *reply) soFar() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// finish notes that the answer has come to its end.
func (r *reply) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole = true
}

// noted is what is noted of the reply with the event: all of it once it has ended.
func (r *reply) noted() (p page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.whole || r.failure != nil {
		p = page{Ended: true, Lead: r.lead, Text: r.text.String(), Whole: r.whole, Sorry: r.sorry}
	}
	return p
}

// outcome is how the turn ends once everything was shown.
func (r *reply) outcome(ev connectors.Event) conversation.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.Is(r.failure, ErrRecalled):
		return conversation.Outcome{How: conversation.Skipped, Reason: r.failure.Error()}
	case r.failure != nil:
		return conversation.Outcome{How: conversation.Failed, Reason: r.failure.Error()}
	case r.whole:
		r.out.Turn = &conversation.Turn{Question: ev.Text, Answer: r.text.String(), At: time.Now()}
	}
	return r.out
}

// reply decides what to say: what an earlier attempt had decided already, the
// result of a command, an apology, or the model's answer.
func (t *Turn) reply(ctx, asking context.Context, lease *conversation.Lease) *reply {
	lang := t.config.Language.languageFor(lease.Event, lease.History)
	r := &reply{}
	r.ledger = openLedger(lease, r)
	if r.ledger.page.Ended {
		r.replay(r.ledger.page)
		return r
	}
	if words, out, ok := t.plain(asking, lease, lang); ok {
		r.answer, r.out = connectors.Words(words), out
		return r
	}
	if !lease.Event.Chat.Group && t.greet(ctx, lease.Event) {
		r.lead = t.welcome(lang) + "\n\n---\n\n"
	}
	if waited := time.Since(writtenAt(lease.Event)); waited > t.config.Late {
		r.lead += lang.waited(waited)
	}
	r.answer = t.ask(asking, lease, lang, r)
	return r
}

// ask is the model's answer in the words that the person is to read; what goes by
// is noted in r. A failure of the model becomes a Failure with a text. So does the
// person's stop, with what had come until then. The end of the turn's own context
// does not, because then the turn will be taken again.
func (t *Turn) ask(asking context.Context, lease *conversation.Lease, lang Language, r *reply) connectors.Answer {
	ev := lease.Event
	return func(yield func(string, error) bool) {
		began := time.Now()
		limited, cancel := context.WithTimeout(asking, t.config.Timeout)
		defer cancel()
		if r.lead != "" && !yield(r.lead, nil) {
			return
		}
		for delta, err := range t.model.Stream(limited, t.prompt(lease.History, ev.Text)) {
			switch cause := context.Cause(asking); {
			case err == nil:
			case errors.Is(cause, conversation.ErrInterrupted):
				delta = lang.stoppedHere(r.soFar() != "")
			case errors.Is(cause, ErrRecalled):
				r.fail(cause, lang.recalled(), yield)
				return
			case asking.Err() != nil:
				yield("", context.Cause(asking))
				return
			case kindOf(err) == model.Length:
				delta = lang.cutShort()
			default:
				r.fail(err, lang.failed(kindOf(err), ev.Trace()), yield)
				return
			}
			r.add(delta, time.Since(began))
			if !yield(delta, nil) {
				return
			}
		}
		if strings.TrimSpace(r.soFar()) == "" { // blanks are silence
			r.fail(&model.Error{Kind: model.Empty, Message: "nothing but blanks"}, lang.failed(model.Empty, ev.Trace()), yield)
			return
		}
		r.finish()
	}
}

// fail ends the answer with words for err.
func (r *reply) fail(err error, words string, yield func(string, error) bool) {
	r.mu.Lock()
	r.failure, r.sorry = err, words
	r.mu.Unlock()
	yield("", &connectors.Failure{Text: words, Err: err})
}

// kindOf is what kind of failure err is. The turn's own deadline comes as the
// context's.
func kindOf(err error) model.Kind {
	var e *model.Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded):
		return model.Timeout
	}
	return model.Unavailable
}
