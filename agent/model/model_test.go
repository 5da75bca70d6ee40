package model

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/agent/model/modeltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-very-secret-key"

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// script is a scripted endpoint; responses are given out in order, the last one for
// ever.
func script(t *testing.T, responses ...modeltest.Response) *modeltest.Server {
	t.Helper()
	var mu sync.Mutex
	asked := 0
	return serving(t, func(modeltest.Request) modeltest.Response {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return responses[min(asked, len(responses))-1]
	})
}

func serving(t *testing.T, respond func(modeltest.Request) modeltest.Response) *modeltest.Server {
	t.Helper()
	server, err := modeltest.Start("127.0.0.1:0", respond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// at is config for a server.
func at(server *modeltest.Server, config Config) Config {
	if config.Endpoint == "" {
		config.Endpoint = server.URL()
	}
	if config.Name == "" {
		config.Name = "test-model"
	}
	if config.Keys == nil && config.KeyFile == "" {
		config.Keys = []string{secret}
	}
	if config.Wait == 0 {
		config.Wait = time.Millisecond
	}
	return config
}

// patience is short where the endpoint is to hang, and nowhere else: a machine with
// much to do is slow, too.
func patience(name string) Config {
	if name == "hang" {
		return Config{FirstToken: 400 * time.Millisecond, Idle: 400 * time.Millisecond}
	}
	return Config{}
}

func clientOf(t *testing.T, configs ...Config) *Client {
	t.Helper()
	c := New(configs, quiet())
	t.Cleanup(c.Close)
	return c
}

// heard is what one Stream yielded.
type heard struct {
	text, thought string
	agains        int
	silence       time.Duration // before the last Again
	calls         []Call
	usage         *Usage
	err           error
}

// ask puts one question, and reads the answer as a caller does.
func (c *Client) ask(ctx context.Context, request Request) (h heard) {
	if request.Messages == nil {
		request.Messages = []Message{{Role: System, Content: "be kind"}, {Role: User, Content: "hello"}}
	}
	last := time.Now()
	for d, err := range c.Stream(ctx, request) {
		if d.Again {
			h = heard{agains: h.agains + 1, silence: time.Since(last)}
		}
		last = time.Now()
		h.text += d.Text
		h.thought += d.Thought
		h.calls = append(h.calls, d.Calls...)
		if d.Usage != nil {
			h.usage = d.Usage
		}
		h.err = err
	}
	return h
}

func kind(t *testing.T, err error) Kind {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Fatalf("the key is in the error: %v", err)
	}
	return e.Kind
}

func TestStreamReturnsTheAnswer(t *testing.T) {
	server := script(t, modeltest.Words("Hel", "lo ", "there"))
	h := clientOf(t, at(server, Config{MaxTokens: 77})).ask(t.Context(), Request{})
	if h.err != nil || h.text != "Hello there" || h.agains != 0 {
		t.Fatalf("got %+v", h)
	}
	r := server.Requests()[0]
	if r.Key != secret || r.Model != "test-model" || r.MaxTokens != 77 || r.MaxAnswer != 0 || r.Temperature != nil ||
		len(r.Messages) != 2 || r.Messages[0].Role != "system" || r.Question() != "hello" || r.Tools != nil {
		t.Errorf("the endpoint was asked %+v", r)
	}
	if u := h.usage; u == nil || !u.Reported || u.Prompt != 4 || u.Answer != 4 || u.Model != "test-model" || !strings.HasPrefix(u.Endpoint, "127.0.0.1:") {
		t.Errorf("usage %+v", h.usage)
	}
}

func TestFailuresBeforeTheFirstWordAreTriedAgain(t *testing.T) {
	for name, first := range map[string]modeltest.Response{
		"429":            {Status: 429, Error: "slow down"},
		"500":            {Status: 500, Error: "oops"},
		"503":            {Status: 503, Error: "overloaded", RetryAfter: "0.01"},
		"cut":            {Cut: true},
		"no finish":      {NoFinish: true},
		"error in a 200": {Error: "server overloaded"},
		"empty":          {},
		"blanks":         {Deltas: []string{" ", "\n"}},
		"only thoughts":  {Deltas: []string{"<think>", "and no end"}},
		"hang":           {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := script(t, first, modeltest.Words("good"))
			h := clientOf(t, at(server, patience(name))).ask(t.Context(), Request{})
			if n := len(server.Requests()); h.err != nil || h.text != "good" || n != 2 {
				t.Fatalf("got %q, %v after %d requests", h.text, h.err, n)
			}
		})
	}
}

func TestTransientFailuresGiveUpAfterAttempts(t *testing.T) {
	server := script(t, modeltest.Response{Status: 500, Error: "key " + secret + " oops"})
	h := clientOf(t, at(server, Config{Attempts: 3})).ask(t.Context(), Request{})
	if got, n := kind(t, h.err), len(server.Requests()); got != Unavailable || n != 3 {
		t.Fatalf("got %s after %d requests", got, n)
	}
}

func TestFailuresThatStay(t *testing.T) {
	for _, c := range []struct {
		resp modeltest.Response
		want Kind
	}{
		{modeltest.Response{Status: 401, Error: "Incorrect API key: " + secret}, Key},
		{modeltest.Response{Status: 403, Error: "forbidden"}, Key},
		{modeltest.Response{Status: 402, Error: "Insufficient Balance"}, Quota},
		{modeltest.Response{Status: 404, Error: "no such model"}, Refused},
		{modeltest.Response{Status: 400, Error: "maximum context length is 8192 tokens"}, TooLong},
		{modeltest.Response{Status: 400, Error: "content_filter triggered"}, Filtered},
		{modeltest.Response{Finish: "content_filter"}, Filtered},
		{modeltest.Response{Status: 429, RetryAfter: "3600", Error: "quota"}, Busy},
	} {
		server := script(t, c.resp)
		h := clientOf(t, at(server, Config{})).ask(t.Context(), Request{})
		if got, n := kind(t, h.err), len(server.Requests()); got != c.want || n != 1 {
			t.Errorf("%d %q: got %s after %d requests, want %s after 1", c.resp.Status, c.resp.Error, got, n, c.want)
		}
	}
}

// An answer that somebody reads already, and that cannot be taken back, ends with
// what went wrong.
func TestFailuresBehindTheFirstWordThatMustStay(t *testing.T) {
	for _, c := range []struct {
		name string
		resp modeltest.Response
		want Kind
	}{
		{"cut", modeltest.Response{Deltas: []string{"half"}, Cut: true}, Cut},
		{"no finish", modeltest.Response{Deltas: []string{"half"}, NoFinish: true}, Cut},
		{"hang", modeltest.Response{Deltas: []string{"half"}, Hang: true}, Timeout},
		{"error inside", modeltest.Response{Deltas: []string{"half"}, Error: "exploded"}, Unavailable},
		{"length", modeltest.Response{Deltas: []string{"half"}, Finish: "length"}, Length},
		{"filtered", modeltest.Response{Deltas: []string{"half"}, Finish: "content_filter"}, Filtered},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := script(t, c.resp)
			client := clientOf(t, at(server, patience(c.name)))
			h := client.ask(t.Context(), Request{Keep: func() bool { return false }})
			if got, n := kind(t, h.err), len(server.Requests()); h.text != "half" || got != c.want || n != 1 {
				t.Fatalf("got %q, %s after %d requests", h.text, got, n)
			}
		})
	}
}

func TestKeepAliveCommentsAreLife(t *testing.T) {
	server := script(t, modeltest.Response{Comments: 2000, Deltas: []string{"patience"}})
	if h := clientOf(t, at(server, Config{})).ask(t.Context(), Request{}); h.err != nil || h.text != "patience" {
		t.Fatalf("got %q, %v", h.text, h.err)
	}
}

func TestMissingDone(t *testing.T) {
	server := script(t, modeltest.Response{Deltas: []string{"whole"}, NoDone: true})
	if h := clientOf(t, at(server, Config{})).ask(t.Context(), Request{}); h.err != nil || h.text != "whole" || !h.usage.Reported {
		t.Fatalf("got %+v", h)
	}
}

func TestNoUsage(t *testing.T) {
	server := script(t, modeltest.Response{Deltas: []string{"whole"}, NoUsage: true})
	if h := clientOf(t, at(server, Config{})).ask(t.Context(), Request{}); h.err != nil || h.usage == nil || h.usage.Reported || h.usage.Model != "test-model" {
		t.Fatalf("got %+v, usage %+v", h, h.usage)
	}
}

func TestNoConnectionIsUnavailable(t *testing.T) {
	h := clientOf(t, at(nil, Config{Endpoint: "http://127.0.0.1:1/v1", Attempts: 2})).ask(t.Context(), Request{})
	if got := kind(t, h.err); got != Unavailable {
		t.Fatalf("got %s", got)
	}
}

func TestContextEndsTheStream(t *testing.T) {
	server := script(t, modeltest.Response{Deltas: []string{"a"}, Hang: true})
	client := clientOf(t, at(server, Config{}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for delta, err := range client.Stream(ctx, Request{Messages: []Message{{Role: User, Content: "hi"}}}) {
		if delta.Text == "a" {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Fatalf("got %v", last)
	}
}

func TestGivingUpTheRestEndsTheRequest(t *testing.T) {
	server := script(t, modeltest.Response{Deltas: []string{"a", "b"}, Hang: true})
	client := clientOf(t, at(server, Config{Concurrency: 1}))
	for range 2 { // the place is free again
		for range client.Stream(t.Context(), Request{Messages: []Message{{Role: User, Content: "hi"}}}) {
			break
		}
	} // goleak sees whatever is left
}

// A response that was read to its end leaves its connection to the next request.
func TestConnectionsAreUsedAgain(t *testing.T) {
	server := script(t, modeltest.Words("a"))
	client := clientOf(t, at(server, Config{}))
	dials := 0
	transport := client.endpoints[0].http.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (c net.Conn, err error) {
		dials++
		return dial(ctx, network, address)
	}
	for range 5 {
		if h := client.ask(t.Context(), Request{}); h.err != nil {
			t.Fatal(h.err)
		}
	}
	if dials != 1 {
		t.Errorf("%d connections for 5 questions", dials)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":     0,
		"2":    2 * time.Second,
		"0.5":  500 * time.Millisecond,
		"-1":   0,
		"soon": 0,
		now.Add(3 * time.Second).Format(http.TimeFormat): 3 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {header}}, now); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
	if got := retryAfter(http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"1"}}, now); got != 250*time.Millisecond {
		t.Errorf("milliseconds: got %s", got)
	}
}
