package turn

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/agent/tools"
	"longwire/conversation"
)

// prepare makes ready to ask: what is asked, in how many tokens, and whether its person
// has as many left.
func (k *talk) prepare(ctx context.Context) (err error) {
	k.sight, k.pictures = k.t.sight(ctx, k.lease, k.r)
	came := k.pictures
	if err := k.compose(ctx); err != nil {
		return err
	}
	if k.pictures < came { // no room for them
		k.r.precede(k.lang.unseen())
	}
	k.settle, err = k.reserve(ctx)
	return err
}

// compose makes the prompt, and the request of it.
func (k *talk) compose(ctx context.Context) error {
	builder, in := k.builder(), k.input()
	if _, due := builder.Due(in); due && k.t.with.Memory != nil {
		in.Pending = k.t.with.Memory.pending(ctx, k.lease.Event)
	}
	built := builder.Build(in)
	if built.TooLong && in.Pictures > 0 && built.Room == 0 {
		k.pictures, in.Pictures = 0, 0
		built = builder.Build(in)
	}
	if built.TooLong {
		if question, ok := builder.Fit(in.Question, built.Room); ok {
			k.r.asks(question)
			in.Question = question
			built = builder.Build(in)
		}
	}
	if built.TooLong {
		return &model.Error{Kind: model.TooLong, Message: "the question alone is longer than model.context_tokens allows"}
	}
	k.built, k.r.before = built, built.Before
	k.extend()
	return nil
}

// input is what a prompt is made of. The tools come with it, so that what is said of
// them stands in the prompt of every turn alike.
func (k *talk) input() prompt.Input {
	available := k.t.available()
	k.tools = make(map[string]tools.Tool, len(available))
	for _, tool := range available {
		k.tools[tool.Name] = tool
	}
	k.request.Tools = offered(available)
	return prompt.Input{
		System: k.t.system(), Frame: frame(k.request.Tools), History: k.lease.History,
		Question: k.r.question, Pictures: k.pictures,
	}
}

// available are the tools that the model may call now.
func (t *Turn) available() []tools.Tool {
	if t.with.Toolbox == nil {
		return nil
	}
	return t.with.Toolbox.Tools(t.config.Tools)
}

// offered are tools as a request offers them.
func offered(available []tools.Tool) (offers []model.Tool) {
	for _, tool := range available {
		offers = append(offers, model.Tool{Name: tool.Name, Description: tool.Description, Schema: tool.Schema})
	}
	return offers
}

// frame is what a request carries beside its messages: that costs tokens, too.
func frame(offers []model.Tool) string {
	raw, err := json.Marshal(offers)
	if err != nil || len(offers) == 0 {
		return ""
	}
	return string(raw)
}

// system is the system prompt. What is said there of tools does not come and go with
// their servers, because all prompts begin with it.
func (t *Turn) system() string {
	if t.with.Toolbox == nil {
		return t.config.SystemPrompt
	}
	return strings.TrimSpace(t.config.SystemPrompt + "\n\n" + tools.Frame)
}

// remember has a summary made of what the prompts of a conversation will soon have no
// room for. Nobody waits for it.
func (t *Turn) remember(ctx context.Context, lease *conversation.Lease, r *reply, out conversation.Outcome) {
	if t.with.Memory == nil || out.Turn == nil || r.choice.Prompt == nil {
		return
	}
	in := prompt.Input{
		System: t.system(), Frame: frame(offered(t.available())),
		History: append(slices.Clone(lease.History), *out.Turn),
	}
	if _, due := r.choice.Prompt.Due(in); !due {
		return
	}
	in.Pending = t.with.Memory.pending(ctx, lease.Event) // it may have been made while the turn ran
	if request, due := r.choice.Prompt.Due(in); due {
		t.with.Memory.summarise(lease.Event, r.choice, t.with.Gate, request)
	}
}
