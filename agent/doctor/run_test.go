package doctor

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/agent/tools/toolstest"
	"longwire/connectors"
)

var noProxy config.Proxy

func proxyTo(t *testing.T, raw string) connectors.Proxy {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return http.ProxyURL(u)
}

func larkConnection() config.Connection {
	return config.Connection{Name: "lark", Platform: config.Feishu, AppID: larkID, AppSecret: config.NewSecret(larkSecret)}
}

// Through a proxy that knows us, over TLS, with tools, pictures and a fallback, all is
// well.
func TestHealthyWorldWithEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	child(t, w, toolstest.Good, `, allow: ["*"]`)
	w.modelEndpoint = behind(t, root.sign(t, nil), w.modelEndpoint)
	w.modelKeys = "vision: on\nfallbacks: [{name: spare}]\nproxy: http://me:" + proxySecret + "@" + tunnel(t, "me", proxySecret)
	keys := put(t, w.folder, "keys", "# keys\n"+modelSecret+"\n")
	w.apiKey = fmt.Sprintf("api_key_file: %q", keys)
	cert, key := pemFiles(t, root.sign(t, nil))
	w.adminKeys = fmt.Sprintf(", tls: {cert: %q, key: %q}", cert, key)
	w.more += fmt.Sprintf("\nrecord: {file: %q}\nlog: {file: %q}", filepath.Join(w.folder, "new", "record"), filepath.Join(w.folder, "log"))
	code, report := w.report()
	if code != exitGood || report.Counts[OK] != len(report.Findings) {
		t.Errorf("exit code %d\n%s", code, show(report))
	}
	for _, want := range []string{"proxy", "tls", "vision", "tool use", "patterns", "certificate"} {
		if !slices.ContainsFunc(report.Findings, func(f jsonFinding) bool { return f.Check == want }) {
			t.Errorf("no line %s", want)
		}
	}
}

// Keys from a key file are hidden too, though the configuration does not know them.
func TestKeyFileIsHidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apiKey = fmt.Sprintf("api_key_file: %q", put(t, w.folder, "keys", modelSecret+"\n"))
	w.respond = func(modeltest.Request) modeltest.Response {
		return modeltest.Response{Status: 400, Error: "no " + modelSecret + " " + dingSecret}
	}
	if code, out := w.visit("--lang", "en"); code != exitFailed || !strings.Contains(out, "no [redacted]") { // visit looks for the secrets
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestReportForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.larkAppSecret = "another-secret"
	code, en := w.visit("--lang", "en")
	for _, want := range []string{"This machine\n", "[FAIL] credentials lark: app_id or app_secret is wrong\n", "→ copy both again", "[skip] bot lark: not checked, because it rests on: credentials lark\n", "1 failed"} {
		if !strings.Contains(en, want) {
			t.Errorf("no %q in\n%s", want, en)
		}
	}
	_, zh := w.visit("--lang", "zh")
	for _, want := range []string{"本机\n", "[故障] credentials lark：app_id 或 app_secret 不正确\n", "故障 1 项"} {
		if !strings.Contains(zh, want) {
			t.Errorf("no %q in\n%s", want, zh)
		}
	}
	if code != exitFailed || strings.Contains(en+zh, "%!") {
		t.Errorf("exit code %d, or a sentence is not filled in\n%s%s", code, en, zh)
	}
}

// The form of the JSON stays as it is.
func TestJSONForm(t *testing.T) {
	var out bytes.Buffer
	err := writeJSON(&out, []Finding{
		{Check: Check{Machine, "clock", ""}, Level: OK, Cause: "clock_good", What: Text{"a", "b"}, Took: 1500 * time.Microsecond},
		{Check: Check{Store, "redis", "x"}, Level: Failure, Cause: "redis_away", What: Text{"c", "d"}, Do: Text{"e", "f"}, Detail: "<g>"},
	})
	const want = `{
  "version": 1,
  "ok": false,
  "counts": {
    "failure": 1,
    "ok": 1,
    "skipped": 0,
    "warning": 0
  },
  "findings": [
    {
      "group": "machine",
      "check": "clock",
      "level": "ok",
      "cause": "clock_good",
      "what": {
        "en": "a",
        "zh": "b"
      },
      "took_ms": 1
    },
    {
      "group": "store",
      "check": "redis",
      "subject": "x",
      "level": "failure",
      "cause": "redis_away",
      "what": {
        "en": "c",
        "zh": "d"
      },
      "do": {
        "en": "e",
        "zh": "f"
      },
      "detail": "<g>",
      "took_ms": 0
    }
  ]
}
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.config()
	for _, row := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, exitGood, "--no-stream"},
		{[]string{"--nonsense"}, exitUsage, "nonsense"},
		{[]string{"word"}, exitUsage, "word"},
		{[]string{"--lang", "fr"}, exitUsage, "zh, en or auto"},
		{[]string{"--config", path, "--connection", "nobody"}, exitUsage, "ding, lark"},
		{[]string{"--config", path, "--only", "nothing"}, exitUsage, "credentials"},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(t.Context(), row.args, &stdout, &stderr)
		if code != row.code || !strings.Contains(stderr.String(), row.says) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, %s%s", row.args, code, stderr.String(), stdout.String())
		}
	}
}

func TestUnreadableConfiguration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	bad := put(t, folder, "bad.yaml", "connections: []\nmodle: x\n")
	for path, cause := range map[string]string{bad: "config_problem", filepath.Join(folder, "none.yaml"): "config_unreadable"} {
		for _, form := range []string{"--json", "--lang=en"} {
			var stdout, stderr bytes.Buffer
			code := Main(t.Context(), []string{"--config", path, form}, &stdout, &stderr)
			word := cause
			if form != "--json" {
				word = "[FAIL] configuration"
			}
			if code != exitUsage || !strings.Contains(stdout.String(), word) {
				t.Errorf("%s %s: exit code %d\n%s%s", path, form, code, stdout.String(), stderr.String())
			}
		}
	}
}

func TestOnlyAndConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, report := w.report("--only", "cards", "--connection", "ding")
	var names []string
	for _, f := range report.Findings {
		names = append(names, strings.TrimSpace(f.Check+" "+f.Subject))
		if strings.Contains(f.Subject, "lark") {
			t.Errorf("a line about %s", f.Subject)
		}
	}
	host := strings.TrimPrefix(w.dingEndpoint, "http://")
	want := []string{"dns " + host, "connect " + host, "answer " + host, "credentials ding", "cards ding"}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if w.lark.Calls("GET /open-apis/bot/v3/info") != 0 || len(w.model.Requests()) != 0 {
		t.Error("others were asked")
	}
}

func TestLanguageOfTheReader(t *testing.T) {
	for _, row := range []struct {
		env     map[string]string
		chinese bool
	}{
		{nil, false},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, true},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, false},
		{map[string]string{"LC_MESSAGES": "zh_TW", "LANG": "C"}, true},
	} {
		if got := chineseBy(func(name string) string { return row.env[name] }); got != row.chinese {
			t.Errorf("%v: %t", row.env, got)
		}
	}
}

// A step that panics is one line, one that takes too long is ended, and the order of
// the plan is kept.
func TestPlanRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plan{hide: strings.NewReplacer("hidden", "[redacted]")}
		broken := p.add(Check{Machine, "a", ""}, func(context.Context) verdict { panic("hidden") })
		p.add(Check{Machine, "b", ""}, func(context.Context) verdict { return good(clockRight) }, broken, nil)
		p.add(Check{Machine, "c", ""}, func(ctx context.Context) verdict { <-ctx.Done(); return fail(connectSilent).seen(ctx.Err()) })
		after := p.add(Check{Machine, "d", ""}, func(context.Context) verdict { return good(clockRight) })
		after.after = []*step{broken}
		began := time.Now()
		var causes []string
		p.run(t.Context(), func(f Finding) {
			causes = append(causes, f.Cause)
			if strings.Contains(f.Detail, "hidden") {
				t.Errorf("detail %q", f.Detail)
			}
		})
		if want := []string{"doctor_broken", "rests_on", "connect_silent", "clock_good"}; !slices.Equal(causes, want) {
			t.Errorf("%q, want %q", causes, want)
		}
		if took := time.Since(began); took != stepTime {
			t.Errorf("took %s", took)
		}
	})
}

// However many steps rest on one another, the whole ends within its time.
func TestPlanEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plan{hide: strings.NewReplacer()}
		var last *step
		for range 20 {
			s := p.add(Check{Machine, "slow", ""}, func(ctx context.Context) verdict { <-ctx.Done(); return warn(clockOff, "x") }, last)
			last = s
		}
		began, skipped := time.Now(), 0
		p.run(t.Context(), func(f Finding) {
			if f.Cause == "no_time" || f.Cause == "rests_on" {
				skipped++
			}
		})
		// The seventh step begins in the moment when the time is over.
		if took := time.Since(began); took != wholeTime || skipped < 13 {
			t.Errorf("took %s, %d steps were skipped", took, skipped)
		}
	})
}

// What the operating system tells is what there is.
func TestThisMachine(t *testing.T) { // not parallel: it lowers a limit of the process
	on := thisMachine()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: min(1000, before.Max), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	v := on.openFiles()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if v.cause != filesFew || fmt.Sprint(v.args) != "[1000]" {
		t.Errorf("%s %v", v.cause.code, v.args)
	}
	if s, err := on.space(t.TempDir()); err != nil || s.free == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if v := on.disk(filepath.Join(t.TempDir(), "none")); v.cause != diskUnknown {
		t.Errorf("%s", v.cause.code)
	}
	if free, ok := on.memory(); ok && free == 0 {
		t.Error("no memory at all")
	}
}

func TestWritableLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	file := put(t, folder, "there", "text")
	for path, want := range map[string]*cause{file: fileGood, filepath.Join(folder, "a", "b", "c"): fileNew, folder: fileIsFolder, filepath.Join(file, "x"): fileUnwritable} {
		if v := writable(path); v.cause != want {
			t.Errorf("%s: %s", path, v.cause.code)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "text" {
		t.Errorf("%q, %v", raw, err)
	}
}

// A model that says nothing is given up.
func TestModelThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.respond = func(modeltest.Request) modeltest.Response { return modeltest.Response{Hang: true} }
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	e := config.ModelEndpoint{Endpoint: w.modelEndpoint, Name: "small", IdleTimeout: time.Second, FirstTokenTimeout: time.Second}
	if v := ask(ctx, e, say("x")).verdict(); v.cause != modelTimeout || v.level != Failure {
		t.Errorf("%s %s", v.cause.code, v.detail)
	}
}

func TestPatterns(t *testing.T) {
	for _, row := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"a*", "abc", true}, {"*c", "abc", true},
		{"a*c", "abc", true}, {"a*b*c", "axxbyyc", true}, {"a*d", "abc", false}, {"*bc*", "abcd", true}, {"ab*b", "ab", false},
	} {
		if got := matches(row.pattern, row.name); got != row.want {
			t.Errorf("%q, %q: %t", row.pattern, row.name, got)
		}
	}
}

var verb = regexp.MustCompile(`%\[\d\][sd]|%.?`)

// Every cause has sentences in both languages with the same arguments, and a code of
// its own; that of a good stream is for both platforms.
func TestTexts(t *testing.T) {
	files, err := filepath.Glob("texts*.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || fmt.Sprint(lit.Type) != "cause" || len(lit.Elts) != 3 {
				return true
			}
			codes[unquote(lit.Elts[0])]++
			for i, part := range lit.Elts[1:] {
				sentences := part.(*ast.CompositeLit).Elts
				if i == 1 && len(sentences) == 0 {
					continue
				}
				judgeText(t, unquote(lit.Elts[0]), unquote(sentences[0]), unquote(sentences[1]))
			}
			return false
		})
	}
	if len(codes) < 100 {
		t.Errorf("only %d causes were found", len(codes))
	}
	for code, n := range codes {
		if n > 1 && code != "stream_good" {
			t.Errorf("%s is the code of %d causes", code, n)
		}
	}
}

func judgeText(t *testing.T, code, en, zh string) {
	t.Helper()
	in, out := verb.FindAllString(en, -1), verb.FindAllString(zh, -1)
	slices.Sort(in)
	slices.Sort(out)
	if !slices.Equal(in, out) || slices.Contains(in, "%") {
		t.Errorf("%s: %q and %q do not say the same", code, en, zh)
	}
	if en == "" || !strings.ContainsFunc(zh, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }) {
		t.Errorf("%s: %q, %q: a language is missing", code, en, zh)
	}
}

func unquote(e ast.Expr) string {
	text, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	if err != nil {
		panic(err)
	}
	return text
}
