package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// written is the path of a file with the text and the mode.
func written(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // not held back by the umask
		t.Fatal(err)
	}
	return path
}

func TestLoadNamesTheFileInItsProblems(t *testing.T) {
	path := written(t, "modle: {}\n", 0o600)
	_, err := Load(path, env())
	if problems, ok := errors.AsType[Problems](err); !ok || problems[0].File != path || !strings.HasPrefix(problems.Error(), path+":1:1: ") {
		t.Errorf("got %v", err)
	}
}

func TestLoadTakesTheProcessEnvironmentByDefault(t *testing.T) {
	t.Setenv("MAX_TOKEN_LIMIT", "77")
	cfg, err := Load(written(t, good, 0o600), nil)
	if err != nil || cfg.Model.MaxTokens != 77 {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestLoadTellsWhatCannotBeRead(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "gone.yaml"), env()); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read config: ") {
		t.Errorf("no file: %v", err)
	}
	folder := t.TempDir()
	want := "read config: " + folder + " is a folder; a container makes one where it is to mount a file that does not exist"
	if _, err := Load(folder, env()); fmt.Sprint(err) != want {
		t.Errorf("folder: got %v, want %s", err, want)
	}
	if _, err := Load(written(t, good+strings.Repeat("#", maxFile), 0o600), env()); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("large file: %v", err)
	}
}

func TestSecretsInAFileForEverybodyAreWarnedOf(t *testing.T) {
	text := `
connections:
  - {name: a, platform: feishu, app_id: i, app_secret: hunter2}
  - {name: b, platform: feishu, app_id: j, app_secret: "${S}"}
model: {endpoint: https://model.example/v1, name: m, api_key: ""}
store: redis://:hunter2@cache.example:6379
admin: {token: hunter2}
models: [{label: x, name: x, proxy: "http://u:hunter2@proxy.example:1"}]
tools: [{name: x, url: "https://u:hunter2@tools.example", headers: {K: "hunter2"}}]
`
	const says = "this secret stands in a file that everybody on this machine can read; run chmod 600, or keep it outside and write ${NAME} or ${file:PATH}"
	for mode, want := range map[os.FileMode][]string{
		0o600: nil,
		0o640: nil,
		0o644: {":3:56: connections[0].app_secret: ", ":6:8: store: ", ":7:16: admin.token: ", ":8:37: models[0].proxy: ", ":9:24: tools[0].url: ", ":9:72: tools[0].headers.K: "},
	} {
		path := written(t, text, mode)
		cfg, err := Load(path, env("S", "hunter2"))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, position := range want {
			lines = append(lines, path+position+says)
		}
		if got, want := cfg.Warnings.Error(), strings.Join(lines, "\n"); got != want {
			t.Errorf("%v: got\n%s\nwant\n%s", mode, got, want)
		}
	}
	outside := strings.NewReplacer("cache.example", "h", ":hunter2@", ":${S}@", "hunter2", "${S}").Replace(text)
	outside = strings.NewReplacer("app_secret: ${S}", `app_secret: "${S}"`, "token: ${S}", `token: "${S}"`).Replace(outside)
	cfg, err := Load(written(t, outside, 0o644), env("S", "hunter2"))
	if err != nil || len(cfg.Warnings) > 0 {
		t.Errorf("all secrets outside: %v, %v", cfg, err)
	}
}

func TestWarnings(t *testing.T) {
	cfg := parsed(t, `
connections:
  - {name: a, platform: feishu, app_id: i, app_secret: s, endpoint: http://gate.example}
  - {name: b, platform: feishu, app_id: i, app_secret: s, endpoint: "http://[::1]:8080"}
  - {name: c, platform: feishu, app_id: i, app_secret: s, endpoint: http://localhost:8080}
inbox: {remember: 1h}
`+model)
	want := `c.yaml:3:69: connections[0].endpoint: credentials travel to this endpoint without encryption; write https:// if it can
c.yaml:6:19: inbox.remember: Feishu sends an event again for up to 7h, and one that is forgotten by then is answered twice; write 24h`
	if got := cfg.Warnings.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if cfg := parsed(t, good+"inbox: {remember: 1h}\n"); len(cfg.Warnings) > 0 {
		t.Errorf("without Feishu: %v", cfg.Warnings)
	}
}

// Where everything is right and still hardly meant.
func TestWarningsOfSettings(t *testing.T) {
	for text, want := range map[string]string{
		connections + model:                      "",
		connections + model + "access: closed\n": "c.yaml:3:9: access: access is closed and nobody is allowed: a answers nobody; write who may in allow, or in admins of the connection",
		connections + model + "access: {mode: closed, allow: {departments: [d]}}\n":                                    "",
		model + "access: closed\nconnections: [{name: a, platform: feishu, app_id: i, app_secret: s, admins: [x]}]\n":  "",
		model + "access: closed\nconnections: [{name: a, platform: feishu, app_id: i, app_secret: s, access: open}]\n": "",
		model + "connections: [{name: a, platform: feishu, app_id: i, app_secret: s, access: closed}]\n":               "c.yaml:2:77: connections[0].access: access is closed and nobody is allowed: a answers nobody; write who may in allow, or in admins of the connection",
		connections + model + "store_prefix: longwire\n":                                                               "",
		connections + model + "store_prefix: other\nstore: redis://h\n":                                                "",
		connections + model + "store_prefix: other\n":                                                                  "c.yaml:3:15: store_prefix: a store that is a file has no use for it; remove it, or write the URL of a Redis in store",
		connections + "model: {endpoint: https://m.example, name: m, max_tokens: 32768}\n":                             "c.yaml:2:8: model: an answer of max_tokens (32768) leaves nothing of context_tokens (32768) for the question; write the size of the model's context window in context_tokens",
		connections + model + "limits: {tokens_per_day: 3000}\n":                                                       "c.yaml:3:26: limits.tokens_per_day: 3000 leaves room for hardly a question: an answer may have max_tokens (2048), and is reserved before it is asked; raise the limit, or lower max_tokens",
	} {
		if got := parsed(t, text).Warnings.Error(); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// Which addresses are for this machine only.
func TestAdminIsOpenToOthersOnlyWithAToken(t *testing.T) {
	for listen, safe := range map[string]bool{
		"127.0.0.1:18789": true, "127.9.9.9:1": true, "[::1]:0": true, "localhost:18789": true,
		":18789": false, "0.0.0.0:18789": false, "[::]:18789": false, "10.0.0.1:18789": false, "ops.example:18789": false,
		"localhost.ops.example:1": false, "127.0.0.1.ops.example:1": false,
	} {
		text := good + "admin: {listen: \"" + listen + "\""
		_, err := Parse("c.yaml", []byte(text+"}"), env())
		if (err == nil) != safe {
			t.Errorf("%s without a token: %v", listen, err)
		}
		if _, err := Parse("c.yaml", []byte(text+", token: \"\"}"), env()); (err == nil) != safe {
			t.Errorf("%s with an empty token: %v", listen, err)
		}
		if _, err := Parse("c.yaml", []byte(text+", token: x}"), env()); err != nil {
			t.Errorf("%s with a token: %v", listen, err)
		}
	}
}

func TestFind(t *testing.T) {
	folder := t.TempDir()
	first, second := filepath.Join(folder, "config.yaml"), filepath.Join(folder, "etc.yaml")
	both := []string{first, second}

	if path, err := find("my.yaml", both); path != "my.yaml" || err != nil {
		t.Errorf("with a flag: %q, %v", path, err)
	}
	want := "no config file: looked for " + first + " and " + second +
		"; begin with `cp config.example.yaml config.yaml`, or try `longwire sandbox`, which needs none"
	if path, err := find("", both); path != "" || fmt.Sprint(err) != want {
		t.Errorf("with no file: %q, %v", path, err)
	}
	for _, place := range []string{second, first} { // the first wins once it is there
		if err := os.WriteFile(place, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if path, err := find("", both); path != place || err != nil {
			t.Errorf("with %s: %q, %v", place, path, err)
		}
	}

	t.Chdir(folder)
	if path, err := Find(""); path != "config.yaml" || err != nil {
		t.Errorf("Find: %q, %v", path, err)
	}
}
