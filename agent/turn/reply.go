package turn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// reply is what a turn says, and what became of it while it went by. The connector
// shows it and notes how far it is at the same time.
type reply struct {
	answer    connectors.Answer
	ledger    *ledger
	began     time.Time            // the turn
	delivered connectors.Event     // the question, as whoever shows the reply is to know it
	lang      Language             // of the bot's own words
	out       conversation.Outcome // how the turn ends, unless the answer fails
	asked     []connectors.Event   // the questions that it is an answer to
	away      []turnedAway         // whose questions are left out
	trouble   error                // why something of the question could not be read
	again     bool                 // the question is that of an earlier turn
	own       bool                 // the bot's own words are all there is
	instead   bool                 // and the answer comes in the place of that turn's
	choice    Choice               // who is asked
	before    *conversation.Before // what the turn says of the oldest ones
	close     func()               // gives back what was taken and not used

	mu       sync.Mutex
	question string          // as the model is asked, and as it is remembered; guarded by mu
	lead     string          // before the answer: a greeting, or that the question had to wait; guarded by mu
	text     strings.Builder // the answer so far; guarded by mu
	first    time.Duration   // from the turn's beginning to the first visible word
	whole    bool            // it came to its end, and is worth remembering; guarded by mu
	failure  error           // why it did not; guarded by mu
	sorry    string          // what the person read instead, or behind it; guarded by mu
	requests int             // to the model; guarded by mu
	usage    model.Usage     // of all requests together; guarded by mu
	called   []string        // the tools that were called; guarded by mu
	steps    []Step          // guarded by mu
}

// asks notes the question as the model is asked.
func (r *reply) asks(question string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.question = question
}

// precede puts words between what stands before the answer and the answer, of which
// nothing has come yet.
func (r *reply) precede(words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lead += words
}

// says makes words the whole reply. They are not remembered, but noted with the event: the
// next attempt repeats them, and not what they tell of.
func (r *reply) says(words string) {
	r.answer, r.own = connectors.Words(words), true
	r.text.WriteString(words)
}

// add notes a delta, and when the first one came.
func (r *reply) add(delta string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text.Len() == 0 {
		r.first = time.Since(r.began)
	}
	r.text.WriteString(delta)
}

// withdraw takes back what came behind kept.
func (r *reply) withdraw(kept string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Reset()
	r.text.WriteString(kept)
}

// request notes that the model is asked.
func (r *reply) request() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
}

// use adds what a request took.
func (r *reply) use(u model.Usage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.usage = r.usage.Plus(u)
}

// calls notes that a tool was called.
func (r *reply) calls(tool string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.called = append(r.called, tool)
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
	switch {
	case r.own:
		p = page{Ended: true, Own: true, Text: r.text.String(), How: r.out.How, Reason: r.out.Reason}
	case r.whole || r.failure != nil:
		p = page{Ended: true, Question: r.question, Instead: r.instead, Lead: r.lead, Text: r.text.String(), Whole: r.whole, Sorry: r.sorry}
	}
	return p
}

// outcome is how the turn ends once everything was shown.
func (r *reply) outcome() conversation.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.Is(r.failure, ErrRecalled):
		return conversation.Outcome{How: conversation.Skipped, Reason: r.failure.Error()}
	case r.failure != nil:
		return conversation.Outcome{How: conversation.Failed, Reason: r.failure.Error()}
	case r.whole:
		r.out.Turn = &conversation.Turn{Question: r.question, Answer: r.text.String(), At: time.Now(), Before: r.before, Instead: r.instead}
	}
	return r.out
}

// reply decides what to say to the questions of lease: what an earlier attempt had
// decided already, that their people may not ask, the result of a command, an apology,
// or the model's answer. Without an answer there is nothing to say.
func (t *Turn) reply(ctx, asking context.Context, lease *conversation.Lease, asked []connectors.Event, began time.Time) *reply {
	lease.History = conversation.Current(lease.History)
	r := &reply{began: began, lang: t.config.Language.languageFor(lease.Event, lease.History), close: func() {}}
	r.choice, r.ledger = t.choose(ctx, lease.Event), openLedger(lease, r)
	r.delivered, r.asked = delivered(lease.Event, asked), asked
	if r.ledger.page.Ended {
		r.replay(r.ledger.page, lease.Event.Text)
		return r
	}
	asked, away, refusal := t.admit(ctx, lease, asked)
	r.delivered, r.asked, r.away = delivered(lease.Event, asked), asked, away
	if refusal.Kind != access.None {
		r.refused(refusal, t.refusing(lease.Event, r.lang))
		return r
	}
	r.lang, r.trouble = t.read(asking, lease, asked, r.choice)
	if asking.Err() != nil && ctx.Err() == nil && lease.Event.Kind != connectors.KindText { // stopped, or taken back, while it was read
		if errors.Is(context.Cause(asking), conversation.ErrInterrupted) && lease.Event.Text == "" {
			r.says(r.lang.stoppedHere(false))
			return r
		}
		k := &talk{t: t, lease: lease, lang: r.lang, r: r}
		r.asks(lease.Event.Text)
		r.answer = func(yield func(connectors.Delta, error) bool) {
			k.yield = yield
			k.end(asking, asking.Err())
		}
		return r
	}
	if words, out, ok := t.plain(asking, lease, r); ok {
		r.out = out
		r.says(words)
		return r
	}
	if !t.again(ctx, lease, r) {
		r.says(t.config.Language.both(Language.nothingToRetry))
		return r
	}
	r.asks(lease.Event.Text)
	t.precede(ctx, lease, r)
	t.begin(ctx, asking, lease, r)
	return r
}

// precede says what stands before the answer of the model.
func (t *Turn) precede(ctx context.Context, lease *conversation.Lease, r *reply) {
	if !lease.Event.Chat.Group && t.greet(ctx, lease.Event) {
		r.precede(t.welcome(r.lang) + "\n\n---\n\n")
	}
	if waited := time.Since(writtenAt(lease.Event)); waited > t.config.Late {
		r.precede(r.lang.waited(waited))
	}
	if !r.choice.Vision && countPictures(lease.Event) > 0 {
		r.precede(r.lang.unseen())
	}
}

// begin begins the talk with the model, or says why there is none.
func (t *Turn) begin(ctx, asking context.Context, lease *conversation.Lease, r *reply) {
	k := &talk{t: t, lease: lease, lang: r.lang, r: r, choice: r.choice}
	r.close = k.close
	step := Step{Kind: StepWork, Name: "prompt", Begin: time.Now()}
	err := k.prepare(ctx)
	r.step(step)
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		r.refused(refused.Refusal, r.lang.refused)
	case err != nil:
		words := r.lang.failed(kindOf(err), lease.Event.Trace())
		r.answer = func(yield func(connectors.Delta, error) bool) { r.fail(err, words, yield) }
	default:
		r.answer = k.answer(asking)
	}
}

// refused makes r the reply to whoever may not ask: a sentence, or nothing.
func (r *reply) refused(refusal access.Refusal, words func(access.Kind) string) {
	r.out = conversation.Outcome{How: conversation.Skipped, Reason: (&refusedError{refusal}).Error()}
	if refusal.Say {
		r.says(words(refusal.Kind))
	}
}

// fail ends the answer with words for err.
func (r *reply) fail(err error, words string, yield func(connectors.Delta, error) bool) {
	r.mu.Lock()
	r.failure, r.sorry = err, words
	r.mu.Unlock()
	yield(connectors.Delta{}, &connectors.Failure{Text: words, Err: err})
}
