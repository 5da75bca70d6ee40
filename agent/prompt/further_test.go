package prompt

import (
	"strings"
	"testing"

	"longwire/agent/model"
)

// What tools return stays within the budget, whatever they return and how often: the
// newest has most of the room, and what the model has said is not touched.
func TestFurtherStaysWithinTheBudget(t *testing.T) {
	b := Builder{Budget: Budget{Context: 4000, Answer: 500}, Tokens: &Estimator{}}
	built := b.Build(Input{System: "be kind", Question: "what is in them?"})
	var said []model.Message
	for round := range 8 {
		said = append(said,
			model.Message{Role: model.Assistant, Content: "I look.", Calls: []model.Call{{ID: "1", Name: "read", Arguments: []byte(`{"n":1}`)}}},
			model.Message{Role: model.ToolResult, CallID: "1", Content: strings.Repeat("很多内容 and more\n", 1000*(round%3+1))})
		messages, count := b.Further(built, said)
		if tokens := b.Tokens.Tokens(count); tokens > 3500 || len(messages) != len(built.Messages)+len(said) {
			t.Errorf("round %d: %d tokens in %d messages", round, tokens, len(messages))
		}
		newest, oldest := messages[len(messages)-1].Content, messages[len(built.Messages)+1].Content
		if !strings.Contains(newest, "很多内容") || !strings.HasSuffix(newest, cutMark) || round > 0 && len(oldest) >= len(newest) {
			t.Errorf("round %d: %d bytes are left of the newest result, %d of the oldest", round, len(newest), len(oldest))
		}
		if messages[len(built.Messages)].Content != "I look." || len(said[1].Content) < 10_000 {
			t.Error("what the model said, or what the caller has, was changed")
		}
	}
}

// What fits is sent as it is, behind a prompt that stays the same.
func TestFurtherLeavesWhatFits(t *testing.T) {
	b := Builder{Tokens: &Estimator{}}
	built := b.Build(Input{Question: "q"})
	said := []model.Message{{Role: model.Assistant, Content: "a"}, {Role: model.ToolResult, Content: strings.Repeat("x ", 1000)}}
	messages, count := b.Further(built, said)
	if messages[0].Content != "q" || messages[2].Content != said[1].Content || b.Tokens.Tokens(count) <= b.Tokens.Tokens(built.Count) {
		t.Errorf("%d messages, %d tokens", len(messages), b.Tokens.Tokens(count))
	}
	if again, _ := b.Further(built, nil); len(again) != 1 {
		t.Errorf("%d messages without anything said", len(again))
	}
}
