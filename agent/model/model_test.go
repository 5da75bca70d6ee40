package model

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/agent/model/modeltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-very-secret-key"

// ask runs one question against a scripted endpoint; responses are given out in
// order, the last one for ever.
func ask(t *testing.T, config Config, responses ...modeltest.Response) (text string, requests []modeltest.Request, err error) {
	t.Helper()
	var asked atomic.Int64
	server, startErr := modeltest.Start("127.0.0.1:0", func(modeltest.Request) modeltest.Response {
		return responses[min(int(asked.Add(1)), len(responses))-1]
	})
	if startErr != nil {
		t.Fatal(startErr)
	}
	defer server.Close()
	config.Endpoint, config.Key, config.Name = server.URL(), secret, "test-model"
	if config.Wait == 0 {
		config.Wait = time.Millisecond
	}
	client := New(config)
	defer client.Close()
	var b strings.Builder
	for delta, e := range client.Stream(t.Context(), []Message{{System, "be kind"}, {User, "hello"}}) {
		b.WriteString(delta)
		err = e
	}
	return b.String(), server.Requests(), err
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
	text, requests, err := ask(t, Config{MaxTokens: 77}, modeltest.Words("Hel", "lo ", "there"))
	if err != nil || text != "Hello there" {
		t.Fatalf("got %q, %v", text, err)
	}
	r := requests[0]
	if r.Key != secret || r.Model != "test-model" || r.MaxTokens != 77 || len(r.Messages) != 2 || r.Messages[0].Role != "system" || r.Question() != "hello" {
		t.Errorf("the endpoint was asked %+v", r)
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
		"hang":           {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			config := Config{FirstToken: 100 * time.Millisecond}
			text, requests, err := ask(t, config, first, modeltest.Words("good"))
			if err != nil || text != "good" || len(requests) != 2 {
				t.Fatalf("got %q, %v after %d requests", text, err, len(requests))
			}
		})
	}
}

func TestTransientFailuresGiveUpAfterAttempts(t *testing.T) {
	_, requests, err := ask(t, Config{Attempts: 3}, modeltest.Response{Status: 500, Error: "key " + secret + " oops"})
	if got := kind(t, err); got != Unavailable || len(requests) != 3 {
		t.Fatalf("got %s after %d requests", got, len(requests))
	}
}

func TestFailuresThatStay(t *testing.T) {
	for _, c := range []struct {
		resp modeltest.Response
		want Kind
	}{
		{modeltest.Response{Status: 401, Error: "Incorrect API key: " + secret}, Key},
		{modeltest.Response{Status: 403, Error: "forbidden"}, Key},
		{modeltest.Response{Status: 404, Error: "no such model"}, Request},
		{modeltest.Response{Status: 400, Error: "maximum context length is 8192 tokens"}, TooLong},
		{modeltest.Response{Status: 400, Error: "content_filter triggered"}, Filtered},
		{modeltest.Response{Finish: "content_filter"}, Filtered},
		{modeltest.Response{Status: 429, RetryAfter: "3600", Error: "quota"}, Busy},
	} {
		_, requests, err := ask(t, Config{}, c.resp)
		if got := kind(t, err); got != c.want || len(requests) != 1 {
			t.Errorf("%d %q: got %s after %d requests, want %s after 1", c.resp.Status, c.resp.Error, got, len(requests), c.want)
		}
	}
}

func TestFailuresAfterTheFirstWordAreNotTriedAgain(t *testing.T) {
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
	} {
		t.Run(c.name, func(t *testing.T) {
			text, requests, err := ask(t, Config{Idle: 100 * time.Millisecond}, c.resp)
			if got := kind(t, err); text != "half" || got != c.want || len(requests) != 1 {
				t.Fatalf("got %q, %s after %d requests", text, got, len(requests))
			}
		})
	}
}

func TestKeepAliveCommentsAreNoTrouble(t *testing.T) {
	text, _, err := ask(t, Config{}, modeltest.Response{Comments: 2000, Deltas: []string{"patience"}})
	if err != nil || text != "patience" {
		t.Fatalf("got %q, %v", text, err)
	}
}

func TestNoConnectionIsUnavailable(t *testing.T) {
	client := New(Config{Endpoint: "http://127.0.0.1:1/v1", Name: "m", Attempts: 2, Wait: time.Millisecond})
	defer client.Close()
	var last error
	for _, err := range client.Stream(t.Context(), []Message{{User, "hi"}}) {
		last = err
	}
	if got := kind(t, last); got != Unavailable {
		t.Fatalf("got %s", got)
	}
}

func TestContextEndsTheStream(t *testing.T) {
	server, err := modeltest.Start("127.0.0.1:0", func(modeltest.Request) modeltest.Response {
		return modeltest.Response{Deltas: []string{"a"}, Hang: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := New(Config{Endpoint: server.URL(), Name: "m"})
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for delta, err := range client.Stream(ctx, []Message{{User, "hi"}}) {
		if delta == "a" {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Fatalf("got %v", last)
	}
}

func TestGivingUpTheRestEndsTheRequest(t *testing.T) {
	server, err := modeltest.Start("127.0.0.1:0", func(modeltest.Request) modeltest.Response {
		return modeltest.Response{Deltas: []string{"a", "b"}, Hang: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	client := New(Config{Endpoint: server.URL(), Name: "m"})
	for range client.Stream(t.Context(), []Message{{User, "hi"}}) {
		break
	}
	client.Close()
	server.Close() // goleak sees whatever is left
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
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
}
