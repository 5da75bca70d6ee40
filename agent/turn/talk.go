package turn

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/agent/tools"
	"longwire/connectors"
	"longwire/conversation"
)

// talk is what passes between a turn and the model: one request, and further ones as
// long as the model calls tools in between.
type talk struct {
	t      *Turn
	lease  *conversation.Lease
	lang   Language
	r      *reply
	yield  func(connectors.Delta, error) bool
	choice Choice

	built    prompt.Built          // the prompt of the first request
	said     []model.Message       // behind it: what the rounds since have said
	request  model.Request         // of the round
	count    prompt.Count          // of the request
	tools    map[string]tools.Tool // by the name that the model knows
	sight    connectors.Event      // whose pictures the model sees
	pictures int                   // how many

	began   time.Time
	shorter bool              // the endpoint has said that the prompt was too long
	settle  func(model.Usage) // of the first round

	counted bool                // the gate knows that this turn has asked
	words   map[string][]string // what the person has said to the proposals of this attempt, by fingerprint
}

var (
	errUnwanted = errors.New("nobody wants the rest")
	errBlank    = &model.Error{Kind: model.Empty, Message: "nothing but blanks"}
)

// answer is the model's answer in the words that the person is to read; what goes by
// is noted in r. A failure of the model becomes a Failure with a text. So does the
// person's stop, with what had come until then. The end of the turn's own context
// does not, because then the turn will be taken again.
func (k *talk) answer(asking context.Context) connectors.Answer {
	r := k.r
	return func(yield func(connectors.Delta, error) bool) {
		k.yield, k.began = yield, time.Now()
		limited, cancel := context.WithTimeout(asking, k.t.config.Timeout)
		defer cancel()
		if r.lead != "" && !yield(connectors.Say(r.lead), nil) {
			return
		}
		err := k.rounds(limited)
		if err == nil && strings.TrimSpace(r.soFar()) == "" {
			err = errBlank // blanks are silence
		}
		k.end(asking, err)
	}
}

// end says how the talk has ended.
func (k *talk) end(asking context.Context, err error) {
	ev := k.lease.Event
	var refused *refusedError
	switch cause := context.Cause(asking); {
	case errors.Is(err, errUnwanted):
	case err == nil:
		k.r.finish()
	case errors.Is(cause, conversation.ErrInterrupted):
		if k.say(k.lang.stoppedHere(k.r.soFar() != "")) {
			k.r.finish()
		}
	case errors.Is(cause, ErrRecalled):
		k.r.fail(cause, k.lang.recalled(), k.yield)
	case asking.Err() != nil:
		k.yield(connectors.Delta{}, cause)
	case errors.Is(err, errTakenAgain):
		k.yield(connectors.Delta{}, err)
	case kindOf(err) == model.Length:
		if k.say(k.lang.cutShort()) {
			k.r.finish()
		}
	case errors.As(err, &refused):
		k.r.fail(err, k.lang.refused(refused.Kind), k.yield)
	case errors.Is(err, errUnseen):
		k.r.fail(err, k.lang.unseenAll(ev.Trace()), k.yield)
	default:
		k.r.fail(err, k.lang.failed(kindOf(err), ev.Trace()), k.yield)
	}
}

// rounds asks the model until it calls no more tools.
func (k *talk) rounds(ctx context.Context) error {
	if err := k.look(ctx); err != nil {
		return err
	}
	for round := 1; ; round++ {
		text, calls, err := k.round(ctx)
		switch {
		case err != nil && kindOf(err) == model.TooLong && !k.shorter:
			k.shorter = true
			round--
			if err := errors.Join(k.compose(ctx), k.look(ctx)); err != nil {
				return err
			}
			continue
		case err != nil, len(calls) == 0:
			return err
		case round > k.t.config.Rounds+1: // it was told
			return nil
		}
		results, err := k.call(ctx, calls, round > k.t.config.Rounds)
		if err != nil {
			return err
		}
		k.add(append([]model.Message{{Role: model.Assistant, Content: text, Calls: calls}}, results...))
	}
}

// add puts what a round has said behind the prompt.
func (k *talk) add(said []model.Message) {
	k.said = append(k.said, said...)
	k.extend()
}

// extend makes the request of the round: the prompt, and what was said since.
func (k *talk) extend() {
	k.request.Messages, k.count = k.builder().Further(k.built, k.said)
}

// builder builds prompts as long as they may be, or half of that when the endpoint has
// said that this is too long.
func (k *talk) builder() prompt.Builder {
	b := *k.choice.Prompt
	if k.shorter {
		b.Budget = b.Budget.Halved()
	}
	return b
}

// round is one request: what the model says, and which tools it calls then.
func (k *talk) round(ctx context.Context) (text string, calls []model.Call, err error) {
	settle := k.settle
	if k.settle = nil; settle == nil {
		if settle, err = k.reserve(ctx); err != nil {
			return "", nil, err
		}
	}
	var usage model.Usage
	came := false
	step := Step{Kind: StepChat, Name: k.choice.Label, Begin: time.Now()}
	defer func() {
		settle(cost(usage, err, came || usage.Reported))
		step.Usage, step.Endpoint, step.Error = &usage, usage.Endpoint, wordOf(err)
		step.Name = cmp.Or(usage.Model, step.Name)
		k.r.step(step)
	}()
	before := k.r.soFar()
	k.request.Keep = k.withdrawable
	k.r.request()
	for delta, err := range k.choice.Model.Stream(ctx, k.request) {
		if delta.Usage != nil {
			u := *delta.Usage
			if u.Reported {
				k.choice.Prompt.Tokens.Observe(k.count, u.Prompt)
			} else if usage.Reported { // the answer is by another endpoint than the attempts before it
				u.Prompt, u.Answer = k.choice.Prompt.Tokens.Tokens(k.count), k.choice.Prompt.Tokens.Estimate(k.r.soFar()[min(len(before), len(k.r.soFar())):])
			}
			usage = usage.Plus(u)
			k.r.use(u)
		}
		if err != nil {
			return "", nil, err
		}
		if delta.Text == "" && delta.Thought == "" && len(delta.Calls) == 0 { // what a request has taken
			continue
		}
		if !came {
			step.First = time.Since(step.Begin)
		}
		came = true
		calls = append(calls, delta.Calls...)
		if !k.show(delta, before) {
			return "", nil, errUnwanted
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(k.r.soFar(), before), paragraph), calls, nil
}

// paragraph stands between what the model says before its tools have run and after.
const paragraph = "\n\n"

// show shows a delta behind what the turn had said before this round.
func (k *talk) show(delta model.Delta, before string) bool {
	var out connectors.Delta
	if k.t.config.Reasoning {
		out.Thought = delta.Thought
	}
	text := delta.Text
	withdrawn := delta.Again && k.withdraws(before)
	if withdrawn {
		k.r.withdraw(before)
	}
	if text != "" && before != "" && k.r.soFar() == before {
		text = paragraph + text
	}
	if text != "" {
		k.r.add(text)
	}
	if out.Text = text; withdrawn {
		out.Again, out.Text = true, k.r.lead+before+text
	}
	if out == (connectors.Delta{}) {
		return true
	}
	return k.yield(out, nil)
}

// withdraws reports whether what this round has shown is to be replaced when its answer
// begins anew. The model asks (withdrawable) before it begins anew behind visible words.
// Where there are none yet, people see nothing that has to go, and if what the rounds
// before have said is too long, or too old, it has to stay.
func (k *talk) withdraws(before string) bool {
	return strings.TrimSpace(strings.TrimPrefix(k.r.soFar(), before)) != "" || k.withdrawable()
}

// say adds words of the bot's own to the answer.
func (k *talk) say(words string) bool {
	k.r.add(words)
	return k.yield(connectors.Say(words), nil)
}

// withdrawable reports whether what was shown can still be replaced.
func (k *talk) withdrawable() bool {
	return len(k.r.lead)+len(k.r.soFar()) <= connectors.MaxWithdrawn && time.Since(k.began) < connectors.Withdrawable
}

// wordOf is why a question to the model failed, in a word.
func wordOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errUnwanted), errors.Is(err, context.Canceled):
		return string(model.Stopped)
	}
	return string(kindOf(err))
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
