package turn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/agent/tools"
	"longwire/conversation"
)

// The model calls, reads what came of it, and answers: one answer, with a paragraph
// between what it says before and after, and the usage of both requests.
func TestToolIsCalled(t *testing.T) {
	b := newBox()
	w := newWorld(t, Config{SystemPrompt: "be kind"}, b.with, calls("Let me see.", `read {"day":1}`), says("It is free."))
	text, out := w.ask(w.from("ann", "am I free?"))
	if text != "Let me see.\n\nIt is free." || out.Turn == nil || out.Turn.Answer != text {
		t.Fatalf("read %q, remembered %+v", text, out.Turn)
	}
	if !slices.Equal(b.ran, []string{`read {"day":1}`}) || !slices.Equal(w.screen.doings(), []string{"Look it up…"}) {
		t.Errorf("ran %q, shown meanwhile %q", b.ran, w.screen.doings())
	}
	first, last := w.brain.asked[0], w.brain.last(t)
	if len(first.Tools) != 3 || !strings.Contains(first.Messages[0].Content, "be kind\n\n"+tools.Frame) {
		t.Errorf("the model is offered %+v and told %q", first.Tools, first.Messages[0].Content)
	}
	said, result := last.Messages[len(last.Messages)-2], last.Messages[len(last.Messages)-1]
	if said.Role != model.Assistant || said.Content != "Let me see." || len(said.Calls) != 1 {
		t.Errorf("the model said %+v", said)
	}
	if result.Role != model.ToolResult || result.CallID != "call0" || result.Content != "result of read" {
		t.Errorf("the model reads %+v", result)
	}
	r := w.reports[0]
	if r.Usage.Prompt != 20 || r.Usage.Answer != 10 || r.Usage.Model != "m" || !slices.Equal(r.Tools, []string{"read"}) {
		t.Errorf("reported %+v", r)
	}
}

// Without words before a tool there is no paragraph; in the prompt of a later round
// stands what was said in each, and not the paragraph between.
func TestWordsBetweenTools(t *testing.T) {
	w := newWorld(t, Config{}, newBox().with, calls("", "read"), calls("One.", "read"), calls("Two.", "read"), says("Three."))
	if text, _ := w.ask(w.from("ann", "go")); text != "One.\n\nTwo.\n\nThree." {
		t.Errorf("read %q", text)
	}
	var said []string
	for _, m := range w.brain.last(t).Messages {
		if m.Role == model.Assistant {
			said = append(said, m.Content)
		}
	}
	if !slices.Equal(said, []string{"", "One.", "Two."}) {
		t.Errorf("the model has said %q", said)
	}
}

// What the model asks for at once runs at once, and comes back in its order. Under a
// title that is there already nothing more is shown.
func TestToolsRunSideBySide(t *testing.T) {
	b := newBox()
	both := make(chan struct{}, 2)
	meet := func(ctx context.Context) (tools.Result, error) { // ends when the other one runs, too
		both <- struct{}{}
		for len(both) < 2 {
			if ctx.Err() != nil {
				return tools.Result{}, ctx.Err()
			}
		}
		return tools.Result{Text: "met"}, nil
	}
	b.does["read"], b.does["write"] = meet, meet
	w := newWorld(t, Config{Timeout: 20 * time.Second}, b.with, calls("", "read", "write"), says("Done."))
	if text, _ := w.ask(w.from("ann", "go")); text != "Done." {
		t.Fatalf("read %q", text)
	}
	messages := w.brain.last(t).Messages
	for i, id := range []string{"call0", "call1"} {
		if m := messages[len(messages)-2+i]; m.CallID != id || m.Content != "met" {
			t.Errorf("result %d is %+v", i, m)
		}
	}
	if got := w.screen.doings(); !slices.Equal(got, []string{"Look it up…", "Look it up, Write it down…"}) {
		t.Errorf("shown meanwhile %q", got)
	}
}

// A tool that there is not, that fails, that says so, that breaks: the model reads
// that, people do not, and the answer comes.
func TestToolThatDoesNotWork(t *testing.T) {
	for name, c := range map[string]struct {
		tool string
		does func(context.Context) (tools.Result, error)
		want string
	}{
		"unknown": {"dance", nil, resultUnknown},
		"away": {"read", func(context.Context) (tools.Result, error) {
			return tools.Result{}, &tools.Error{Reason: tools.Away, Server: "s", Tool: "read"}
		}, "Failed: tool read: its server s is away"},
		"failed": {"read", func(context.Context) (tools.Result, error) {
			return tools.Result{Text: "no such day", Failed: true}, nil
		}, "Failed: no such day"},
		"panicked": {"read", func(context.Context) (tools.Result, error) { panic("out of order") }, resultBroken},
	} {
		b := newBox()
		b.does[c.tool] = c.does
		w := newWorld(t, Config{}, b.with, calls("", c.tool), says("Sorry, no."))
		if text, out := w.ask(w.from("ann", "go")); text != "Sorry, no." || out.Turn == nil {
			t.Errorf("%s: read %q, done %+v", name, text, out)
		}
		if got := w.question(); got != c.want {
			t.Errorf("%s: the model reads %q", name, got)
		}
		if broke := strings.Contains(w.log.String(), "panic contained"); broke != (name == "panicked") {
			t.Errorf("%s: the log says %s", name, w.log)
		}
	}
}

// A model that calls tools for ever is told that it is enough, once, and then what it
// has said is the answer.
func TestRoundsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		text, read string
		how        conversation.How
	}{
		"with words":    {"Hm.", "Hm.\n\nHm.\n\nHm.\n\nHm.", ""},
		"without words": {"", "Sorry, I cannot answer right now", conversation.Failed},
	} {
		b := newBox()
		w := newWorld(t, Config{Rounds: 2}, b.with, calls(c.text, "read"))
		text, out := w.ask(w.from("ann", "go"))
		if !strings.HasPrefix(text, c.read) || out.How != c.how {
			t.Errorf("%s: read %q, done %+v", name, text, out)
		}
		if b.times("read") != 2 || len(w.brain.asked) != 4 || w.question() != resultEnough {
			t.Errorf("%s: %d runs, %d requests, the last one ends with %q", name, b.times("read"), len(w.brain.asked), w.question())
		}
	}
}

// The person stops, or the turn's time is up, while a tool runs: the tool is broken
// off, and the turn ends as it does while the model talks.
func TestToolIsBrokenOff(t *testing.T) {
	for name, want := range map[string]string{"stopped": "(stopped)", "too slow": "I took too long"} {
		asking, stop := context.WithCancelCause(t.Context())
		b := newBox()
		config := Config{}
		if name == "too slow" {
			config.Timeout = 50 * time.Millisecond
		}
		b.does["read"] = func(ctx context.Context) (tools.Result, error) {
			if name == "stopped" {
				stop(conversation.ErrInterrupted)
			}
			<-ctx.Done()
			return tools.Result{}, ctx.Err()
		}
		w := newWorld(t, config, b.with, calls("", "read"), says("never"))
		ev := w.from("ann", "go")
		w.deliver(ev)
		if err := w.turn.Run(t.Context(), asking, w.take(ev)); err != nil {
			t.Fatal(err)
		}
		stop(nil)
		if len(w.screen.shown) != 1 || !strings.Contains(w.screen.shown[0], want) || len(w.brain.asked) != 1 {
			t.Errorf("%s: read %q", name, w.screen.shown)
		}
	}
}

// The program dies between the note and the run, or the run and the answer. Whatever
// became of a tool that changes something, the next attempt does not run it again, in
// whichever words the model calls it; one that only reads runs again.
func TestToolRunsOnceOverACrash(t *testing.T) {
	for _, c := range []struct {
		tool  string
		again []string
		runs  int
	}{
		{"write", []string{`write {"text":"Hello","to":"bob"}`}, 1},
		{"write", []string{`write { "to": "bob", "text": "Hello!" }`}, 1},
		{"read", []string{`read {"text":"Hello","to":"bob"}`}, 2},
	} {
		b := newBox()
		w := newWorld(t, Config{}, b.with, calls("", c.tool+` {"text":"Hello","to":"bob"}`), says("Done."))
		ev := w.from("ann", "write to bob")
		w.deliver(ev)
		ctx, die := context.WithCancel(t.Context())
		b.does[c.tool] = func(context.Context) (tools.Result, error) {
			die() // all that is left is what was noted
			return tools.Result{Text: "ok"}, nil
		}
		lease := w.take(ev)
		if err := w.turn.Run(ctx, ctx, lease); err == nil {
			t.Fatal("the turn is settled although the program has died")
		}
		delete(b.does, c.tool)
		w.brain.then(calls("", c.again...), says("Done."))
		if text, _ := w.run(w.replica(Config{}, b.with), ev); text != "Done." {
			t.Errorf("%q: read %q", c.again, text)
		}
		if b.times(c.tool) != c.runs {
			t.Errorf("%q: %d runs", c.again, b.times(c.tool))
		}
		if got := w.question(); (got == resultTwice) != (c.runs == 1) {
			t.Errorf("%q: the model reads %q", c.again, got)
		}
	}
}

// Within one attempt the model may call the same tool as often as it likes.
func TestToolRunsAgainInTheSameAttempt(t *testing.T) {
	b := newBox()
	w := newWorld(t, Config{}, b.with, calls("", "write", "write"), calls("", "write"), says("Done."))
	if text, _ := w.ask(w.from("ann", "go")); text != "Done." || b.times("write") != 3 {
		t.Errorf("read %q after %d runs", text, b.times("write"))
	}
}

// What cannot be noted is not run, and the turn is taken again; where the lease is lost
// nothing further is shown.
func TestToolThatCannotBeNotedDoesNotRun(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		released int
	}{"the store is away": {errors.New("away"), 1}, "the lease is lost": {conversation.ErrLost, 0}} {
		b := newBox()
		w := newWorld(t, Config{}, b.with, calls("Well.", "write"))
		s := &script{}
		lease := &conversation.Lease{Event: w.from("ann", "go"), Attempt: 1, Holder: deaf{s, c.err}}
		if err := w.turn.Run(t.Context(), t.Context(), lease); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if b.times("write") != 0 || len(w.screen.shown) != 0 || len(s.release) != c.released || len(s.done) != 0 {
			t.Errorf("%s: %d runs, shown %q, released %v, done %v", name, b.times("write"), w.screen.shown, s.release, s.done)
		}
	}
}

// deaf is a holder that notes nothing.
type deaf struct {
	*script
	err error
}

func (d deaf) Note(context.Context, []byte) error { return d.err }

// Whoever no longer listens ends the turn's tools, too.
func TestNobodyWantsTheToolsAnyMore(t *testing.T) {
	b := newBox()
	w := newWorld(t, Config{}, b.with, calls("Well.", "read", "read"))
	ev := w.from("ann", "go")
	lease := &conversation.Lease{Event: ev, Attempt: 1, Holder: &script{}}
	asked := together(lease)
	r := w.turn.reply(t.Context(), t.Context(), lease, asked, time.Now())
	for d := range r.answer {
		if d.Doing != "" {
			break
		}
	}
	r.close()
	if b.times("read") != 0 || r.whole || r.failure != nil {
		t.Errorf("%d runs, whole %t, failure %v", b.times("read"), r.whole, r.failure)
	}
}
