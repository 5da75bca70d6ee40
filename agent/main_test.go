package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs the program in this process.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err lockedBuffer
	code = Main(args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, exitDone, "longwire dev"},
		{[]string{"help"}, exitDone, "longwire run"},
		{nil, exitUsage, "longwire run"},
		{[]string{"dance"}, exitUsage, `unknown command "dance"`},
		{[]string{"run", "now"}, exitUsage, `takes no argument "now"`},
		{[]string{"run", "--colour"}, exitUsage, "colour"},
		{[]string{"check", "--help"}, exitDone, "config"},
		{[]string{"run", "--config", "missing.yaml"}, exitUsage, "missing.yaml"},
		{[]string{"check"}, exitUsage, "config.example.yaml"},
		{[]string{"sandbox", "--as", "qq"}, exitUsage, "dingtalk or feishu"},
		{[]string{"sandbox", "--store", "floppy"}, exitUsage, "redis://"},
	} {
		code, stdout, stderr := call(t, "", c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("longwire %s: exit code %d, want %d; it says %q", strings.Join(c.args, " "), code, c.code, stdout+stderr)
		}
	}
}

const goodConfig = `
connections:
  - {name: a, platform: dingtalk, client_id: id, client_secret: hush, endpoint: "http://127.0.0.1:1"}
model: {endpoint: "http://127.0.0.1:1/v1", name: m, api_key: hush}
`

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckSaysEveryProblem(t *testing.T) {
	if code, stdout, stderr := call(t, "", "check", "--config", writeConfig(t, goodConfig)); code != exitDone || !strings.Contains(stdout, "good") {
		t.Errorf("a good file: exit code %d, %q, %q", code, stdout, stderr)
	}
	bad := strings.NewReplacer("client_id", "clientid", "name: m,", "").Replace(goodConfig) + "colour: blue\n"
	code, _, stderr := call(t, "", "check", "--config", writeConfig(t, bad))
	if code != exitUsage || strings.Contains(stderr, "hush") {
		t.Errorf("exit code %d, it says %q", code, stderr)
	}
	for _, want := range []string{"did you mean `client_id`?", "model.name", "colour", "3 problem(s)"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in\n%s", want, stderr)
		}
	}
}

func TestWhatCannotStartFails(t *testing.T) {
	t.Chdir(t.TempDir())
	config := writeConfig(t, goodConfig+"store: file:/dev/null/longwire.db\n")
	if code, _, stderr := call(t, "", "run", "--config", config); code != exitFailed || !strings.Contains(stderr, "/dev/null") {
		t.Errorf("exit code %d, it says %q", code, stderr)
	}
}

func TestSandboxSays(t *testing.T) {
	for _, as := range []string{"dingtalk", "feishu"} {
		code, stdout, stderr := call(t, "", "sandbox", "--say", "你好", "--as", as)
		if code != exitDone || !strings.Contains(stdout, "你说的是：“你好”") {
			t.Errorf("%s: exit code %d, it answers %q and says %q", as, code, stdout, stderr)
		}
	}
	t.Setenv("MODEL_ENDPOINT", "http://127.0.0.1:1/v1")
	code, _, stderr := call(t, "", "sandbox", "--say", "你好", "--timeout", "300ms")
	if code != exitFailed || !strings.Contains(stderr, "no answer came") {
		t.Errorf("without a model: exit code %d, it says %q", code, stderr)
	}
}

func TestSandboxPrompt(t *testing.T) {
	code, stdout, stderr := call(t, "hello\n:as feishu\n:group\n大家好\n:quiet\npsst\n:direct\n/help\n", "sandbox")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"You said: “hello”", "feishu group @bot> ", "你说的是：“大家好”", "不需要回答", "/new"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
}
