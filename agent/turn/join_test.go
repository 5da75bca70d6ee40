package turn

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// Where several people talk the model is told who asks; one-to-one, and where everybody
// has a conversation of their own, it is not.
func TestNamesInASharedConversation(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, nil, says("Yes."))
	_, out := w.ask(w.inGroup("ann", "may I?"))
	if got := contents(w.brain.last(t)); got != "ann: may I?" || out.Turn.Question != got {
		t.Errorf("asked %q, remembered %q", got, out.Turn.Question)
	}
	w.ask(w.inGroup("bob", "and I?"))
	if got := contents(w.brain.last(t)); got != "ann: may I?|Yes.|bob: and I?" {
		t.Errorf("asked %q", got)
	}
	nameless := w.inGroup("eve", "and I?")
	nameless.Sender.Name = ""
	w.ask(nameless)
	if got := w.question(); got != "and I?" {
		t.Errorf("somebody without a name asked %q", got)
	}
	odd := w.inGroup("max", "and I?")
	odd.Sender.Name = " Max\n[file x]\n"
	w.ask(odd)
	if got := w.question(); got != "Max [file x]: and I?" {
		t.Errorf("somebody with an odd name asked %q", got)
	}
	w.ask(w.from("ann", "may I?"))
	if got := contents(w.brain.last(t)); got != "may I?" {
		t.Errorf("one-to-one: asked %q", got)
	}
	alone := newWorld(t, Config{}, nil, says("Yes."))
	alone.ask(alone.inGroup("ann", "may I?"))
	if got := contents(alone.brain.last(t)); got != "may I?" {
		t.Errorf("in a conversation of her own: asked %q", got)
	}
}

// A name before the words says nothing of their language.
func TestNameIsNotTheLanguage(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, nil, fails(model.Busy, ""))
	if text, _ := w.ask(w.inGroup("张三", "may I?")); !strings.HasPrefix(text, "Too many people") {
		t.Errorf("read %q", text)
	}
}

// What a quote says is not said by whoever quotes it, and the files come last.
func TestNameStandsBeforeTheWords(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, func(with *With) {
		with.Reader = platform{files: map[string][]byte{"f": []byte("in the file")}, quote: "from the platform"}
	}, says("Yes."))
	ev := w.inGroup("ann", "what is that?")
	ev.Files = []connectors.File{{Kind: connectors.KindFile, Name: "a.txt", Ref: "f"}}
	ev.Quote = &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	w.ask(ev)
	if got := w.question(); got != "[quoted message]\n> from the platform\n\nann: what is that?\n\n[file a.txt]\n```\nin the file\n```" {
		t.Errorf("asked %q", got)
	}
}

// together delivers events so that they are answered together, and answers them.
func (w *world) together(events ...connectors.Event) (string, conversation.Outcome) {
	w.Helper()
	w.deliver(events...)
	lease := w.take(events[0])
	if len(lease.Joined) != len(events)-1 {
		w.Fatalf("%d events are taken together", 1+len(lease.Joined))
	}
	if err := w.turn.Run(w.Context(), w.Context(), lease); err != nil {
		w.Fatal(err)
	}
	return strings.Join(w.screen.shown, "|"), w.outcomes[len(w.outcomes)-1]
}

// What waits together is one question, of everybody in it, with what each of them
// quotes and sends along. The reply goes to the newest.
func TestJoinedOfSeveralPeople(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, func(with *With) {
		with.Reader = platform{files: map[string][]byte{"f": []byte("one"), "g": []byte("two")}, quote: "from the platform"}
	}, says("Yes."))
	ann, bob, annAgain := w.inGroup("ann", "see this"), w.inGroup("bob", "and that"), w.inGroup("ann", "well?")
	ann.Files = []connectors.File{{Kind: connectors.KindFile, Name: "a.txt", Ref: "f"}}
	bob.Files = []connectors.File{{Kind: connectors.KindFile, Name: "b.txt", Ref: "g"}}
	bob.Quote = &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	annAgain.Address = []byte(`"newest"`)
	_, out := w.together(ann, bob, annAgain)
	want := "ann: see this\n[quoted message]\n> from the platform\n\nbob: and that\nann: well?\n\n[file a.txt]\n```\none\n```\n\n[file b.txt]\n```\ntwo\n```"
	if got := w.question(); got != want || out.Turn.Question != want {
		t.Errorf("asked %q, remembered %+v", got, out.Turn)
	}
	to := w.screen.to[0]
	if string(to.Address) != `"newest"` || to.ID != ann.ID || to.Sender.ID != "ann" || to.Text != "see this\nbob: and that\nwell?" || len(to.Files) != 2 {
		t.Errorf("replied to %+v", to)
	}
	if w.reports[0].Questions != 3 {
		t.Errorf("reported %+v", w.reports[0])
	}
}

// What is answered together is one question. It is as old as its newest part, and
// the reply goes there.
func TestJoined(t *testing.T) {
	s := &script{deltas: []string{"x"}}
	old, next := written("first"), written("second")
	old.Sent, old.Address = old.Received.Add(-25*time.Hour), []byte(`"old"`)
	next.ID, next.Sent, next.Address = "m2", next.Received, []byte(`"new"`)
	lease := &conversation.Lease{Event: old, Joined: []connectors.Event{next}, Attempt: 1, Holder: s}
	turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := turn.Run(t.Context(), t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 1 || s.asked[0][0].Content != "first\nsecond" || len(s.done) != 1 || s.done[0].Turn.Question != "first\nsecond" {
		t.Errorf("asked %+v, done %+v", s.asked, s.done)
	}
	if string(lease.Event.Address) != `"new"` || lease.Event.ID != "m1" || strings.Contains(s.replies[0], "Sorry") {
		t.Errorf("replied to %+v with %q", lease.Event, s.replies)
	}
}

func TestJoinedTooLong(t *testing.T) {
	s := &script{deltas: []string{"x"}}
	half := written(strings.Repeat("x", connectors.MaxText/2+1))
	lease := &conversation.Lease{Event: half, Joined: []connectors.Event{half}, Attempt: 1, Holder: s}
	turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := turn.Run(t.Context(), t.Context(), lease); err != nil || len(s.asked) != 0 || len(s.replies) != 1 {
		t.Errorf("%v, asked %d times, shown %q", err, len(s.asked), s.replies)
	}
}

// Of questions that are answered together, those that were taken back are left out, and
// the others are answered; a turn for several ends only when nothing is left of it.
func TestJoinedAndTakenBack(t *testing.T) {
	w := newWorld(t, Config{Recalls: true}, nil, says("Yes."))
	first, second := w.from("ann", "forget this"), w.from("ann", "but not that")
	recall := w.from("ann", "")
	recall.Kind, recall.Text = connectors.KindRecall, first.ID
	w.ask(recall)
	during := error(nil)
	w.screen.onDelta = func(connectors.Delta) { during = w.turn.Recalled(t.Context(), first) }
	if text, out := w.together(first, second); text != "Yes." || w.question() != "but not that" || out.Turn.Question != "but not that" {
		t.Errorf("read %q, asked %q, done %+v", text, w.question(), out)
	}
	if during != nil {
		t.Errorf("the turn would have been stopped: %v", during)
	}
	if err := w.turn.Recalled(t.Context(), first); !errors.Is(err, ErrRecalled) {
		t.Errorf("afterwards: %v", err)
	}

	third, fourth := w.from("ann", "nor this"), w.from("ann", "nor that")
	for _, id := range []string{third.ID, fourth.ID} {
		recall := w.from("ann", "")
		recall.Kind, recall.Text = connectors.KindRecall, id
		w.ask(recall)
	}
	if _, out := w.together(third, fourth); out.How != conversation.Skipped || len(w.brain.asked) != 1 {
		t.Errorf("done %+v, asked %d times", out, len(w.brain.asked))
	}
}

// Who may not ask is not let in by standing behind somebody who may, nor does somebody
// who may lose their question to one who may not. Each is told, and once.
func TestJoinedWithSomebodyWhoMayNotAsk(t *testing.T) {
	for name, c := range map[string]struct {
		people []string
		asked  string
		to     string // whom the answer is for
		told   int
	}{
		"behind":     {[]string{"ann", "bob"}, "ann: 0", "ann", 1},
		"before":     {[]string{"bob", "ann", "bob"}, "ann: 1", "ann", 1},
		"nobody may": {[]string{"bob", "eve"}, "", "bob", 2},
	} {
		w, _ := gated(t, Config{Shared: true}, access.Config{Allow: access.List{People: []string{"ann"}}}, says("Yes."))
		var events []connectors.Event
		for i, person := range c.people {
			events = append(events, w.inGroup(person, string(rune('0'+i))))
		}
		text, out := w.together(events...)
		if told := strings.Count(text, "没有使用我的权限"); told != c.told || strings.Contains(text, "Yes.") != (c.asked != "") {
			t.Errorf("%s: read %q", name, text)
		}
		if c.asked != "" && w.question() != c.asked || c.asked == "" && (len(w.brain.asked) != 0 || out.How != conversation.Skipped) {
			t.Errorf("%s: asked %d times, done %+v", name, len(w.brain.asked), out)
		}
		if to := w.screen.to[len(w.screen.to)-1]; to.Sender.ID != c.to || to.ID != events[0].ID {
			t.Errorf("%s: replied to %+v", name, to)
		}
	}
}

// Questions that wait together are one turn of each person's rate.
func TestJoinedAreOneTurnOfTheRate(t *testing.T) {
	w, _ := gated(t, Config{}, access.Config{TurnsPerMinute: 2}, says("Yes."))
	if text, _ := w.together(w.from("ann", "1"), w.from("ann", "2"), w.from("ann", "3")); text != "Yes." || w.question() != "1\n2\n3" {
		t.Errorf("read %q, asked %q", text, w.question())
	}
	if text, _ := w.ask(w.from("ann", "4")); text != "Yes." {
		t.Errorf("read %q", text)
	}
	if text, _ := w.ask(w.from("ann", "5")); !strings.Contains(text, "太快") {
		t.Errorf("read %q", text)
	}
}

// Somebody whose question was left out and who cannot be told does not hold up the
// others.
func TestTurnedAwayWithoutWords(t *testing.T) {
	w, _ := gated(t, Config{Shared: true}, access.Config{Deny: access.List{People: []string{"bob"}}}, says("Yes."))
	w.screen.refuse = []error{errDied}
	if text, _ := w.together(w.inGroup("ann", "may I?"), w.inGroup("bob", "may I?")); text != "Yes." || !strings.Contains(w.log.String(), "could not be told") {
		t.Errorf("read %q, the log says %s", text, w.log)
	}
}
