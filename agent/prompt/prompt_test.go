package prompt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/conversation"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// builder has a fresh Estimator. Zero is the default.
func builder(context, answer, turns int) Builder {
	return Builder{Budget: Budget{Context: context, Answer: answer, Turns: turns, Summarise: true}, Tokens: new(Estimator)}
}

// turnsOf are n turns of about so many tokens each.
func turnsOf(n, tokens int) (turns []conversation.Turn) {
	for i := range n {
		turns = append(turns, conversation.Turn{
			Question: fmt.Sprintf("question %d", i),
			Answer:   fmt.Sprintf("answer %d %s", i, strings.Repeat("word ", tokens-12)),
			At:       begin.Add(time.Duration(i) * time.Minute),
		})
	}
	return turns
}

func turnAt(question, answer string, at time.Time, before *conversation.Before) conversation.Turn {
	return conversation.Turn{Question: question, Answer: answer, At: at, Before: before}
}

// spoken is a prompt as a text, the beginning of each message.
func spoken(messages []model.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s: %.40s|", m.Role, m.Content)
	}
	return b.String()
}

func TestBuildKeepsEveryWord(t *testing.T) {
	history := []conversation.Turn{
		{Question: "张三: 你好 ", Answer: " hi\n", At: begin},
		{Question: "李四: \tagain", Answer: "**yes**", At: begin.Add(1)},
	}
	built := builder(0, 0, 0).Build(Input{System: "be brief", History: history, Question: "王五: and now? "})
	want := []model.Message{
		{Role: model.System, Content: "be brief"},
		{Role: model.User, Content: "张三: 你好 "}, {Role: model.Assistant, Content: " hi\n"},
		{Role: model.User, Content: "李四: \tagain"}, {Role: model.Assistant, Content: "**yes**"},
		{Role: model.User, Content: "王五: and now? "},
	}
	if !same(built.Messages, want) || built.Before != nil || built.TooLong {
		t.Errorf("%s, %+v", spoken(built.Messages), built)
	}
	if tokens := new(Estimator).Messages(want); built.Tokens != tokens || MeasureAll(want) != built.Count {
		t.Errorf("%d tokens, want %d; %+v", built.Tokens, tokens, built.Count)
	}
}

func same(a, b []model.Message) bool {
	return slices.EqualFunc(a, b, func(x, y model.Message) bool { return x.Role == y.Role && x.Content == y.Content })
}

func TestBuildHasNoEmptyMessages(t *testing.T) {
	built := builder(0, 0, 0).Build(Input{History: []conversation.Turn{{Question: "a", At: begin}, {Answer: "b", At: begin.Add(1)}}, Question: "c"})
	if got := spoken(built.Messages); got != "user: a|assistant: b|user: c|" {
		t.Error(got)
	}
}

// What does not fit is left out, the oldest first, for many turns at once; and the
// prompts after it leave out the same.
func TestBuildLeavesOutTheOldest(t *testing.T) {
	b := builder(2000, 500, 0)
	in := Input{System: "be brief", History: turnsOf(20, 100), Question: "and?"}
	built := b.Build(in)
	if built.Before == nil || built.Before.Summary != "" || !built.Before.Told.IsZero() {
		t.Fatalf("before %+v", built.Before)
	}
	left := slices.IndexFunc(in.History, func(turn conversation.Turn) bool { return turn.At.Equal(built.Before.Until) }) + 1
	if left < 10 || left > 14 || built.Tokens > 850 || built.Tokens < 600 {
		t.Errorf("%d turns left out, %d tokens", left, built.Tokens)
	}
	if got := built.Messages[1].Content; got != fmt.Sprintf("question %d", left) {
		t.Errorf("the prompt begins with %q", got)
	}
	in.History = append(in.History, turnAt("and?", "so", begin.Add(time.Hour), built.Before))
	in.Question = "then?"
	next := b.Build(in)
	if next.Before != nil || !isPrefix(built.Messages, next.Messages) {
		t.Errorf("%+v, the next prompt is %s", next.Before, spoken(next.Messages))
	}
}

// isPrefix reports whether next goes on where the prompt before ended, with its
// question at the end.
func isPrefix(before, next []model.Message) bool {
	return len(before) <= len(next) && same(before, next[:len(before)])
}

// Tools and pictures have their place in the budget.
func TestBuildCountsToolsAndPictures(t *testing.T) {
	b := builder(8000, 500, 0)
	plain := b.Build(Input{Question: "look"})
	tools := b.Build(Input{Question: "look", Frame: `[{"name": "clock", "description": "tells the time"}]`})
	pictures := b.Build(Input{Question: "look", Pictures: 2})
	if tools.Tokens < plain.Tokens+10 || len(tools.Messages) != 1 {
		t.Errorf("%d tokens with tools, %d without", tools.Tokens, plain.Tokens)
	}
	if pictures.Tokens != plain.Tokens+2*1024 || pictures.Count.Pictures != 2 {
		t.Errorf("%d tokens with pictures, %d without, %+v", pictures.Tokens, plain.Tokens, pictures.Count)
	}
	if many := b.Build(Input{Question: "look", Pictures: 8}); !many.TooLong || many.Room != 0 {
		t.Errorf("eight pictures: %+v", many)
	}
}

func TestBuildSaysThatAQuestionIsTooLong(t *testing.T) {
	b := builder(2000, 500, 0)
	in := Input{System: "be brief", History: turnsOf(5, 100), Question: "what is this?\n\n" + fileBlock("a.txt", "```", strings.Repeat("word ", 3000))}
	built := b.Build(in)
	if !built.TooLong || built.Messages != nil || built.Room < 1000 || built.Room > 1500*maxQuestion {
		t.Fatalf("%+v", built)
	}
	question, ok := b.Fit(in.Question, built.Room)
	if !ok {
		t.Fatalf("%d tokens are not enough", built.Room)
	}
	in.Question = question
	if built = b.Build(in); built.TooLong || built.Tokens > 1500 || len(built.Messages) < 4 {
		t.Errorf("%d tokens in %s", built.Tokens, spoken(built.Messages))
	}
}

func TestHalved(t *testing.T) {
	b := builder(4000, 500, 0)
	in := Input{History: turnsOf(30, 100), Question: "and?"}
	whole := b.Build(in)
	b.Budget = b.Budget.Halved()
	half := b.Build(in)
	if whole.Tokens > 3500 || half.Tokens > 1500 || half.Tokens >= whole.Tokens || half.Before == nil {
		t.Errorf("%d tokens, then %d", whole.Tokens, half.Tokens)
	}
	if tiny := (Budget{Context: 1}).Halved().Halved(); tiny.Context != 1 {
		t.Errorf("%+v", tiny)
	}
}

// Where the store keeps few turns, the prompt lets them go before the store does, so
// that it is not another one every time.
func TestBuildIsAheadOfTheStore(t *testing.T) {
	const stored = 8
	b := builder(0, 0, stored)
	b.Budget.Summarise = false
	var history []conversation.Turn
	var last []model.Message
	changes := 0
	for i := range 100 {
		question := fmt.Sprint("question ", i)
		built := b.Build(Input{History: history, Question: question})
		if built.Before != nil {
			changes++
		} else if !isPrefix(last, built.Messages) {
			t.Fatalf("turn %d: the prompt has changed without a word: %s", i, spoken(built.Messages))
		}
		if turns := len(built.Messages) / 2; turns < min(i, stored/2) || turns >= stored {
			t.Fatalf("turn %d: %d turns in the prompt", i, turns)
		}
		last = built.Messages
		history = append(history, turnAt(question, "answer", begin.Add(time.Duration(i)*time.Second), built.Before))
		history = history[max(0, len(history)-stored):]
	}
	if changes < 20 || changes > 25 {
		t.Errorf("the prompt began anew %d times", changes)
	}
}

func TestOneTurnIsRemembered(t *testing.T) {
	history := turnsOf(1, 20)
	built := builder(0, 0, 1).Build(Input{History: history, Question: "and?"})
	if len(built.Messages) != 3 || built.Before != nil {
		t.Errorf("%s, %+v", spoken(built.Messages), built.Before)
	}
}

// A summary stays although the turn that it was stored with leaves the store.
func TestBeforeIsCarriedOn(t *testing.T) {
	before := &conversation.Before{Until: begin.Add(-2), Told: begin.Add(-2), Summary: "the code is 4711"}
	history := turnsOf(3, 20)
	history[0].Before = before
	built := builder(0, 0, 3).Build(Input{History: history[:2], Question: "and?"})
	if built.Before == nil || *built.Before != *before || built.Before == before {
		t.Errorf("%+v", built.Before)
	}
	if !strings.Contains(built.Messages[0].Content, "4711") || built.Messages[2].Content != "question 0" {
		t.Error(spoken(built.Messages))
	}
	history[0].Before, history[1].Before = nil, before
	if built := builder(0, 0, 0).Build(Input{History: history, Question: "and?"}); built.Before != nil {
		t.Errorf("carried on too early: %+v", built.Before)
	}
}

func TestBuildTakesAPendingSummary(t *testing.T) {
	b, history := builder(0, 0, 0), turnsOf(10, 20)
	pending := &Pending{Until: history[5].At, Summary: "\n the code is 4711 \n"}
	built := b.Build(Input{System: "be brief", History: history, Pending: pending, Question: "and?"})
	want := "system: be brief|user: [Summary of the earlier talk]\nthe code i|assistant: Noted.|user: question 6|"
	if got := spoken(built.Messages); !strings.HasPrefix(got, want) {
		t.Error(got)
	}
	if built.Before == nil || *built.Before != (conversation.Before{Until: pending.Until, Told: pending.Until, Summary: "the code is 4711"}) {
		t.Errorf("%+v", built.Before)
	}
	history = append(history, turnAt("and?", "so", begin.Add(time.Hour), built.Before))
	again := b.Build(Input{System: "be brief", History: history, Pending: pending, Question: "then?"})
	if again.Before != nil || !isPrefix(built.Messages, again.Messages) {
		t.Errorf("taken twice: %+v", again.Before)
	}
}

// A summary of what is forgotten, or that is late, does not count.
func TestBuildLeavesAPendingSummary(t *testing.T) {
	history := turnsOf(10, 20)
	stored := slices.Clone(history)
	stored[8].Before = &conversation.Before{Until: history[5].At, Told: history[5].At, Summary: "newer"}
	timeless := turnsOf(10, 20)
	timeless[4].At = time.Time{}
	rows := map[string]struct {
		history []conversation.Turn
		pending Pending
	}{
		"timeless":  {timeless, Pending{time.Time{}, "old talk"}},
		"forgotten": {history, Pending{begin.Add(-1), "old talk"}},
		"empty":     {history, Pending{history[5].At, " \n"}},
		"no time":   {history, Pending{time.Time{}, "old talk"}},
		"late":      {stored, Pending{history[3].At, "old talk"}},
		"the same":  {stored, Pending{history[5].At, "old talk"}},
		"nothing":   {nil, Pending{history[5].At, "old talk"}},
	}
	for name, row := range rows {
		built := builder(0, 0, 0).Build(Input{History: row.history, Pending: &row.pending, Question: "and?"})
		if built.Before != nil || strings.Contains(spoken(built.Messages), "old talk") {
			t.Errorf("%s: %+v, %s", name, built.Before, spoken(built.Messages))
		}
	}
}

// Turns that were left out before there was a summary stay out when it comes, and it
// tells of them.
func TestBuildTakesASummaryOfWhatIsOut(t *testing.T) {
	history := turnsOf(10, 20)
	history[9].Before = &conversation.Before{Until: history[7].At}
	built := builder(0, 0, 0).Build(Input{History: history, Pending: &Pending{history[4].At, "the code is 4711"}, Question: "and?"})
	if built.Before == nil || *built.Before != (conversation.Before{Until: history[7].At, Told: history[4].At, Summary: "the code is 4711"}) || built.Messages[2].Content != "question 8" {
		t.Errorf("%+v, %s", built.Before, spoken(built.Messages))
	}
}

// A model that does not keep to the length is cut short.
func TestBuildBoundsASummary(t *testing.T) {
	b, history := builder(2000, 500, 0), turnsOf(5, 20)
	built := b.Build(Input{History: history, Pending: &Pending{history[2].At, strings.Repeat("notes ", 5000)}, Question: "and?"})
	if built.TooLong || built.Before == nil || b.Tokens.Messages(built.Messages[:2]) > 360 || !strings.HasSuffix(built.Before.Summary, cutMark) {
		t.Fatalf("%+v", built.Before)
	}
	if len(built.Messages) != 2+4+1 {
		t.Error(spoken(built.Messages))
	}
	history = append(history, turnAt("and?", "so", begin.Add(time.Hour), built.Before))
	if next := b.Build(Input{History: history, Question: "then?"}); next.Before != nil {
		t.Errorf("cut again: %+v", next.Before)
	}
	b.Budget = b.Budget.Halved().Halved()
	if next := b.Build(Input{History: history, Question: "then?"}); next.TooLong || next.Before == nil || len(next.Before.Summary) >= len(built.Before.Summary) {
		t.Errorf("in a quarter of the room: %+v", next)
	}
}
