package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// dumps is v through everything that could print it.
func dumps(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10v", "%p"} {
		out[format] = fmt.Sprintf(format, v)
		// fmt asks nothing of a value in an unexported field.
		out["hidden "+format] = fmt.Sprintf(format, struct{ inner any }{v})
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out["json"] = string(asJSON)
	asYAML, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out["yaml"] = string(asYAML)
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("x", "v", v)
	out["slog text"], out["slog json"] = text.String(), lines.String()
	return out
}

// hidden reports whether secret cannot be read from text, plain or in hex.
func hidden(text, secret string) bool {
	text = strings.ToLower(text)
	return !strings.Contains(text, secret) && !strings.Contains(text, fmt.Sprintf("%x", secret))
}

func TestNoDumpShowsASecret(t *testing.T) {
	cfg := parsed(t, `
connections:
  - {name: a, platform: dingtalk, client_id: i, client_secret: hunter-one}
  - {name: b, platform: feishu, app_id: i, app_secret: "${APP_SECRET}", endpoint: http://10.0.0.1}
model: {endpoint: https://model.example/v1, name: m}
store: redis://user:hunter-four@cache.example:6379/0?sentinel_password=hunter-five
admin: {token: hunter-six}
`, "APP_SECRET", "hunter-two", "MODEL_API_KEY", "hunter-three")
	revealed := []string{
		cfg.Connections[0].ClientSecret.Reveal(), cfg.Connections[1].AppSecret.Reveal(),
		cfg.Model.APIKey.Reveal(), cfg.Store.Reveal(), cfg.Admin.Token.Reveal(),
	}
	if got := strings.Join(revealed, " "); strings.Count(got, "hunter-") != 6 {
		t.Fatalf("revealed %q", got)
	}
	for _, v := range []any{cfg, *cfg, cfg.Connections, cfg.Connections[0], &cfg.Model.APIKey, cfg.Store, &cfg.Store, []Secret{cfg.Admin.Token}, map[string]Secret{"k": cfg.Admin.Token}} {
		for how, text := range dumps(t, v) {
			if !hidden(text, "hunter") {
				t.Errorf("%T through %s: %s", v, how, text)
			}
		}
	}
}

// Every secret of a file is in the net, and no dump shows any of them.
func TestTheNetHasEverySecret(t *testing.T) {
	path := put(t, t.TempDir(), "keys", "hunter-file\n", 0o600)
	cfg := parsed(t, `
connections:
  - {name: a, platform: dingtalk, client_id: id-a, client_secret: hunter-01, proxy: "http://u:hunter-02@proxy.example:1"}
  - {name: b, platform: feishu, app_id: id-b, app_secret: "${S}"}
model:
  endpoint: https://model.example/v1
  api_key: hunter-04
  api_keys: [hunter-05, hunter-01]
  name: m
  proxy: socks5://hunter-06@proxy.example
  fallbacks: [{name: f, endpoint: https://f.example, api_key: hunter-07}, {name: g, endpoint: https://g.example, api_key_file: `+path+`}]
models: [{label: x, name: x, endpoint: https://x.example, api_keys: [hunter-08], fallbacks: [{name: y, endpoint: https://y.example, api_key: hunter-09}]}]
tools:
  - {name: files, command: [files], env: {TOKEN: hunter-10, NONE: ""}}
  - {name: clock, url: "https://u:hunter%2d11@clock.example/?key=hunter-12&mode=full", headers: {Authorization: Bearer hunter-13}}
store: redis://user:hunter-14@cache.example:6379/0?sentinel_password=hunter-15
admin: {token: hunter-16}
trace: {endpoint: "http://127.0.0.1:4318", headers: {X-Key: hunter-17}}
`, "S", "hunter-03")
	got := strings.Join(cfg.Secrets(), " ")
	want := "Bearer hunter-13 hunter%2d11 hunter-01 hunter-02 hunter-03 hunter-04 hunter-05 hunter-06 hunter-07 hunter-08 " +
		"hunter-09 hunter-10 hunter-11 hunter-12 hunter-14 hunter-15 hunter-16 hunter-17"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for how, text := range dumps(t, cfg) {
		if !hidden(text, "hunter") {
			t.Errorf("through %s: %s", how, text)
		}
	}
}

func TestSecret(t *testing.T) {
	for _, s := range []Secret{NewSecret("hunter2"), NewSecret(""), {}} {
		for how, text := range dumps(t, s) {
			if !hidden(text, "hunter") || !strings.Contains(text, redacted) && !strings.Contains(how, "hidden") && how != "%p" {
				t.Errorf("through %s: %s", how, text)
			}
		}
		if s.String() != redacted || s.IsZero() != (s.Reveal() == "") {
			t.Errorf("String %q, IsZero %v, Reveal %q", s.String(), s.IsZero(), s.Reveal())
		}
	}
	var s Secret
	if err := s.UnmarshalText([]byte("x")); err != nil || s.Reveal() != "x" {
		t.Errorf("UnmarshalText: %v, %q", err, s.Reveal())
	}
}

func TestStoreURL(t *testing.T) {
	for _, test := range []struct{ url, shown, file string }{
		{"file:./data/longwire.db", "file:./data/longwire.db", "./data/longwire.db"},
		{"file:/var/lib/a b?#%.db", "file:/var/lib/a b?#%.db", "/var/lib/a b?#%.db"},
		{"file:///var/lib/x.db", "file:///var/lib/x.db", "/var/lib/x.db"},
		{"redis://cache.example:6379/0", "redis://cache.example:6379/0", ""},
		{"redis://user:hunter2@host:6379/0", "redis://user:[redacted]@host:6379/0", ""},
		{"rediss://:hunter2@host/", "rediss://:[redacted]@host/", ""},
		{"redis://hunter2@host", "redis://[redacted]@host", ""},
		{"redis://u:hunter%402@a:1?addr=b:2&addr=c:3", "redis://u:[redacted]@a:1?addr=b:2&addr=c:3", ""},
		{"redis://a:1?master_name=m&Password=hunter2&x=1", "redis://a:1?master_name=m&Password=[redacted]&x=1", ""},
		{"redis://a:1?%70assword=hunter2&%zz=hunter", "redis://a:1?%70assword=[redacted]&[redacted]", ""},
		{"unix://u:hunter2@/run/redis.sock?db=1", "unix://u:[redacted]@/run/redis.sock?db=1", ""},
	} {
		var s StoreURL
		if err := s.UnmarshalText([]byte(test.url)); err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		file, ok := s.File()
		if s.Reveal() != test.url || s.IsZero() || file != test.file || ok != (file != "") {
			t.Errorf("%s: revealed %s, file %q, %v", test.url, s.Reveal(), file, ok)
		}
		for _, format := range []string{"%v", "%s", "%+v", "%#v", "%x"} {
			if got := fmt.Sprintf(format, s); got != test.shown {
				t.Errorf("%s: %s shows %s, want %s", test.url, format, got, test.shown)
			}
		}
		if got, want := fmt.Sprintf("%q", s), fmt.Sprintf("%q", test.shown); got != want {
			t.Errorf("%s: %%q shows %s, want %s", test.url, got, want)
		}
		if got := s.LogValue().String(); got != test.shown {
			t.Errorf("%s: logs %s, want %s", test.url, got, test.shown)
		}
	}
	for _, url := range []string{
		"", "file:", "file://host/path", "./data/longwire.db", "http://host", "redis:hunter2", "redis://u:p#w@host/0",
		"redis://:12?hunter@host", "redis://:12#hunter@host", "redis://:12/34@host", "unix:///run/x#hunter",
		"redis://host/hunter2", "redis://host/0/1", "redis://host/-1", "redis://u:%zz@host", "unix://u:hunter2@", "valkey://host",
	} {
		var s StoreURL
		if err := s.UnmarshalText([]byte(url)); err == nil || !hidden(err.Error(), "hunter") || !s.IsZero() {
			t.Errorf("%s: got %v, %v; want an error that does not show it", url, s, err)
		}
	}
}
