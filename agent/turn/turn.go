// Package turn is one question and its answer.
//
// The walk is one straight function, Run:
//
//	take      the lease of the conversation, with the question and the history
//	prompt    what the model is asked
//	stream    the model's answer while it arrives
//	reply     the connector shows it as it comes; the turn keeps a copy
//	done      the turn is written and the event removed, in one step
//
// Every turn ends in exactly one of three ways, and in none of them is the
// person left in silence without a line in the log:
//
//   - done: the person has the answer, or an error text with the trace id.
//   - released: the platform did not take the reply, or the program is stopping.
//     The event stays first in its conversation and is taken again later.
//   - given up: the platform says that no reply to this message will ever work,
//     or Attempts have failed. It is logged as an error, and the event removed.
//     An event that was taken Attempts times and never settled, because the
//     program died on it each time, is answered with the error text.
package turn

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// Model answers a prompt; model.Client is one.
type Model interface {
	Stream(ctx context.Context, prompt []model.Message) iter.Seq2[string, error]
}

// Replier shows an answer to the person who wrote ev. Nil means that the whole
// answer was taken by the platform. Both connectors are one.
type Replier interface {
	Reply(ctx context.Context, ev connectors.Event, answer connectors.Answer) error
}

// Config says how to take turns. A zero field takes its default.
type Config struct {
	SystemPrompt string
	Language     Language      // default Auto
	Timeout      time.Duration // for the model's whole answer; default 5 min
	Attempts     int           // how often an event is taken before it is given up; default 5
	RetryWait    time.Duration // before the second attempt; doubles up to a minute; default 2 s
}

// Turn takes the turns of one connection. It may be used by many workers at once.
type Turn struct {
	config  Config
	model   Model
	replier Replier
	log     *slog.Logger
}

// New makes a Turn.
func New(config Config, model Model, replier Replier, log *slog.Logger) *Turn {
	if config.Language == "" {
		config.Language = Auto
	}
	if config.Timeout <= 0 {
		config.Timeout = 5 * time.Minute
	}
	if config.Attempts <= 0 {
		config.Attempts = 5
	}
	if config.RetryWait <= 0 {
		config.RetryWait = 2 * time.Second
	}
	return &Turn{config: config, model: model, replier: replier, log: log}
}

// Run answers the question of lease and settles it. Its error says that the turn
// is not done: it was released, or the lease was lost.
func (t *Turn) Run(ctx context.Context, lease *conversation.Lease) error {
	ev, began := lease.Event, time.Now()
	log := t.log.With("event", ev.Trace())
	lang := t.config.Language.languageFor(ev, lease.History)

	var said answered
	text, out, plain := t.plain(lease, lang)
	answer := connectors.Words(text)
	if !plain {
		answer = t.ask(ctx, lease, lang, &said)
	}
	if err := t.replier.Reply(ctx, ev, answer); err != nil {
		return t.unsaid(ctx, lease, log, err)
	}
	if said.whole {
		out.Turn = &conversation.Turn{Question: ev.Text, Answer: said.text.String(), At: time.Now()}
	}
	if err := t.done(ctx, lease, out); err != nil {
		log.Error("answered, but the store could not note it: the answer may come again", "err", err)
		return err
	}
	if said.failure != nil {
		log.Error("turn failed, the person was told", "err", said.failure, "took", time.Since(began).Round(time.Millisecond))
		return nil
	}
	log.Info("answered", "attempt", lease.Attempt, "waited", began.Sub(ev.Received).Round(time.Millisecond),
		"first_word", said.first.Round(time.Millisecond), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// answered is what became of an answer while it went by.
type answered struct {
	text    strings.Builder
	first   time.Duration // until the first visible word
	whole   bool          // it came to its end
	failure error         // why it did not
}

// ask is the model's answer in the words that the person is to read; what goes by
// is noted in said. A failure of the model becomes a Failure with a text; the end
// of ctx does not, because then the turn will be taken again.
func (t *Turn) ask(ctx context.Context, lease *conversation.Lease, lang Language, said *answered) connectors.Answer {
	ev := lease.Event
	return func(yield func(string, error) bool) {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, t.config.Timeout)
		defer cancel()
		for delta, err := range t.model.Stream(limited, t.prompt(lease.History, ev.Text)) {
			switch failed := t.kind(ctx, err); {
			case err == nil:
			case ctx.Err() != nil:
				yield("", context.Cause(ctx))
				return
			case failed == model.Length:
				delta = lang.cutShort()
			default:
				said.failure = err
				yield("", &connectors.Failure{Text: lang.failed(failed, ev.Trace()), Err: err})
				return
			}
			if said.text.Len() == 0 {
				said.first = time.Since(began)
			}
			said.text.WriteString(delta)
			if !yield(delta, nil) {
				return
			}
		}
		if said.whole = strings.TrimSpace(said.text.String()) != ""; !said.whole { // blanks are silence
			said.failure = &model.Error{Kind: model.Empty, Message: "nothing but blanks"}
			yield("", &connectors.Failure{Text: lang.failed(model.Empty, ev.Trace()), Err: said.failure})
		}
	}
}

// kind is what kind of failure err is.
func (t *Turn) kind(ctx context.Context, err error) model.Kind {
	var e *model.Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return model.Timeout // the turn's own deadline
	}
	return model.Unavailable
}

// unsaid settles a turn whose reply did not reach the person.
func (t *Turn) unsaid(ctx context.Context, lease *conversation.Lease, log *slog.Logger, err error) error {
	switch {
	case ctx.Err() != nil:
		log.Info("turn given back", "reason", context.Cause(ctx))
		if err := t.release(ctx, lease, time.Time{}); err != nil {
			return err
		}
		return context.Cause(ctx)
	case connectors.Permanent(err):
		log.Error("given up: the platform will not take a reply to this message", "err", err)
		return t.done(ctx, lease, conversation.Outcome{})
	case lease.Attempt >= t.config.Attempts:
		log.Error("given up: the reply could not be sent", "attempts", lease.Attempt, "err", err)
		return t.done(ctx, lease, conversation.Outcome{})
	}
	wait := min(t.config.RetryWait<<(lease.Attempt-1), time.Minute)
	wait = max(wait, connectors.RetryAfter(err))
	log.Warn("reply not sent, the turn will be taken again", "attempt", lease.Attempt, "in", wait, "err", err)
	if err := t.release(ctx, lease, time.Now().Add(wait)); err != nil {
		return err
	}
	return err
}

func (t *Turn) done(ctx context.Context, lease *conversation.Lease, out conversation.Outcome) error {
	return settle(ctx, "done", func(ctx context.Context) error { return lease.Done(ctx, out) })
}

func (t *Turn) release(ctx context.Context, lease *conversation.Lease, retry time.Time) error {
	return settle(ctx, "release", func(ctx context.Context) error { return lease.Release(ctx, retry) })
}

// settleTime bounds one attempt to settle a turn; settleTries is how many there
// are. What the person has seen must not be shown again only because the store
// was away for a moment.
const (
	settleTime  = 3 * time.Second
	settleTries = 4
)

// settle calls do, also when ctx has ended: a turn that is over is settled even
// while the program stops.
func settle(ctx context.Context, how string, do func(ctx context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	return connectors.Retry(ctx, settleTries, func() error {
		ctx, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		err := do(ctx)
		if err == nil {
			return nil
		}
		return &connectors.Error{Op: how, Err: err, Fatal: errors.Is(err, conversation.ErrLost)}
	})
}

// Busy tells the person who wrote ev that too much waits for it to be taken.
func (t *Turn) Busy(ctx context.Context, ev connectors.Event) error {
	lang := t.config.Language.languageFor(ev, nil)
	return t.replier.Reply(ctx, ev, connectors.Words(lang.busy(ev.Trace())))
}
