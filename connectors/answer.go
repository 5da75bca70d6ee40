package connectors

import (
	"errors"
	"fmt"
	"iter"
	"time"
)

// Answer is the model's answer while it arrives: deltas, to be shown one after the
// other. An error is always the last element. Ranging over an answer may take
// minutes; breaking out of the loop gives the rest up.
type Answer = iter.Seq2[Delta, error]

// Delta is one step of an answer.
type Delta struct {
	// Text goes behind the text that has come before.
	Text string
	// Thought goes behind what a reasoning model has thought before. It is no part of
	// the text: a connector shows it apart, folded, or not at all.
	Thought string
	// Doing is what goes on now, as people are to read it below the text ("查询日历…").
	// It is over with the next delta, unless that says it again.
	Doing string
	// Again says that what has come before is withdrawn: the answer begins anew with
	// this delta. It comes only while the text has at most MaxWithdrawn bytes and is
	// not older than Withdrawable.
	Again bool
}

// The bounds of what can be withdrawn. So much text, for so long, a connector keeps
// where it can still be replaced as a whole.
const (
	MaxWithdrawn = 2 << 10 // bytes
	Withdrawable = 4 * time.Minute
)

// Say is the delta that is nothing but text.
func Say(text string) Delta { return Delta{Text: text} }

// Failure ends an answer that went wrong for good. Text is what the person is to
// read, in their language and with the trace id; Err is what the operator reads.
type Failure struct {
	Text string
	Err  error
}

func (f *Failure) Error() string { return fmt.Sprintf("answer failed: %v", f.Err) }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Words is the answer that consists of nothing but text: a command's result, a
// greeting, an apology.
func Words(text string) Answer {
	return func(yield func(Delta, error) bool) { yield(Say(text), nil) }
}

// Collect waits for the whole answer and returns it as one text, for the ways of
// replying that cannot grow. The words of a Failure are part of the text; any
// other error is returned, and then there is nothing to show.
func Collect(answer Answer) (string, error) {
	var all gathered
	for delta, err := range answer {
		if failure := new(Failure); errors.As(err, &failure) {
			return Grown{View: all.view(), Failure: failure}.Words(), nil
		}
		if err != nil {
			return "", err
		}
		all.add(delta)
	}
	return all.text.String(), nil
}
