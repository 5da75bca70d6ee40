// Package turn is one question and its answer.
//
// The walk is one straight function, Run:
//
//	take      the lease of the conversation, with the question and the history
//	join      what is answered together, without what nobody wants answered (join.go)
//	admit     who may ask (access.go)
//	read      what the question quotes, and what its files say (question.go)
//	prompt    what the model is asked, within its budget (compose.go)
//	talk      the model answers, calls tools, answers (talk.go, call.go, confirm.go)
//	reply     the connector shows it as it comes; the turn keeps a copy (reply.go)
//	done      the turn is written and the event removed, in one step
//
// Every turn ends in exactly one of these ways, and in none of them is the person
// left in silence without a line in the log:
//
//   - answered: the person has the answer.
//   - failed: the person has an error text with the trace id instead.
//   - skipped: the event is older than Config.MaxAge, or its person has taken it
//     back, or has been greeted already, or may not ask, or has asked too much. The
//     log says so; who may not ask reads it, but once and not on each message.
//   - dead: the platform will not take the reply, or has not for Config.GiveUp, or the
//     program has died with Config.Attempts. The person gets the error text if the
//     platform takes that, and the event is kept as a dead letter for the operator.
//   - released: the platform did not take the reply this time, or the program is
//     stopping. The event stays first in its conversation and is taken again. That is
//     noted with the event, so that such an attempt is not taken for one that died.
//
// What an attempt has sent, what the model said and which tools have run is noted
// with the event before it takes effect (ledger.go). An attempt that follows a crash
// goes on from there: it asks no model again for an answer that was complete, begins
// no second message, and runs no tool twice that changes something.
//
// Commands are answered beside the conversation, at once, whatever runs there
// (command.go).
package turn

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// Run answers the question of lease and settles it. When asking ends before ctx,
// the model is asked no further and what there is of the answer is shown: the
// person has said stop. When ctx ends, nothing further is shown and the turn is
// given back. An error says that the turn is not done: it was released, or the
// lease was lost.
func (t *Turn) Run(ctx, asking context.Context, lease *conversation.Lease) error {
	asked, began := together(lease), time.Now()
	log := t.log.With("event", lease.Event.Trace())
	if lease.Event.Retries > 0 && lease.Attempt == 1 {
		t.shown.remove(lease.Event) // the event was settled, by whomever
	}
	if out, ok := t.shown.find(lease.Event); ok {
		log.Info("shown already, noted now")
		return t.skipped(ctx, lease, remembered(out, began), out)
	}
	defer t.underway.add(asked)()
	asked, reason := t.wanted(ctx, lease, asked)
	if reason != "" {
		log.Warn("not answered", "reason", reason, "age", began.Sub(writtenAt(lease.Event)).Round(time.Second))
		return t.skipped(ctx, lease, &reply{began: began}, conversation.Outcome{How: conversation.Skipped, Reason: reason})
	}

	r := t.reply(ctx, asking, lease, asked, began)
	defer r.close()
	if r.answer == nil {
		log.Info("not answered", "reason", r.out.Reason)
		return t.skipped(ctx, lease, r, r.out)
	}
	replying := Step{Kind: StepWork, Name: "reply", Begin: time.Now()}
	if err := t.with.Replier.Reply(ctx, r.delivered, r.ledger, r.answer); err != nil {
		return t.unsaid(ctx, lease, r, log, err)
	}
	r.step(replying)
	out, settling := r.outcome(), Step{Kind: StepWork, Name: "done", Begin: time.Now()}
	t.shown.add(lease.Event, out)
	if out.How == conversation.Failed {
		t.keepFailed(ctx, lease.Event, r) // before the next question is taken, which may be a /retry
	}
	if err := t.done(ctx, lease, out); err != nil {
		log.Error("answered, but the store could not note it", "err", err)
		return err
	}
	r.step(settling)
	t.remember(ctx, lease, r, out)
	t.report(lease, r, out)
	t.told(ctx, lease, r, out, log)
	return nil
}

// told notes how a turn went whose person has read something.
func (t *Turn) told(ctx context.Context, lease *conversation.Lease, r *reply, out conversation.Outcome, log *slog.Logger) {
	took := time.Since(r.began).Round(time.Millisecond)
	switch {
	case out.How == conversation.Skipped:
		log.Info("not answered, the person was told", "reason", out.Reason, "took", took)
	case out.How == conversation.Failed:
		log.Error("turn failed, the person was told", "err", cmp.Or(r.failure, errors.New(out.Reason)), "took", took)
	default:
		log.Info("answered", "attempt", lease.Attempt, "questions", 1+len(lease.Joined), "waited", r.began.Sub(lease.Event.Received).Round(time.Millisecond),
			"first_word", r.first.Round(time.Millisecond), "took", took, "model", r.usage.Model)
	}
}

// remembered is the reply of a turn that was shown before.
func remembered(out conversation.Outcome, began time.Time) *reply {
	r := &reply{began: began}
	if out.Turn != nil {
		r.text.WriteString(out.Turn.Answer)
	}
	return r
}

// skipped settles a turn in which nothing is shown.
func (t *Turn) skipped(ctx context.Context, lease *conversation.Lease, r *reply, out conversation.Outcome) error {
	if err := t.done(ctx, lease, out); err != nil {
		return err
	}
	t.report(lease, r, out)
	return nil
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
		return errors.Join(context.Cause(ctx), t.giveBack(ctx, lease, r, false, time.Time{}))
	}
	returned, since := r.ledger.returned()
	giveUp := t.config.GiveUp
	if lease.Event.Aside { // a /stop may be waiting behind this /help
		giveUp = min(giveUp, asideGiveUp)
	}
	if connectors.Permanent(err) || !since.IsZero() && time.Since(since) >= giveUp {
		log.Error("given up, kept as a dead letter", "attempts", lease.Attempt, "err", err)
		t.apologise(ctx, lease, r, err)
		r.out = conversation.Outcome{How: conversation.Dead, Reason: err.Error()}
		return t.skipped(ctx, lease, r, r.out)
	}
	wait := min(t.config.RetryWait<<min(returned, 10), time.Minute)
	wait = max(wait, connectors.RetryAfter(err))
	log.Warn("reply not sent, the turn will be taken again", "attempt", lease.Attempt, "in", wait, "err", err)
	return errors.Join(err, t.giveBack(ctx, lease, r, true, time.Now().Add(wait)))
}

// asideGiveUp is Config.GiveUp for commands.
const asideGiveUp = time.Minute

// giveBack releases the lease, and notes first that this attempt has not died.
func (t *Turn) giveBack(ctx context.Context, lease *conversation.Lease, r *reply, untaken bool, retry time.Time) error {
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := r.ledger.giveBack(noting, untaken); err != nil && !errors.Is(err, conversation.ErrLost) {
		t.log.Warn("this attempt will count as one that died", "event", lease.Event.Trace(), "err", err)
	}
	return t.release(ctx, lease, retry)
}

// apologise tells the person that there will be no answer, if the platform takes
// at least that. A card that was begun is finished with these words. Otherwise they
// are a reply of their own, so that no platform takes them for a part of the answer
// that it has seen.
func (t *Turn) apologise(ctx context.Context, lease *conversation.Lease, r *reply, cause error) {
	ev := r.delivered
	words := r.lang.failed(model.Unavailable, ev.Trace())
	if t.with.Replier.InCard(r.ledger) {
		err := t.with.Replier.Reply(ctx, ev, r.ledger, func(yield func(connectors.Delta, error) bool) {
			if so := r.lead + r.soFar(); so == "" || yield(connectors.Say(so), nil) {
				yield(connectors.Delta{}, &connectors.Failure{Text: words, Err: cause})
			}
		})
		if err == nil || errors.Is(err, conversation.ErrLost) { // whoever has it now answers
			return
		}
		t.log.Warn("a card that was begun stays unfinished", "event", ev.Trace(), "err", err)
	}
	if err := t.with.Replier.Reply(ctx, ev, connectors.Unkept(ev, "sorry"), connectors.Words(words)); err != nil {
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
	if t.with.Shelf == nil {
		return t.sayBusy(ctx, ev)
	}
	name := "busy/" + string(conversation.KeyOf(ev))
	n, err := t.with.Shelf.Add(ctx, name, 1, busyAgain)
	if err == nil && n > 1 {
		return nil
	}
	if err := t.sayBusy(ctx, ev); err != nil {
		return errors.Join(err, t.uncount(ctx, name, n, busyAgain)) // nobody was told
	}
	return nil
}

func (t *Turn) sayBusy(ctx context.Context, ev connectors.Event) error {
	lang := t.config.Language.languageFor(ev, nil)
	return t.with.Replier.Reply(ctx, ev, connectors.Unkept(ev, "busy"), connectors.Words(lang.busy(ev.Trace())))
}

// busyAgain is how long a person is not told again.
const busyAgain = time.Minute
