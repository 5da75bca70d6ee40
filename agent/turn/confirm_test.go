package turn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// press has somebody press a button below a proposal, on whichever replica.
func (w *world) press(turn *Turn, p connectors.Proposal, by string, what connectors.Press) string {
	w.Helper()
	words, err := turn.Press(w.Context(), connectors.Action{Press: what, Event: p.Event, By: connectors.Person{ID: by}, Reply: p.Key, ID: "p"})
	if err != nil {
		w.Fatal(err)
	}
	return words
}

// A tool that a person has to allow runs when they say so, by a button or in words,
// on whichever replica, and not otherwise. Nobody else's word counts but an admin's.
func TestConfirm(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w *world, other *Turn, p connectors.Proposal)
		runs   int
		reads  string // the model
		words  string // below the proposal, in the end
	}{
		"yes": {func(w *world, other *Turn, p connectors.Proposal) {
			if words := w.press(other, p, "ann", connectors.PressYes); !strings.Contains(words, "Allowed") {
				w.Errorf("ann reads %q", words)
			}
		}, 1, "result of ask", "✅ Allowed"},
		"no": {func(w *world, other *Turn, p connectors.Proposal) {
			if words := w.press(other, p, "ann", connectors.PressNo); !strings.Contains(words, "Refused") {
				w.Errorf("ann reads %q", words)
			}
		}, 0, resultRefused, "❌ Refused"},
		"an admin": {func(w *world, other *Turn, p connectors.Proposal) { w.press(other, p, "boss", connectors.PressYes) }, 1, "result of ask", "✅ Allowed"},
		"somebody else first": {func(w *world, other *Turn, p connectors.Proposal) {
			if words := w.press(other, p, "bob", connectors.PressYes); !strings.Contains(words, "Only whoever asked") {
				w.Errorf("bob reads %q", words)
			}
			w.press(other, p, "ann", connectors.PressNo)
		}, 0, resultRefused, "❌ Refused"},
		"the first word counts": {func(w *world, other *Turn, p connectors.Proposal) {
			w.press(other, p, "ann", connectors.PressNo)
			if words := w.press(w.turn, p, "ann", connectors.PressYes); !strings.Contains(words, "Refused") {
				w.Errorf("ann reads %q", words)
			}
		}, 0, resultRefused, "❌ Refused"},
		"/yes": {func(w *world, other *Turn, p connectors.Proposal) { w.word(other, "/yes", "Allowed") }, 1, "result of ask", "✅ Allowed"},
		"／允许":  {func(w *world, other *Turn, p connectors.Proposal) { w.word(other, "／允许", "已允许") }, 1, "result of ask", "✅ Allowed"},
		"/no":  {func(w *world, other *Turn, p connectors.Proposal) { w.word(other, "/no", "Refused") }, 0, resultRefused, "❌ Refused"},
		"/拒绝":  {func(w *world, other *Turn, p connectors.Proposal) { w.word(other, "/拒绝", "已拒绝") }, 0, resultRefused, "❌ Refused"},
		"again": {func(w *world, other *Turn, p connectors.Proposal) {
			w.word(other, "/yes", "Allowed")
			w.word(other, "/no", "Allowed")
		}, 1, "result of ask", "✅ Allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox()
			config := Config{Admins: []string{"boss"}}
			w := newWorld(t, config, b.with, calls("", `ask {"to":"bob","text":"a\nb"}`), says("Well."))
			other := w.replica(config, b.with)
			w.screen.pressed = func(p connectors.Proposal) { c.answer(w, other, p) }
			if text, _ := w.asking("ann", "send it"); text != "Well." {
				t.Errorf("read %q", text)
			}
			if b.times("ask") != c.runs || w.question() != c.reads {
				t.Errorf("%d runs, the model reads %q", b.times("ask"), w.question())
			}
			if len(w.screen.asked) != 1 || w.screen.words[w.screen.asked[0].Key] != c.words {
				t.Fatalf("asked %+v, in the end %q", w.screen.asked, w.screen.words)
			}
			p := w.screen.asked[0]
			if want := "I would like to do this: `Send a mail` (`ask`)\n- `text`: `a b`\n- `to`: `bob`\n\nMay I?"; p.Text != want || !strings.HasPrefix(p.Plain, want) || !strings.Contains(p.Plain, "/yes") {
				t.Errorf("proposed %q, plainly %q", p.Text, p.Plain)
			}
		})
	}
}

// asking is ask while people write commands besides.
func (w *world) asking(person, text string) (string, conversation.Outcome) {
	w.Helper()
	ev := w.from(person, text)
	w.deliver(ev)
	if err := w.turn.Run(w.Context(), w.Context(), w.take(ev)); err != nil {
		w.Fatal(err)
	}
	return w.screen.shown[len(w.screen.shown)-1], w.outcomes[len(w.outcomes)-1]
}

// word has ann write a command, which a replica answers beside the turn.
func (w *world) word(other *Turn, text, want string) {
	w.Helper()
	if got, _ := w.askOf(other, w.from("ann", text)); !strings.Contains(got, want) {
		w.Errorf("%q: read %q, want %q", text, got, want)
	}
}

// askOf is ask of a replica.
func (w *world) askOf(turn *Turn, ev connectors.Event) (string, conversation.Outcome) {
	w.Helper()
	w.deliver(ev)
	return w.run(turn, ev)
}

// A yes is for one run. Who calls the same once more asks once more; after a no, or
// silence, nobody is asked again.
func TestConfirmCountsOnce(t *testing.T) {
	for answer, c := range map[connectors.Press]struct{ asked, runs int }{connectors.PressYes: {3, 3}, connectors.PressNo: {1, 0}} {
		b := newBox()
		w := newWorld(t, Config{}, b.with, calls("", `ask {"a":1}`, `ask { "a": 1 }`), calls("", `ask {"a":1}`), says("Well."))
		w.screen.pressed = func(p connectors.Proposal) { w.press(w.turn, p, "ann", answer) }
		w.ask(w.from("ann", "send it"))
		if len(w.screen.asked) != c.asked || b.times("ask") != c.runs {
			t.Errorf("%s: asked %d times, %d runs", answer, len(w.screen.asked), b.times("ask"))
		}
		keys := make(map[string]bool)
		for _, p := range w.screen.asked {
			keys[p.Key] = true
		}
		if len(keys) != c.asked {
			t.Errorf("%s: people see %d proposals of %d", answer, len(keys), c.asked)
		}
	}
}

// Without an answer in time the tool does not run, and whatever is pressed then counts
// no more.
func TestConfirmInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, shelf, b, screen := &script{}, newShelf(), newBox(), &screen{}
		brain := &brain{rounds: []round{calls("", "ask"), calls("", "ask"), says("Well.")}}
		turn := s.desk(Config{}, shelf, nil)
		turn.with.Choices, turn.with.Replier, turn.with.Proposer, turn.with.Toolbox = []Choice{brain.choice("one")}, screen, screen, b
		began := time.Now()
		ev := written("send it")
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: 1, Holder: s}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 2*time.Minute+2*confirmPoll {
			t.Errorf("waited %s", took)
		}
		if b.times("ask") != 0 || len(screen.asked) != 1 || screen.shown[0] != "Well." || brain.asked[2].Messages[3].Content != resultNoWord {
			t.Fatalf("%d runs, asked %d times, read %q, the model read %+v", b.times("ask"), len(screen.asked), screen.shown, brain.asked[2].Messages)
		}
		p := screen.asked[0]
		if !strings.Contains(screen.words[p.Key], "No answer in time") || !strings.Contains(strings.Join(screen.doings(), "|"), "Waiting for your word: Send a mail") {
			t.Errorf("concluded with %q, shown meanwhile %q", screen.words[p.Key], screen.doings())
		}
		words, err := turn.Press(t.Context(), connectors.Action{Press: connectors.PressYes, Event: ev, Reply: p.Key})
		if err != nil || !strings.Contains(words, "nothing to allow") {
			t.Errorf("pressed too late: %q, %v", words, err)
		}
	})
}

// Somebody whose answer is on its way to the store when the time is up is heard.
func TestConfirmAtTheLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, shelf, b, screen := &script{}, newShelf(), newBox(), &screen{}
		brain := &brain{rounds: []round{calls("", "ask"), says("Well.")}}
		turn := s.desk(Config{Confirm: time.Minute}, shelf, nil)
		turn.with.Choices, turn.with.Replier, turn.with.Proposer, turn.with.Toolbox = []Choice{brain.choice("one")}, screen, screen, b
		screen.pressed = func(p connectors.Proposal) {
			shelf.counts[confirmName(p.Key)] = 1 // they were first …
			time.AfterFunc(time.Minute+confirmPoll/2, func() { _ = shelf.Put(t.Context(), confirmName(p.Key), []byte(saidYes), 0) })
		}
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: written("send it"), Attempt: 1, Holder: s}); err != nil {
			t.Fatal(err)
		}
		if b.times("ask") != 1 {
			t.Errorf("%d runs", b.times("ask"))
		}
	})
}

// The person says stop instead.
func TestConfirmIsStopped(t *testing.T) {
	b := newBox()
	w := newWorld(t, Config{}, b.with, calls("Well.", "ask"))
	ev := w.from("ann", "send it")
	w.deliver(ev)
	asking, stop := interruptible(t)
	w.screen.pressed = func(connectors.Proposal) { stop() }
	if err := w.turn.Run(t.Context(), asking, w.take(ev)); err != nil {
		t.Fatal(err)
	}
	if b.times("ask") != 0 || w.screen.shown[0] != "Well. … (stopped)" {
		t.Errorf("%d runs, read %q", b.times("ask"), w.screen.shown)
	}
}

// Where nobody can be asked, nothing runs.
func TestConfirmWithoutAWayToAsk(t *testing.T) {
	for name, with := range map[string]func(*With){
		"no proposer":    func(w *With) { w.Proposer = nil },
		"no shelf":       func(w *With) { w.Shelf = nil },
		"it cannot show": func(w *With) { w.Replier.(*screen).ask = func(connectors.Proposal) error { return errors.New("no") } },
	} {
		b := newBox()
		w := newWorld(t, Config{}, func(all *With) { b.with(all); with(all) }, calls("", "ask"), says("Well."))
		if text, _ := w.ask(w.from("ann", "send it")); text != "Well." || b.times("ask") != 0 || w.question() != resultUnasked {
			t.Errorf("%s: read %q, %d runs, the model reads %q", name, text, b.times("ask"), w.question())
		}
	}
}

// A tool that changes nothing but has to be allowed asks on every attempt, and what was
// said before a crash holds.
func TestConfirmOverACrash(t *testing.T) {
	b := newBox()
	w := newWorld(t, Config{}, b.with, calls("", "ask"), says("Well."))
	w.screen.pressed = func(p connectors.Proposal) { w.press(w.turn, p, "ann", connectors.PressYes) }
	ev := w.from("ann", "send it")
	w.deliver(ev)
	lease := w.take(ev)
	lease.Holder = failing{lease.Holder} // the yes is in the store, the note is not
	if err := w.turn.Run(t.Context(), t.Context(), lease); !errors.Is(err, errDied) {
		t.Fatalf("got %v", err)
	}
	w.screen.pressed = nil
	w.brain.then(calls("", "ask"), says("Well."))
	if text, _ := w.run(w.replica(Config{Confirm: time.Nanosecond}, b.with), ev); text != "Well." || b.times("ask") != 1 {
		t.Errorf("read %q, %d runs", text, b.times("ask"))
	}
	if a, b := w.screen.asked[0].Key, w.screen.asked[1].Key; a != b {
		t.Error("the second attempt shows a second proposal")
	}
}

// failing is a holder whose notes fail.
type failing struct{ conversation.Holder }

func (failing) Note(context.Context, []byte) error { return errDied }

// People read all of what they allow, and nothing in it passes for something else.
func TestArguments(t *testing.T) {
	for raw, want := range map[string]string{
		`{}`:                                     "",
		`[1]`:                                    "`[1]`",
		`nonsense`:                               "`nonsense`",
		`{"a":" "}`:                              "- `a`: ``",
		`{"b":{"x":[1,2]},"a":"text\nin lines"}`: "- `a`: `text in lines`\n- `b`: `{\"x\":[1,2]}`",
		`{"path":"/etc","a\n- path: /tmp":"x` + "`" + `*y*\u2028\r"}`: "- `a - path: /tmp`: `x'*y*  `\n- `path`: `/etc`",
		`{"a":"` + strings.Repeat("长", 700) + `","z":"end"}`:          "- `a`: `" + strings.Repeat("长", 700) + "`\n- `z`: `end`",
	} {
		if got, ok := arguments([]byte(raw)); got != want || !ok {
			t.Errorf("%.40s: %q, %t, want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{`{"a":"` + strings.Repeat("x", maxArguments) + `"}`, strings.Repeat("x", maxArguments+1)} {
		if _, ok := arguments([]byte(raw)); ok {
			t.Errorf("%.40s: nobody reads so much", raw)
		}
	}
}

func TestFingerprint(t *testing.T) {
	print := func(name, arguments string) string {
		return fingerprint(model.Call{Name: name, Arguments: []byte(arguments)})
	}
	if print("a", `{"x":1,"y":"<"}`) != print("a", ` { "y": "\u003c", "x" : 1 } `) {
		t.Error("spelling counts")
	}
	for _, other := range []string{`{"x":1}`, `{"x":1.0}`, `{"x":"1"}`, `{"x":12345678901234567890}`, `{"x":12345678901234567891}`, `{"x":1`, `{"x":1}{}`} {
		if print("a", other) == print("a", `{"x":2}`) || print("a", other) == print("b", other) {
			t.Errorf("%s is taken for another", other)
		}
	}
	if print("a", `{"x":12345678901234567890}`) == print("a", `{"x":12345678901234567891}`) {
		t.Error("large numbers lose their ends")
	}
}

// interruptible is a context that a person's stop ends.
func interruptible(t *testing.T) (asking context.Context, stop func()) {
	asking, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return asking, func() { cancel(conversation.ErrInterrupted) }
}
