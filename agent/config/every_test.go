package config

import (
	"log/slog"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// everyKey says something about every key that can be said without a file beside it.
const everyKey = `
connections:
  - name: a
    platform: dingtalk
    client_id: i1
    client_secret: s1
    robot_code: r1
    endpoint: "https://Gate.example:8443/x/"
    workers: 1024
    keepalive: 1s
    proxy: http://u:p@proxy.example:3128
    reply: card
    budget: {api_calls: unlimited}
    rate: {per_second: 60, per_minute: 600}
    welcome: "off"
    admins: [x1, "2"]
    card: {template: t.schema, key: content, flow_status: on, words: w}
    mention: on
    model: big
    models: [main, big]
    tools: []
    system_prompt: ""
    show_reasoning: off
    scope: chat
    language: en
    access: {mode: closed, allow: {groups: [g1]}}
    limits: {tokens_per_day: 100000}
  - {name: b, platform: feishu, app_id: i2, app_secret: s2, endpoint: https://open.larksuite.com/, workers: 1, keepalive: 10m, reply: text, budget: {api_calls: 10000}, rate: {per_second: unlimited, per_minute: unlimited}, welcome: Hi, access: closed, admins: [x], proxy: off, models: [], tools: [clock]}
model:
  label: main
  endpoint: "http://127.0.0.1:11434/v1/"
  api_key: ""
  api_keys: [k1, k2]
  api_key_expires: 2026-12-31
  name: m
  max_tokens: 1000000
  max_tokens_field: max_completion_tokens
  temperature: 0
  vision: on
  tools: off
  transcription: ears
  api_version: 2024-10-21
  proxy: socks5://127.0.0.1:1080
  concurrency: 100000
  first_token_timeout: 10m
  idle_timeout: 1s
  attempts: 10
  fallbacks:
    - name: m2
    - {name: m3, endpoint: https://other.example/v1, temperature: 1.5, max_tokens: 1}
  context_tokens: 10000000
  system_prompt: ""
  turn_timeout: 1h
  show_reasoning: on
  tool_rounds: 50
models:
  - {label: big, name: m4, endpoint: https://big.example/v1, api_key: k4, context_tokens: 4096, fallbacks: [{name: m5}]}
conversation: {scope: chat, ttl: 0, turns: 1, tokens: 4000, overflow: drop, late: 1m, max_age: 2d, burst: join, language: zh}
tools:
  - {name: files, command: [files-mcp, -v], dir: /srv, env: {TOKEN: t1, EMPTY: ""}, allow: ["*"], deny: [rm], confirm: [mv], titles: {ls: 列出文件…}, timeout: 10m, max_result: 1MiB, concurrency: 1}
  - {name: clock, url: "https://u:p@tools.example/mcp?key=k5", headers: {Authorization: Bearer h1}}
access: {mode: open, allow: {people: [p1, p2], groups: [g1], departments: [d1]}, deny: {people: [p3]}}
limits: {turns_per_minute: 1, tokens_per_day: unlimited, tokens_per_month: 1000000000000}
store: rediss://u:p@cache.example:6380/3?addr=b:1
store_prefix: team:bot_1
spool: file:/var/spool/lw.db
inbox: {waiting: 1, per_conversation: 2, remember: 7d, lease: 1m30s}
record: {file: r.jsonl, max_size: 1MiB, max_age: 30d, max_files: 7, compress: on, redact: [phone, {name: key, replace: "***"}, {name: ticket, pattern: "T-([0-9]+)"}]}
shutdown: 0s
reload: auto
admin: {listen: "0.0.0.0:80", token: nobody-guesses-it, allow: [10.1.2.3/8, "fd00::/8"]}
log: {level: warn, levels: {connectors/dingtalk: debug, agent: error}, format: json, file: {path: l.jsonl, max_size: 2GiB}}
trace: {endpoint: "http://127.0.0.1:4318/", headers: {X-Key: h2}, sample: 0.25}
`

func TestEveryKeyIsRead(t *testing.T) {
	got := parsed(t, everyKey)
	zero, more := 0.0, 1.5
	main := ModelEndpoint{
		Endpoint: "http://127.0.0.1:11434/v1", APIKeys: []Secret{NewSecret("k1"), NewSecret("k2")},
		APIKeyExpires: Date{time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)}, Name: "m", MaxTokens: 1_000_000, MaxTokensField: "max_completion_tokens",
		Temperature: &zero, Vision: true, Transcription: "ears", APIVersion: "2024-10-21", Proxy: Proxy{NewSecret("socks5://127.0.0.1:1080")},
		Concurrency: 100_000, FirstTokenTimeout: 10 * time.Minute, IdleTimeout: time.Second, Attempts: 10,
	}
	var m2, m3, m4 ModelEndpoint
	for _, e := range []*ModelEndpoint{&m2, &m3, &m4} {
		e.preset()
	}
	m2.Name, m2.Endpoint, m2.APIKeys, m2.APIKeyExpires, m2.APIVersion, m2.Proxy = "m2", main.Endpoint, main.APIKeys, main.APIKeyExpires, main.APIVersion, main.Proxy
	m3.Name, m3.Endpoint, m3.Temperature, m3.MaxTokens = "m3", "https://other.example/v1", &more, 1
	m4.Name, m4.Endpoint, m4.APIKey = "m4", "https://big.example/v1", NewSecret("k4")
	m5 := m4
	m5.Name = "m5"
	none, off := "", Switch(false)
	want := &Config{
		Connections: []Connection{
			{
				Name: "a", Platform: DingTalk, ClientID: "i1", ClientSecret: NewSecret("s1"), RobotCode: "r1", Endpoint: "https://gate.example:8443/x", Workers: 1024, Keepalive: time.Second,
				Proxy: Proxy{NewSecret("http://u:p@proxy.example:3128")}, Reply: "card", Rate: Rate{60, 600}, Welcome: "off", Admins: []string{"x1", "2"},
				Card: Card{Template: "t.schema", Key: "content", FlowStatus: true, Words: "w"}, Mention: true,
				Model: "big", Models: []string{"main", "big"}, Tools: []string{}, SystemPrompt: &none, ShowReasoning: &off, Scope: "chat", Language: "en",
				Access: &Access{Mode: "closed", Allow: Listed{Groups: []string{"g1"}}}, Limits: &Limits{TurnsPerMinute: 20, TokensPerDay: 100000},
			},
			{
				Name: "b", Platform: Feishu, AppID: "i2", AppSecret: NewSecret("s2"), Endpoint: "https://open.larksuite.com", Workers: 1, Keepalive: 10 * time.Minute, Reply: "text", Budget: Budget{APICalls: 10_000}, Welcome: "Hi",
				Access: &Access{Mode: "closed"}, Admins: []string{"x"}, Proxy: Proxy{NewSecret("off")}, Models: []string{}, Tools: []string{"clock"},
			},
		},
		Model: Model{
			Choice:      Choice{Label: "main", ModelEndpoint: main, Fallbacks: []ModelEndpoint{m2, m3}, ContextTokens: 10_000_000},
			TurnTimeout: time.Hour, ShowReasoning: true, ToolRounds: 50,
		},
		Models:       []Choice{{Label: "big", ModelEndpoint: m4, Fallbacks: []ModelEndpoint{m5}, ContextTokens: 4096}},
		Conversation: Conversation{Scope: "chat", TTL: 0, Turns: 1, Tokens: 4000, Overflow: "drop", Late: time.Minute, MaxAge: 48 * time.Hour, Burst: "join", Language: "zh"},
		Tools: []Tool{
			{
				Name: "files", Command: []string{"files-mcp", "-v"}, Dir: "/srv", Env: map[string]Secret{"TOKEN": NewSecret("t1"), "EMPTY": {}},
				Allow: []string{"*"}, Deny: []string{"rm"}, Confirm: []string{"mv"}, Titles: map[string]string{"ls": "列出文件…"}, Timeout: 10 * time.Minute, MaxResult: 1 << 20, Concurrency: 1,
			},
			{Name: "clock", URL: URL{NewSecret("https://u:p@tools.example/mcp?key=k5")}, Headers: map[string]Secret{"Authorization": NewSecret("Bearer h1")}, Timeout: 30 * time.Second, MaxResult: 16 << 10, Concurrency: 8},
		},
		Access:      Access{Mode: "open", Allow: Listed{People: []string{"p1", "p2"}, Groups: []string{"g1"}, Departments: []string{"d1"}}, Deny: Listed{People: []string{"p3"}}},
		Limits:      Limits{TurnsPerMinute: 1, TokensPerMonth: 1_000_000_000_000},
		Store:       StoreURL{NewSecret("rediss://u:p@cache.example:6380/3?addr=b:1")},
		StorePrefix: "team:bot_1",
		Spool:       "file:/var/spool/lw.db",
		Inbox:       Inbox{Waiting: 1, PerConversation: 2, Remember: 7 * 24 * time.Hour, Lease: 90 * time.Second},
		Record: Record{File: "r.jsonl", Rotation: Rotation{MaxSize: 1 << 20, MaxAge: 30 * 24 * time.Hour, MaxFiles: 7, Compress: true}, Redact: []RedactRule{
			{Name: "phone", Replace: "phone"}, {Name: "key", Replace: "***"}, {Name: "ticket", Pattern: "T-([0-9]+)", Replace: "ticket", Regexp: regexp.MustCompile("T-([0-9]+)")},
		}},
		Reload: "auto",
		Admin:  Admin{Listen: "0.0.0.0:80", Token: NewSecret("nobody-guesses-it"), Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}},
		Log: Log{
			Level: slog.LevelWarn, Levels: map[string]slog.Level{"connectors/dingtalk": slog.LevelDebug, "agent": slog.LevelError},
			Format: "json", File: LogFile{Path: "l.jsonl", Rotation: Rotation{MaxSize: 2 << 30}},
		},
		Trace: Trace{Endpoint: "http://127.0.0.1:4318", Headers: map[string]Secret{"X-Key": NewSecret("h2")}, Sample: 0.25},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Nothing is left out above but the paths of files, which file_test.go tries.
func TestEveryKeyNamesEveryKey(t *testing.T) {
	elsewhere := map[string]bool{"api_key_file": true, "tls": true, "cert": true}
	words := map[string]bool{}
	for _, word := range regexp.MustCompile(`[a-z_]+:`).FindAllString(everyKey, -1) {
		words[strings.TrimSuffix(word, ":")] = true
	}
	for _, p := range keysBelow(reflect.TypeFor[Config](), "") {
		if !words[p.key] && !elsewhere[p.key] {
			t.Errorf("%s is not tried", p.path)
		}
	}
}
