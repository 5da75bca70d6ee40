package turn

import (
	"context"
	"errors"
	"strings"
	"testing"

	"longwire/agent/access"
	"longwire/conversation"
)

// /new takes effect where it is accepted: what is asked after it has no history, and
// the answer that was under way is not remembered.
func TestNewTakesEffectAtOnce(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("One."), says("Two."), says("Three."), says("Four."))
	w.ask(w.from("ann", "first"))
	second, third := w.from("ann", "second"), w.from("ann", "third")
	w.deliver(second)
	lease := w.take(second)
	w.deliver(w.from("ann", "/new"), third)
	if err := w.turn.Run(t.Context(), t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if got := contents(w.brain.last(t)); got != "first|One.|second" {
		t.Errorf("the turn under way was asked %q", got)
	}
	w.run(w.turn, third)
	if got := contents(w.brain.last(t)); got != "third" {
		t.Errorf("after /new the model was asked %q", got)
	}
	command := w.from("ann", "/new")
	if text, _ := w.run(w.turn, command); !strings.Contains(text, "I have forgotten") { // the command's own turn comes late
		t.Errorf("read %q", text)
	}
	w.ask(w.from("ann", "fourth"))
	if got := contents(w.brain.last(t)); got != "third|Three.|fourth" {
		t.Errorf("a late /new forgets again: asked %q", got)
	}
}

// Other settings take the turns that begin from now on, and what people have seen is
// known to them.
func TestNextKnowsWhatWasShown(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("Yes."))
	ev := w.from("ann", "may I?")
	s := &script{lostAtDone: true}
	lease := func() *conversation.Lease {
		return &conversation.Lease{Event: ev, Attempt: 1, Holder: s}
	}
	if err := w.turn.Run(t.Context(), t.Context(), lease()); !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("got %v", err)
	}
	next := w.turn.Next(Config{SystemPrompt: "be brief"}, w.turn.with)
	s.lostAtDone = false
	if err := next.Run(t.Context(), context.Background(), lease()); err != nil || len(w.screen.shown) != 1 || len(s.done) != 1 || s.done[0].Turn.Answer != "Yes." {
		t.Errorf("%v, read %q, done %+v", err, w.screen.shown, s.done)
	}
	if next.config.SystemPrompt != "be brief" || next.config.Rounds != 8 || w.turn.config.SystemPrompt != "" {
		t.Errorf("the settings are %+v, they were %+v", next.config, w.turn.config)
	}
}

// Whoever may not ask does nothing to a conversation of several either: not by /new,
// and not by /retry.
func TestAcceptingAsksWhoMay(t *testing.T) {
	w, _ := gated(t, Config{Shared: true}, access.Config{Closed: true, Allow: access.List{People: []string{"ann"}}}, says("One."), says("Two."), says("Three."))
	w.ask(w.inGroup("ann", "first"))
	second := w.inGroup("ann", "second")
	w.deliver(second)
	lease := w.take(second)
	retry := w.inGroup("eve", "/retry")
	w.deliver(w.inGroup("eve", "/new"), retry)
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("ann's turn: %v", err)
	}
	if err := w.turn.Run(t.Context(), t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	third := w.inGroup("ann", "third")
	w.deliver(w.inGroup("ann", "/new"), third)
	w.run(w.turn, retry) // refused
	w.run(w.turn, third)
	if got := contents(w.brain.last(t)); strings.Contains(got, "One.") || !strings.HasSuffix(got, "third") {
		t.Errorf("after ann's own /new the model was asked %q", got)
	}
}
