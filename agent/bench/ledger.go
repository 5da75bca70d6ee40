package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ledger knows of every message when it passed which point, and how often. The
// platforms and the model call it from many goroutines.
type ledger struct {
	mu    sync.Mutex
	notes []*note  // by number; guarded by mu, and so is what they point to
	stray []string // replies to no message known; guarded by mu
}

// note is one message.
type note struct {
	pushed  time.Time // its frame
	asked   time.Time // its first model request
	sent    time.Time // the last delta of its last answer
	replied time.Time // its first reply

	replies  int
	answered chan struct{} // closed with the first reply
}

// marker stands before the number of a message, in questions and answers.
const marker = "message "

// digits is how many a number has.
const digits = 8

// question is the text of the message with this number.
func question(number int) string { return fmt.Sprintf("What of "+marker+"%0*d?", digits, number) }

// answer is what the model says to it, in deltas of a word or two.
func answer(number int) []string {
	return []string{"As ", "for ", marker, fmt.Sprintf("%0*d", digits, number), ", all", " is", " well."}
}

// numberIn finds the number in a question or an answer.
func numberIn(text string) (number int, ok bool) {
	_, rest, ok := strings.Cut(text, marker)
	if !ok || len(rest) < digits {
		return 0, false
	}
	for _, c := range []byte(rest[:digits]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		number = 10*number + int(c-'0')
	}
	return number, true
}

// open makes a message; its clock runs from here.
func (l *ledger) open() (int, *note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &note{pushed: time.Now(), answered: make(chan struct{})}
	l.notes = append(l.notes, n)
	return len(l.notes) - 1, n
}

// find is the message that text is about, nil if it is about none; mu is held.
func (l *ledger) find(text string) *note {
	number, ok := numberIn(text)
	if !ok || number >= len(l.notes) {
		return nil
	}
	return l.notes[number]
}

// asked notes a model request.
func (l *ledger) asked(text string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.find(text); n != nil && n.asked.IsZero() {
		n.asked = at
	}
}

// sent notes that the last delta of an answer was written.
func (l *ledger) sent(text string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.find(text); n != nil && n.replies == 0 {
		n.sent = at
	}
}

// replied notes a reply.
func (l *ledger) replied(text string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.find(text)
	switch {
	case n == nil:
		l.stray = append(l.stray, text)
	case n.replies == 0:
		n.replies, n.replied = 1, at
		close(n.answered)
	default:
		n.replies++
	}
}

// spans are the times of one message.
type spans struct {
	toModel  time.Duration // from its frame to its model request
	toPerson time.Duration // from the last delta to the reply
}

func (s spans) overhead() time.Duration { return s.toModel + s.toPerson }

// spansOf are the times of messages that are answered.
func (l *ledger) spansOf(notes []*note) []spans {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]spans, len(notes))
	for i, n := range notes {
		out[i] = spans{toModel: n.asked.Sub(n.pushed), toPerson: n.replied.Sub(n.sent)}
	}
	return out
}

// whereabouts says how far a message without a reply has come.
func (l *ledger) whereabouts(n *note) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case n.asked.IsZero():
		return "has not reached the model"
	case n.sent.IsZero():
		return "the model is at work on"
	}
	return "the model has answered"
}

// verify says what is wrong: a message without a reply or with several, a reply
// to nothing, a reply that did not come from the model.
func (l *ledger) verify() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var none, several, unasked int
	for _, n := range l.notes {
		switch {
		case n.replies == 0:
			none++
		case n.replies > 1:
			several++
		case n.asked.IsZero() || n.sent.IsZero():
			unasked++
		}
	}
	var errs []error
	for _, problem := range []struct {
		count int
		what  string
	}{
		{none, "without a reply"},
		{several, "with more than one reply"},
		{unasked, "answered without the model"},
	} {
		if problem.count > 0 {
			errs = append(errs, fmt.Errorf("%d of %d messages %s", problem.count, len(l.notes), problem.what))
		}
	}
	if len(l.stray) > 0 {
		errs = append(errs, fmt.Errorf("%d replies to no message, the first: %.80q", len(l.stray), l.stray[0]))
	}
	return errors.Join(errs...)
}
