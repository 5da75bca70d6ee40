package config

import (
	"slices"
	"strings"
	"testing"
)

// several is a file with two connections: a overrides all that can be overridden, b
// nothing.
const several = `
connections:
  - name: a
    platform: feishu
    app_id: i1
    app_secret: s
    model: big
    models: [small]
    tools: [clock]
    system_prompt: ""
    show_reasoning: off
    scope: chat
    language: en
    access: {deny: {people: [x]}}
    limits: {tokens_per_day: 7}
  - {name: b, platform: feishu, app_id: i2, app_secret: s, access: , limits: }
  - {name: c, platform: feishu, app_id: i3, app_secret: s, models: [], tools: []}
model: {endpoint: https://model.example/v1, api_key: k, name: m, system_prompt: P, show_reasoning: on, turn_timeout: 9m, fallbacks: [{name: f}]}
models:
  - {label: big, name: m1, endpoint: https://big.example/v1, context_tokens: 9000}
  - {label: small, name: m2}
tools:
  - {name: files, command: [files]}
  - {name: clock, command: [clock]}
access: closed
limits: {turns_per_minute: 3}
conversation: {scope: person, language: zh, turns: 9}
`

func TestWhatHoldsForAConnection(t *testing.T) {
	cfg := parsed(t, several)
	labels := func(choices []Choice) (all []string) {
		for _, c := range choices {
			all = append(all, c.Label)
		}
		return all
	}
	names := func(tools []Tool) (all []string) {
		for _, tool := range tools {
			all = append(all, tool.Name)
		}
		return all
	}
	a, b, c := cfg.Connections[0], cfg.Connections[1], cfg.Connections[2]

	if m := cfg.ModelFor(a); m.Label != "big" || m.Name != "m1" || len(m.Fallbacks) != 0 || m.ContextTokens != 9000 || m.SystemPrompt != "" || m.ShowReasoning || m.TurnTimeout != cfg.Model.TurnTimeout {
		t.Errorf("a: model %+v", m)
	}
	if m := cfg.ModelFor(b); m.Label != DefaultLabel || m.Name != "m" || len(m.Fallbacks) != 1 || m.SystemPrompt != "P" || !m.ShowReasoning {
		t.Errorf("b: model %+v", m)
	}
	for i, want := range [][]string{{"big", "small"}, {"default", "big", "small"}, {"default"}} {
		if got := labels(cfg.Choices(cfg.Connections[i])); !slices.Equal(got, want) {
			t.Errorf("connection %d: choices %v, want %v", i, got, want)
		}
	}
	for i, want := range [][]string{{"clock"}, {"files", "clock"}, nil} {
		if got := names(cfg.ToolsFor(cfg.Connections[i])); !slices.Equal(got, want) {
			t.Errorf("connection %d: tools %v, want %v", i, got, want)
		}
	}
	if got := cfg.AccessFor(a); got.Mode != "open" || !slices.Equal(got.Deny.People, []string{"x"}) {
		t.Errorf("a: access %+v", got)
	}
	if got := cfg.LimitsFor(a); got != (Limits{TurnsPerMinute: 20, TokensPerDay: 7}) {
		t.Errorf("a: limits %+v", got)
	}
	if got := cfg.ConversationFor(a); got.Scope != "chat" || got.Language != "en" || got.Turns != 9 {
		t.Errorf("a: conversation %+v", got)
	}
	// A section with nothing in it replaces nothing: access stays closed.
	for _, conn := range []Connection{b, c} {
		if cfg.AccessFor(conn).Mode != "closed" || cfg.LimitsFor(conn) != (Limits{TurnsPerMinute: 3}) || cfg.ConversationFor(conn) != cfg.Conversation {
			t.Errorf("%s: access %+v, limits %+v, conversation %+v", conn.Name, cfg.AccessFor(conn), cfg.LimitsFor(conn), cfg.ConversationFor(conn))
		}
	}
}

// Who stands in asks where the one above asks, with its keys, and takes no key to
// another endpoint.
func TestEndpointsTakeOverFromAbove(t *testing.T) {
	cfg := parsed(t, connections+`
model:
  endpoint: https://main.example/v1/
  api_key: key1
  api_keys: [key2]
  api_key_expires: 2026-12-31
  api_version: v7
  proxy: off
  name: m
  max_tokens: 9
  attempts: 1
  vision: on
  temperature: 1
  fallbacks:
    - {name: same}
    - {name: spelled, endpoint: "https://MAIN.example/v1"}
    - {name: own, api_key: key3, api_version: v8, proxy: "http://p.example:1"}
    - {name: other, endpoint: https://other.example/v1}
models:
  - {label: beside, name: beside, fallbacks: [{name: below}]}
  - {label: away, name: away, endpoint: https://away.example/v1, api_keys: [key4], fallbacks: [{name: with}]}
`, "MODEL_API_KEY", "fromenv", "MODEL_ENDPOINT", "https://env.example", "MAX_TOKEN_LIMIT", "77")
	endpoints := slices.Clone(cfg.Model.Fallbacks)
	for _, m := range cfg.Models {
		endpoints = slices.Concat(endpoints, []ModelEndpoint{m.ModelEndpoint}, m.Fallbacks)
	}
	var got []string
	for _, e := range endpoints {
		line := []string{e.Name, e.Endpoint}
		for _, key := range e.Keys() {
			line = append(line, key.Reveal())
		}
		got = append(got, strings.Join(append(line, e.APIKeyExpires.String(), e.APIVersion, e.Proxy.String()), " "))
		if e.Attempts != 4 || e.Vision || e.Temperature != nil || !e.Tools || e.MaxTokens != 77 {
			t.Errorf("%s has not the defaults: %+v", e.Name, e)
		}
	}
	want := []string{
		"same https://main.example/v1 key1 key2 2026-12-31 v7 off",
		"spelled https://main.example/v1 key1 key2 2026-12-31 v7 off",
		"own https://main.example/v1 key3  v8 http://p.example:1",
		"other https://other.example/v1   ",
		"beside https://main.example/v1 key1 key2 2026-12-31 v7 off",
		"below https://main.example/v1 key1 key2 2026-12-31 v7 off",
		"away https://away.example/v1 key4   ",
		"with https://away.example/v1 key4   ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if cfg.Model.MaxTokens != 9 {
		t.Errorf("the main model has %d tokens", cfg.Model.MaxTokens)
	}
}
