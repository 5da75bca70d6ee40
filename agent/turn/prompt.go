package turn

import (
	"longwire/agent/model"
	"longwire/conversation"
)

// maxHistory bounds the history in a prompt, in bytes. The oldest turns are left
// out first.
const maxHistory = 96 << 10

// prompt is what the model is asked: who it is, what was said, what is asked.
func (t *Turn) prompt(history []conversation.Turn, question string) []model.Message {
	first, size := len(history), 0
	for first > 0 {
		turn := history[first-1]
		size += len(turn.Question) + len(turn.Answer)
		if size > maxHistory {
			break
		}
		first--
	}
	messages := make([]model.Message, 0, 2+2*(len(history)-first))
	if t.config.SystemPrompt != "" {
		messages = append(messages, model.Message{Role: model.System, Content: t.config.SystemPrompt})
	}
	for _, turn := range history[first:] {
		messages = append(messages,
			model.Message{Role: model.User, Content: turn.Question},
			model.Message{Role: model.Assistant, Content: turn.Answer})
	}
	return append(messages, model.Message{Role: model.User, Content: question})
}
