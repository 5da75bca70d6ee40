package prompt

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/conversation"
)

// talk is a long conversation with a model that counts in its own way, and a store
// that keeps the turns as JSON.
type talk struct {
	t       *testing.T
	random  *rand.Rand
	builder Builder
	truth   rates // how the endpoint counts
	stored  int   // turns that the store keeps
	fails   bool  // every other summary

	history []conversation.Turn
	pending *Pending
	comes   *Pending // the summary in the making
	delay   int      // turns until it comes
	asked   int      // summaries

	last           []model.Message
	sent, kept     int // bytes of all prompts, and of them what the one before began with
	changed, most  int // how often the beginning changed; tokens of the longest prompt
	withoutFact    int // prompts after the fact
	forgottenSince int
}

const (
	fact     = "门禁密码是 4711-KX"
	factTurn = 3
	system   = "You are a helpful assistant in a company's chat. Answer briefly, in the language of the question."
)

var phrases = []string{
	"请帮我看一下昨天的会议纪要，", "客户希望下周三之前上线，", "这个接口一直超时，", "费用大概是三千二百元。", "谢谢！",
	"could you check the logs again ", "the build fails on the second step ", "we agreed on Thursday at noon ", "if err != nil {\n\treturn err\n}\n",
	"SELECT id, name FROM users WHERE id = 42;\n", "2026-03-14 09:26:53 ERROR timeout after 30s\n", "好的👌 ",
}

// words are about so many tokens of what people write and models answer.
func (k *talk) words(least, most int) string {
	var b strings.Builder
	for tokens := least + k.random.IntN(most-least); tokens > 0; {
		phrase := phrases[k.random.IntN(len(phrases))]
		b.WriteString(phrase)
		tokens -= 10 // about
	}
	return b.String()
}

// turn asks a question and has it answered, summarised and stored.
func (k *talk) turn(n int) {
	question := fmt.Sprintf("张三: 第 %d 个问题。%s", n, k.words(10, 120))
	if n == factTurn {
		question = "请记住：" + fact
	}
	if k.delay--; k.comes != nil && k.delay <= 0 {
		k.pending, k.comes = k.comes, nil
	}
	in := Input{System: system, Frame: `[{"name":"clock"}]`, History: k.history, Pending: k.pending, Question: question}
	built := k.builder.Build(in)
	k.judge(n, built)

	answer := k.words(20, 400)
	k.builder.Tokens.Observe(built.Count, int(k.truth.tokens(built.Count)*(0.97+0.06*k.random.Float64())))
	k.store(turnAt(question, answer, begin.Add(time.Duration(n)*time.Minute), built.Before))
	in.History, in.Question = k.history, ""
	if request, due := k.builder.Due(in); due && k.comes == nil {
		k.summarise(request)
	}
}

// judge holds a prompt against the budget, the one before and the fact.
func (k *talk) judge(n int, built Built) {
	budget := k.builder.Budget
	if built.TooLong || built.Tokens+budget.Answer > budget.Context {
		k.t.Fatalf("turn %d: %d tokens, too long %t", n, built.Tokens, built.TooLong)
	}
	if real := int(k.truth.tokens(built.Count)); real+budget.Answer > budget.Context {
		k.t.Fatalf("turn %d: %d tokens as the endpoint counts, %d as estimated", n, real, built.Tokens)
	}
	k.most = max(k.most, built.Tokens)
	rest := built.Messages[1 : len(built.Messages)-1] // between system prompt and question
	if tokens := k.builder.Tokens.Messages(rest); budget.History > 0 && tokens > budget.History {
		k.t.Fatalf("turn %d: %d tokens of summary and turns", n, tokens)
	}
	if built.Before != nil {
		k.changed++
	} else if k.last != nil && !isPrefix(k.last, built.Messages) {
		k.t.Fatalf("turn %d: the prompt has changed without a word", n)
	}
	stays := true
	for i, m := range built.Messages {
		k.sent += len(m.Content)
		if stays = stays && i < len(k.last) && m.Content == k.last[i].Content; stays {
			k.kept += len(m.Content)
		}
	}
	k.last = built.Messages
	if n > factTurn && !strings.Contains(whole(built.Messages), fact) {
		k.withoutFact++
		k.forgottenSince = n
	}
}

func whole(messages []model.Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Content + "\n")
	}
	return b.String()
}

// store keeps a turn as a store does: as JSON, and the oldest goes.
func (k *talk) store(turn conversation.Turn) {
	raw, err := json.Marshal(turn)
	if err != nil {
		k.t.Fatal(err)
	}
	var read conversation.Turn
	if err := json.Unmarshal(raw, &read); err != nil {
		k.t.Fatal(err)
	}
	k.history = append(k.history, read)
	k.history = k.history[max(0, len(k.history)-k.stored):]
}

// summarise is the model: it keeps what it was told to remember, and the topics of
// the last turns. It knows nothing but the request.
func (k *talk) summarise(request Request) {
	if tokens := k.truth.tokens(request.Count); int(tokens)+request.Answer > k.builder.Budget.Context {
		k.t.Fatalf("a summary of %.0f tokens", tokens)
	}
	if k.asked++; k.fails && k.asked%2 == 0 {
		return
	}
	d := read(k.t, request)
	var notes strings.Builder
	if strings.Contains(request.Messages[1].Content, fact) {
		notes.WriteString(fact + "\n")
	}
	fmt.Fprintf(&notes, "%d turns since; the last was about: %.200s", len(d.Turns), d.Turns[len(d.Turns)-1].Question)
	k.comes, k.delay = &Pending{request.Until, strings.ToValidUTF8(notes.String(), "")}, k.random.IntN(4)
}

// A talk of 300 turns stays in its budget at every turn, by the estimate and as the
// endpoint counts; it begins as the turn before did but for a few times; and with
// summaries it knows to the end what was said in turn 3.
func TestLongTalk(t *testing.T) {
	const turns = 300
	chineseCostsMuch, chineseCostsLittle := rates{0.25, 0.03, 0.05, 0.1}, rates{-0.2, 0, 0.05, -0.3}
	rows := []struct {
		name      string
		context   int
		history   int
		stored    int
		truth     rates
		summarise bool
		fails     bool
		kept      float64 // the least part of the prompts that stays as it was
		changed   int     // at most
	}{
		{"summarise", 16_000, 0, 1000, chineseCostsLittle, true, false, 0.85, 40},
		{"summarise, Chinese costs much", 16_000, 0, 1000, chineseCostsMuch, true, false, 0.85, 40},
		{"summarise, 8000 tokens", 8_000, 0, 1000, chineseCostsLittle, true, false, 0.75, 80},
		{"summarise, every other fails", 16_000, 0, 1000, chineseCostsLittle, true, true, 0.85, 40},
		{"summarise, every other fails, the store keeps 50", 32_000, 0, 50, chineseCostsMuch, true, true, 0.85, 40},
		{"summarise, 3000 tokens of history", 16_000, 3000, 1000, chineseCostsLittle, true, false, 0.6, 90},
		{"drop, 3000 tokens of history", 16_000, 3000, 1000, chineseCostsLittle, false, false, 0.6, 90},
		{"drop", 16_000, 0, 1000, chineseCostsLittle, false, false, 0.9, 25},
		{"drop, the store keeps 50", 32_000, 0, 50, chineseCostsMuch, false, false, 0.9, 25},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			k := &talk{t: t, random: rand.New(rand.NewPCG(7, 11)), truth: row.truth, stored: row.stored, fails: row.fails}
			k.builder = Builder{Budget: Budget{Context: row.context, History: row.history, Answer: 1500, Turns: row.stored, Summarise: row.summarise}, Tokens: new(Estimator)}
			for n := 1; n <= turns; n++ {
				k.turn(n)
			}
			kept := float64(k.kept) / float64(k.sent)
			t.Logf("%d turns: %.1f %% of the prompts' bytes stayed as they were, changed %d times, %d summaries asked for, at most %d of %d tokens, without the fact %d",
				turns, 100*kept, k.changed, k.asked, k.most, row.context, k.withoutFact)
			if kept < row.kept || k.changed > row.changed {
				t.Errorf("want %.0f %%, changed at most %d times", 100*row.kept, row.changed)
			}
			switch {
			case !row.summarise:
				if k.withoutFact == 0 || k.asked > 0 {
					t.Error("what was dropped is still known")
				}
			case k.withoutFact > 0:
				t.Errorf("the fact was missing in %d prompts, the last time in turn %d", k.withoutFact, k.forgottenSince)
			case k.asked < 5:
				t.Errorf("only %d summaries", k.asked)
			}
		})
	}
}

// While the model is away for summaries, the oldest turns go; when it is back, the
// summary tells of them all the same.
func TestLongTalkWithoutSummariesForAWhile(t *testing.T) {
	k := &talk{t: t, random: rand.New(rand.NewPCG(3, 5)), stored: 1000}
	k.builder = Builder{Budget: Budget{Context: 8000, Answer: 1000, Turns: k.stored, Summarise: true}, Tokens: new(Estimator)}
	for n := 1; n <= 120; n++ {
		if k.turn(n); n < 80 {
			k.comes = nil
		}
	}
	if k.withoutFact == 0 || k.forgottenSince > 100 {
		t.Errorf("without the fact %d times, the last time in turn %d", k.withoutFact, k.forgottenSince)
	}
}

// Whatever is said, answered, summarised, lost or forgotten: a prompt is in its
// budget, says the same when it is built again, and begins as the one before unless
// it says otherwise.
func FuzzTalk(f *testing.F) {
	f.Add(uint64(1), uint16(2000), uint8(0), []byte("qqqsqqsqfqqqlqqq"))
	f.Add(uint64(2), uint16(600), uint8(5), []byte("qlqlqlsqlqs"))
	f.Add(uint64(3), uint16(9000), uint8(1), []byte(strings.Repeat("qs", 40)))
	f.Add(uint64(4), uint16(3000), uint8(12), []byte(strings.Repeat("qqosqqq", 20)))
	f.Fuzz(talkAtRandom)
}

// The same with moves as they come, many of them.
func TestTalksAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(50) {
		var moves []byte
		for range random.IntN(120) {
			moves = append(moves, "qqqqqqqqssslloof"[random.IntN(16)])
		}
		talkAtRandom(t, seed, uint16(300+random.IntN(4000)), uint8(max(0, random.IntN(24)-8)), moves)
	}
}

func talkAtRandom(t *testing.T, seed uint64, context uint16, stored uint8, moves []byte) {
	if context < 300 || len(moves) > 300 {
		return
	}
	k := &talk{t: t, random: rand.New(rand.NewPCG(seed, 1)), stored: 1000}
	if stored > 0 {
		k.stored = int(stored)
	}
	k.builder = Builder{Budget: Budget{Context: int(context), Answer: 100, Turns: int(stored), Summarise: true}, Tokens: new(Estimator)}
	for i, move := range moves {
		k.move(i, move)
	}
}

func (k *talk) move(i int, move byte) {
	in := Input{System: "be brief", History: k.history, Pending: k.pending, Question: fmt.Sprint("question ", i)}
	switch move {
	case 's': // a summary is made
		if r, due := k.builder.Due(in); due {
			k.pending = &Pending{r.Until, "notes " + k.words(1, 100)}
		}
		return
	case 'f': // the person has made the bot forget
		k.history, k.last = nil, nil
		return
	case 'o': // the endpoint reports something
		k.builder.Tokens.Observe(measureMessage(k.words(50, 200)), k.random.IntN(400))
		return
	case 'l': // a long question
		in.Question += k.words(100, 400)
	}
	built := k.builder.Build(in)
	if again := k.builder.Build(in); !same(built.Messages, again.Messages) {
		k.t.Fatalf("move %d: built twice, %s and %s", i, spoken(built.Messages), spoken(again.Messages))
	}
	if built.TooLong {
		return
	}
	if budget := k.builder.Budget.withDefaults(); built.Tokens+budget.Answer > budget.Context || built.Tokens != k.builder.Tokens.Tokens(built.Count) {
		k.t.Fatalf("move %d: %d tokens", i, built.Tokens)
	}
	if k.stored > 1 && built.Before == nil && !isPrefix(k.last, built.Messages) {
		k.t.Fatalf("move %d: from %s to %s", i, spoken(k.last), spoken(built.Messages))
	}
	k.last = built.Messages
	k.store(turnAt(in.Question, "answer "+k.words(1, 60), begin.Add(time.Duration(i)*time.Minute), built.Before))
}
