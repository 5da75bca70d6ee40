package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

var quietLog = log.New(io.Discard, "", 0)

// The secrets of the world. None of them may ever be written.
const (
	dingSecret  = "ding-secret-5f1c"
	larkSecret  = "lark-secret-77aa"
	modelSecret = "sk-model-secret-0d4e"
	proxySecret = "proxy-pass-31b9"
	redisSecret = "redis-pass-9c2d"
)

const (
	dingID = "dingdoctor"
	larkID = "cli_0123456789abcdef"
)

// world is everything that a program needs, on this machine and in good order, until a
// test stages a fault.
type world struct {
	t       *testing.T
	folder  string
	ding    *dingtalktest.Server
	lark    *feishutest.Server
	model   *modeltest.Server
	respond func(modeltest.Request) modeltest.Response // set before the doctor runs
	on      machine

	redisTime time.Time // of a Redis that is not real; see infoOf

	// What the configuration says; a fault changes it.
	dingEndpoint, larkEndpoint, modelEndpoint, store, spool, admin string
	dingKeys, larkKeys, modelKeys, adminKeys, more                 string // further lines
	dingClientSecret, larkAppSecret, apiKey                        string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), on: thisMachine(), redisTime: time.Now()}
	w.on.space = func(string) (space, error) { return space{free: 50 << 30, inodes: 1 << 20, all: 1 << 21}, nil }
	w.on.files = func() (uint64, error) { return 65536, nil }
	w.on.memory = func() (uint64, bool) { return 4 << 30, true }
	var err error
	if w.ding, err = dingtalktest.Start(dingtalktest.Options{HoldOffline: true, Apps: []dingtalktest.App{{ClientID: dingID, ClientSecret: dingSecret}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.ding.Close() })
	if w.lark, err = feishutest.Start(feishutest.Options{Apps: []feishutest.App{{AppID: larkID, AppSecret: larkSecret}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.lark.Close)
	w.respond = func(modeltest.Request) modeltest.Response { return modeltest.Words("OK") }
	w.model, err = modeltest.Start("127.0.0.1:0", func(r modeltest.Request) modeltest.Response { return w.respond(r) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.model.Close)
	w.dingEndpoint, w.larkEndpoint, w.modelEndpoint = w.ding.URL(), w.lark.URL(), w.model.URL()
	w.store, w.spool, w.admin = "file:"+filepath.Join(w.folder, "longwire.db"), "off", "127.0.0.1:0"
	w.dingClientSecret, w.larkAppSecret, w.apiKey = dingSecret, larkSecret, "api_key: "+modelSecret
	return w
}

// config writes the configuration and returns its path.
func (w *world) config() string {
	w.t.Helper()
	text := fmt.Sprintf(`
connections:
  - {name: ding, platform: dingtalk, client_id: %s, client_secret: %q, endpoint: %q%s}
  - {name: lark, platform: feishu, app_id: %s, app_secret: %q, endpoint: %q%s}
model:
  endpoint: %q
  name: small
  %s
%s
store: %q
spool: %q
admin: {listen: %q%s}
%s
`, dingID, w.dingClientSecret, w.dingEndpoint, w.dingKeys, larkID, w.larkAppSecret, w.larkEndpoint, w.larkKeys,
		w.modelEndpoint, w.apiKey, indent(w.modelKeys), w.store, w.spool, w.admin, w.adminKeys, w.more)
	path := filepath.Join(w.folder, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func indent(lines string) string {
	if lines == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(lines, "\n", "\n  ")
}

// visit runs the doctor and returns what it wrote.
func (w *world) visit(args ...string) (code int, out string) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), append([]string{"--config", w.config()}, args...), &stdout, &stderr, w.on)
	if stderr.Len() > 0 {
		w.t.Errorf("stderr: %s", stderr.String())
	}
	for _, secret := range []string{dingSecret, larkSecret, modelSecret, proxySecret, redisSecret} {
		if strings.Contains(stdout.String(), secret) {
			w.t.Errorf("the secret %s is written:\n%s", secret, stdout.String())
		}
	}
	return code, stdout.String()
}

// report runs the doctor and returns its report.
func (w *world) report(args ...string) (code int, report jsonReport) {
	w.t.Helper()
	code, out := w.visit(append(args, "--json")...)
	strict := json.NewDecoder(strings.NewReader(out))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&report); err != nil {
		w.t.Fatalf("%v in\n%s", err, out)
	}
	return code, report
}

// show is a report for a test's log.
func show(r jsonReport) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %s %s: %s: %s (%s)\n", f.Level, f.Check, f.Subject, f.Cause, f.What.EN, f.Detail)
	}
	return b.String()
}
