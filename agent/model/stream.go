package model

import (
	"context"
	"iter"
	"strings"
)

// Stream asks the model and returns the answer as it arrives. The last element may
// be an *Error, or the context's error when ctx has ended.
func (c *Client) Stream(ctx context.Context, request Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		a := &answer{request: request, observer: c.observer, yield: yield}
		if err := c.walk(c.endpoints).run(ctx, a.ask); err != nil && !a.left {
			yield(Delta{}, err)
		}
	}
}

// answer is what one Stream has yielded so far.
type answer struct {
	request  Request
	observer Observer
	yield    func(Delta, error) bool

	some    bool // something was yielded since the last start
	stale   bool // what stands is another start's, to be withdrawn
	visible bool // a visible word stands
	left    bool // nobody wants the rest
}

// restart begins the answer anew. What stands of an earlier start is withdrawn with
// the first delta of this one, not before: half an answer is better than none.
func (a *answer) restart() {
	a.stale = a.stale || a.some
	a.some = false
}

// give yields a delta; false means that nobody wants the rest.
func (a *answer) give(d Delta) bool {
	if a.stale {
		d.Again, a.stale, a.visible = true, false, false
	}
	a.some = true
	a.visible = a.visible || strings.TrimSpace(d.Text) != ""
	a.left = !a.yield(d, nil)
	return !a.left
}

// tell yields what a request has taken that has failed. It is no part of the answer.
func (a *answer) tell(u *Usage) { a.left = !a.yield(Delta{Usage: u}, nil) }

// withdrawable reports whether the answer may start over.
func (a *answer) withdrawable() bool {
	return !a.visible || a.request.Keep == nil || a.request.Keep()
}
