package connectors

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Answer is the model's answer while it arrives: deltas of text, to be shown one
// after the other. An error is always the last element. Ranging over an answer
// may take minutes; breaking out of the loop gives the rest up.
type Answer = iter.Seq2[string, error]

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
	return func(yield func(string, error) bool) { yield(text, nil) }
}

// Collect waits for the whole answer and returns it as one text, for the ways of
// replying that cannot grow. The words of a Failure are part of the text; any
// other error is returned, and then there is nothing to show.
func Collect(answer Answer) (string, error) {
	var text strings.Builder
	for delta, err := range answer {
		var failure *Failure
		switch {
		case errors.As(err, &failure):
			if text.Len() > 0 {
				text.WriteString("\n\n")
			}
			text.WriteString(failure.Text)
		case err != nil:
			return "", err
		default:
			text.WriteString(delta)
		}
	}
	return text.String(), nil
}
