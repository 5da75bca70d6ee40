package turn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// refusedError is a question that may not be asked.
type refusedError struct{ access.Refusal }

func (e *refusedError) Error() string { return "refused: " + string(e.Kind) }

// admit says which of the questions of lease may have a turn, before anything is spent
// on them, and why none may. Each person is judged for what they have written, and each
// who is refused is told, as far as they are to be; away are those who do not read it in
// the reply.
func (t *Turn) admit(ctx context.Context, lease *conversation.Lease, asked []connectors.Event) (admitted []connectors.Event, away []turnedAway, refusal access.Refusal) {
	if t.with.Gate == nil {
		return asked, nil, access.Refusal{}
	}
	verdicts := make(map[string]access.Refusal)
	var refused []connectors.Event // the first of each who is
	for _, ev := range asked {
		verdict, judged := verdicts[ev.Sender.ID]
		if !judged {
			verdict = t.judge(ctx, ev, lease.Attempt)
			verdicts[ev.Sender.ID] = verdict
		}
		switch {
		case verdict.Kind == access.None:
			admitted = append(admitted, ev)
		case !judged:
			refused = append(refused, ev)
		}
	}
	if len(admitted) == 0 { // the first of them reads it in the reply
		front(lease, refused[:1])
		refusal, refused = verdicts[refused[0].Sender.ID], refused[1:]
	} else {
		front(lease, admitted)
	}
	for _, ev := range refused {
		one := turnedAway{ev, verdicts[ev.Sender.ID]}
		t.turnAway(ctx, ev, one.refusal)
		away = append(away, one)
	}
	return admitted, away, refusal
}

// turnedAway is somebody whose question is left out while others are answered.
type turnedAway struct {
	event   connectors.Event
	refusal access.Refusal
}

// judge says whether ev may have a turn. Whoever may not ask may still find out under
// which id they could be let in.
func (t *Turn) judge(ctx context.Context, ev connectors.Event, attempt int) access.Refusal {
	name, _, known := commandOf(ev)
	if known && name == idCommand {
		return t.judgeID(ctx, ev, attempt)
	}
	if refusal := t.with.Gate.Allowed(ctx, ev); refusal.Kind != access.None {
		return refusal
	}
	asks := ev.Kind != connectors.KindHello && (name == "" || known && name == retryCommand)
	switch {
	case !asks:
		return access.Refusal{}
	case attempt > 1: // the first attempt has taken its turn, or was refused one
		return t.refusedBefore(ctx, ev)
	}
	refusal := t.with.Gate.Pace(ctx, ev)
	if refusal.Kind != access.None && t.with.Shelf != nil {
		n := int64(1)
		if !refusal.Say {
			n = 2
		}
		if _, err := t.with.Shelf.Add(ctx, tooFastName(ev), n, time.Hour); err != nil {
			t.log.Warn("somebody who asks too fast may be answered, should they not be told now", "event", ev.Trace(), "err", err)
		}
	}
	return refusal
}

// judgeID lets everybody ask for their id, and who may not ask for anything else only now
// and then.
func (t *Turn) judgeID(ctx context.Context, ev connectors.Event, attempt int) access.Refusal {
	if attempt > 1 || t.with.Shelf == nil || t.with.Gate.May(ctx, ev) {
		return access.Refusal{}
	}
	n, err := t.with.Shelf.Add(ctx, "ids/"+ev.Sender.ID, 1, idsTime)
	if err != nil || n <= maxIDs {
		return access.Refusal{}
	}
	return access.Refusal{Kind: access.NotAllowed}
}

// Who may not ask is told their id so often within that time.
const (
	maxIDs  = 3
	idsTime = 10 * time.Minute
)

// tooFastName is a count of an event: 1 that it came too fast, 2 that its person knows.
func tooFastName(ev connectors.Event) string { return "toofast/" + ev.Trace() }

// refusedBefore is the refusal that an earlier attempt could not say.
func (t *Turn) refusedBefore(ctx context.Context, ev connectors.Event) access.Refusal {
	if t.with.Shelf == nil {
		return access.Refusal{}
	}
	n, err := t.with.Shelf.Add(ctx, tooFastName(ev), 0, time.Hour)
	if err != nil || n == 0 {
		return access.Refusal{}
	}
	return access.Refusal{Kind: access.TooFast, Say: n == 1}
}

// turnAway tells somebody whose question is left out, while others are answered, that
// they may not ask.
func (t *Turn) turnAway(ctx context.Context, ev connectors.Event, refusal access.Refusal) {
	log := t.log.With("event", ev.Trace(), "reason", (&refusedError{refusal}).Error())
	log.Info("not answered with the others")
	if !refusal.Say {
		return
	}
	words := t.refusing(ev, t.config.Language.languageFor(ev, nil))(refusal.Kind)
	if err := t.with.Replier.Reply(ctx, ev, connectors.Unkept(ev, "refused"), connectors.Words(words)); err != nil {
		log.Warn("somebody who may not ask could not be told", "err", err)
		return
	}
	if t.with.Shelf != nil && refusal.Kind == access.TooFast { // the next attempt is not to say it again
		if _, err := t.with.Shelf.Add(context.WithoutCancel(ctx), tooFastName(ev), 1, time.Hour); err != nil {
			log.Warn("somebody may be told once more that they ask too fast", "err", err)
		}
	}
}

// refusing says how ev is refused: a command in both languages.
func (t *Turn) refusing(ev connectors.Event, lang Language) func(access.Kind) string {
	if name, _, _ := commandOf(ev); name == "" {
		return lang.refused
	}
	return func(kind access.Kind) string {
		return t.config.Language.both(func(l Language) string { return l.refused(kind) })
	}
}

// answerReserve is how many tokens an answer is taken to have where nothing bounds it.
const answerReserve = 2048

// reserve takes the tokens that the next request may need. What it has really taken is
// settled by the function that it returns, once.
func (k *talk) reserve(ctx context.Context) (settle func(model.Usage), err error) {
	tokens, count := k.choice.Prompt.Tokens, k.count
	estimate := tokens.Tokens(count)
	before := len(k.r.soFar())
	used := func(u model.Usage) int64 {
		if u.Reported {
			return int64(u.Prompt + u.Answer)
		}
		said := k.r.soFar()
		return int64(estimate + tokens.Estimate(said[min(before, len(said)):]))
	}
	if k.t.with.Gate == nil {
		return func(model.Usage) {}, nil
	}
	answer := cmp.Or(k.choice.Prompt.Budget.Answer, answerReserve)
	grant, refusal := k.t.with.Gate.Reserve(ctx, k.lease.Event, int64(estimate+answer))
	if refusal.Kind != access.None {
		return nil, fmt.Errorf("reserve tokens: %w", &refusedError{refusal})
	}
	if k.counted {
		grant.Further()
	}
	return func(u model.Usage) {
		tokens := used(u)
		k.counted = k.counted || tokens > 0
		grant.Settle(context.WithoutCancel(ctx), tokens)
	}, nil
}

// free is what a request took that an endpoint did not even begin to answer.
var free = model.Usage{Reported: true}

// cost is what a request took that has ended with err: nothing, where no endpoint read
// the prompt; else what it has reported, or what is estimated.
func cost(usage model.Usage, err error, came bool) model.Usage {
	var e *model.Error
	if came || !errors.As(err, &e) {
		return usage
	}
	switch e.Kind {
	case model.Key, model.Quota, model.Refused, model.TooLong, model.Busy, model.Unavailable, model.Timeout:
		return free
	}
	return usage
}

// close gives back what was reserved for a request that was never made.
func (k *talk) close() {
	if k.settle != nil {
		k.settle(free)
		k.settle = nil
	}
}
