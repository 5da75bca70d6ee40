package turn

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Feedback is what somebody thought of an answer, as it is kept and exported.
type Feedback struct {
	At         time.Time `json:"at"`
	Connection string    `json:"connection"`
	Event      string    `json:"event"` // the trace of the question
	By         string    `json:"by"`
	Good       bool      `json:"good"`
	Question   string    `json:"question"`
}

// FeedbackName is under which name the store keeps the records.
const FeedbackName = "feedback"

// VoteName is under which name the store counts the good answers, or the others.
func VoteName(good bool) string {
	if good {
		return "feedback/good"
	}
	return "feedback/bad"
}

// VoteKeep is how long these are counted: always.
const VoteKeep = 10 * 365 * 24 * time.Hour

// maxFeedback is how many records are kept on a connection, and voteKeep how long
// it is known who has said something about an answer.
const (
	maxFeedback = 100_000
	voteKeep    = 30 * 24 * time.Hour
)

// Press does what a button below an answer says, and returns what whoever pressed it
// is to read.
func (t *Turn) Press(ctx context.Context, a connectors.Action) (string, error) {
	lang := t.config.Language.languageFor(a.Event, nil)
	log := t.log.With("event", a.Event.Trace(), "press", a.Press)
	switch a.Press {
	case connectors.PressStop, connectors.PressAgain, connectors.PressYes, connectors.PressNo:
		if a.By.ID != a.Event.Sender.ID && !slices.Contains(t.config.Admins, a.By.ID) {
			log.Info("button pressed by somebody else")
			return lang.notYours(), nil
		}
	}
	switch a.Press {
	case connectors.PressStop:
		stopped, err := t.with.Store.Interrupt(ctx, a.Event.Connection, conversation.KeyOf(a.Event), a.Event.Trace())
		switch {
		case err != nil:
			return "", fmt.Errorf("stop: %w", err)
		case stopped:
			return lang.stopping(), nil
		}
		return lang.nothingToStop(), nil
	case connectors.PressAgain:
		return t.askAgain(ctx, a, lang)
	case connectors.PressGood, connectors.PressBad:
		return lang.thanks(), t.vote(ctx, a)
	case connectors.PressYes, connectors.PressNo:
		word := saidYes
		if a.Press == connectors.PressNo {
			word = saidNo
		}
		counts, err := t.confirmed(ctx, a.Reply, word)
		return lang.answered(counts), err
	}
	return "", fmt.Errorf("button %q is not known", a.Press)
}

// askAgain delivers the question once more, as an event of its own: once for several
// presses in a row, which may be a double click, or one that the platform tells of twice.
func (t *Turn) askAgain(ctx context.Context, a connectors.Action, lang Language) (string, error) {
	ev := a.Event
	ev.ID += "/again/" + a.ID
	ev.Sent, ev.Received = time.Now(), time.Now()
	deliver := func() error { return t.with.Deliver(ctx, ev) }
	var err error
	if t.with.Shelf == nil {
		err = deliver()
	} else {
		err = t.once(ctx, "again/"+a.Event.ID+"/"+a.By.ID, againTime, deliver)
	}
	if err != nil {
		return "", fmt.Errorf("ask again: %w", err)
	}
	return lang.askedAgain(), nil
}

// againTime is how long one press stands for those that follow it.
const againTime = 10 * time.Second

// vote keeps what somebody thinks, once for each of them and each answer.
func (t *Turn) vote(ctx context.Context, a connectors.Action) error {
	if t.with.Shelf == nil || t.with.Records == nil {
		return nil
	}
	good := a.Press == connectors.PressGood
	return t.once(ctx, "vote/"+a.Event.ID+"/"+a.By.ID, voteKeep, func() error { return t.keepVote(ctx, a, good) })
}

// keepVote keeps what somebody thinks, and counts it.
func (t *Turn) keepVote(ctx context.Context, a connectors.Action, good bool) error {
	record, err := json.Marshal(Feedback{
		At: time.Now(), Connection: a.Event.Connection, Event: a.Event.Trace(), By: a.By.ID, Good: good, Question: a.Event.Text,
	})
	if err != nil {
		return err
	}
	if err := t.with.Records.Append(ctx, a.Event.Connection, FeedbackName, record, maxFeedback); err != nil {
		return err
	}
	if t.with.Voted != nil {
		t.with.Voted(a.Event, a.By, good)
	}
	if _, err = t.with.Shelf.Add(ctx, VoteName(good), 1, VoteKeep); err != nil {
		t.log.Warn("a vote is kept and not counted", "event", a.Event.Trace(), "err", err)
	}
	return nil
}
