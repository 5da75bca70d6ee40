package turn

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/agent/tools"
	"longwire/connectors"
)

// round is one answer of a brain.
type round func(ctx context.Context, r model.Request, yield func(model.Delta, error) bool)

// brain is a Model that answers round after round, and then with the last one for ever.
type brain struct {
	mu     sync.Mutex
	rounds []round
	asked  []model.Request
}

func (b *brain) choice(label string) Choice {
	return Choice{Label: label, Model: b, Prompt: &prompt.Builder{Tokens: &prompt.Estimator{}}}
}

func (b *brain) Stream(ctx context.Context, r model.Request) iter.Seq2[model.Delta, error] {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Messages = slices.Clone(r.Messages)
	b.asked = append(b.asked, r)
	now := b.rounds[0]
	if len(b.rounds) > 1 {
		b.rounds = b.rounds[1:]
	}
	return func(yield func(model.Delta, error) bool) { now(ctx, r, yield) }
}

// then has the brain answer like this from now on.
func (b *brain) then(rounds ...round) { b.rounds = rounds }

func (b *brain) last(t *testing.T) model.Request {
	t.Helper()
	if len(b.asked) == 0 {
		t.Fatal("the model was not asked")
	}
	return b.asked[len(b.asked)-1]
}

// stream is the round that consists of these deltas.
func stream(end error, deltas ...model.Delta) round {
	return func(_ context.Context, _ model.Request, yield func(model.Delta, error) bool) {
		for _, d := range deltas {
			if !yield(d, nil) {
				return
			}
		}
		if end != nil {
			yield(model.Delta{}, end)
		}
	}
}

// says is the round that answers with text, of so many tokens.
func says(text string) round { return stream(nil, model.Delta{Text: text}, used(10, 5)) }

// fails is the round that fails behind text.
func fails(kind model.Kind, text string) round {
	var deltas []model.Delta
	if text != "" {
		deltas = append(deltas, model.Delta{Text: text})
	}
	return stream(&model.Error{Kind: kind, Message: "internal"}, deltas...)
}

// calls is the round that says text and calls tools: a name, and its arguments behind a
// space.
func calls(text string, tools ...string) round {
	var all []model.Call
	for i, tool := range tools {
		name, arguments, _ := strings.Cut(tool, " ")
		if arguments == "" {
			arguments = "{}"
		}
		all = append(all, model.Call{ID: fmt.Sprintf("call%d", i), Name: name, Arguments: json.RawMessage(arguments)})
	}
	deltas := []model.Delta{{Text: text}, {Calls: all}, used(10, 5)}
	if text == "" {
		deltas = deltas[1:]
	}
	return stream(nil, deltas...)
}

func used(prompt, answer int) model.Delta {
	return model.Delta{Usage: &model.Usage{Endpoint: "e", Model: "m", Prompt: prompt, Answer: answer, Reported: true}}
}

// screen is where people read: a Replier, and a Proposer.
type screen struct {
	refuse []error // what Reply returns before it shows anything, in order; nil beyond them
	late   []error // what Reply returns once the answer has come to its end

	onDelta func(connectors.Delta)          // is told what comes
	pressed func(p connectors.Proposal)     // whoever is asked
	ask     func(connectors.Proposal) error // whether Propose works
	shown   []string                        // answers, as people read them in the end
	to      []connectors.Event              // what they answer
	deltas  []connectors.Delta              // all of them
	asked   []connectors.Proposal           // what was proposed
	words   map[string]string               // what came of it, by key
}

func (s *screen) InCard(connectors.Ledger) bool { return false }

func (s *screen) Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error {
	if len(s.refuse) > 0 {
		err := s.refuse[0]
		s.refuse = s.refuse[1:]
		if err != nil {
			return err
		}
	}
	text, err := connectors.Collect(func(yield func(connectors.Delta, error) bool) {
		for d, err := range answer {
			s.deltas = append(s.deltas, d)
			if s.onDelta != nil {
				s.onDelta(d)
			}
			if !yield(d, err) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if err := ledger.Note(ctx, "about to show"); err != nil {
		return err
	}
	if len(s.late) > 0 {
		err := s.late[0]
		s.late = s.late[1:]
		if err != nil {
			return err
		}
	}
	s.shown, s.to = append(s.shown, text), append(s.to, ev)
	return nil
}

func (s *screen) Propose(_ context.Context, p connectors.Proposal) error {
	if s.ask != nil {
		if err := s.ask(p); err != nil {
			return err
		}
	}
	s.asked = append(s.asked, p)
	if s.pressed != nil {
		s.pressed(p)
	}
	return nil
}

func (s *screen) Conclude(_ context.Context, p connectors.Proposal, words string) error {
	if s.words == nil {
		s.words = make(map[string]string)
	}
	s.words[p.Key] = words
	return nil
}

// doings are what went on, in order.
func (s *screen) doings() (all []string) {
	for _, d := range s.deltas {
		if d.Doing != "" {
			all = append(all, d.Doing)
		}
	}
	return all
}

// box is a Toolbox of tools that return their name and arguments.
type box struct {
	tools []tools.Tool
	does  map[string]func(ctx context.Context) (tools.Result, error) // in place of that

	mu  sync.Mutex
	ran []string // guarded by mu
}

func (b *box) Tools([]string) []tools.Tool { return b.tools }

func (b *box) Call(ctx context.Context, tool string, arguments json.RawMessage) (tools.Result, error) {
	b.mu.Lock()
	b.ran = append(b.ran, tool+" "+string(arguments))
	b.mu.Unlock()
	if do := b.does[tool]; do != nil {
		return do(ctx)
	}
	return tools.Result{Text: "result of " + tool}, nil
}

func (b *box) times(tool string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, call := range b.ran {
		if strings.HasPrefix(call, tool+" ") {
			n++
		}
	}
	return n
}

// newBox has a tool that reads, one that writes, and one that asks before it writes.
func newBox() *box {
	return &box{tools: []tools.Tool{
		{Name: "ask", Title: "Send a mail", Confirm: true}, {Name: "read", Title: "Look it up", ReadOnly: true}, {Name: "write", Title: "Write it down"},
	}, does: map[string]func(context.Context) (tools.Result, error){}}
}

func (b *box) with(w *With) { w.Toolbox = b }

// word is the delta that says text.
func word(text string) model.Delta { return model.Delta{Text: text} }
