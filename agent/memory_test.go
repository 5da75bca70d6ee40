package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// forgetful is a model that knows what stands in the prompt and nothing else: it says
// whether it still sees a word that was told long ago.
type forgetful struct {
	word string

	mu        sync.Mutex
	prompts   []string // guarded by mu, as all below
	longest   int      // in tokens, as the endpoint counts
	summaries int
}

// isSummary reports whether a request is for a summary.
func isSummary(r modeltest.Request) bool {
	return strings.Contains(r.Messages[0].Content, "You keep the notes of a talk")
}

func (f *forgetful) answer(r modeltest.Request) modeltest.Response {
	var text strings.Builder
	tokens := 0
	for _, m := range r.Messages {
		text.WriteString(m.Role + ": " + m.Content + "\n")
		tokens += (len(m.Content) + 3) / 4 // as modeltest does
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.longest = max(f.longest, tokens)
	knows := strings.Contains(text.String(), f.word)
	if isSummary(r) {
		f.summaries++
		if knows {
			return modeltest.Words("The person said that the word is ", f.word, ".")
		}
		return modeltest.Words("Nothing of note was said.")
	}
	f.prompts = append(f.prompts, text.String())
	return modeltest.Words(fmt.Sprintf("Seen: %t. ", knows), strings.Repeat("All is well. ", 8))
}

// cached is the part of all prompts that was the beginning of the one before, and that
// an endpoint need not read again.
func (f *forgetful) cached() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	same, all := 0, 0
	for i, next := range f.prompts {
		all += len(next)
		if i == 0 {
			continue
		}
		before := f.prompts[i-1]
		n := 0
		for n < min(len(before), len(next)) && before[n] == next[n] {
			n++
		}
		same += n
	}
	return float64(same) / float64(all)
}

// A talk of 300 turns with a model that reads little at once: no prompt is longer than
// it may be, and what was said in the third turn is still known in the last.
func TestLongTalk(t *testing.T) {
	w := newWorld(t, config.Feishu, "embedded")
	const turns, context, answer = 300, 4096, 512
	w.cfg.Model.ContextTokens, w.cfg.Model.MaxTokens = context, answer
	w.cfg.Limits = config.Limits{}
	f := &forgetful{word: "plover"}
	w.answer(f.answer)
	w.start()
	unseen := 0
	for n := 1; n <= turns; n++ {
		text := fmt.Sprintf("Question %d: how is station %d today, and is there anything new that I should tell the others about?", n, n%7)
		if n == 3 {
			text = "Please keep in mind that the word is plover."
		}
		got := w.ask(line{person: "ann", text: text})
		switch {
		case n < 3, strings.HasPrefix(got, "Seen: true."):
		case n == turns:
			t.Errorf("in the last turn: %q", got)
		default:
			unseen++
		}
	}
	if f.longest > context-answer {
		t.Errorf("a prompt has %d tokens, %d are left to it", f.longest, context-answer)
	}
	if f.summaries == 0 || f.summaries > turns/5 || len(f.prompts) != turns {
		t.Errorf("%d summaries in %d turns", f.summaries, len(f.prompts))
	}
	cached := f.cached()
	t.Logf("%.0f %% of the prompts' bytes were the beginning of the one before; %d summaries; the longest prompt had %d tokens; unseen in %d turns", 100*cached, f.summaries, f.longest, unseen)
	if cached < 0.8 {
		t.Errorf("only %.0f %% of the prompts' bytes were the beginning of the one before", 100*cached)
	}
	// A summary is made beside the turns. While it is late the oldest turns are out of mind.
	if unseen > turns/10 {
		t.Errorf("the word was out of mind in %d turns", unseen)
	}
}

// The summary is in the store: after a restart the talk goes on as before.
func TestSummaryOutlivesARestart(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Model.ContextTokens, w.cfg.Model.MaxTokens = 1024, 64
		w.cfg.Limits = config.Limits{}
		f := &forgetful{word: "plover"}
		w.answer(f.answer)
		_, stop := w.start()
		w.ask(line{person: "ann", text: "Please keep in mind that the word is plover."})
		adopted := func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return strings.Contains(f.prompts[len(f.prompts)-1], "[Summary of the earlier talk]")
		}
		for n := 0; !adopted() && n < 200; n++ {
			w.ask(line{person: "ann", text: fmt.Sprintf("Question %d: how is it today, and is there anything new that I should know?", n)})
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.start()
		if got := w.ask(line{person: "ann", text: "And now?"}); !strings.HasPrefix(got, "Seen: true.") || !adopted() {
			t.Errorf("after the restart: %q", got)
		}
	})
}
