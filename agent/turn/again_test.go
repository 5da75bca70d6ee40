package turn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// /retry asks the last question once more, without the answer it had: in its place comes
// the new one, as often as it is asked for.
func TestRetryAfterAnAnswer(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("One."), says("Two."), says("Two, once more."), says("Two, again."), says("Three."), says("Four."))
	w.ask(w.from("ann", "first"))
	w.ask(w.from("ann", "second"))
	w.ask(w.from("ann", "/retry"))
	text, out := w.ask(w.from("ann", "/retry"))
	if text != "Two, again." || out.Turn.Question != "second" {
		t.Errorf("read %q, remembered %+v", text, out.Turn)
	}
	if got := contents(w.brain.last(t)); got != "first|One.|second" {
		t.Errorf("asked %q", got)
	}
	w.ask(w.from("ann", "third"))
	if got := contents(w.brain.last(t)); got != "first|One.|second|Two, again.|third" {
		t.Errorf("asked %q", got)
	}
}

// An answer that takes the place of another one does so also where it is written down by
// the attempt after a crash.
func TestRetryAfterACrash(t *testing.T) {
	s := &script{deltas: []string{"better"}, die: true}
	before := conversation.Turn{Question: "q", Answer: "a"}
	if err := s.run(t.Context(), written("/retry"), 1, before); !errors.Is(err, errDied) {
		t.Fatalf("got %v", err)
	}
	if err := s.run(t.Context(), written("/retry"), 2, before); err != nil {
		t.Fatal(err)
	}
	if got := s.done[0].Turn; len(s.asked) != 1 || got == nil || got.Question != "q" || got.Answer != "better" || !got.Instead {
		t.Errorf("asked %d times, remembered %+v", len(s.asked), got)
	}
}

// contents is what stands in a prompt, in one line.
func contents(r model.Request) string {
	var all []string
	for _, m := range r.Messages {
		all = append(all, m.Content)
	}
	return strings.Join(all, "|")
}

// A question that failed is not in the history, and /retry finds it, as often as it
// fails, with what it quoted and the files it came with.
func TestRetryAfterAFailure(t *testing.T) {
	w := newWorld(t, Config{}, func(with *With) {
		with.Reader = platform{files: map[string][]byte{"f": []byte("in the file")}, quote: "from the platform"}
	}, says("One."), fails(model.Busy, ""), fails(model.Busy, ""), says("Two."), says("Two, again."))
	w.ask(w.from("ann", "first"))
	second := w.from("ann", "second")
	second.Files = []connectors.File{{Kind: connectors.KindFile, Name: "a.txt", Ref: "f"}}
	second.Quote = &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	if text, out := w.ask(second); !strings.HasPrefix(text, "Too many people") || out.How != conversation.Failed {
		t.Fatalf("read %q, done %+v", text, out)
	}
	want := "first|One.|[quoted message]\n> from the platform\n\nsecond\n\n[file a.txt]\n```\nin the file\n```"
	for _, answer := range []string{"Too many people", "Two.", "Two, again."} {
		if text, _ := w.ask(w.from("ann", "/retry")); !strings.HasPrefix(text, answer) {
			t.Errorf("read %q, want %q", text, answer)
		}
		if got := contents(w.brain.last(t)); got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
}

// Questions that wait are older than the answer before them. The one that failed last
// is the last all the same.
func TestRetryOfAQuestionThatHadToWait(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("One."), fails(model.Busy, ""), says("Two."))
	first, second := w.from("ann", "first"), w.from("ann", "second")
	second.Kind = connectors.KindText
	w.deliver(first)
	lease := w.take(first)
	w.deliver(second)
	if err := w.turn.Run(t.Context(), t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	w.run(w.turn, second)
	if text, out := w.ask(w.from("ann", "/retry")); text != "Two." || out.Turn.Question != "second" {
		t.Errorf("read %q, remembered %+v", text, out.Turn)
	}
}

// /new forgets the question that failed, also one that fails only afterwards.
func TestRetryAfterNew(t *testing.T) {
	nothing := "There is no question yet"
	w := newWorld(t, Config{}, nil, fails(model.Busy, ""), says("never"))
	if text, _ := w.ask(w.from("ann", "/retry")); !strings.Contains(text, nothing) {
		t.Errorf("at first: read %q", text)
	}
	w.ask(w.from("ann", "first"))
	w.ask(w.from("ann", "/new"))
	if text, _ := w.ask(w.from("ann", "/retry")); !strings.Contains(text, nothing) {
		t.Errorf("after /new: read %q", text)
	}

	w.brain.then(fails(model.Busy, ""))
	ev := w.from("ann", "second")
	w.deliver(ev)
	lease := w.take(ev)
	w.deliver(w.from("ann", "/new"))
	if err := w.turn.Run(t.Context(), t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if text, _ := w.ask(w.from("ann", "/retry")); !strings.Contains(text, nothing) {
		t.Errorf("after /new in the middle: read %q", text)
	}
}

// What was taken back is not asked again, and is no failure for the operator.
func TestRetryOfAQuestionThatWasTakenBack(t *testing.T) {
	w := newWorld(t, Config{Recalls: true}, nil, hangs("so far"))
	ev := w.from("ann", "forget it")
	w.deliver(ev)
	asking, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	w.screen.onDelta = func(connectors.Delta) { stop(ErrRecalled) }
	if err := w.turn.Run(t.Context(), asking, w.take(ev)); err != nil {
		t.Fatal(err)
	}
	if out := w.outcomes[0]; out.How != conversation.Skipped || strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("done %+v, the log says %s", out, w.log)
	}
	if text, _ := w.ask(w.from("ann", "/retry")); !strings.Contains(text, "There is no question yet") {
		t.Errorf("read %q", text)
	}
}

// /retry stops the answer under way, from where it is accepted.
func TestRetryStopsTheAnswerUnderWay(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("Yes."))
	ev := w.from("ann", "go")
	w.deliver(ev)
	lease := w.take(ev)
	retry := w.from("ann", "/retry")
	w.deliver(retry)
	if err := lease.Renew(t.Context()); !errors.Is(err, conversation.ErrInterrupted) {
		t.Fatalf("got %v", err)
	}
	asking, stop := interruptible(t)
	stop()
	w.brain.then(hangs("half an"), says("Whole."))
	if err := w.turn.Run(t.Context(), asking, lease); err != nil {
		t.Fatal(err)
	}
	if text, out := w.run(w.turn, retry); text != "Whole." || out.Turn.Question != "go" || contents(w.brain.last(t)) != "go" {
		t.Errorf("read %q, remembered %+v", text, out.Turn)
	}
}

// A crash between the note and the end of a /retry: what is remembered is the question
// that was asked, and not the command.
func TestRetryOverACrash(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("One."), says("One, again."), says("never"))
	w.ask(w.from("ann", "first"))
	retry := w.from("ann", "/retry")
	w.deliver(retry)
	w.screen.late = []error{errDied}
	if err := w.turn.Run(t.Context(), t.Context(), w.take(retry)); !errors.Is(err, errDied) {
		t.Fatalf("got %v", err)
	}
	if text, out := w.run(w.replica(Config{}, nil), retry); text != "One, again." || out.Turn.Question != "first" || len(w.brain.asked) != 2 {
		t.Errorf("read %q, remembered %+v, asked %d times", text, out.Turn, len(w.brain.asked))
	}
}

// A question in another language than the command is failed in its own.
func TestRetrySpeaksTheLanguageOfTheQuestion(t *testing.T) {
	w := newWorld(t, Config{}, nil, fails(model.Busy, ""))
	w.ask(w.from("ann", "first"))
	if text, _ := w.ask(w.from("ann", "/retry")); !strings.HasPrefix(text, "Too many people") {
		t.Errorf("read %q", text)
	}
}

// In a shared conversation the name is said once, however often the question is asked.
func TestRetryInAGroup(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, nil, fails(model.Busy, ""), says("Yes."), says("Yes!"))
	w.ask(w.inGroup("ann", "may I?"))
	for range 2 {
		if _, out := w.ask(w.inGroup("bob", "/retry")); out.Turn == nil || out.Turn.Question != "ann: may I?" || w.question() != out.Turn.Question {
			t.Errorf("asked %q, remembered %+v", w.question(), out.Turn)
		}
	}
}

// The answer's button asks what was delivered: it quotes once, and reads its files once.
func TestAskedAgainByAButton(t *testing.T) {
	var w *world
	w = newWorld(t, Config{Shared: true}, func(with *With) {
		with.Reader = platform{files: map[string][]byte{"f": []byte("in the file")}, quote: "from the platform"}
		with.Deliver = func(_ context.Context, ev connectors.Event) error { w.deliver(ev); return nil }
	}, says("Yes."))
	ev := w.inGroup("ann", "why?")
	ev.Files = []connectors.File{{Kind: connectors.KindFile, Name: "a.txt", Ref: "f"}}
	ev.Quote = &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	w.ask(ev)
	first := w.question()
	shown := w.screen.to[0]
	if shown.Text != "why?" {
		t.Errorf("the connector keeps the question %q", shown.Text)
	}
	if _, err := w.turn.Press(t.Context(), connectors.Action{Press: connectors.PressAgain, Event: shown, By: ev.Sender, ID: "p"}); err != nil {
		t.Fatal(err)
	}
	w.run(w.turn, ev)
	if got := w.question(); got != first || strings.Count(got, "[file") != 1 || strings.Count(got, "[quoted") != 1 || strings.Count(got, "ann: ") != 1 {
		t.Errorf("asked %q, then %q", first, got)
	}
}

// An old failure is no longer the last question once another one was answered.
func TestRetryAfterAFailureAndAnAnswer(t *testing.T) {
	w := newWorld(t, Config{}, nil, fails(model.Busy, ""), says("Two."), says("Two, again."))
	w.ask(w.from("ann", "first"))
	w.ask(w.from("ann", "second"))
	if text, out := w.ask(w.from("ann", "/retry")); text != "Two, again." || out.Turn.Question != "second" {
		t.Errorf("read %q, remembered %+v", text, out.Turn)
	}
}

// The bot's own words to a /retry are in the language of who asked, whatever names and
// files the question has in it by now.
func TestRetryKeepsTheLanguage(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, nil, fails(model.Busy, ""), says("Yes."), fails(model.Busy, ""))
	first, _ := w.ask(w.inGroup("张三", "may I?"))
	for range 2 {
		again, _ := w.ask(w.inGroup("张三", "/retry"))
		if again != "Yes." && !strings.HasPrefix(again, "Too many people") || !strings.HasPrefix(first, "Too many people") {
			t.Errorf("at first %q, then %q", first, again)
		}
	}
}

// A /retry that could not stop the answer under way does so when it is delivered again.
func TestRetryIsDeliveredAgain(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("One."))
	store := &forgetful{Store: w.store}
	w.turn.with.Store = store
	ev := w.turn.Mark(w.from("ann", "/retry"))
	for attempt, want := range []bool{false, true, true} {
		if err := w.turn.Accepting(t.Context(), ev); (err == nil) != want {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
	if store.asked != 2 {
		t.Errorf("asked to stop %d times", store.asked)
	}
}

// forgetful is a store that is away the first time.
type forgetful struct {
	Store
	asked int
}

func (f *forgetful) Interrupt(ctx context.Context, connection string, key conversation.Key, trace string) (bool, error) {
	if f.asked++; f.asked == 1 {
		return false, errors.New("away")
	}
	return f.Store.Interrupt(ctx, connection, key, trace)
}

// A /retry that fails, and one more: the answer comes in the place of the first all the
// same, and what the replaced turn said of the oldest ones still holds.
func TestRetryOfARetryThatFailed(t *testing.T) {
	before := &conversation.Before{Summary: "Ann likes tea."}
	s := &script{failure: &model.Error{Kind: model.Busy}}
	shelf := newShelf()
	turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s, Shelf: shelf}, slog.New(slog.DiscardHandler))
	history := func() []conversation.Turn {
		return []conversation.Turn{{Question: "first", Answer: "One.", At: time.Unix(1, 0)}, {Question: "second", Answer: "Two.", At: time.Unix(2, 0), Before: before}}
	}
	for n := range 2 {
		ev := written("/retry")
		ev.ID, ev.Received = fmt.Sprint("retry", n), time.Now()
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: 1, History: history(), Holder: s}); err != nil {
			t.Fatal(err)
		}
		s.failure, s.deltas = nil, []string{"Two, again."}
	}
	last := s.asked[len(s.asked)-1]
	got := s.done[1].Turn
	if got == nil || !got.Instead || last[len(last)-1].Content != "second" {
		t.Fatalf("remembered %+v, asked %+v", got, last)
	}
	if said := fmt.Sprint(last); !strings.Contains(said, "tea") || strings.Contains(said, "Two.") {
		t.Errorf("asked %s", said)
	}
	if now := conversation.Current(append(history(), *got)); len(now) != 2 || now[1].Before == nil || *now[1].Before != *before {
		t.Errorf("current %+v", now)
	}
}
