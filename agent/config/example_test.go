package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

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

// exampleEnv is all that the example refers to: variables, and files that are
// credentials.
func exampleEnv(t *testing.T) func(string) (string, bool) {
	t.Helper()
	folder := t.TempDir()
	cert, key := certificate(t)
	for name, content := range map[string]string{"deepseek": "sk-1\n", "admin-cert.pem": cert, "admin-key.pem": key} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return env(
		"DINGTALK_CLIENT_ID", "ding1", "DINGTALK_CLIENT_SECRET", "s1", "FEISHU_APP_ID", "cli_1", "FEISHU_APP_SECRET", "s2",
		"MODEL_ENDPOINT", "https://model.example/v1", "MODEL_API_KEY", "", "MODEL_API_KEY_2", "k2", "ADMIN_TOKEN", "",
		"CALENDAR_TOKEN", "s3", "MAPS_TOKEN", "s4", "CREDENTIALS_DIRECTORY", folder,
	)
}

// withoutSamples is cfg without what the example shows that has no default, or
// another one. It fails where such a thing is not shown.
func withoutSamples(t *testing.T, cfg *Config) {
	t.Helper()
	if len(cfg.Models) != 1 || len(cfg.Model.Fallbacks) != 2 || len(cfg.Tools) != 2 || len(cfg.Record.Redact) != 3 || cfg.Model.Temperature == nil {
		t.Errorf("the samples are not all there: %+v", cfg)
	}
	calendar := cfg.Tools[0]
	calendar.Name, calendar.Command, calendar.Env, calendar.Titles = "", nil, nil, nil
	calendar.Allow, calendar.Deny, calendar.Confirm = nil, nil, nil
	var standard Tool
	if standard.preset(); !reflect.DeepEqual(calendar, standard) {
		t.Errorf("a tool's defaults: got %+v, want %+v", calendar, standard)
	}
	for i := range cfg.Connections {
		c := &cfg.Connections[i]
		c.Admins, c.Model, c.Models, c.Tools = nil, "", nil, nil
		c.SystemPrompt, c.ShowReasoning, c.Scope, c.Language, c.Access, c.Limits = nil, nil, "", "", nil, nil
	}
	cfg.Models, cfg.Tools, cfg.Model.Fallbacks = nil, nil, nil
	cfg.Model.APIKeys, cfg.Model.APIKeyExpires, cfg.Model.Temperature = nil, Date{}, nil
	cfg.Access.Allow, cfg.Access.Deny = Listed{}, Listed{}
	cfg.Record.File, cfg.Record.Redact = "", nil
	cfg.Admin.Allow, cfg.Admin.TLS = nil, TLS{}
	cfg.Log.Levels, cfg.Log.File.Path, cfg.Trace.Endpoint = nil, "", ""
	cfg.taken = nil
}

// The example loads as it is, and what it shows as a default is the default.
func TestExampleShowsTheDefaults(t *testing.T) {
	want := Default()
	ding, fei := DefaultConnection(DingTalk), DefaultConnection(Feishu)
	ding.Name, ding.ClientID, ding.ClientSecret, ding.RobotCode = "helpdesk-dingtalk", "ding1", NewSecret("s1"), "ding1"
	fei.Name, fei.AppID, fei.AppSecret = "helpdesk-feishu", "cli_1", NewSecret("s2")
	want.Connections = []Connection{ding, fei}
	want.Model.Endpoint, want.Model.Name = "https://model.example/v1", "qwen-plus"

	getenv := exampleEnv(t)
	loaded, err := Load(examplePath, getenv)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.taken = nil; !reflect.DeepEqual(loaded, want) {
		t.Errorf("as it is:\ngot  %+v\nwant %+v", loaded, want)
	}
	full, err := Parse("config.example.yaml", []byte(exampleInFull(t)), getenv)
	if err != nil {
		t.Fatalf("in full: %v", err)
	}
	if withoutSamples(t, full); !reflect.DeepEqual(full, want) {
		t.Errorf("in full:\ngot  %+v\nwant %+v", full, want)
	}
}

// No key of the schema is missing in the example. A section that may stand in
// several places has to be shown in one of them.
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
	type declared struct {
		owner reflect.Type
		key   string
	}
	shown := map[declared]bool{}
	for _, p := range keysBelow(reflect.TypeFor[Config](), "") {
		key := declared{p.owner, p.key}
		shown[key] = shown[key] || written[p.path]
	}
	for key, ok := range shown {
		if !ok {
			t.Errorf("config.example.yaml does not show %s of %v", key.key, key.owner)
		}
	}
	if len(shown) < 100 {
		t.Errorf("the walk found only %d keys", len(shown))
	}
}
