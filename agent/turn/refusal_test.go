package turn

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/agent/tools"
	"longwire/connectors"
	"longwire/conversation"
)

// gated is a world whose people are let in by rules.
func gated(t *testing.T, config Config, rules access.Config, rounds ...round) (*world, *access.Gate) {
	t.Helper()
	var gate *access.Gate
	w := newWorld(t, config, nil, rounds...)
	gate = access.New(rules, w.shelf, nil, slog.New(slog.DiscardHandler))
	w.turn.with.Gate = gate
	return w, gate
}

// Whoever may not ask reads it once, whatever they try, and can find out their id. The
// model is not asked, and nothing is remembered.
func TestWhoMayNotAskReadsItOnce(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{Closed: true, Allow: access.List{People: []string{"ann"}}}, says("Yes."))
	for i, c := range []struct{ text, want string }{
		{"may I?", "you may not use me yet"}, {"please", ""}, {"/help", ""}, {"/new", ""}, {"/retry", ""}, {"/nonsense", ""},
		{"/id", "`bob`"}, {"／编号", "`bob`"},
	} {
		text, out := w.ask(w.from("bob", c.text))
		if (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%q: bob reads %q, want %q", c.text, text, c.want)
		}
		if refused := i < 6; refused != (out.How == conversation.Skipped) || refused && out.Reason != "refused: not_allowed" || out.Turn != nil {
			t.Errorf("%q: done %+v", c.text, out)
		}
	}
	if len(w.brain.asked) != 0 || len(w.reports) != 8 {
		t.Errorf("the model was asked %d times, %d reports", len(w.brain.asked), len(w.reports))
	}
	if r := w.reports[1]; r.How != conversation.Skipped || r.Reason != "refused: not_allowed" || r.Answer != "" || r.Asked || r.Event.Text != "please" {
		t.Errorf("reported %+v", r)
	}
	if text, _ := w.ask(w.from("ann", "may I?")); text != "Yes." {
		t.Errorf("ann reads %q", text)
	}
	if strings.Contains(w.log.String(), "msg=answered event=m1") {
		t.Error("the log says that a refusal was an answer")
	}
}

// Questions count against the rate, and what is no question does not.
func TestOnlyQuestionsCountAgainstTheRate(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{TurnsPerMinute: 2}, says("Yes."))
	for _, c := range []struct{ text, want string }{
		{"/help", "/new"}, {"/usage", "/"}, {"/id", "ann"}, {"/model", "one"}, {"/nonsense", "/help"}, {"/stop", "/"}, {"/new", "/"},
		{"one", "Yes."}, {"/retry", "Yes."}, {"two", "too fast"}, {"three", ""}, {"/help", "/new"},
	} {
		if c.want == "/" {
			c.want = "" // whichever words
		}
		if text, _ := w.ask(w.from("ann", c.text)); !strings.Contains(text, c.want) || (c.text == "three") != (text == "") {
			t.Errorf("%q: read %q, want %q", c.text, text, c.want)
		}
	}
	if len(w.brain.asked) != 2 {
		t.Errorf("the model was asked %d times", len(w.brain.asked))
	}
	sticker := w.from("ann", "")
	sticker.Kind = connectors.KindSticker
	if text, out := w.ask(sticker); text != "" || out.How != conversation.Skipped {
		t.Errorf("a sticker: read %q, done %+v", text, out)
	}
}

// Whose tokens do not suffice reads so before anything is shown of an answer.
func TestSpentIsSaidBeforeTheAnswer(t *testing.T) {
	w, gate := gated(t, Config{Welcome: "Welcome!"}, access.Config{TokensPerDay: 100}, says("Yes."))
	text, out := w.ask(w.from("ann", "may I?"))
	if !strings.HasPrefix(text, "What you have left") || out.How != conversation.Skipped || out.Turn != nil || len(w.brain.asked) != 0 {
		t.Errorf("read %q, done %+v", text, out)
	}
	if text, _ := w.ask(w.from("ann", "please")); text != "" {
		t.Errorf("read %q the second time", text)
	}
	if text, _ := w.ask(w.from("ann", "/usage")); !strings.Contains(text, "asked 0 times and used 0 tokens of 100 a day") || !strings.Contains(text, "今天你提问了 0 次") {
		t.Errorf("read %q", text)
	}
	if u, err := gate.Used(t.Context(), "ann"); err != nil || u.Tokens != 0 {
		t.Errorf("used %+v, %v", u, err)
	}
}

// Tokens that run out between two rounds end the answer with a sentence behind it.
func TestSpentInTheMiddle(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{TokensPerDay: 10_000}, stream(nil,
		model.Delta{Text: "One."}, model.Delta{Calls: []model.Call{{ID: "1", Name: "read"}}}, used(9_000, 100)), says("Two."))
	newBox().with(&w.turn.with)
	text, out := w.ask(w.from("ann", "go"))
	if !strings.HasPrefix(text, "One.\n\nWhat you have left") || out.How != conversation.Failed || len(w.brain.asked) != 1 {
		t.Errorf("read %q, done %+v", text, out)
	}
}

// What is reserved is settled, however the turn ends, to what was used.
func TestGrantsAreSettled(t *testing.T) {
	usage := used(100, 20)
	busy := &model.Error{Kind: model.Busy}
	for name, c := range map[string]struct {
		round    round
		prepare  func(w *world, stop context.CancelCauseFunc)
		least    int64 // tokens used in the end
		most     int64
		released bool
	}{
		"success":                  {round: stream(nil, model.Delta{Text: "Yes."}, usage), least: 120, most: 120},
		"nothing reported":         {round: stream(nil, model.Delta{Text: strings.Repeat("word ", 100)}), least: 100, most: 250},
		"failure at once":          {round: stream(busy)},
		"failure in the middle":    {round: stream(&model.Error{Kind: model.Cut}, model.Delta{Text: strings.Repeat("word ", 100)}), least: 100, most: 250},
		"failure after all of it":  {round: stream(&model.Error{Kind: model.Length}, model.Delta{Text: "Yes."}, usage), least: 120, most: 120},
		"the model says nothing":   {round: stream(&model.Error{Kind: model.Empty}), least: 5, most: 30},
		"refused by the platform":  {round: says("never"), prepare: func(w *world, _ context.CancelCauseFunc) { w.screen.refuse = []error{errDied} }, released: true},
		"refused in the end":       {round: stream(nil, model.Delta{Text: "Yes."}, usage), prepare: func(w *world, _ context.CancelCauseFunc) { w.screen.late = []error{errDied} }, least: 120, most: 120, released: true},
		"the person stops":         {round: hangs("Yes"), prepare: stopping(conversation.ErrInterrupted), least: 5, most: 30},
		"the question is recalled": {round: hangs("Yes"), prepare: stopping(ErrRecalled), least: 5, most: 30},
		"nobody listens":           {round: stream(nil, model.Delta{Text: "Yes."}, usage), prepare: func(w *world, _ context.CancelCauseFunc) { w.turn.with.Replier = leaving{} }, least: 5, most: 30, released: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, gate := gated(t, Config{}, access.Config{TokensPerDay: 50_000, TokensPerMonth: 100_000}, c.round)
			asking, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			if c.prepare != nil {
				c.prepare(w, stop)
			}
			ev := w.from("ann", "tell me, please")
			w.deliver(ev)
			if err := w.turn.Run(t.Context(), asking, w.take(ev)); (err != nil) != c.released {
				t.Fatalf("got %v", err)
			}
			u, err := gate.Used(t.Context(), "ann")
			if err != nil || u.Tokens < c.least || u.Tokens > c.most || u.Month != u.Tokens {
				t.Errorf("used %+v, %v; want %d to %d", u, err, c.least, c.most)
			}
			if held, err := w.shelf.Add(t.Context(), "reserved/"+ev.ID, 0, 0); held != 0 || err != nil {
				t.Errorf("%d tokens stay reserved, %v", held, err)
			}
		})
	}
}

// hangs is the round that says text and then nothing more.
func hangs(text string) round {
	return func(ctx context.Context, _ model.Request, yield func(model.Delta, error) bool) {
		if yield(model.Delta{Text: text}, nil) {
			<-ctx.Done()
			yield(model.Delta{}, ctx.Err())
		}
	}
}

// stopping ends the asking at the first word.
func stopping(cause error) func(*world, context.CancelCauseFunc) {
	return func(w *world, stop context.CancelCauseFunc) {
		w.screen.onDelta = func(connectors.Delta) { stop(cause) }
	}
}

// leaving is a Replier that leaves at the first word.
type leaving struct{}

func (leaving) InCard(connectors.Ledger) bool { return false }

func (leaving) Reply(_ context.Context, _ connectors.Event, _ connectors.Ledger, answer connectors.Answer) error {
	for range answer {
		return errDied
	}
	return nil
}

// A process that dies leaves its reservation behind, and the attempt that follows goes
// on with it.
func TestGrantOverACrash(t *testing.T) {
	w, gate := gated(t, Config{}, access.Config{TokensPerDay: 5_000}, says("Yes."))
	ev := w.from("ann", "tell me")
	if _, refusal := gate.Reserve(t.Context(), ev, 4_000); refusal.Kind != access.None { // as it would have been
		t.Fatal(refusal)
	}
	if text, _ := w.ask(ev); text != "Yes." {
		t.Errorf("read %q", text)
	}
	if u, err := gate.Used(t.Context(), "ann"); err != nil || u.Tokens != 15 {
		t.Errorf("used %+v, %v", u, err)
	}
}

// Of the tools that come with a request the gate knows, too, and what is learnt from
// what an endpoint reports is learnt of the whole request.
func TestToolsAreReservedFor(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{TokensPerDay: 2_700}, says("Yes."))
	b := newBox()
	b.tools[0].Description = strings.Repeat("a long description ", 200)
	b.with(&w.turn.with)
	if text, _ := w.ask(w.from("ann", "go")); !strings.HasPrefix(text, "What you have left") {
		t.Errorf("read %q", text)
	}

	w = newWorld(t, Config{}, b.with, func(_ context.Context, r model.Request, yield func(model.Delta, error) bool) {
		_ = yield(model.Delta{Text: "Yes."}, nil) && yield(used(900, 10), nil)
	})
	tokens := w.turn.with.Choices[0].Prompt.Tokens
	before := tokens.Estimate(strings.Repeat("a long description ", 200))
	for range 20 {
		w.ask(w.from("ann", "go"))
	}
	if after := tokens.Estimate(strings.Repeat("a long description ", 200)); after > before*2 {
		t.Errorf("%d tokens are taken for %d since tools come with the question", before, after)
	}
}

// What tools have returned goes to the model as well, and is paid for.
func TestResultsAreReservedFor(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{TokensPerDay: 5_000}, calls("One.", "read"), says("Two."))
	b := newBox()
	b.does["read"] = func(context.Context) (tools.Result, error) {
		return tools.Result{Text: strings.Repeat("word ", 4000)}, nil
	}
	b.with(&w.turn.with)
	if text, _ := w.ask(w.from("ann", "go")); !strings.HasPrefix(text, "One.\n\nWhat you have left") || len(w.brain.asked) != 1 {
		t.Errorf("read %q", text)
	}
}

// All that a turn's requests have taken counts, also of those that failed on the way.
func TestFailedRequestsCount(t *testing.T) {
	w, gate := gated(t, Config{}, access.Config{TokensPerDay: 100_000}, stream(nil, used(10, 8000), word("Yes."), used(20, 5)))
	w.ask(w.from("ann", "a hard one"))
	if u, err := gate.Used(t.Context(), "ann"); err != nil || u.Tokens != 8035 {
		t.Errorf("%d tokens are counted, %v", u.Tokens, err)
	}
}

// Whoever is joined with others and asks too fast reads so once, however often the reply
// to the others is tried.
func TestTooFastIsSaidOnce(t *testing.T) {
	w, _ := gated(t, Config{Shared: true}, access.Config{TurnsPerMinute: 1}, says("Yes."))
	w.ask(w.inGroup("bob", "mine"))
	ann, bob := w.inGroup("ann", "hello"), w.inGroup("bob", "hello too")
	w.deliver(ann, bob)
	away := errors.New("platform away")
	w.turn.config.RetryWait = time.Millisecond
	w.screen.refuse = []error{nil, away, away, away} // bob is told, and the reply to ann has to wait
	told := 0
	for err := away; err != nil; {
		err = w.turn.Run(t.Context(), t.Context(), w.take(ann))
	}
	for _, words := range w.screen.shown {
		if strings.Contains(words, "too fast") {
			told++
		}
	}
	if told != 1 || w.screen.shown[len(w.screen.shown)-1] != "Yes." {
		t.Errorf("told %d times: %q", told, w.screen.shown)
	}
}

// Whoever may not ask is told their id, but not as often as they like; and that they may
// not, where a command is what they wrote, in both languages.
func TestDeniedCommands(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{Closed: true}, says("Yes."))
	told := 0
	for range 10 {
		if text, _ := w.ask(w.from("bob", "/id")); text != "" {
			told++
		}
	}
	if told != maxIDs {
		t.Errorf("told %d times", told)
	}
	if text, _ := w.ask(w.from("eve", "/help")); !strings.Contains(text, "\n\n") || !strings.Contains(text, "管理员") {
		t.Errorf("read %q", text)
	}
}

// An audit finds everybody who has asked, also of those who were answered together, and
// who was turned away.
func TestReportsNameEverybody(t *testing.T) {
	w, _ := gated(t, Config{Shared: true}, access.Config{Deny: access.List{People: []string{"bob"}}}, says("Yes."))
	w.together(w.inGroup("ann", "one"), w.inGroup("eve", "two"), w.inGroup("ann", "three"), w.inGroup("bob", "four"))
	if len(w.reports) != 2 {
		t.Fatalf("%d reports", len(w.reports))
	}
	answered, away := w.reports[0], w.reports[1]
	if answered.Event.Sender.ID != "ann" || len(answered.With) != 1 || answered.With[0].ID != "eve" || answered.Questions != 3 {
		t.Errorf("answered: by %+v with %+v, %d questions", answered.Event.Sender, answered.With, answered.Questions)
	}
	if away.Event.Sender.ID != "bob" || away.Event.Text != "four" || away.How != conversation.Skipped || !strings.Contains(away.Reason, "not_allowed") || away.Waited < 0 {
		t.Errorf("turned away: %+v", away)
	}
}
