package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"longwire/agent/model/modeltest"
)

// brain is the model. It answers with the number it was asked about, in a few
// deltas, so that faults strike in the middle of answers, too.
type brain struct {
	pace time.Duration // between deltas, at least; a little more for most questions

	mu   sync.Mutex
	kind kind // what goes wrong; guarded by mu
	left int  // with so many requests; guarded by mu
}

// strike makes the next requests go wrong.
func (b *brain) strike(f fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kind, b.left = f.kind, f.count
}

// mend ends that.
func (b *brain) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = 0
}

// next is what goes wrong with this request, "" for nothing.
func (b *brain) next() kind {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return ""
	}
	b.left--
	return b.kind
}

// paces are how slow the model is. Where a latency is measured its own would only
// hide what is looked for; where replicas are started again, answers are to be
// under way.
var paces = map[mode]time.Duration{strikes: ms, outage: ms, rolling: 20 * ms, soak: 20 * ms}

// thinkPause stands between the deltas where the model has to think.
const thinkPause = 50 * ms

// respond answers one request.
func (b *brain) respond(r modeltest.Request) modeltest.Response {
	number, ok := numberIn(r.Question())
	if !ok {
		return modeltest.Response{Status: http.StatusBadRequest, Error: "not a question of this run"}
	}
	answer := modeltest.Response{
		Deltas: []string{"About ", fmt.Sprintf("%s%0*d", marker, digits, number), ": all", " is", " well."},
		Pause:  time.Duration(1+number%7) * b.pace,
	}
	if strings.Contains(r.Question(), thinkWord) {
		answer.Pause = thinkPause
	}
	begun := number % 3 // how much of the answer comes before it goes wrong
	switch b.next() {
	case model429:
		return modeltest.Response{Status: http.StatusTooManyRequests, Error: "too many requests"}
	case model500:
		return modeltest.Response{Status: http.StatusInternalServerError, Error: "out of order"}
	case modelHang:
		answer.Deltas, answer.Hang = answer.Deltas[:begun], true
	case modelCut:
		answer.Deltas, answer.Cut = answer.Deltas[:begun], true
	}
	return answer
}
