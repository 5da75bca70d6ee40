package config

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env is a getenv over pairs of name and value.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// good is a whole small file; tests put lines behind it or change it.
const good = `connections:
  - name: desk
    platform: dingtalk
    client_id: ding1
    client_secret: hush
model:
  endpoint: https://model.example/v1
  name: m1
`

// parsed is the configuration in text, which has to be right.
func parsed(t *testing.T, text string, pairs ...string) *Config {
	t.Helper()
	cfg, err := Parse("c.yaml", []byte(text), env(pairs...))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return cfg
}

func TestDefaultsFillWhatTheFileLeavesOut(t *testing.T) {
	got := parsed(t, good)
	want := Default()
	c := DefaultConnection(DingTalk)
	c.Name, c.ClientID, c.ClientSecret, c.RobotCode = "desk", "ding1", NewSecret("hush"), "ding1"
	want.Connections = []Connection{c}
	want.Model.Endpoint, want.Model.Name = "https://model.example/v1", "m1"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	got := parsed(t, `
connections:
  - {name: a, platform: dingtalk, client_id: i1, client_secret: s1, robot_code: r1, endpoint: "https://Gate.example:8443/x/", workers: 1024, keepalive: 1s, reply: card, budget: {api_calls: unlimited}, rate: {per_second: 60, per_minute: 600}, welcome: "off", admins: [x1, "2"], card: {template: t.schema, key: content, flow_status: on, words: w}, mention: on}
  - {name: b, platform: feishu, app_id: i2, app_secret: s2, endpoint: https://open.larksuite.com/, workers: 1, keepalive: 10m, reply: text, budget: {api_calls: 10000}, rate: {per_second: unlimited, per_minute: unlimited}, welcome: Hi}
model: {endpoint: "http://127.0.0.1:11434/v1/", api_key: "", name: m, max_tokens: 1000000, system_prompt: "", transcription: ears, first_token_timeout: 10m, idle_timeout: 1s, turn_timeout: 1h, attempts: 10}
conversation: {ttl: 0, turns: 1, late: 1m, max_age: 2d, burst: join, language: zh}
store: rediss://u:p@cache.example:6380/3?addr=b:1
spool: file:/var/spool/lw.db
inbox: {waiting: 1, per_conversation: 2, remember: 7d, lease: 1m30s}
shutdown: 0s
admin: {listen: "0.0.0.0:80", token: t}
log: {level: warn, format: json}
`)
	want := &Config{
		Connections: []Connection{
			{Name: "a", Platform: DingTalk, ClientID: "i1", ClientSecret: NewSecret("s1"), RobotCode: "r1", Endpoint: "https://gate.example:8443/x", Workers: 1024, Keepalive: time.Second, Reply: "card", Rate: Rate{60, 600}, Welcome: "off", Admins: []string{"x1", "2"}, Card: Card{Template: "t.schema", Key: "content", FlowStatus: true, Words: "w"}, Mention: true},
			{Name: "b", Platform: Feishu, AppID: "i2", AppSecret: NewSecret("s2"), Endpoint: "https://open.larksuite.com", Workers: 1, Keepalive: 10 * time.Minute, Reply: "text", Budget: Budget{APICalls: 10_000}, Welcome: "Hi"},
		},
		Model:        Model{Endpoint: "http://127.0.0.1:11434/v1", Name: "m", MaxTokens: 1_000_000, Transcription: "ears", FirstTokenTimeout: 10 * time.Minute, IdleTimeout: time.Second, TurnTimeout: time.Hour, Attempts: 10},
		Conversation: Conversation{TTL: 0, Turns: 1, Late: time.Minute, MaxAge: 48 * time.Hour, Burst: "join", Language: "zh"},
		Store:        StoreURL{NewSecret("rediss://u:p@cache.example:6380/3?addr=b:1")},
		Spool:        "file:/var/spool/lw.db",
		Inbox:        Inbox{Waiting: 1, PerConversation: 2, Remember: 7 * 24 * time.Hour, Lease: 90 * time.Second},
		Admin:        Admin{Listen: "0.0.0.0:80", Token: NewSecret("t")},
		Log:          Log{Level: 4, Format: "json"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What is written out wins over what is merged, and what is merged first over the rest.
func TestAliasesAndMergeKeys(t *testing.T) {
	got := parsed(t, `
connections:
  - &first
    name: a
    platform: feishu
    app_id: cli_1
    app_secret: &hush one
    workers: 7
  - <<: *first
    name: b
    app_id: cli_2
  - {<<: [*first], name: c, app_id: cli_3, app_secret: *hush, workers: 9}
  - {<<: [{workers: 5, name: d}, *first], app_id: cli_4}
model: {endpoint: https://model.example/v1, name: m}
`)
	for i, want := range []Connection{{Name: "a", AppID: "cli_1", Workers: 7}, {Name: "b", AppID: "cli_2", Workers: 7}, {Name: "c", AppID: "cli_3", Workers: 9}, {Name: "d", AppID: "cli_4", Workers: 5}} {
		c := got.Connections[i]
		if c.Name != want.Name || c.AppID != want.AppID || c.Workers != want.Workers || c.AppSecret.Reveal() != "one" || c.Platform != Feishu {
			t.Errorf("connection %d: got %+v", i, c)
		}
	}
}

func TestByteOrderMarkAndWindowsLinesAreTolerated(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(good, "\n", "\r\n")
	if got := parsed(t, text).Model.Name; got != "m1" {
		t.Errorf("model name %q", got)
	}
}

// The file wins over the environment, the environment over the default.
func TestEnvironmentSpeaksWhereTheFileDoesNot(t *testing.T) {
	pairs := []string{"MODEL_ENDPOINT", "https://env.example/v1/", "MODEL_API_KEY", "envkey", "MAX_TOKEN_LIMIT", "99"}
	head, _, _ := strings.Cut(good, "model:")

	tests := []struct {
		name, text       string
		pairs            []string
		endpoint, apiKey string
		maxTokens        int
	}{
		{"all from the file", head + "model: {endpoint: https://file.example/v1, api_key: filekey, name: m, max_tokens: 7}", pairs, "https://file.example/v1", "filekey", 7},
		{"an empty key in the file is an answer too", head + `model: {endpoint: https://file.example/v1, api_key: "", name: m}`, pairs, "https://file.example/v1", "", 99},
		{"all from the environment", head + "model: {name: m}", pairs, "https://env.example/v1", "envkey", 99},
		{"neither", head + "model: {endpoint: https://file.example/v1, name: m}", nil, "https://file.example/v1", "", 2048},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := parsed(t, test.text, test.pairs...).Model
			if m.Endpoint != test.endpoint || m.APIKey.Reveal() != test.apiKey || m.MaxTokens != test.maxTokens {
				t.Errorf("endpoint %q, key %q, tokens %d", m.Endpoint, m.APIKey.Reveal(), m.MaxTokens)
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0": 0, "0d": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "7", "7 d", "-1d", "1d-1h", "1d24h", "999999d", "1w", "1.5d"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

// What stands in the tags has to be usable, since the decoder relies on it.
func TestSchemaTags(t *testing.T) {
	var check func(section reflect.Type)
	check = func(section reflect.Type) {
		fields := fieldsOf(section)
		for _, f := range fields {
			inner := section.Field(f.index).Type
			if f.limits != "" {
				low, high := f.bounds()
				parse := func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
				if inner == durationType {
					parse = func(s string) (int64, error) { d, err := parseDuration(s); return int64(d), err }
				}
				least, err1 := parse(low)
				most, err2 := parse(high)
				if err1 != nil || err2 != nil || least >= most {
					t.Errorf("%s: range %q", f.key, f.limits)
				}
			} else if inner == durationType || inner.Kind() == reflect.Int && len(f.oneof) == 0 {
				t.Errorf("%s has no range", f.key)
			}
			if f.need && f.hint == "" {
				t.Errorf("%s is required, and its problem says nothing about what to write", f.key)
			}
			if f.twin != "" {
				i := slices.IndexFunc(fields, func(other field) bool { return other.key == f.twin })
				if i < 0 || fields[i].twin != f.key || fields[i].only == f.only {
					t.Errorf("%s: twin %s does not point back", f.key, f.twin)
				}
			}
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if isSection(inner) {
				check(inner)
			}
		}
	}
	check(reflect.TypeFor[Config]())
}

const examplePath = "../../config.example.yaml"

// Everything that config.example.yaml shows, the settings that are left out
// included: "#key: value", where an explanation begins with "# ".
func exampleInFull(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if body := strings.TrimLeft(line, " "); len(body) > 1 && body[0] == '#' && body[1] != ' ' {
			lines[i] = strings.Repeat(" ", len(line)-len(body)) + body[1:]
		}
	}
	return strings.Join(lines, "\n")
}

var exampleEnv = env(
	"DINGTALK_CLIENT_ID", "ding1", "DINGTALK_CLIENT_SECRET", "s1", "FEISHU_APP_ID", "cli_1", "FEISHU_APP_SECRET", "s2",
	"MODEL_ENDPOINT", "https://model.example/v1", "MODEL_API_KEY", "", "ADMIN_TOKEN", "",
)

// The example loads as it is, and what it shows as a default is the default.
func TestExampleShowsTheDefaults(t *testing.T) {
	want := Default()
	ding, fei := DefaultConnection(DingTalk), DefaultConnection(Feishu)
	ding.Name, ding.ClientID, ding.ClientSecret, ding.RobotCode = "helpdesk-dingtalk", "ding1", NewSecret("s1"), "ding1"
	fei.Name, fei.AppID, fei.AppSecret = "helpdesk-feishu", "cli_1", NewSecret("s2")
	want.Connections = []Connection{ding, fei}
	want.Model.Endpoint, want.Model.Name = "https://model.example/v1", "qwen-plus"

	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"as it is": string(data), "in full": exampleInFull(t)} {
		got, err := Parse("config.example.yaml", []byte(text), exampleEnv)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range got.Connections {
			got.Connections[i].Admins = nil // there is no default to show
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
	loaded, err := Load(examplePath, exampleEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.Warnings) > 0 {
		t.Errorf("warnings: %v", loaded.Warnings)
	}
}

// No key of the schema is missing in the example.
func TestExampleShowsEveryKey(t *testing.T) {
	root, problem := document([]byte(exampleInFull(t)))
	if problem != nil {
		t.Fatal(problem)
	}
	written := map[string]bool{}
	var walk func(n *yaml.Node, at string)
	walk = func(n *yaml.Node, at string) {
		for i, child := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				walk(child, at+"[]")
			case i%2 == 1:
				path := join(at, n.Content[i-1].Value)
				written[path] = true
				walk(child, path)
			}
		}
	}
	walk(root, "")
	keys := schemaKeys(reflect.TypeFor[Config](), "")
	for _, key := range keys {
		if !written[key] {
			t.Errorf("config.example.yaml does not show %s", key)
		}
	}
	if len(keys) < 30 {
		t.Errorf("the walk found only %d keys", len(keys))
	}
}

func TestSpoolFile(t *testing.T) {
	for _, c := range []struct{ store, spool, path string }{
		{"file:./data/x.db", "file:./data/spool.db", ""},
		{"redis://h:6379", "file:./data/spool.db", "./data/spool.db"},
		{"redis://h:6379", "off", ""},
	} {
		cfg := Default()
		if err := cfg.Store.UnmarshalText([]byte(c.store)); err != nil {
			t.Fatal(err)
		}
		cfg.Spool = c.spool
		if path, ok := cfg.SpoolFile(); path != c.path || ok != (c.path != "") {
			t.Errorf("%s with spool %s: %q, %v", c.store, c.spool, path, ok)
		}
	}
}
