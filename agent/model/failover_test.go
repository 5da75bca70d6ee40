package model

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/agent/model/modeltest"
)

// ears is an Observer that remembers.
type ears struct {
	mu    sync.Mutex
	ended []Ended
	moved []Kind
}

func (e *ears) RequestEnded(x Ended) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = append(e.ended, x)
}

func (e *ears) FailedOver(_, _ string, because Kind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moved = append(e.moved, because)
}

// What another endpoint may do better goes there at once; the rest is the caller's.
func TestFailover(t *testing.T) {
	for name, c := range map[string]struct {
		first modeltest.Response
		kind  Kind // "": the second answers
	}{
		"500":           {modeltest.Response{Status: 500, Error: "oops"}, ""},
		"429":           {modeltest.Response{Status: 429, Error: "slow down"}, ""},
		"rests long":    {modeltest.Response{Status: 503, Error: "maintenance", RetryAfter: "3600"}, ""},
		"401":           {modeltest.Response{Status: 401, Error: "bad key"}, ""},
		"402":           {modeltest.Response{Status: 402, Error: "Insufficient Balance"}, ""},
		"no such model": {modeltest.Response{Status: 404, Error: "no such model"}, ""},
		"cut":           {modeltest.Response{Cut: true}, ""},
		"hang":          {modeltest.Response{Hang: true}, ""},
		"empty":         {modeltest.Response{}, ""},
		"bad request":   {modeltest.Response{Status: 400, Error: "messages[0] is odd"}, Refused},
		"too long":      {modeltest.Response{Status: 400, Error: "maximum context length is 8192"}, TooLong},
		"filtered":      {modeltest.Response{Finish: "content_filter"}, Filtered},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := script(t, c.first), script(t, modeltest.Words("from the ", "second"))
			const slow = time.Minute // a wait between the two would be seen
			config := patience(name)
			config.Name, config.Wait = "one", slow
			client := clientOf(t, at(first, config), at(second, Config{Name: "two", Wait: slow}))
			var heardOf ears
			client.Observe(&heardOf)
			h := client.ask(t.Context(), Request{})
			if c.kind != "" {
				if got := kind(t, h.err); got != c.kind || len(second.Requests()) != 0 {
					t.Fatalf("got %s, the second was asked %d times", got, len(second.Requests()))
				}
				return
			}
			if h.err != nil || h.text != "from the second" || h.usage.Model != "two" {
				t.Fatalf("got %+v", h)
			}
			if len(first.Requests()) != 1 || len(heardOf.moved) != 1 || len(heardOf.ended) != 2 {
				t.Errorf("first asked %d times, observed %+v", len(first.Requests()), &heardOf)
			}
			one, two := heardOf.ended[0], heardOf.ended[1]
			if one.Kind != heardOf.moved[0] || two.Kind != "" || two.Model != "two" || two.First <= 0 || two.Total < two.First || !two.Usage.Reported {
				t.Errorf("observed %+v", heardOf.ended)
			}
		})
	}
}

// Behind the first visible word the answer starts over, and says so.
func TestAnswerThatBreaksOffStartsOver(t *testing.T) {
	for name, broken := range map[string]modeltest.Response{
		"cut":   {Thoughts: []string{"hm"}, Deltas: []string{"half of "}, Cut: true},
		"hang":  {Deltas: []string{"half of "}, Hang: true},
		"error": {Deltas: []string{"half of "}, Error: "exploded"},
	} {
		good := modeltest.Words("all of it")
		t.Run(name+", another endpoint", func(t *testing.T) {
			first, second := script(t, broken), script(t, good)
			client := clientOf(t, at(first, patience(name)), at(second, Config{}))
			if h := client.ask(t.Context(), Request{}); h.err != nil || h.text != "all of it" || h.thought != "" || h.agains != 1 {
				t.Fatalf("got %+v", h)
			}
		})
		t.Run(name+", the same endpoint", func(t *testing.T) {
			server := script(t, broken, good)
			client := clientOf(t, at(server, patience(name)))
			if h := client.ask(t.Context(), Request{Keep: func() bool { return true }}); h.err != nil || h.text != "all of it" || h.agains != 1 {
				t.Fatalf("got %+v", h)
			}
		})
		t.Run(name+", again and again", func(t *testing.T) {
			server := script(t, broken)
			client := clientOf(t, at(server, patience(name)))
			h := client.ask(t.Context(), Request{})
			if n := len(server.Requests()); h.err == nil || h.text != "half of " || h.agains != 1 || n != 2 {
				t.Fatalf("got %+v after %d requests", h, n)
			}
		})
	}
}

// An endpoint that is known to be down is not asked to start over.
func TestAnswerDoesNotStartOverWhereAllIsLost(t *testing.T) {
	server := script(t, modeltest.Response{Deltas: []string{"half"}, Cut: true})
	client := clientOf(t, at(server, Config{}))
	client.endpoints[0].breaker.failures = failuresToRest - 1
	if h := client.ask(t.Context(), Request{}); kind(t, h.err) != Cut || h.text != "half" || len(server.Requests()) != 1 {
		t.Errorf("got %+v after %d requests", h, len(server.Requests()))
	}
}

// The Again comes with the start that succeeds, however many fail in between.
func TestAgainIsNotForgotten(t *testing.T) {
	half, oops := modeltest.Response{Deltas: []string{"half"}, Cut: true}, modeltest.Response{Status: 500, Error: "oops"}
	server := script(t, half, oops, oops, modeltest.Words("whole"))
	if h := clientOf(t, at(server, Config{})).ask(t.Context(), Request{}); h.err != nil || h.text != "whole" || h.agains != 1 {
		t.Errorf("got %+v", h)
	}
}

// The probe after a rest has done its work with its first word.
func TestProbeIsOverWithItsFirstWord(t *testing.T) {
	first := script(t, modeltest.Response{Deltas: []string{"probe"}, Hang: true}, modeltest.Words("first"))
	client := clientOf(t, at(first, Config{}), at(script(t, modeltest.Words("second")), Config{}))
	b := &client.endpoints[0].breaker
	b.failures, b.rest, b.until = failuresToRest, time.Second, time.Now()
	for d := range client.Stream(t.Context(), Request{Messages: []Message{{Role: User, Content: "hi"}}}) {
		if h := client.ask(t.Context(), Request{}); d.Text != "probe" || h.text != "first" {
			t.Errorf("after %q got %+v", d.Text, h)
		}
		break
	}
}

// What stands is withdrawn by words, not by the hope of them.
func TestHalfAnAnswerStandsUntilAnotherBegins(t *testing.T) {
	first := script(t, modeltest.Response{Deltas: []string{"half"}, Cut: true})
	second := script(t, modeltest.Response{Status: 500, Error: "oops"})
	h := clientOf(t, at(first, Config{Attempts: 1}), at(second, Config{Attempts: 2})).ask(t.Context(), Request{})
	if got := kind(t, h.err); got != Cut || h.text != "half" || h.agains != 0 || len(second.Requests()) != 2 {
		t.Fatalf("got %+v, the second was asked %d times", h, len(second.Requests()))
	}
}

// Keep is asked again before each start: what could be taken back may not be now.
func TestKeepEndsTheWay(t *testing.T) {
	first := script(t, modeltest.Response{Deltas: []string{"half"}, Cut: true})
	second := script(t, modeltest.Response{Status: 500, Error: "oops"})
	asked := 0
	h := clientOf(t, at(first, Config{}), at(second, Config{})).ask(t.Context(), Request{Keep: func() bool { asked++; return asked == 1 }})
	if got := kind(t, h.err); got != Cut || asked != 2 || len(second.Requests()) != 1 {
		t.Fatalf("got %s, Keep was asked %d times, the second %d", got, asked, len(second.Requests()))
	}
}

func TestTheMostTellingFailureIsReturned(t *testing.T) {
	down := modeltest.Response{Status: 500, Error: "oops"}
	badKey := modeltest.Response{Status: 401, Error: "bad key"}
	busy := modeltest.Response{Status: 429, Error: "slow down"}
	noModel := modeltest.Response{Status: 404, Error: "no such model"}
	for _, c := range []struct {
		first, second modeltest.Response
		want          Kind
	}{{down, badKey, Unavailable}, {badKey, down, Unavailable}, {busy, down, Busy}, {down, busy, Busy}, {noModel, badKey, Key}, {badKey, noModel, Key}} {
		h := clientOf(t, at(script(t, c.first), Config{Attempts: 1}), at(script(t, c.second), Config{Attempts: 1})).ask(t.Context(), Request{})
		if got := kind(t, h.err); got != c.want {
			t.Errorf("%d then %d: got %s, want %s", c.first.Status, c.second.Status, got, c.want)
		}
	}
}

// An endpoint that fails rests, is not asked meanwhile, and is taken back by one
// probe.
func TestEndpointRestsAndComesBack(t *testing.T) {
	var mu sync.Mutex
	well := false
	first := serving(t, func(modeltest.Request) modeltest.Response {
		mu.Lock()
		defer mu.Unlock()
		if well {
			return modeltest.Words("first")
		}
		return modeltest.Response{Status: 500, Error: "oops"}
	})
	client := clientOf(t, at(first, Config{}), at(script(t, modeltest.Words("second")), Config{}))
	for range 4 * failuresToRest {
		if h := client.ask(t.Context(), Request{}); h.text != "second" {
			t.Fatalf("got %+v", h)
		}
	}
	if n := len(first.Requests()); n != failuresToRest {
		t.Errorf("the first was asked %d times", n)
	}
	state := client.State()
	if s := state[0]; !s.Open || s.Until.IsZero() || s.Failures != failuresToRest || s.LastError != Unavailable || s.Requests != failuresToRest || s.InFlight != 0 || s.Keys != 1 {
		t.Errorf("state %+v", s)
	}
	if s := state[1]; s.Open || s.LastError != "" || s.Requests != 4*failuresToRest {
		t.Errorf("state %+v", s)
	}
	mu.Lock()
	well = true
	mu.Unlock()
	client.endpoints[0].breaker.mu.Lock()
	client.endpoints[0].breaker.until = time.Now() // the rest is over
	client.endpoints[0].breaker.mu.Unlock()
	if h := client.ask(t.Context(), Request{}); h.text != "first" {
		t.Errorf("got %+v", h)
	}
	if s := client.State()[0]; s.Open || s.Failures != 0 {
		t.Errorf("state %+v", s)
	}
}

// Where all rest, somebody is asked all the same.
func TestSomebodyIsAlwaysAsked(t *testing.T) {
	server := script(t, modeltest.Words("here"))
	client := clientOf(t, at(server, Config{}), at(nil, Config{Endpoint: "http://127.0.0.1:1/v1"}))
	for i, e := range client.endpoints {
		e.breaker.failures, e.breaker.until, e.breaker.rest = failuresToRest, time.Now().Add(time.Duration(i+1)*time.Minute), time.Minute
	}
	if h := client.ask(t.Context(), Request{}); h.text != "here" {
		t.Errorf("got %+v", h)
	}
	if s := client.State()[0]; s.Open {
		t.Errorf("state %+v", s)
	}
}

// A Retry-After that a person can wait for is waited for, also by the next question.
func TestRetryAfterIsKept(t *testing.T) {
	server := script(t, modeltest.Response{Status: 429, RetryAfter: "0.2", Error: "slow down"}, modeltest.Words("now"))
	client := clientOf(t, at(server, Config{Attempts: 1}))
	if got := kind(t, client.ask(t.Context(), Request{}).err); got != Busy {
		t.Fatalf("got %s", got)
	}
	h := client.ask(t.Context(), Request{})
	asked := server.Requests()
	if pause := asked[1].At.Sub(asked[0].At); h.text != "now" || pause < 190*time.Millisecond {
		t.Errorf("got %+v after %s", h, pause)
	}
}

// With no place left a question goes to whoever has one, and waits where nobody has.
func TestConcurrency(t *testing.T) {
	release := make(chan struct{})
	begun := make(chan struct{}, 8)
	slow := func(name string) func(modeltest.Request) modeltest.Response {
		return func(modeltest.Request) modeltest.Response {
			begun <- struct{}{}
			<-release
			return modeltest.Words(name)
		}
	}
	first, second := serving(t, slow("first")), serving(t, slow("second"))
	client := clientOf(t, at(first, Config{Concurrency: 1}), at(second, Config{Concurrency: 1}))
	var all sync.WaitGroup
	answers := make(chan string, 3)
	ask := func() { answers <- client.ask(t.Context(), Request{}).text }
	all.Go(ask)
	<-begun
	all.Go(ask)
	<-begun
	if n, m := len(first.Requests()), len(second.Requests()); n != 1 || m != 1 {
		t.Errorf("asked %d and %d", n, m)
	}
	all.Go(ask) // waits for the first
	close(release)
	all.Wait()
	close(answers)
	got := map[string]int{}
	for a := range answers {
		got[a]++
	}
	if got["first"]+got["second"] != 3 || got["second"] == 0 || got["first"] == 0 {
		t.Errorf("answers %v", got)
	}
}

func TestNoPlaceInTime(t *testing.T) {
	server := script(t, modeltest.Response{Deltas: []string{"a"}, Hang: true})
	client := clientOf(t, at(server, Config{Concurrency: 1, FirstToken: 2 * time.Second, Idle: time.Minute}))
	begun := false
	for range client.Stream(t.Context(), Request{Messages: []Message{{Role: User, Content: "hi"}}}) {
		h := client.ask(t.Context(), Request{}) // while the only place is taken
		if got := kind(t, h.err); got != Busy || len(server.Requests()) != 1 {
			t.Errorf("got %v", h.err)
		}
		begun = true
		break
	}
	if !begun {
		t.Error("the first answer has not begun")
	}
}

func TestProxy(t *testing.T) {
	server := script(t, modeltest.Words("through"))
	asked := 0
	proxy := func(*http.Request) (*url.URL, error) { asked++; return url.Parse(server.URL()) }
	h := clientOf(t, at(server, Config{Endpoint: "http://model.invalid/v1", Proxy: proxy})).ask(t.Context(), Request{})
	if h.text != "through" || asked != 1 {
		t.Errorf("got %+v, the proxy was asked for %d times", h, asked)
	}
}

func ExampleError() {
	fmt.Println(&Error{Kind: Busy, Endpoint: "api.example.com", Status: 429, Message: "slow down"})
	fmt.Println(&Error{Kind: Cut, Message: "the answer ended without a finish_reason"})
	// Output:
	// model: api.example.com: busy: HTTP 429: slow down
	// model: cut: the answer ended without a finish_reason
}

// What requests have taken that failed is told, too: somebody pays for it.
func TestUsageOfWhatFailed(t *testing.T) {
	spent := &modeltest.Usage{Prompt: 10, Answer: 8000, Reasoning: 8000}
	for name, c := range map[string]struct {
		first   modeltest.Response
		asked   int // how often the first is, which would be asked twice
		tokens  int // of all requests
		failure Kind
	}{
		"all of max_tokens thought away": {modeltest.Response{Thoughts: []string{"hm"}, Finish: "length", Usage: spent}, 1, 8010 + 15, ""},
		"not a word":                     {modeltest.Response{Finish: "stop", Usage: spent}, 1, 8010 + 15, ""},
		"filtered":                       {modeltest.Response{Deltas: []string{"half"}, Finish: "content_filter", Usage: spent}, 1, 8010, Filtered},
	} {
		t.Run(name, func(t *testing.T) {
			second := modeltest.Words("from the second")
			second.Usage = &modeltest.Usage{Prompt: 10, Answer: 5}
			one, two := script(t, c.first), script(t, second)
			client := clientOf(t, at(one, Config{Attempts: 2}), at(two, Config{}))
			tokens, last := 0, error(nil)
			for delta, err := range client.Stream(t.Context(), Request{Messages: []Message{{Role: User, Content: "hello"}}}) {
				if delta.Usage != nil {
					tokens += delta.Usage.Prompt + delta.Usage.Answer
				}
				last = err
			}
			if c.failure != "" && kind(t, last) != c.failure || c.failure == "" && last != nil {
				t.Errorf("ended with %v", last)
			}
			if n := len(one.Requests()); tokens != c.tokens || n != c.asked {
				t.Errorf("%d tokens were told of, want %d; the first was asked %d times", tokens, c.tokens, n)
			}
		})
	}
	alone := script(t, modeltest.Response{Thoughts: []string{"hm"}, Finish: "length", Usage: spent})
	h := clientOf(t, at(alone, Config{Attempts: 3})).ask(t.Context(), Request{})
	if n := len(alone.Requests()); kind(t, h.err) != Empty || n != 1 || !strings.Contains(h.err.Error(), "max_tokens") {
		t.Errorf("%v after %d requests", h.err, n)
	}
}

// A fallback of less room is no reason to give up: the next may have more. Where none
// has, the caller learns that it would do with less.
func TestFallbackOfLessRoom(t *testing.T) {
	dead := modeltest.Response{Status: 500, Error: "oops"}
	small := modeltest.Response{Status: 400, Error: "maximum context length is 8192 tokens"}
	large := script(t, modeltest.Words("hello"))
	client := clientOf(t, at(script(t, dead), Config{Attempts: 1}), at(script(t, small), Config{}), at(large, Config{}))
	if h := client.ask(t.Context(), Request{}); h.err != nil || h.text != "hello" {
		t.Errorf("got %+v", h)
	}
	client = clientOf(t, at(script(t, dead), Config{Attempts: 1}), at(script(t, small), Config{}), at(script(t, dead), Config{Attempts: 1}))
	if h := client.ask(t.Context(), Request{}); kind(t, h.err) != TooLong {
		t.Errorf("got %v", h.err)
	}
}

// What people write, and the keys, stay with the host that is configured.
func TestRedirectElsewhere(t *testing.T) {
	heard := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.URL.Path }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/elsewhere", http.StatusTemporaryRedirect))
	defer first.Close()
	for _, version := range []string{"", "2024-10-21"} {
		client := clientOf(t, Config{Endpoint: first.URL, Name: "m", Keys: []string{secret}, APIVersion: version, Attempts: 1})
		if h := client.ask(t.Context(), Request{}); kind(t, h.err) != Unavailable || !strings.Contains(h.err.Error(), "redirects to another place") {
			t.Errorf("got %+v", h)
		}
	}
	if len(heard) > 0 {
		t.Errorf("another host was asked for %s", <-heard)
	}
}

// Who waits for a place at an endpoint is not taken for the endpoint's silence: the second
// has a place when only a part of FirstToken would be left, and needs more than that.
func TestQueueIsNoSilence(t *testing.T) {
	const thinks = 2 * time.Second
	server := serving(t, func(modeltest.Request) modeltest.Response {
		time.Sleep(thinks)
		return modeltest.Words("yes")
	})
	client := clientOf(t, at(server, Config{Concurrency: 1, FirstToken: 3 * thinks / 2, Attempts: 1}))
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if h := client.ask(t.Context(), Request{}); h.err != nil {
				t.Error(h.err)
			}
		})
	}
	all.Wait()
	if s := client.State()[0]; s.Failures != 0 {
		t.Errorf("state %+v", s)
	}
}
