package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	quietTimes = 5                      // times FirstToken: how long comments alone are taken for life
	lastWord   = 3 * time.Second        // from the finish_reason to the usage
	tail       = 100 * time.Millisecond // from [DONE] to the end of the response
)

// ask asks one endpoint for the answer.
func (a *answer) ask(ctx context.Context, e *endpoint) *Error {
	began := time.Now() // for all keys together
	f := e.each(func(k *key) *Error { return a.attempt(ctx, e, k, began) })
	if f != nil && (f.elsewhere() || f.Kind == TooLong) && ctx.Err() == nil && !a.withdrawable() {
		f.final = true
	}
	return f
}

// attempt makes a request with one key, and once more in other words where the
// endpoint refuses those. Nil means that there is nothing more to do: the answer is
// complete or nobody wants the rest.
func (a *answer) attempt(ctx context.Context, e *endpoint, k *key, began time.Time) *Error {
	for {
		request := e.request(a.request)
		a.restart()
		bounded, w := watched(ctx, max(e.config.FirstToken-time.Since(began), time.Millisecond), quietTimes*e.config.FirstToken)
		r := &reading{answer: a, endpoint: e, watch: w, exchange: &exchange{http: e.http}, asked: time.Now()}
		end := e.begin(a.observer)
		var f *Error
		if stream, err := e.sdk(r.exchange, k).CreateChatCompletionStream(bounded, request); err != nil {
			f = e.failure(err, r.exchange, w)
		} else {
			f = r.read()
			_ = stream.Close()
		}
		w.stop()
		if r.usage != nil && !r.told && !a.left {
			a.tell(r.usage)
		}
		switch {
		case a.left, ctx.Err() != nil:
			end(Stopped, r.first, r.usage)
		case f != nil:
			end(f.Kind, r.first, r.usage)
		default:
			end("", r.first, r.usage)
		}
		if f == nil || ctx.Err() != nil || r.begun || !e.learn(f, request) {
			return f
		}
		began = time.Now()
	}
}

// reading is one response while it is read.
type reading struct {
	answer   *answer
	endpoint *endpoint
	watch    *watch
	exchange *exchange
	asked    time.Time

	thinker thinker
	caller  caller
	finish  string        // the finish_reason, "" so far
	usage   *Usage        // nil so far
	first   time.Duration // until the first event, 0 so far
	told    bool          // the usage was yielded
	done    bool          // [DONE] has come
	begun   bool          // a visible word was yielded
	thought bool          // a thought was
}

// read reads the response to its end.
func (r *reading) read() *Error {
	for {
		data, err := r.exchange.events.next()
		switch {
		case errors.Is(err, errDone):
			r.watch.alive(tail)
			r.exchange.events.drain()
			r.done = true
			return r.end()
		case errors.Is(err, io.EOF), err != nil && r.finish != "": // only the usage is missing
			return r.end()
		case err != nil:
			return r.failed(err)
		case len(data) == 0:
			if r.finish == "" {
				r.watch.hums(r.pause())
			}
			continue
		}
		r.watch.alive(r.pause())
		c, err := parseChunk(data)
		if err != nil && r.finish != "" {
			return r.end()
		}
		if err != nil {
			return r.failed(err)
		}
		if !r.take(c) {
			return nil
		}
	}
}

// pause is how long the endpoint may be silent now.
func (r *reading) pause() time.Duration {
	switch {
	case r.finish != "":
		return min(lastWord, r.endpoint.config.Idle)
	case r.first == 0:
		return r.endpoint.config.FirstToken
	}
	return r.endpoint.config.Idle
}

// take takes in an event; false means that nobody wants the rest.
func (r *reading) take(c *chunk) bool {
	if r.first == 0 {
		r.first = max(time.Since(r.asked), 1)
		r.endpoint.breaker.speaks(time.Now())
	}
	if usage := c.usage(); usage != nil {
		r.usage = usage.of(r.endpoint)
	}
	if finish := c.finish(); finish != "" {
		r.finish = finish
	}
	s := c.said()
	for _, f := range s.ToolCalls {
		r.caller.add(f)
	}
	if s.FunctionCall != nil {
		zero := 0
		r.caller.add(fragment{Index: &zero, Function: *s.FunctionCall})
	}
	thought, text := r.thinker.write(s.Content.text)
	if !r.give(s.thought()+thought, text) || !r.revoke(false) {
		return false
	}
	r.watch.alive(r.pause())
	return true
}

// give yields what was thought and said, if anything was.
func (r *reading) give(thought, text string) bool {
	r.begun, r.thought = r.begun || strings.TrimSpace(text) != "", r.thought || thought != ""
	if thought == "" && (text == "" || !r.begun) {
		return true
	}
	r.watch.rest() // whoever shows it may take their time
	return r.answer.give(Delta{Thought: thought, Text: text})
}

// revoke takes back what was no answer but thoughts, if it can be, and goes on behind it.
func (r *reading) revoke(ended bool) bool {
	thoughts, ok := r.thinker.unopened(ended)
	if !ok {
		return r.give("", r.thinker.passed())
	}
	if !r.answer.withdrawable() {
		r.thinker.state = answering
		return r.give("", r.thinker.passed())
	}
	r.answer.restart()
	r.begun = false
	if !r.give(thoughts, "") {
		return false
	}
	return r.give(r.thinker.write(r.thinker.passed()))
}

// failed is a failure in the middle.
func (r *reading) failed(err error) *Error {
	f := r.endpoint.failure(err, r.exchange, r.watch)
	f.inSight = r.begun
	return f
}

// end yields what is left at the end of a response, and judges the answer.
func (r *reading) end() *Error {
	if !r.revoke(true) || !r.give(r.thinker.end()) {
		return nil
	}
	calls := r.caller.all()
	if r.finish == "" && r.complete() {
		r.finish = "stop"
	}
	f := r.judge(len(calls) > 0)
	if f != nil && f.Kind != Length {
		f = r.endpoint.tidy(f)
		f.inSight = r.begun
		return f
	}
	if len(calls) > 0 && f == nil && !r.answer.give(Delta{Calls: calls}) {
		return nil
	}
	usage := r.usage
	if usage == nil {
		usage = (*usageCount)(nil).of(r.endpoint)
	}
	r.told = true
	if !r.answer.give(Delta{Usage: usage}) {
		return nil
	}
	return f
}

// complete reports whether an answer has come to its end that does not say why: iFlytek's
// Spark never does, and some gateways. It has come whole, or with its usage before [DONE]:
// a stream that just stops has neither.
func (r *reading) complete() bool {
	return r.exchange.events.all || r.done && r.usage != nil
}

// What endpoints call it in the finish_reason when they have let an answer down:
// Zhipu, DeepSeek, vLLM, OpenRouter.
var letDown = []string{"network_error", "insufficient_system_resource", "abort", "error"}

// What endpoints call it when there is no room for more.
var atEnd = []string{"length", "max_tokens", "model_context_window_exceeded"}

// judge says what is wrong with an answer that has come to its end, by its
// finish_reason.
func (r *reading) judge(calls bool) *Error {
	some := r.begun || calls
	f := &Error{Endpoint: r.endpoint.host, Message: "finish_reason " + r.finish}
	switch {
	case r.finish == "" && !r.exchange.events.some:
		f.Kind, f.Status, f.Message = Unavailable, r.exchange.status, "the response holds no event"
	case r.finish == "":
		f.Kind, f.Message = Cut, "the answer ended without a finish_reason"
	case r.finish == "content_filter", r.finish == "sensitive": // Zhipu's word
		f.Kind = Filtered
	case slices.Contains(letDown, r.finish):
		f.Kind = Cut
	case some && slices.Contains(atEnd, r.finish):
		f.Kind = Length
	case r.finish == "model_context_window_exceeded": // Zhipu: there was no room for an answer
		f.Kind = TooLong
	case r.thought && slices.Contains(atEnd, r.finish): // it would think as long again
		f.Kind, f.spent, f.Message = Empty, true, "all of max_tokens went into thoughts"
	case !some:
		f.Kind, f.Message = Empty, fmt.Sprintf("finish_reason %s and not a word", r.finish)
	default:
		return nil
	}
	return f
}
