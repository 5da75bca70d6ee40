package model

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"longwire/agent/model/modeltest"
)

// What an endpoint does not take is learned from its refusal, once and for all.
func TestEndpointsDialect(t *testing.T) {
	refuses := func(r modeltest.Request) (message string) {
		switch {
		case r.MaxTokens > 0:
			return "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
		case r.Options != nil:
			return `[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]`
		}
		return ""
	}
	server := serving(t, func(r modeltest.Request) modeltest.Response {
		if message := refuses(r); message != "" {
			return modeltest.Response{Status: 400, Error: message}
		}
		return modeltest.Words("ok")
	})
	client := clientOf(t, at(server, Config{MaxTokens: 9, Attempts: 1}))
	for range 2 {
		if h := client.ask(t.Context(), Request{}); h.err != nil || h.text != "ok" || h.usage.Reported {
			t.Fatalf("got %+v", h)
		}
	}
	requests := server.Requests()
	if len(requests) != 4 || requests[3].MaxAnswer != 9 || requests[3].MaxTokens != 0 || requests[3].Options != nil {
		t.Errorf("%d requests, the last %+v", len(requests), requests[len(requests)-1])
	}
	fixed := clientOf(t, at(server, Config{MaxTokens: 9, MaxTokensField: "max_tokens"}))
	if got := kind(t, fixed.ask(t.Context(), Request{}).err); got != Refused || len(server.Requests()) != 5 {
		t.Errorf("with the field fixed: %s", got)
	}
}

// The SDK refuses max_tokens for some models by their names.
func TestReasoningModelsOfTheSDK(t *testing.T) {
	server := script(t, modeltest.Words("ok"))
	h := clientOf(t, at(server, Config{Name: "gpt-5-mini", MaxTokens: 9})).ask(t.Context(), Request{})
	if h.err != nil || server.Requests()[0].MaxAnswer != 9 {
		t.Errorf("got %+v", h)
	}
	half := 0.5
	h = clientOf(t, at(server, Config{Name: "gpt-5-mini", Temperature: &half})).ask(t.Context(), Request{})
	if got := kind(t, h.err); got != Refused || len(server.Requests()) != 1 {
		t.Errorf("temperature: %v", h.err)
	}
}

func TestRequestCarriesEverything(t *testing.T) {
	server := script(t, modeltest.Response{ToolCalls: []modeltest.ToolCall{{ID: "c1", Name: "weather", Arguments: `{"city":"北京"}`}}})
	zero := 0.0
	client := clientOf(t, at(server, Config{MaxTokens: 9, MaxTokensField: "max_completion_tokens", Temperature: &zero, Vision: true, Tools: true}))
	h := client.ask(t.Context(), Request{
		MaxTokens: 5,
		Tools:     []Tool{{Name: "weather", Description: "of a city", Schema: json.RawMessage(`{"type":"object"}`)}, {Name: "clock"}},
		Messages: []Message{
			{Role: User, Content: "look", Pictures: []Picture{{Type: "image/png", Data: []byte("PNG")}, {Data: []byte("JPEG")}}},
			{Role: Assistant, Calls: []Call{{ID: "c0", Name: "clock", Arguments: json.RawMessage(`{}`)}}},
			{Role: ToolResult, CallID: "c0"},
			{Role: User, Pictures: []Picture{{Data: []byte("alone")}}},
		},
	})
	if h.err != nil || len(h.calls) != 1 || h.calls[0].ID != "c1" || string(h.calls[0].Arguments) != `{"city":"北京"}` {
		t.Fatalf("got %+v", h)
	}
	r := server.Requests()[0]
	if r.MaxAnswer != 5 || r.MaxTokens != 0 || r.Temperature == nil || *r.Temperature > 1e-30 || r.Options == nil || !r.Options.Usage {
		t.Errorf("asked %+v", r)
	}
	want := []modeltest.Message{
		{Role: "user", Content: "look", Pictures: [][]byte{[]byte("PNG"), []byte("JPEG")}},
		{Role: "assistant", Calls: []modeltest.ToolCall{{ID: "c0", Name: "clock", Arguments: "{}"}}},
		{Role: "tool", Content: " ", CallID: "c0"},
		{Role: "user", Pictures: [][]byte{[]byte("alone")}},
	}
	if !reflect.DeepEqual(r.Messages, want) {
		t.Errorf("messages %+v", r.Messages)
	}
	if len(r.Tools) != 2 || r.Tools[0].Description != "of a city" || !strings.Contains(string(r.Tools[1].Schema), "properties") {
		t.Errorf("tools %+v", r.Tools)
	}
}

// An endpoint that can neither see nor call is told in words.
func TestRequestToAModestEndpoint(t *testing.T) {
	server := script(t, modeltest.Words("ok"))
	h := clientOf(t, at(server, Config{})).ask(t.Context(), Request{
		Tools: []Tool{{Name: "clock"}},
		Messages: []Message{
			{Role: User, Content: "look", Pictures: []Picture{{Data: []byte("a")}, {Data: []byte("b")}}},
			{Role: Assistant, Calls: []Call{{ID: "c0", Name: "clock"}}},
			{Role: ToolResult, CallID: "c0", Content: "noon"},
			{Role: Assistant, Content: "let me see", Calls: []Call{{ID: "c1", Name: "clock"}}},
		},
	})
	want := []modeltest.Message{
		{Role: "user", Content: "look [a picture that you cannot see: tell the person so] [a picture that you cannot see: tell the person so]"},
		{Role: "user", Content: "[result of a tool]\nnoon"},
		{Role: "assistant", Content: "let me see"},
	}
	if r := server.Requests()[0]; h.err != nil || !reflect.DeepEqual(r.Messages, want) || r.Tools != nil {
		t.Errorf("got %+v, asked %+v", h, r)
	}
}

func TestAzure(t *testing.T) {
	server := script(t, modeltest.Words("ok"))
	h := clientOf(t, at(server, Config{Endpoint: strings.TrimSuffix(server.URL(), "/v1"), Name: "gpt-3.5:prod", APIVersion: "2024-10-21"})).ask(t.Context(), Request{})
	if h.err != nil {
		t.Fatal(h.err)
	}
	if r := server.Requests()[0]; r.Deployment != "gpt-3.5:prod" || r.APIVersion != "2024-10-21" || r.Key != secret {
		t.Errorf("asked %+v", r)
	}
}
