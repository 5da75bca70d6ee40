package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
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

// Aliases and merge keys work in mappings of the operator's own keys, too.
func TestAliasesInMappings(t *testing.T) {
	got := parsed(t, good+`
tools:
  - {name: a, command: [a], env: &env {A: "1", B: "2"}}
  - {name: b, command: [b], env: {<<: *env, B: "3"}}
  - {name: c, command: [c], env: *env}
  - {name: d, command: [d], env: , titles: {}}
`).Tools
	for i, want := range []map[string]Secret{
		{"A": NewSecret("1"), "B": NewSecret("2")}, {"A": NewSecret("1"), "B": NewSecret("3")}, {"A": NewSecret("1"), "B": NewSecret("2")}, nil,
	} {
		if !reflect.DeepEqual(got[i].Env, want) {
			t.Errorf("%s: %d variables, want %d", got[i].Name, len(got[i].Env), len(want))
		}
	}
}

// A list that is written out and empty is another thing than none.
func TestEmptyLists(t *testing.T) {
	got := parsed(t, strings.Replace(good, "client_id", "tools: []\n    client_id", 1)).Connections[0]
	if got.Tools == nil || len(got.Tools) != 0 || got.Models != nil {
		t.Errorf("tools %#v, models %#v", got.Tools, got.Models)
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
			inner := section.FieldByIndex(f.index).Type
			if inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Map {
				inner = inner.Elem()
			}
			if f.limits != "" {
				low, high := f.bounds()
				parse := func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
				switch inner {
				case durationType:
					parse = func(s string) (int64, error) { d, err := parseDuration(s); return int64(d), err }
				case sizeType:
					parse = func(s string) (int64, error) { n, err := parseSize(s); return int64(n), err }
				}
				least, err1 := parse(low)
				most, err2 := parse(high)
				if err1 != nil || err2 != nil || least >= most {
					t.Errorf("%s: range %q", f.key, f.limits)
				}
			} else if inner == durationType || inner == sizeType || (inner.Kind() == reflect.Int || inner.Kind() == reflect.Float64) && len(f.oneof) == 0 {
				t.Errorf("%s has no range", f.key)
			}
			if f.need && f.hint == "" {
				t.Errorf("%s is required, and its problem says nothing about what to write", f.key)
			}
			if f.reload != "" && f.reload != "never" && f.reload != "stream" {
				t.Errorf("%s: reload %q", f.key, f.reload)
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
