package turn

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// However a turn is settled, there is one report of it, once it is.
func TestReport(t *testing.T) {
	old := func(ev connectors.Event) connectors.Event { ev.Sent = ev.Received.Add(-25 * time.Hour); return ev }
	for name, c := range map[string]struct {
		ev     func(w *world) connectors.Event
		round  round
		refuse error
		want   Report // without the event and the times
	}{
		"answered":       {round: says("Yes."), want: Report{How: conversation.Answered, Answer: "Yes.", Asked: true}},
		"failed":         {round: fails(model.Busy, "half"), want: Report{How: conversation.Failed, Reason: "model: busy: internal", Answer: "half", Asked: true}},
		"failed at once": {round: fails(model.Busy, ""), want: Report{How: conversation.Failed, Reason: "model: busy: internal", Asked: true}},
		"a command":      {ev: func(w *world) connectors.Event { return w.from("ann", "/yes") }, want: Report{How: conversation.Answered, Answer: "现在没有需要你确认的操作。\n\nThere is nothing to allow at the moment."}},
		"too old":        {ev: func(w *world) connectors.Event { return old(w.from("ann", "hi")) }, want: Report{How: conversation.Skipped, Reason: "older than conversation.max_age"}},
		"dead":           {round: says("Yes."), refuse: &connectors.Error{Op: "send", Fatal: true}, want: Report{How: conversation.Dead, Reason: "send", Answer: ""}},
	} {
		w := newWorld(t, Config{}, nil, c.round)
		ev := w.from("ann", "may I?")
		if c.ev != nil {
			ev = c.ev(w)
		}
		if c.refuse != nil {
			w.screen.refuse = []error{c.refuse, c.refuse}
		}
		w.ask(ev)
		if len(w.reports) != 1 {
			t.Errorf("%s: %d reports", name, len(w.reports))
			continue
		}
		r := w.reports[0]
		if r.How != c.want.How || !strings.HasPrefix(r.Reason, c.want.Reason) || (r.Reason == "") != (c.want.Reason == "") || r.Answer != c.want.Answer || r.Asked != c.want.Asked {
			t.Errorf("%s: reported %+v", name, r)
		}
		if r.Event.ID != ev.ID || r.Event.Text != ev.Text || r.Questions != 1 || r.Attempt != 1 || r.Took <= 0 || r.Waited < 0 || r.FirstWord > r.Took {
			t.Errorf("%s: reported %+v", name, r)
		}
	}
}

// What several requests took is added up, whether the first or the last tells, and the
// question is as the model was asked.
func TestReportOfARoundTrip(t *testing.T) {
	w := newWorld(t, Config{}, func(with *With) {
		newBox().with(with)
		with.Reader = platform{quote: "from the platform"}
	}, stream(nil, word("One."), model.Delta{Calls: []model.Call{{ID: "1", Name: "write"}, {ID: "2", Name: "read"}, {ID: "3", Name: "dance"}}},
		model.Delta{Usage: &model.Usage{Endpoint: "a", Model: "x", Prompt: 100, Cached: 30, Answer: 20, Reasoning: 5, Reported: true}}),
		stream(nil, word("Two."), model.Delta{Usage: &model.Usage{Endpoint: "b", Model: "y", Prompt: 150, Cached: 100, Answer: 10, Reasoning: 1, Reported: true}}))
	ev := w.from("ann", "go")
	ev.Quote = &connectors.Quote{Kind: connectors.KindText, Ref: "q"}
	ev.Received = ev.Received.Add(-time.Second)
	w.ask(ev)
	r := w.reports[0]
	if want := (model.Usage{Endpoint: "b", Model: "y", Prompt: 250, Cached: 130, Answer: 30, Reasoning: 6, Reported: true}); r.Usage != want {
		t.Errorf("took %+v, want %+v", r.Usage, want)
	}
	if !slices.Equal(r.Tools, []string{"write", "read"}) || r.Answer != "One.\n\nTwo." || r.Event.Text != "[quoted message]\n> from the platform\n\ngo" {
		t.Errorf("reported %+v", r)
	}
	if r.Waited < time.Second || r.Waited > time.Minute || r.FirstWord <= 0 || r.FirstWord > r.Took {
		t.Errorf("waited %s, first word after %s of %s", r.Waited, r.FirstWord, r.Took)
	}
}

// What is not settled is not reported: it will be taken again.
func TestNoReportOfWhatIsNotSettled(t *testing.T) {
	w := newWorld(t, Config{}, nil, says("Yes."))
	ev := w.from("ann", "may I?")
	w.deliver(ev)
	w.screen.refuse = []error{errDied}
	if err := w.turn.Run(t.Context(), t.Context(), w.take(ev)); !errors.Is(err, errDied) || len(w.reports) != 0 {
		t.Errorf("%v, reported %+v", err, w.reports)
	}
	w.run(w.turn, ev)
	if len(w.reports) != 1 || w.reports[0].Attempt != 2 {
		t.Errorf("reported %+v", w.reports)
	}
}

// An attempt that only says again what an earlier one has noted asks no model.
func TestReportAfterACrash(t *testing.T) {
	w := newWorld(t, Config{Shared: true}, nil, says("Yes."))
	ev := w.inGroup("ann", "may I?")
	w.deliver(ev)
	w.screen.late = []error{errDied}
	if err := w.turn.Run(t.Context(), t.Context(), w.take(ev)); !errors.Is(err, errDied) {
		t.Fatalf("got %v", err)
	}
	_, out := w.run(w.replica(Config{Shared: true}, nil), ev)
	if r := w.reports[0]; r.Asked || r.Answer != "Yes." || r.Attempt != 2 || r.How != conversation.Answered {
		t.Errorf("reported %+v", r)
	}
	if out.Turn.Question != "ann: may I?" {
		t.Errorf("remembered %+v", out.Turn)
	}
}
