package turn

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/connectors"
	"longwire/conversation"
)

// script is a model, a replier and a store that do as a test tells them.
type script struct {
	deltas  []string
	failure error
	hang    bool // the model says nothing until its context ends

	refuse []error // what Reply returns, in order; nil beyond them

	note []byte // what the lease holds, and what was noted last
	die  bool   // the next Reply is cut off once the part is on its way

	forgotten []string // the conversations, and by which event

	running bool               // there is a turn to interrupt
	stopped []conversation.Key // what was interrupted

	asked   [][]model.Message
	replies []string
	done    []conversation.Outcome
	release []time.Time
	lost    bool

	lostAtDone bool
	card       bool // replies with a kept ledger stand in a card
}

func (s *script) InCard(ledger connectors.Ledger) bool { return s.card && ledger.Sent() != nil }

// choices are the script as the only model.
func (s *script) choices() []Choice {
	return []Choice{{Label: "only", Model: s, Prompt: &prompt.Builder{Tokens: &prompt.Estimator{}}}}
}

func (s *script) Stream(ctx context.Context, r model.Request) iter.Seq2[model.Delta, error] {
	s.asked = append(s.asked, r.Messages)
	return func(yield func(model.Delta, error) bool) {
		for _, d := range s.deltas {
			if !yield(model.Delta{Text: d}, nil) {
				return
			}
		}
		if s.hang {
			<-ctx.Done()
			yield(model.Delta{}, ctx.Err())
		} else if s.failure != nil {
			yield(model.Delta{}, s.failure)
		}
	}
}

func (s *script) Forget(_ context.Context, _ string, key conversation.Key, trace string) error {
	s.forgotten = append(s.forgotten, string(key)+" "+trace)
	return nil
}

var errDied = errors.New("the program dies")

func (s *script) Reply(ctx context.Context, _ connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error {
	text, err := connectors.Collect(answer)
	if err != nil {
		return err
	}
	return connectors.SendParts(ctx, ledger, []string{text}, func(_ int, part string, again bool) error {
		switch {
		case len(s.refuse) > 0:
			err, s.refuse = s.refuse[0], s.refuse[1:]
			return err
		case s.die:
			s.die = false
			return errDied
		case again:
			part += " (again)"
		}
		s.replies = append(s.replies, part)
		return nil
	}, connectors.Always)
}

func (s *script) Interrupt(_ context.Context, _ string, key conversation.Key, _ string) (bool, error) {
	s.stopped = append(s.stopped, key)
	return s.running, nil
}

func (s *script) Renew(context.Context) error { return nil }

func (s *script) Note(_ context.Context, note []byte) error {
	if s.lost {
		return conversation.ErrLost
	}
	s.note = note
	return nil
}

func (s *script) Done(_ context.Context, out conversation.Outcome) error {
	if s.lost || s.lostAtDone {
		return conversation.ErrLost
	}
	s.done, s.note = append(s.done, out), nil // a note ends with its event
	return nil
}

func (s *script) Release(_ context.Context, retry time.Time) error {
	if s.lost {
		return conversation.ErrLost
	}
	s.release = append(s.release, retry)
	return nil
}

func (s *script) run(ctx context.Context, ev connectors.Event, attempt int, history ...conversation.Turn) error {
	return s.runAsking(ctx, ctx, ev, attempt, history...)
}

func (s *script) runAsking(ctx, asking context.Context, ev connectors.Event, attempt int, history ...conversation.Turn) error {
	turn := New(Config{SystemPrompt: "be kind", Timeout: time.Minute}, With{Choices: s.choices(), Replier: s, Store: s}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	return turn.Run(ctx, asking, &conversation.Lease{Event: ev, Attempt: attempt, History: history, Noted: s.note, Holder: s})
}

func written(text string) connectors.Event {
	return connectors.Event{ID: "m1", Connection: "c", Kind: connectors.KindText, Text: text, Received: time.Now()}
}

func TestAnswerIsShownAndRemembered(t *testing.T) {
	s := &script{deltas: []string{"Hel", "lo"}}
	if err := s.run(t.Context(), written("hi"), 1, conversation.Turn{Question: "q", Answer: "a"}); err != nil {
		t.Fatal(err)
	}
	want := []model.Message{{Role: model.System, Content: "be kind"}, {Role: model.User, Content: "q"}, {Role: model.Assistant, Content: "a"}, {Role: model.User, Content: "hi"}}
	if len(s.asked) != 1 || len(s.asked[0]) != len(want) {
		t.Fatalf("asked %v", s.asked)
	}
	for i, m := range s.asked[0] {
		if !reflect.DeepEqual(m, want[i]) {
			t.Errorf("prompt[%d] = %v, want %v", i, m, want[i])
		}
	}
	if len(s.replies) != 1 || s.replies[0] != "Hello" {
		t.Errorf("shown: %q", s.replies)
	}
	if len(s.done) != 1 || s.done[0].Turn == nil || s.done[0].Turn.Question != "hi" || s.done[0].Turn.Answer != "Hello" {
		t.Errorf("remembered: %+v", s.done)
	}
}

func TestFailureIsToldAndNotRemembered(t *testing.T) {
	ev := written("hi")
	for _, kind := range []model.Kind{model.Key, model.Refused, model.TooLong, model.Busy, model.Unavailable, model.Timeout, model.Cut, model.Filtered, model.Empty} {
		s := &script{deltas: []string{"half"}, failure: &model.Error{Kind: kind, Message: "internal detail"}}
		if err := s.run(t.Context(), ev, 1); err != nil {
			t.Fatal(err)
		}
		got := s.replies[0]
		if !strings.HasPrefix(got, "half\n\n") || !strings.Contains(got, ev.Trace()) || strings.Contains(got, "internal detail") {
			t.Errorf("%s: the person reads %q", kind, got)
		}
		if len(s.done) != 1 || s.done[0].Turn != nil {
			t.Errorf("%s: settled as %+v", kind, s.done)
		}
	}
}

func TestBlanksAreNoAnswer(t *testing.T) {
	s := &script{deltas: []string{" ", "\n\n"}}
	if err := s.run(t.Context(), written("hi"), 1); err != nil {
		t.Fatal(err)
	}
	if len(s.replies) != 1 || !strings.Contains(s.replies[0], "(ref ") || s.done[0].Turn != nil {
		t.Errorf("shown %q, settled as %+v", s.replies, s.done)
	}
}

func TestLongestLengthIsAnAnswer(t *testing.T) {
	s := &script{deltas: []string{"long"}, failure: &model.Error{Kind: model.Length}}
	if err := s.run(t.Context(), written("讲"), 1); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.replies[0], "long") || !strings.Contains(s.replies[0], "继续") || s.done[0].Turn == nil {
		t.Errorf("shown %q, settled as %+v", s.replies[0], s.done)
	}
}

func TestDeadlineOfTheTurnIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{hang: true}
		if err := s.run(t.Context(), written("你好"), 1); err != nil {
			t.Fatal(err)
		}
		if len(s.replies) != 1 || !strings.Contains(s.replies[0], "太久") || len(s.done) != 1 {
			t.Errorf("shown %q, settled as %+v", s.replies, s.done)
		}
	})
}

func TestStoppingGivesTheTurnBack(t *testing.T) {
	s := &script{hang: true}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("stopping")
	cancel(reason)
	if err := s.run(ctx, written("hi"), 1); !errors.Is(err, reason) {
		t.Fatalf("got %v", err)
	}
	if len(s.replies) != 0 || len(s.done) != 0 || len(s.release) != 1 || !s.release[0].IsZero() {
		t.Errorf("shown %q, done %+v, released %v", s.replies, s.done, s.release)
	}
}

func TestReplyThatFailsIsTriedAgainLater(t *testing.T) {
	s := &script{deltas: []string{"x"}, refuse: []error{&connectors.Error{Op: "send", RetryAfter: time.Hour}}}
	before := time.Now()
	if err := s.run(t.Context(), written("hi"), 1); err == nil {
		t.Fatal("a turn whose reply failed counts as done")
	}
	if len(s.release) != 1 || s.release[0].Before(before.Add(time.Hour)) || len(s.done) != 0 {
		t.Errorf("released %v, done %+v", s.release, s.done)
	}
}

func TestGivingUpKeepsADeadLetterAndSaysSorry(t *testing.T) {
	for name, c := range map[string]struct {
		refuse  error
		attempt int
		note    []byte
	}{
		"the platform will never take it": {&connectors.Error{Op: "send", Code: "1", Fatal: true}, 1, nil},
		"it has not taken it for an hour": {&connectors.Error{Op: "send", Code: "2"}, 70, returned(t, 69, time.Hour)},
	} {
		s := &script{deltas: []string{"x"}, refuse: []error{c.refuse}, note: c.note}
		if err := s.run(t.Context(), written("hi"), c.attempt); err != nil {
			t.Fatal(err)
		}
		if len(s.done) != 1 || s.done[0].How != conversation.Dead || s.done[0].Reason == "" || s.done[0].Turn != nil || len(s.release) != 0 {
			t.Errorf("%s: done %+v, released %v", name, s.done, s.release)
		}
		if len(s.replies) != 1 || !strings.Contains(s.replies[0], "(ref ") {
			t.Errorf("%s: the person reads %q", name, s.replies)
		}
	}
}

// returned is the note of an event that so many attempts have given back, the first of
// them so long ago.
func returned(t *testing.T, n int, ago time.Duration) []byte {
	t.Helper()
	note, err := json.Marshal(page{Returned: n, Since: time.Now().Add(-ago)})
	if err != nil {
		t.Fatal(err)
	}
	return note
}

// A platform that is away for minutes costs nobody their answer: the turn is given back,
// with a minute between two attempts at most, and no attempt is taken for one that died.
func TestOutageOfThePlatform(t *testing.T) {
	s := &script{deltas: []string{"x"}, refuse: []error{&connectors.Error{Op: "send"}}, note: returned(t, 29, 30*time.Minute)}
	before := time.Now()
	if err := s.run(t.Context(), written("hi"), 30); err == nil || len(s.done) != 0 {
		t.Fatalf("got %v, done %+v", err, s.done)
	}
	if wait := s.release[0].Sub(before); wait < time.Minute || wait > 2*time.Minute {
		t.Errorf("taken again after %s", wait)
	}
	if err := s.run(t.Context(), written("hi"), 31); err != nil || len(s.replies) != 1 || !strings.HasPrefix(s.replies[0], "x") || s.done[0].How == conversation.Dead {
		t.Errorf("%v, read %q, done %+v", err, s.replies, s.done)
	}
}

// An attempt that a stop of the program has ended is no attempt that died with it.
func TestStopsAreNotCounted(t *testing.T) {
	s := &script{hang: true}
	for attempt := range 9 {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("stopping"))
		if err := s.run(ctx, written("hi"), attempt+1); err == nil {
			t.Fatal("the turn is done")
		}
	}
	s.hang, s.deltas = false, []string{"x"}
	if err := s.run(t.Context(), written("hi"), 10); err != nil || len(s.replies) != 1 || !strings.HasPrefix(s.replies[0], "x") {
		t.Errorf("%v, read %q", err, s.replies)
	}
}

// A card that was begun is finished with what there is of the answer, and the words.
func TestGivingUpFinishesTheCard(t *testing.T) {
	for name, c := range map[string]struct {
		refuse []error
		shown  []string
	}{
		"finished":            {[]error{&connectors.Error{Op: "send"}}, []string{"x\n\n抱歉"}},
		"not finished either": {[]error{&connectors.Error{Op: "send"}, &connectors.Error{Op: "send"}}, []string{"抱歉"}},
		"in other hands":      {[]error{&connectors.Error{Op: "send"}, conversation.ErrLost}, nil},
	} {
		s := &script{deltas: []string{"x"}, refuse: c.refuse, card: true, note: returned(t, 9, 2*time.Hour)}
		if err := s.run(t.Context(), written("你好"), 5); err != nil {
			t.Fatal(err)
		}
		if len(s.replies) != len(c.shown) || len(c.shown) > 0 && !strings.HasPrefix(s.replies[0], c.shown[0]) || s.done[0].How != conversation.Dead {
			t.Errorf("%s: shown %q, done %+v", name, s.replies, s.done)
		}
	}
}

func TestEventThatKillsTheProgramIsToldInTheEnd(t *testing.T) {
	s := &script{deltas: []string{"x"}}
	if err := s.run(t.Context(), written("hi"), 6); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 0 || len(s.replies) != 1 || !strings.Contains(s.replies[0], "(ref ") || s.done[0].How != conversation.Dead {
		t.Errorf("asked %d times, shown %q, done %+v", len(s.asked), s.replies, s.done)
	}
}

func TestAge(t *testing.T) {
	for _, c := range []struct {
		age     time.Duration
		how     conversation.How
		shown   string
		retries int // an operator put it back
	}{
		{age: time.Minute, shown: "x"},
		{age: 10 * time.Minute, shown: "(Sorry, this message is 10 minutes old: I could not answer earlier.)\n\nx"},
		{age: 5 * time.Hour, shown: "(Sorry, this message is 5 hours old: I could not answer earlier.)\n\nx"},
		{age: 25 * time.Hour, how: conversation.Skipped},
		{age: 25 * time.Hour, retries: 1, shown: "(Sorry, this message is 25 hours old: I could not answer earlier.)\n\nx"},
	} {
		ev := written("hi")
		ev.Sent, ev.Retries = ev.Received.Add(-c.age), c.retries
		s := &script{deltas: []string{"x"}}
		if err := s.run(t.Context(), ev, 1); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.replies, "|"); got != c.shown || s.done[0].How != c.how {
			t.Errorf("%s: shown %q, done %+v", c.age, got, s.done[0])
		}
		if c.shown != "" && s.done[0].Turn.Answer != "x" {
			t.Errorf("%s: remembered %q", c.age, s.done[0].Turn.Answer)
		}
	}
}

func TestStopEndsTheAnswerKindly(t *testing.T) {
	for _, deltas := range [][]string{{"half an"}, nil} {
		s := &script{deltas: deltas, hang: true}
		asking, interrupt := context.WithCancelCause(t.Context())
		interrupt(conversation.ErrInterrupted)
		if err := s.runAsking(t.Context(), asking, written("hi"), 1); err != nil {
			t.Fatal(err)
		}
		if len(s.replies) != 1 || !strings.HasPrefix(s.replies[0], strings.Join(deltas, "")) || !strings.Contains(s.replies[0], "(stopped)") || len(s.done) != 1 {
			t.Errorf("shown %q, done %+v", s.replies, s.done)
		}
	}
}

func TestStopCommand(t *testing.T) {
	for running, want := range map[bool]string{true: "已停止", false: "没有正在进行"} {
		s := &script{running: running}
		ev := written("/停止")
		ev.Sender.ID = "ann"
		if err := s.run(t.Context(), ev, 1); err != nil {
			t.Fatal(err)
		}
		if len(s.stopped) != 1 || s.stopped[0] != conversation.KeyOf(ev) || !strings.Contains(s.replies[0], want) {
			t.Errorf("stopped %v, shown %q", s.stopped, s.replies)
		}
	}
}

// What a command does is done once, however often the reply to it is tried.
func TestCommandIsNotCarriedOutAgain(t *testing.T) {
	s := &script{running: true, refuse: []error{&connectors.Error{Op: "send"}}}
	if err := s.run(t.Context(), written("/stop"), 1); err == nil {
		t.Fatal("done without a reply")
	}
	s.running = false // whatever it has stopped is over
	if err := s.run(t.Context(), written("/stop"), 2); err != nil {
		t.Fatal(err)
	}
	if len(s.stopped) != 1 || len(s.replies) != 1 || !strings.Contains(s.replies[0], "I stop the answer") {
		t.Errorf("stopped %d times, read %q", len(s.stopped), s.replies)
	}
}

// The reply to a command, behind which others may be waiting, is given up sooner; and a
// stop of the program is not the beginning of an outage.
func TestWhatCountsAsAnOutage(t *testing.T) {
	away := func() []error { return []error{&connectors.Error{Op: "send"}} }
	s := &script{refuse: away(), note: returned(t, 3, 2*asideGiveUp)}
	ev := written("/help")
	ev.Aside = true
	if err := s.run(t.Context(), ev, 4); err != nil || s.done[0].How != conversation.Dead {
		t.Errorf("%v, done %+v", err, s.done)
	}
	s = &script{hang: true}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopping"))
	if err := s.run(ctx, written("hi"), 1); err == nil {
		t.Fatal("the turn is done")
	}
	var p page
	if err := json.Unmarshal(s.note, &p); err != nil || p.Returned != 1 || !p.Since.IsZero() {
		t.Errorf("noted %s, %v", s.note, err)
	}
}
