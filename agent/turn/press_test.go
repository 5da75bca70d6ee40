package turn

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// shelf is a connectors.Shelf and Records in memory.
type shelf struct {
	mu      sync.Mutex // guards all of it where a test has others at it
	counts  map[string]int64
	values  map[string][]byte
	records [][]byte
	away    error
}

func newShelf() *shelf { return &shelf{counts: map[string]int64{}, values: map[string][]byte{}} }

func (s *shelf) Add(_ context.Context, name string, n int64, _ time.Duration) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name] += n
	return s.counts[name], s.away
}

func (s *shelf) Pace(context.Context, string, time.Duration, int, time.Duration) (time.Duration, bool, error) {
	return 0, true, s.away
}

func (s *shelf) Put(_ context.Context, name string, value []byte, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
	return s.away
}

func (s *shelf) Get(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name], s.away
}

func (s *shelf) Append(_ context.Context, _, _ string, record []byte, _ int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, record)
	return s.away
}

// desk is a turn with everything that it can have.
func (s *script) desk(config Config, shelf *shelf, deliver connectors.Deliver) *Turn {
	return New(config, With{Choices: s.choices(), Replier: s, Store: s, Shelf: shelf, Records: shelf, Deliver: deliver}, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestOnlyTheAskerStops(t *testing.T) {
	s := &script{running: true}
	turn := s.desk(Config{Admins: []string{"boss"}}, newShelf(), nil)
	ev := written("why?")
	ev.Sender.ID = "ann"
	for _, c := range []struct {
		by      string
		stopped bool
		words   string
	}{{"ann", true, "stop the answer"}, {"boss", true, "stop the answer"}, {"bob", false, "Only whoever asked"}} {
		s.stopped = nil
		words, err := turn.Press(t.Context(), connectors.Action{Press: connectors.PressStop, Event: ev, By: connectors.Person{ID: c.by}})
		if err != nil || len(s.stopped) > 0 != c.stopped || !strings.Contains(words, c.words) {
			t.Errorf("%s: %q, %v, stopped %v", c.by, words, err, s.stopped)
		}
	}
	s.running = false
	if words, err := turn.Press(t.Context(), connectors.Action{Press: connectors.PressStop, Event: ev, By: ev.Sender}); err != nil || !strings.Contains(words, "no answer under way") {
		t.Errorf("nothing to stop: %q, %v", words, err)
	}
}

func TestAgainIsAnEventOfItsOwn(t *testing.T) {
	var delivered []connectors.Event
	refuse := error(nil)
	turn := (&script{}).desk(Config{}, newShelf(), func(_ context.Context, ev connectors.Event) error {
		delivered = append(delivered, ev)
		return refuse
	})
	ev := written("why?")
	ev.Sender.ID, ev.Received = "ann", time.Now().Add(-time.Hour)
	if words, err := turn.Press(t.Context(), connectors.Action{Press: connectors.PressAgain, Event: ev, By: ev.Sender, ID: "p1"}); err != nil || words == "" {
		t.Fatalf("%q, %v", words, err)
	}
	got := delivered[0]
	if got.ID == ev.ID || !strings.Contains(got.ID, "p1") || got.Text != "why?" || time.Since(got.Sent) > time.Minute {
		t.Errorf("delivered %+v", got)
	}
	// A double click, or a press that the platform tells of twice.
	if words, err := turn.Press(t.Context(), connectors.Action{Press: connectors.PressAgain, Event: ev, By: ev.Sender, ID: "p2"}); err != nil || words == "" || len(delivered) != 1 {
		t.Errorf("%q, %v, delivered %d times", words, err, len(delivered))
	}
	refuse = errors.New("away")
	ev.ID = "another"
	for range 2 { // one that failed does not stand for the next
		if _, err := turn.Press(t.Context(), connectors.Action{Press: connectors.PressAgain, Event: ev, By: ev.Sender}); !errors.Is(err, refuse) {
			t.Errorf("got %v", err)
		}
	}
}

func TestFeedbackIsKeptOncePerPerson(t *testing.T) {
	shelf := newShelf()
	turn := (&script{}).desk(Config{}, shelf, nil)
	ev := written("why?")
	for _, press := range []struct {
		by   string
		what connectors.Press
	}{{"ann", connectors.PressGood}, {"ann", connectors.PressBad}, {"bob", connectors.PressBad}} {
		if words, err := turn.Press(t.Context(), connectors.Action{Press: press.what, Event: ev, By: connectors.Person{ID: press.by}}); err != nil || words == "" {
			t.Errorf("%q, %v", words, err)
		}
	}
	if len(shelf.records) != 2 {
		t.Fatalf("%d records", len(shelf.records))
	}
	if good, bad := shelf.counts[VoteName(true)], shelf.counts[VoteName(false)]; good != 1 || bad != 1 {
		t.Errorf("counted %d good and %d bad", good, bad)
	}
	var f Feedback
	if err := json.Unmarshal(shelf.records[1], &f); err != nil || f.By != "bob" || f.Good || f.Event != ev.Trace() || f.Question != "why?" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := turn.Press(t.Context(), connectors.Action{Press: "dance", Event: ev}); err == nil {
		t.Error("a button that nobody knows does something")
	}
}

func TestEverybodyIsGreetedOnce(t *testing.T) {
	shelf := newShelf()
	s := &script{deltas: []string{"x"}}
	turn := s.desk(Config{Welcome: WelcomeBuiltIn}, shelf, nil)
	hello := connectors.Event{ID: "h", Connection: "c", Kind: connectors.KindHello, Sender: connectors.Person{ID: "ann"}, Received: time.Now()}
	run := func(ev connectors.Event, attempt int) {
		t.Helper()
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: attempt, Holder: s}); err != nil {
			t.Fatal(err)
		}
	}
	run(hello, 1)
	hello.ID = "h2"
	run(hello, 1)
	first := written("hi there")
	first.Sender.ID = "ann"
	run(first, 1)
	first.Sender.ID = "bob"
	run(first, 1)
	first.ID = "m2"
	run(first, 1)
	if len(s.replies) != 4 || s.done[1].How != conversation.Skipped {
		t.Fatalf("shown %q", s.replies)
	}
	if !strings.Contains(s.replies[0], "AI") || s.replies[1] != "x" || !strings.HasPrefix(s.replies[2], "Hello, I am") || !strings.HasSuffix(s.replies[2], "x") || s.replies[3] != "x" {
		t.Errorf("shown %q", s.replies)
	}
	group := hello
	group.Chat = connectors.Chat{ID: "g", Group: true}
	run(group, 2) // after a crash the greeting comes all the same
	if len(s.replies) != 5 {
		t.Errorf("shown %q", s.replies)
	}
	shelf.away = errors.New("away")
	first.ID, first.Sender.ID = "m3", "eve"
	run(first, 1)
	if s.replies[5] != "x" {
		t.Errorf("without the store: %q", s.replies[5])
	}
}

// However many replicas turn a person away, they are told once; and again when the
// words did not reach them.
func TestBusyIsSaidOnce(t *testing.T) {
	shelf := newShelf()
	s := &script{refuse: []error{errDied}}
	ev := written("hi")
	here, there := s.desk(Config{}, shelf, nil), s.desk(Config{}, shelf, nil)
	if err := here.Busy(t.Context(), ev); !errors.Is(err, errDied) {
		t.Fatalf("got %v", err)
	}
	for _, turn := range []*Turn{here, there, here} {
		if err := turn.Busy(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.replies) != 1 {
		t.Errorf("shown %q", s.replies)
	}
}

func TestRecalledQuestionHasNoAnswer(t *testing.T) {
	shelf := newShelf()
	s := &script{deltas: []string{"x"}}
	turn := s.desk(Config{Recalls: true}, shelf, nil)
	ev := written("forget it")
	recall := connectors.Event{ID: "r", Connection: "c", Kind: connectors.KindRecall, Text: ev.ID, Received: time.Now()}
	if !turn.Mark(recall).Aside {
		t.Error("a recall waits behind the answer that it ends")
	}
	for _, e := range []connectors.Event{recall, ev} {
		if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: e, Attempt: 1, Holder: s}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.replies) != 0 || len(s.done) != 2 || s.done[1].How != conversation.Skipped {
		t.Errorf("shown %q, done %+v", s.replies, s.done)
	}
	ev.ID += "/1767000000000" // as it was edited
	if err := turn.Recalled(t.Context(), ev); !errors.Is(err, ErrRecalled) {
		t.Errorf("its edit: %v", err)
	}
	ev.ID = "m2"
	if err := turn.Recalled(t.Context(), ev); err != nil {
		t.Errorf("another question: %v", err)
	}
}

// An answer under way ends where it is when its question is taken back, and is not
// remembered.
func TestRecallEndsTheAnswer(t *testing.T) {
	s := &script{deltas: []string{"so far"}, hang: true}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(ErrRecalled) })
	if err := s.runAsking(t.Context(), ctx, written("hi"), 1); err != nil {
		t.Fatal(err)
	}
	if len(s.replies) != 1 || !strings.HasPrefix(s.replies[0], "so far") || !strings.Contains(s.replies[0], "taken back") {
		t.Errorf("shown %q", s.replies)
	}
	if s.done[0].How != conversation.Skipped || s.done[0].Turn != nil {
		t.Errorf("done %+v", s.done[0])
	}
}
