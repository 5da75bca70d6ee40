package turn

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
	"longwire/conversation"
)

// The store was away, or the process was stopped, after the person had the answer:
// the turn that takes the event again only writes its end.
func TestShownAnswerIsNotShownAgain(t *testing.T) {
	s := &script{deltas: []string{"x"}}
	turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	lease := func(attempt int) *conversation.Lease {
		return &conversation.Lease{Event: written("hi"), Attempt: attempt, Noted: s.note, Holder: s}
	}
	s.lostAtDone = true
	if err := turn.Run(t.Context(), t.Context(), lease(1)); !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("got %v", err)
	}
	s.lostAtDone = false
	if err := turn.Run(t.Context(), t.Context(), lease(2)); err != nil {
		t.Fatal(err)
	}
	if len(s.replies) != 1 || len(s.done) != 1 || s.done[0].Turn == nil || s.done[0].Turn.Answer != "x" {
		t.Errorf("shown %q, done %+v", s.replies, s.done)
	}
	if err := turn.Run(t.Context(), t.Context(), lease(1)); err != nil || len(s.replies) != 2 {
		t.Errorf("after the end the event is as good as new: %v, shown %q", err, s.replies)
	}
}

// What another replica has settled in the meantime, and an operator put back, is
// answered.
func TestShownAnswerIsShownAgainToWhoeverPutsItBack(t *testing.T) {
	s := &script{deltas: []string{"x"}, lostAtDone: true}
	turn := New(Config{}, With{Choices: s.choices(), Replier: s, Store: s}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ev := written("hi")
	if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: 1, Holder: s}); !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("got %v", err)
	}
	s.lostAtDone, ev.Retries = false, 1
	if err := turn.Run(t.Context(), t.Context(), &conversation.Lease{Event: ev, Attempt: 1, Holder: s}); err != nil || len(s.replies) != 2 {
		t.Errorf("%v, shown %q", err, s.replies)
	}
}

// Whoever has lost the lease says nothing further, not even sorry.
func TestReplyInOtherHandsIsLeftAlone(t *testing.T) {
	s := &script{deltas: []string{"x"}, refuse: []error{&connectors.Error{Op: "send", Fatal: true, Err: conversation.ErrLost}}}
	if err := s.run(t.Context(), written("hi"), 1); !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("got %v", err)
	}
	if len(s.replies) != 0 || len(s.done) != 0 || len(s.release) != 0 {
		t.Errorf("shown %q, done %+v, released %v", s.replies, s.done, s.release)
	}
}

func TestLostLeaseIsNotTriedAgain(t *testing.T) {
	s := &script{deltas: []string{"x"}, lost: true}
	began := time.Now()
	if err := s.run(t.Context(), written("hi"), 1); !errors.Is(err, conversation.ErrLost) {
		t.Fatalf("got %v", err)
	}
	if time.Since(began) > 400*time.Millisecond { // the first wait of a retry is longer
		t.Error("a lost lease was asked again")
	}
}

func TestNothingIsShownWithoutALease(t *testing.T) {
	s := &script{deltas: []string{"x"}, lost: true}
	if err := s.run(t.Context(), written("hi"), 1); !errors.Is(err, conversation.ErrLost) || len(s.replies) != 0 {
		t.Errorf("got %v, shown %q", err, s.replies)
	}
}

func TestNoteOfAnotherVersionIsAsGoodAsNone(t *testing.T) {
	s := &script{deltas: []string{"x"}, note: []byte("\x00\x01")}
	if err := s.run(t.Context(), written("hi"), 2); err != nil || len(s.replies) != 1 || s.replies[0] != "x" {
		t.Errorf("got %v, shown %q", err, s.replies)
	}
}

// After a crash between the note and the end, the same words are said, the model
// is not asked again, and what is remembered is what the person has read.
func TestAttemptAfterACrashSaysTheSame(t *testing.T) {
	for name, failure := range map[string]error{"an answer": nil, "a failure": &model.Error{Kind: model.Cut}} {
		t.Run(name, func(t *testing.T) {
			s := &script{deltas: []string{"the first", " answer"}, failure: failure, die: true}
			if err := s.run(t.Context(), written("hi"), 1); !errors.Is(err, errDied) {
				t.Fatalf("got %v", err)
			}
			s.deltas, s.failure = []string{"another answer"}, nil
			if err := s.run(t.Context(), written("hi"), 2); err != nil {
				t.Fatal(err)
			}
			if len(s.asked) != 1 || len(s.replies) != 1 || !strings.HasPrefix(s.replies[0], "the first answer") || !strings.HasSuffix(s.replies[0], " (again)") {
				t.Fatalf("asked %d times, shown %q", len(s.asked), s.replies)
			}
			out := s.done[0]
			if failure == nil && (out.Turn == nil || out.Turn.Answer != "the first answer") {
				t.Errorf("done %+v", out)
			}
			if failure != nil && (out.How != conversation.Failed || out.Turn != nil || !strings.Contains(s.replies[0], "(ref ")) {
				t.Errorf("done %+v, shown %q", out, s.replies)
			}
		})
	}
}
