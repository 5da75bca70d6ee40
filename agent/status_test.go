package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longwire/agent/admin"
	"longwire/agent/config"
	"longwire/agent/model/modeltest"
)

// The page shows the configuration in force as a file would have it, and no secret.
func TestConfigurationIsShownWithoutSecrets(t *testing.T) {
	text := `
connections:
  - {name: a, platform: dingtalk, client_id: id, client_secret: hush-1, budget: {api_calls: unlimited}, proxy: "http://u:hush-2@127.0.0.1:1"}
  - {name: b, platform: feishu, app_id: id, app_secret: hush-3}
model: {endpoint: "http://127.0.0.1:1/v1", name: m, api_keys: [hush-4, hush-5], system_prompt: be kind}
tools:
  - {name: x, url: "http://127.0.0.1:1/mcp?key=hush-6", headers: {Authorization: hush-7}}
  - {name: y, command: [calendar, "--token=${CALKEY}", "--note=hush-4", "${file:note}"]}
store: redis://u:hush-8@127.0.0.1:1/0
admin: {token: hush-9-hush-9-hush-9}
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "note"), []byte("hush-11 \"quoted\"\nhush-12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(filepath.Join(dir, "c.yaml"), []byte(text), func(name string) (string, bool) { return "hush-10", name == "CALKEY" })
	if err != nil {
		t.Fatal(err)
	}
	shown := configYAML(cfg)()
	if strings.Contains(shown, "hush") {
		t.Errorf("a secret is shown:\n%s", shown)
	}
	for _, want := range []string{"name: a", "api_calls: unlimited", "[redacted]", "--token=[redacted]", "- calendar", "system_prompt: be kind", "turns_per_minute: 20", "show_reasoning: \"off\""} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
}

// A model that answers by itself on one connection is a default, also where another
// connection has named it before, as one to choose.
func TestEveryDefaultModelIsOne(t *testing.T) {
	text := `
connections:
  - {name: a, platform: dingtalk, client_id: id, client_secret: hush-1}
  - {name: b, platform: feishu, app_id: id, app_secret: hush-2, model: second}
model: {endpoint: "http://127.0.0.1:1/v1", name: m, api_key: hush-3}
models:
  - {label: second, name: n}
  - {label: third, name: o}
`
	cfg, err := config.Parse("c.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a := &App{config: cfg, log: log, models: &models{log: log}}
	defer a.models.close()
	var got []string
	for _, m := range a.modelsForAdmin()() {
		got = append(got, fmt.Sprint(m.Label, " ", m.Default))
	}
	if want := []string{"default true", "second true", "third false"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// While no endpoint of the model can be asked nothing is well, and the report says why;
// the watchdog does not mind, because another process would have no other model. When
// the model is back, all is.
func TestHealthWhileTheModelIsGone(t *testing.T) {
	onPlatforms(t, "embedded", func(t *testing.T, w *world) {
		w.cfg.Model.Attempts = 1
		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Response{Status: 500, Error: "gone"} })
		app, _ := w.start()
		eventually(t, "report of a model that is gone", func() bool {
			w.ask(line{text: "are you there?"})
			status, report := health(t, app, http.MethodGet)
			return status == http.StatusServiceUnavailable && strings.Contains(strings.Join(report.Problems, " "), "model")
		})
		if err := app.Live(t.Context()); err != nil {
			t.Errorf("the watchdog is told %v", err)
		}
		w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })
		eventually(t, "report that all is well", func() bool {
			w.ask(line{text: "and now?"})
			status, _ := health(t, app, http.MethodGet)
			return status == http.StatusOK
		})
	})
}

// The pings that health rests on are measured as every other call of the store is, and
// longwire_store_up says what they say.
func TestPingsAreMeasured(t *testing.T) {
	w := newWorld(t, config.DingTalk, "embedded")
	app, _ := w.start()
	health(t, app, http.MethodGet)
	page := metricsPage(t, app)
	if !strings.Contains(page, `longwire_connection_silence_limit_seconds{connection="`) {
		t.Error("how long a stream may be silent is not told")
	}
	if strings.Contains(page, `longwire_store_call_seconds_count{call="ping"} 0`) || !strings.Contains(page, "\nlongwire_store_up 1\n") {
		t.Errorf("no ping is measured, or the store is down:\n%s", page)
	}
	if err := app.store.Close(); err != nil { // it takes nothing any more
		t.Fatal(err)
	}
	eventually(t, "a ping that failed", func() bool {
		page := metricsPage(t, app)
		return !strings.Contains(page, `longwire_store_errors_total{call="ping"} 0`) && strings.Contains(page, "\nlongwire_store_up 0\n")
	})
}

// A configuration file with a mistake is the same for all replicas, and keeps nobody from
// an answer: it is said, and the program stays ready.
func TestBadFileLeavesTheProgramReady(t *testing.T) {
	w := newWorld(t, config.DingTalk, "embedded")
	app, _ := w.start()
	app.NoteFile("the configuration file has changed and is not taken up")
	eventually(t, "report of it", func() bool {
		status, report := health(t, app, http.MethodGet)
		return status == http.StatusOK && report.Status == admin.Degraded && len(report.Warnings) == 1 && len(report.Problems) == 0
	})
	if page := metricsPage(t, app); !strings.Contains(page, "\nlongwire_healthy 1\n") || !strings.Contains(page, "\nlongwire_degraded 1\n") {
		t.Errorf("the metrics say something else:\n%s", page)
	}
	app.NoteFile("")
	if status, report := health(t, app, http.MethodGet); status != http.StatusOK || report.Status != admin.Healthy {
		t.Errorf("HTTP %d, %+v", status, report)
	}
}

// metricsPage is what Prometheus would read.
func metricsPage(t *testing.T, app *App) string {
	t.Helper()
	resp, err := http.Get("http://" + app.Addr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
