package turn

import (
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// An answer that begins anew replaces what people have begun to read. What they see in
// the end is what is remembered: words before a tool stay, and so does what stands
// before the answer.
func TestWithdrawnTextIsGone(t *testing.T) {
	again := func(text string) model.Delta { return model.Delta{Again: true, Text: text} }
	for name, c := range map[string]struct {
		rounds []round
		read   string
	}{
		"at once":              {[]round{stream(nil, model.Delta{Text: "wro"}, model.Delta{Text: "ng"}, again("ri"), model.Delta{Text: "ght"})}, "right"},
		"twice":                {[]round{stream(nil, model.Delta{Text: "a"}, again("b"), again("c"))}, "c"},
		"with a thought":       {[]round{stream(nil, model.Delta{Text: "a"}, model.Delta{Again: true, Thought: "hm"}, model.Delta{Text: "b"})}, "b"},
		"before a tool":        {[]round{stream(nil, model.Delta{Text: "wrong"}, again("One."), model.Delta{Calls: []model.Call{{ID: "1", Name: "read"}}}), says("Two.")}, "One.\n\nTwo."},
		"after a tool":         {[]round{calls("One.", "read"), stream(nil, model.Delta{Text: "wrong"}, again("Two."))}, "One.\n\nTwo."},
		"after a silent one":   {[]round{calls("", "read"), stream(nil, model.Delta{Text: "wrong"}, again("Two."))}, "Two."},
		"only thoughts so far": {[]round{calls("One.", "read"), stream(nil, model.Delta{Thought: "hm"}, again("Two."))}, "One.\n\nTwo."},
		"and then fails":       {[]round{stream(&model.Error{Kind: model.Length}, model.Delta{Text: "wrong"}, again("right"))}, "right\n\n(The answer reached its longest length. You can write “go on”.)"},
	} {
		w := newWorld(t, Config{Reasoning: true}, newBox().with, c.rounds...)
		ev := w.from("ann", "go")
		ev.Sent = ev.Received.Add(-10 * time.Minute)
		text, out := w.ask(ev)
		lead, answer, _ := strings.Cut(text, "earlier.)\n\n")
		if answer != c.read || !strings.HasPrefix(lead, "(Sorry") || strings.Count(text, "Sorry") != 1 || out.Turn == nil || out.Turn.Answer != c.read {
			t.Errorf("%s: read %q, remembered %+v", name, text, out.Turn)
		}
	}
}

// Text is withdrawn only within the connectors' bounds: the model is told so, and where
// an earlier round has said too much already, and this one nothing, all of it stays.
func TestWithdrawnWithinBounds(t *testing.T) {
	long := strings.Repeat("x", connectors.MaxWithdrawn+1)
	w := newWorld(t, Config{Reasoning: true}, newBox().with, calls(long, "read"),
		stream(nil, model.Delta{Thought: "hm"}, model.Delta{Again: true, Thought: "so"}, model.Delta{Text: "Two."}))
	w.screen.onDelta = func(d connectors.Delta) {
		if d.Again {
			t.Errorf("%d bytes are withdrawn", len(long))
		}
	}
	if text, out := w.ask(w.from("ann", "go")); text != long+"\n\nTwo." || out.Turn.Answer != text {
		t.Errorf("read … %q", text[len(long):])
	}
}

func TestModelMayBeginAnew(t *testing.T) {
	r := &reply{}
	k := &talk{r: r, began: time.Now()}
	r.add(strings.Repeat("x", connectors.MaxWithdrawn-1))
	r.lead = "y"
	if !k.withdrawable() {
		t.Error("as much as connectors keep cannot be withdrawn")
	}
	r.add("x")
	if k.withdrawable() {
		t.Error("more than connectors keep can be withdrawn")
	}
	k = &talk{r: &reply{}, began: time.Now().Add(-connectors.Withdrawable)}
	if k.withdrawable() {
		t.Error("what is too old can be withdrawn")
	}
}

func TestThoughtsAreShownIfTheyMayBe(t *testing.T) {
	for may, want := range map[bool]string{true: "hmhm", false: ""} {
		w := newWorld(t, Config{Reasoning: may}, nil, stream(nil, model.Delta{Thought: "hm"}, model.Delta{Thought: "hm", Text: "Yes."}))
		text, out := w.ask(w.from("ann", "go"))
		thought := ""
		for _, d := range w.screen.deltas {
			thought += d.Thought
			if d == (connectors.Delta{}) {
				t.Error("a delta says nothing")
			}
		}
		if thought != want || text != "Yes." || out.Turn.Answer != "Yes." {
			t.Errorf("may %t: thought %q, read %q", may, thought, text)
		}
	}
}

// An endpoint that finds the prompt too long gets half of it, once, in whichever round.
// Only then people read that.
func TestTooLongIsShortenedOnce(t *testing.T) {
	history := make([]conversation.Turn, 40)
	for i := range history {
		history[i] = conversation.Turn{Question: strings.Repeat("word ", 40), Answer: "yes", At: time.Unix(int64(i), 0)}
	}
	for name, c := range map[string]struct {
		rounds   []round
		read     string
		requests int
	}{
		"once":            {[]round{fails(model.TooLong, ""), says("Yes.")}, "Yes.", 2},
		"twice":           {[]round{fails(model.TooLong, "")}, "Our conversation has become too long", 2},
		"after a tool":    {[]round{calls("", "read"), fails(model.TooLong, ""), says("Yes.")}, "Yes.", 3},
		"after it, twice": {[]round{calls("", "read"), fails(model.TooLong, "")}, "Our conversation has become too long", 3},
		"again with tool": {[]round{fails(model.TooLong, ""), calls("", "read"), says("Yes.")}, "Yes.", 3},
	} {
		w := newWorld(t, Config{}, func(with *With) {
			newBox().with(with)
			with.Choices[0].Prompt.Budget.Context, with.Choices[0].Prompt.Budget.Answer = 4000, 500
		}, c.rounds...)
		s := &script{}
		lease := &conversation.Lease{Event: w.from("ann", "go"), Attempt: 1, History: history, Holder: s}
		if err := w.turn.Run(t.Context(), t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(w.screen.shown[0], c.read) || len(w.brain.asked) != c.requests {
			t.Errorf("%s: read %q after %d requests", name, w.screen.shown, len(w.brain.asked))
		}
		first, last := len(w.brain.asked[0].Messages), len(w.brain.asked[c.requests-1].Messages)
		if last*3 >= first*2 {
			t.Errorf("%s: %d messages, at last %d", name, first, last)
		}
		if m := w.brain.asked[1].Messages; name == "once" && m[len(m)-1].Content != "go" {
			t.Errorf("%s: the prompt ends with %+v", name, m[len(m)-1])
		}
		if turn := s.done[0].Turn; turn != nil && turn.Before == nil {
			t.Errorf("%s: the next prompt does not know what this one has left out", name)
		}
	}
}

// A question that is too long loses its files and quotes, as it is asked and as it is
// remembered; one that is too long by itself is answered with a text.
func TestQuestionIsCut(t *testing.T) {
	small := func(with *With) {
		with.Choices[0].Prompt.Budget.Context, with.Choices[0].Prompt.Budget.Answer = 1000, 100
		with.Reader = platform{files: map[string][]byte{"f": []byte(strings.Repeat("line of text\n", 2000))}, quote: strings.Repeat("said before\n", 1000)}
	}
	w := newWorld(t, Config{Shared: true}, small, says("Yes."))
	ev := w.inGroup("ann", "what is that?")
	ev.Files = []connectors.File{{Kind: connectors.KindFile, Name: "long.txt", Ref: "f"}}
	ev.Quote = &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	text, out := w.ask(ev)
	got := w.question()
	if text != "Yes." || out.Turn.Question != got || len(got) > 4000 {
		t.Fatalf("read %q, remembered %d bytes, asked %d", text, len(out.Turn.Question), len(got))
	}
	for _, part := range []string{"[quoted message]\n> said before\n", "\nann: what is that?\n", "[file long.txt]\n```\n", "[… cut]"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %q", part, got)
		}
	}
	if text, out := w.ask(w.inGroup("ann", strings.Repeat("word ", 3000))); !strings.HasPrefix(text, "Our conversation has become too long") || out.How != conversation.Failed || len(w.brain.asked) != 1 {
		t.Errorf("read %q, done %+v, asked %d times", text, out, len(w.brain.asked))
	}
}
