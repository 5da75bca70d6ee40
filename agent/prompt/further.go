package prompt

import (
	"slices"

	"longwire/agent/model"
)

// leastResult is what the oldest results of tools are cut to at most, in tokens, while
// newer ones need the room.
const leastResult = 128

// Further is the prompt of a further request of the same turn: built, and behind it what
// has been said since, by the model and by the tools that it called. Where that is more
// than the budget allows, results are cut, the oldest first; what the model has said
// stays.
func (b Builder) Further(built Built, said []model.Message) ([]model.Message, Count) {
	budget, rates := b.Budget.withDefaults(), b.Tokens.snapshot()
	count := built.Count.Plus(measureSaid(said))
	over := rates.tokens(count) - float64(budget.Context-budget.Answer)*(1-spare)
	if over > 0 {
		said = slices.Clone(said)
		for i, m := range said {
			size := rates.tokens(Measure(m.Content))
			if m.Role != model.ToolResult || size <= leastResult || over <= 0 {
				continue
			}
			said[i].Content = rates.clip(m.Content, max(leastResult, size-over))
			over -= size - rates.tokens(Measure(said[i].Content))
		}
		count = built.Count.Plus(measureSaid(said))
	}
	return append(slices.Clip(built.Messages), said...), count
}

// measureSaid counts messages that stand behind a prompt, with the calls in them.
func measureSaid(said []model.Message) (c Count) {
	for _, m := range said {
		c = c.Plus(measureMessage(m.Content))
		for _, call := range m.Calls {
			c = c.Plus(Measure(call.Name + string(call.Arguments)))
		}
	}
	return c
}
