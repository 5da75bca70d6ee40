// Package turn is one question and its answer.
//
// The walk is one straight function, Run:
//
//	take      the lease of the conversation, with the question and the history
//	read      what the question quotes, and what its files say (question.go)
//	prompt    what the model is asked
//	stream    the model's answer while it arrives
//	reply     the connector shows it as it comes; the turn keeps a copy
//	done      the turn is written and the event removed, in one step
//
// Every turn ends in exactly one of these ways, and in none of them is the person
// left in silence without a line in the log:
//
//   - answered: the person has the answer.
//   - failed: the person has an error text with the trace id instead.
//   - skipped: the event is older than Config.MaxAge, or its person has taken it
//     back, or has been greeted already. The log says so.
//   - dead: the platform will not take the reply, or Config.Attempts have failed.
//     The person gets the error text if the platform takes that, and the event is
//     kept as a dead letter for the operator.
//   - released: the platform did not take the reply this time, or the program is
//     stopping. The event stays first in its conversation and is taken again.
//
// What an attempt has sent, and what the model said, is noted with the event before
// people see it (ledger.go). An attempt that follows a crash goes on from there: it
// asks no model again for an answer that was complete, and begins no second message.
package turn

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// Model answers a prompt; model.Client is one.
type Model interface {
	Stream(ctx context.Context, prompt []model.Message) iter.Seq2[string, error]
}

// Replier shows an answer to the person who wrote ev, and goes on where the ledger
// says that an earlier attempt ended. Nil means that the whole answer was taken by
// the platform. Both connectors are one.
type Replier interface {
	Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error
	// InCard reports whether the reply of a ledger stands in a card that is not
	// finished.
	InCard(ledger connectors.Ledger) bool
}

// Reader tells what only the platform knows of an event; both connectors are one.
type Reader interface {
	// Read completes ev: the text of what it quotes, the content of a forward. What
	// cannot be told is left as it is.
	Read(ctx context.Context, ev connectors.Event) connectors.Event
	// Fetch returns the content of one of ev's files, at most limit bytes.
	Fetch(ctx context.Context, ev connectors.Event, file connectors.File, limit int64) ([]byte, error)
}

// Transcriber tells what is said in a sound; a model.Client is one.
type Transcriber interface {
	Transcribe(ctx context.Context, sound []byte) (text string, err error)
}

// Interrupter stops a turn that somebody holds; a conversation.Store is one.
type Interrupter interface {
	Interrupt(ctx context.Context, connection string, key conversation.Key, trace string) (bool, error)
}

// Records keep what people think of answers; a conversation.Shelf does.
type Records interface {
	Append(ctx context.Context, connection, name string, record []byte, most int) error
}

// With is what a Turn works with. Of the optional ones, what they are for is left out.
type With struct {
	Model   Model
	Replier Replier
	Stopper Interrupter

	Reader  Reader             // optional: quotes and files
	Hearer  Transcriber        // optional, with Reader: voice that the platform has no words for
	Shelf   connectors.Shelf   // optional: greetings, recalls, votes
	Records Records            // with Shelf
	Deliver connectors.Deliver // for a question that is asked again
}

// Config says how to take turns. A zero field takes its default.
type Config struct {
	SystemPrompt string
	Language     Language      // default Auto
	Timeout      time.Duration // for the model's whole answer; default 5 min
	Attempts     int           // how often an event is taken before it is given up; default 5
	RetryWait    time.Duration // before the second attempt; doubles up to a minute; default 2 s
	Late         time.Duration // after which an answer says that the question had to wait; default 5 min
	MaxAge       time.Duration // after which a question is not answered any more; default 24 h
	Welcome      string        // what somebody reads who comes for the first time; "" greets nobody
	Admins       []string      // the ids of those who may press everybody's buttons
	Recalls      bool          // the platform tells when a question is taken back
}

// WelcomeBuiltIn is the Welcome that is in texts.go, in the person's language.
const WelcomeBuiltIn = "built in"

func (c Config) withDefaults() Config {
	if c.Language == "" {
		c.Language = Auto
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Minute
	}
	if c.Attempts <= 0 {
		c.Attempts = 5
	}
	if c.RetryWait <= 0 {
		c.RetryWait = 2 * time.Second
	}
	if c.Late <= 0 {
		c.Late = 5 * time.Minute
	}
	if c.MaxAge <= 0 {
		c.MaxAge = 24 * time.Hour
	}
	return c
}

// Turn takes the turns of one connection. It may be used by many workers at once.
type Turn struct {
	config  Config
	model   Model
	replier Replier
	stopper Interrupter
	reader  Reader
	hearer  Transcriber
	shelf   connectors.Shelf
	records Records
	deliver connectors.Deliver
	shown   shown
	log     *slog.Logger
}

// New makes a Turn.
func New(config Config, with With, log *slog.Logger) *Turn {
	return &Turn{
		config: config.withDefaults(), log: log,
		model: with.Model, replier: with.Replier, stopper: with.Stopper,
		reader: with.Reader, hearer: with.Hearer, shelf: with.Shelf, records: with.Records, deliver: with.Deliver,
	}
}

// Run answers the question of lease and settles it. When asking ends before ctx,
// the model is asked no further and what there is of the answer is shown: the
// person has said stop. When ctx ends, nothing further is shown and the turn is
// given back. An error says that the turn is not done: it was released, or the
// lease was lost.
func (t *Turn) Run(ctx, asking context.Context, lease *conversation.Lease) error {
	join(lease)
	ev, began := lease.Event, time.Now()
	log := t.log.With("event", ev.Trace())
	if ev.Retried && lease.Attempt == 1 {
		t.shown.remove(ev) // the event was settled, by whomever
	}
	if out, ok := t.shown.find(ev); ok {
		log.Info("shown already, noted now")
		return t.done(ctx, lease, out)
	}
	if reason := t.skip(ctx, lease); reason != "" {
		log.Warn("not answered", "reason", reason, "age", began.Sub(writtenAt(ev)).Round(time.Second))
		return t.done(ctx, lease, conversation.Outcome{How: conversation.Skipped, Reason: reason})
	}

	t.read(ctx, lease)
	r := t.reply(ctx, asking, lease)
	ev = lease.Event
	if err := t.replier.Reply(ctx, ev, r.ledger, r.answer); err != nil {
		return t.unsaid(ctx, lease, r, log, err)
	}
	out := r.outcome(ev)
	t.shown.add(ev, out)
	if err := t.done(ctx, lease, out); err != nil {
		log.Error("answered, but the store could not note it", "err", err)
		return err
	}
	if r.failure != nil {
		log.Error("turn failed, the person was told", "err", r.failure, "took", time.Since(began).Round(time.Millisecond))
		return nil
	}
	log.Info("answered", "attempt", lease.Attempt, "questions", 1+len(lease.Joined), "waited", began.Sub(ev.Received).Round(time.Millisecond),
		"first_word", r.first.Round(time.Millisecond), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// skip says why the event in hand is not answered, "" when it is.
func (t *Turn) skip(ctx context.Context, lease *conversation.Lease) string {
	ev := lease.Event
	switch {
	case time.Since(writtenAt(ev)) > t.config.MaxAge && !ev.Retried: // whoever puts an old question back wants it answered
		return "older than conversation.max_age"
	case t.Recalled(ctx, ev) != nil:
		return ErrRecalled.Error()
	case ev.Kind == connectors.KindRecall:
		if err := t.recall(ctx, ev); err != nil {
			t.log.Warn("a question that was taken back may be answered", "event", ev.Trace(), "err", err)
		}
		return "a recall, noted"
	case ev.Kind == connectors.KindHello && lease.Attempt == 1 && !t.greet(ctx, ev):
		return "greeted already, or nobody is to be"
	}
	return ""
}

// join makes one question of all that are to be answered together. It is as old as
// the newest of them, and the reply goes to that one, where people are looking.
func join(lease *conversation.Lease) {
	ev := &lease.Event
	for _, next := range lease.Joined {
		ev.Text += "\n" + next.Text
		ev.Sent, ev.Received, ev.Address = next.Sent, next.Received, next.Address
	}
	if len(lease.Joined) > 0 {
		ev.Kind = connectors.KindOf(ev.Text)
	}
}

// writtenAt is when a person wrote ev: by the platform's clock, unless that says
// that it was later than it came.
func writtenAt(ev connectors.Event) time.Time {
	if ev.Sent.IsZero() || ev.Sent.After(ev.Received) {
		return ev.Received
	}
	return ev.Sent
}

// unsaid settles a turn whose reply did not reach the person.
func (t *Turn) unsaid(ctx context.Context, lease *conversation.Lease, r *reply, log *slog.Logger, err error) error {
	switch {
	case errors.Is(err, conversation.ErrLost):
		log.Warn("the turn has passed into other hands, nothing further is shown", "err", err)
		return err
	case ctx.Err() != nil:
		log.Info("turn given back", "reason", context.Cause(ctx))
		return errors.Join(context.Cause(ctx), t.release(ctx, lease, time.Time{}))
	case connectors.Permanent(err), lease.Attempt >= t.config.Attempts:
		log.Error("given up, kept as a dead letter", "attempts", lease.Attempt, "err", err)
		t.apologise(ctx, lease, r, err)
		return t.done(ctx, lease, conversation.Outcome{How: conversation.Dead, Reason: err.Error()})
	}
	wait := min(t.config.RetryWait<<(lease.Attempt-1), time.Minute)
	wait = max(wait, connectors.RetryAfter(err))
	log.Warn("reply not sent, the turn will be taken again", "attempt", lease.Attempt, "in", wait, "err", err)
	return errors.Join(err, t.release(ctx, lease, time.Now().Add(wait)))
}

// apologise tells the person that there will be no answer, if the platform takes
// at least that. A card that was begun is finished with these words. Otherwise they
// are a reply of their own, so that no platform takes them for a part of the answer
// that it has seen.
func (t *Turn) apologise(ctx context.Context, lease *conversation.Lease, r *reply, cause error) {
	ev := lease.Event
	words := t.config.Language.languageFor(ev, lease.History).failed(model.Unavailable, ev.Trace())
	if t.replier.InCard(r.ledger) {
		err := t.replier.Reply(ctx, ev, r.ledger, func(yield func(string, error) bool) {
			if so := r.lead + r.soFar(); so == "" || yield(so, nil) {
				yield("", &connectors.Failure{Text: words, Err: cause})
			}
		})
		if err == nil || errors.Is(err, conversation.ErrLost) { // whoever has it now answers
			return
		}
		t.log.Warn("a card that was begun stays unfinished", "event", ev.Trace(), "err", err)
	}
	if err := t.replier.Reply(ctx, ev, connectors.Unkept(ev, "sorry"), connectors.Words(words)); err != nil {
		t.log.Error("the person could not be told either", "event", ev.Trace(), "err", err)
	}
}

func (t *Turn) done(ctx context.Context, lease *conversation.Lease, out conversation.Outcome) error {
	err := settle(ctx, "done", func(ctx context.Context) error { return lease.Done(ctx, out) })
	if err == nil {
		t.shown.remove(lease.Event)
	}
	return err
}

func (t *Turn) release(ctx context.Context, lease *conversation.Lease, retry time.Time) error {
	return settle(ctx, "release", func(ctx context.Context) error { return lease.Release(ctx, retry) })
}

// How long to try to settle a turn. What the person has seen must not be shown again
// only because the store was away for a moment, so the worker waits with it for about
// a minute; while the program stops there is less time.
const (
	settleTime  = 3 * time.Second  // one attempt
	settleTries = 8                // attempts, with doubling pauses
	settleLast  = 10 * time.Second // from the moment that the program stops
)

// settle calls do until it works or the lease is lost, also when ctx has ended: a
// turn that is over is settled even while the program stops.
func settle(ctx context.Context, how string, do func(ctx context.Context) error) error {
	trying, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(settleLast, cancel) })()
	return connectors.Retry(trying, settleTries, func() error {
		ctx, cancel := context.WithTimeout(trying, settleTime)
		defer cancel()
		err := do(ctx)
		if err == nil {
			return nil
		}
		return &connectors.Error{Op: how, Err: err, Fatal: errors.Is(err, conversation.ErrLost)}
	})
}

// Busy tells the person who wrote ev that too much waits for it to be taken: once a
// minute, whichever replica it is.
func (t *Turn) Busy(ctx context.Context, ev connectors.Event) error {
	if t.shelf == nil {
		return t.sayBusy(ctx, ev)
	}
	name := "busy/" + string(conversation.KeyOf(ev))
	n, err := t.shelf.Add(ctx, name, 1, busyAgain)
	if err == nil && n > 1 {
		return nil
	}
	if err := t.sayBusy(ctx, ev); err != nil {
		_, _ = t.shelf.Add(context.WithoutCancel(ctx), name, -n, busyAgain) // nobody was told
		return err
	}
	return nil
}

func (t *Turn) sayBusy(ctx context.Context, ev connectors.Event) error {
	lang := t.config.Language.languageFor(ev, nil)
	return t.replier.Reply(ctx, ev, connectors.Unkept(ev, "busy"), connectors.Words(lang.busy(ev.Trace())))
}

// busyAgain is how long a person is not told again.
const busyAgain = time.Minute
