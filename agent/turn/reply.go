package turn

import (
	"context"
	"errors"
	"strings"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// reply is what a turn says, and what became of it while it went by.
type reply struct {
	answer connectors.Answer
	ledger *ledger
	out    conversation.Outcome // how the turn ends, unless the answer fails

	lead    string          // before the answer: that the question had to wait
	text    strings.Builder // the answer so far
	first   time.Duration   // until its first visible word
	whole   bool            // it came to its end, and is worth remembering
	failure error           // why it did not
	sorry   string          // what the person read instead, or behind it
}

// ended reports whether nothing more comes.
func (r *reply) ended() bool { return r.whole || r.failure != nil }

// outcome is how the turn ends once everything was shown.
func (r *reply) outcome(ev connectors.Event) conversation.Outcome {
	switch {
	case r.failure != nil:
		return conversation.Outcome{How: conversation.Failed, Reason: r.failure.Error()}
	case r.whole:
		r.out.Turn = &conversation.Turn{Question: ev.Text, Answer: r.text.String(), At: time.Now()}
	}
	return r.out
}

// reply decides what to say: what an earlier attempt had decided already, the
// result of a command, an apology, or the model's answer.
func (t *Turn) reply(asking context.Context, lease *conversation.Lease) *reply {
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
	if waited := time.Since(writtenAt(lease.Event)); waited > t.config.Late {
		r.lead = lang.waited(waited)
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
			switch stopped := errors.Is(context.Cause(asking), conversation.ErrInterrupted); {
			case err == nil:
			case stopped:
				delta = lang.stoppedHere(r.text.Len() > 0)
			case asking.Err() != nil:
				yield("", context.Cause(asking))
				return
			case kindOf(err) == model.Length:
				delta = lang.cutShort()
			default:
				r.fail(err, lang, ev, yield)
				return
			}
			if r.text.Len() == 0 {
				r.first = time.Since(began)
			}
			r.text.WriteString(delta)
			if !yield(delta, nil) {
				return
			}
		}
		if strings.TrimSpace(r.text.String()) == "" { // blanks are silence
			r.fail(&model.Error{Kind: model.Empty, Message: "nothing but blanks"}, lang, ev, yield)
			return
		}
		r.whole = true
	}
}

// fail ends the answer with the words for err.
func (r *reply) fail(err error, lang Language, ev connectors.Event, yield func(string, error) bool) {
	r.failure, r.sorry = err, lang.failed(kindOf(err), ev.Trace())
	yield("", &connectors.Failure{Text: r.sorry, Err: err})
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
