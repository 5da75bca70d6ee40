package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"longwire/agent/tools/toolstest"
)

func TestToolsOfAProcess(t *testing.T) {
	config := child(toolstest.Good)
	config.Confirm, config.Titles = []string{"gr*", "fail"}, map[string]string{"slow": "慢慢来"}
	r := start(t, nil, config).up()
	want := []string{"ask", "big", "echo", "environ", "fail", "grow", "leave", "media", "needy", "nothing", "panic", "pid", "shrink", "slow", "structured"}
	for i := range want {
		want[i] = "test__" + want[i]
	}
	if got := r.names(); !slices.Equal(got, want) {
		t.Errorf("tools %v, want %v", got, want)
	}
	echo := r.tool("test__echo")
	if echo.Title != "Echo" || echo.Server != "test" || !echo.ReadOnly || echo.Confirm || echo.Description != "returns what it is given" {
		t.Errorf("%+v", echo)
	}
	if !strings.HasPrefix(string(echo.Schema), `{"additionalProperties":false,"properties":{"n":{`) {
		t.Errorf("schema %s", echo.Schema)
	}
	if grow := r.tool("test__grow"); !grow.Confirm || grow.ReadOnly || grow.Title != "grow" {
		t.Errorf("%+v", grow)
	}
	if slow := r.tool("test__slow"); slow.Title != "慢慢来" {
		t.Errorf("%+v", slow)
	}
	state := r.State()[0]
	if state.Name != "test" || state.Kind != "stdio" || !state.Up || state.Tools != 15 || state.Restarts != 0 || state.LastError != "" || state.Since.IsZero() {
		t.Errorf("%+v", state)
	}
	r.stop()
	if state := r.State()[0]; state.Up || state.Tools != 0 || r.Tools(nil) != nil {
		t.Errorf("after the end: %+v, %v", state, r.names())
	}
}

func TestAllowedAndDenied(t *testing.T) {
	config := child(toolstest.Good)
	config.Allow, config.Deny = []string{"e*", "slow", "p?d"}, []string{"env*"}
	r := start(t, nil, config).up()
	if got := r.names(); !slices.Equal(got, []string{"test__echo", "test__slow"}) {
		t.Errorf("tools %v", got)
	}
	for _, name := range []string{"test__environ", "test__pid", "echo", "", "test__"} {
		if e := r.refused(name, ""); e.Reason != Unknown || e.Retryable() || e.Sent {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestResults(t *testing.T) {
	config := child(toolstest.Good)
	config.MaxResult = 1000
	r := start(t, nil, config).up()
	for _, row := range []struct{ tool, args, want string }{
		{"echo", `{"text":"你好"}`, "你好"},
		{"echo", ``, "[the tool returned nothing]"},
		{"nothing", `{}`, "[the tool returned nothing]"},
		{"structured", " {} ", `{"a":1,"b":2}`},
		{"media", `{}`, "before\n[image, 12 KB]\n[audio, 100 B]\n[link: a file:///a]\nembedded\n[file, 2.0 MB]"},
	} {
		if got := r.text("test__"+row.tool, row.args); got != row.want {
			t.Errorf("%s: %q, want %q", row.tool, got, row.want)
		}
	}
	res, err := r.Call(t.Context(), "test__fail", []byte(`{"text":"no such day"}`))
	if err != nil || !res.Failed || res.Text != "no such day" || res.Cut {
		t.Errorf("fail: %+v, %v", res, err)
	}
	res, err = r.Call(t.Context(), "test__big", []byte(`{"n":3000}`))
	if err != nil || !res.Cut || res.Failed || len(res.Text) > 1000 || !strings.HasSuffix(res.Text, "x\n[cut here: this is the beginning of 3 KB that the tool returned]") {
		t.Errorf("big: %+v, %v", res, err)
	}
}

func TestArgumentsThatAreNone(t *testing.T) {
	r := start(t, nil, child(toolstest.Good)).up()
	for _, args := range []string{"[]", "1", "{", `"{}"`, "{}{}", "null"} {
		if e := r.refused("test__echo", args); e.Reason != Refused || e.Sent || e.Retryable() {
			t.Errorf("%s: %+v", args, e)
		}
	}
	// What the server says about arguments that do not fit is for the model to read.
	res, err := r.Call(t.Context(), "test__echo", []byte(`{"n":"many"}`))
	if err != nil || !res.Failed || !strings.Contains(res.Text, "many") && !strings.Contains(res.Text, "integer") {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestParallelCalls(t *testing.T) {
	config := child(toolstest.Good)
	config.Concurrency = 64
	r := start(t, nil, config).up()
	var calls sync.WaitGroup
	for n := range 64 {
		calls.Go(func() {
			want := fmt.Sprintf("call %d", n)
			res, err := r.Call(t.Context(), "test__echo", fmt.Appendf(nil, `{"text":%q}`, want))
			if err != nil || res.Text != want {
				t.Errorf("call %d: %+v, %v", n, res, err)
			}
		})
	}
	calls.Wait()
}

// A call that waits for its turn waits no longer than its time, and was never sent.
func TestConcurrency(t *testing.T) {
	config := child(toolstest.Good)
	config.Concurrency, config.Timeout = 2, 3*time.Second
	r := start(t, nil, config).up()
	for range 2 { // two calls that take long
		r.servers[0].slots <- struct{}{}
	}
	if e := r.refused("test__echo", ""); e.Reason != Timeout || e.Sent || !e.Retryable() || !strings.Contains(e.Error(), "too many calls") {
		t.Errorf("%+v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Call(ctx, "test__echo", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-r.servers[0].slots
	if got := r.text("test__echo", `{"text":"my turn"}`); got != "my turn" {
		t.Errorf("%q", got)
	}
	if n := len(r.servers[0].slots); n != 1 {
		t.Errorf("%d turns are taken", n)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	r := start(t, nil, child(toolstest.Good)).up()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Call(ctx, "test__slow", []byte(`{"n":60000}`))
	var e *Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &e) {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Call(ctx, "test__slow", []byte(`{"n":60000}`)); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) {
		t.Errorf("%v", err)
	}
}

// A process that dies takes its calls along at once, and comes back.
func TestKilledInTheMiddleOfACall(t *testing.T) {
	r := start(t, func(l *limits) { l.lasted = 0 }, child(toolstest.Good)).up()
	pid := r.pid()
	failed := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := r.Call(t.Context(), "test__slow", []byte(`{"n":60000}`))
		failed <- err
	}()
	eventually(t, "call under way", func() bool { return len(r.servers[0].slots) == 1 })
	r.pid() // its answer comes after the call was read
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := <-failed; !errors.As(err, &e) || e.Reason != Away || !e.Sent || !e.Retryable() || !strings.Contains(e.Error(), "not known") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the call took %s", took)
	}
	eventually(t, "restart", func() bool { return r.State()[0].Restarts == 1 })
	if next := r.pid(); next == pid {
		t.Error("the process is the same")
	}
	r.has(`level=WARN msg="tool server down, trying again" server=test err="connection ended: process: signal: killed`)
}

func TestPanickingTool(t *testing.T) {
	r := start(t, nil, child(toolstest.Good)).up()
	if e := r.refused("test__panic", ""); e.Reason != Away || !e.Sent {
		t.Errorf("%+v", e)
	}
	eventually(t, "restart", func() bool { return r.State()[0].Restarts == 1 })
	if got := r.text("test__echo", `{"text":"back"}`); got != "back" {
		t.Errorf("%q", got)
	}
	r.has("tool server down")
}

func TestListChanges(t *testing.T) {
	r := start(t, nil, child(toolstest.Good)).up()
	r.text("test__grow", `{"text":"newcomer"}`)
	eventually(t, "new tool", func() bool { return slices.Contains(r.names(), "test__newcomer") })
	r.text("test__newcomer", `{"n":1}`)
	r.text("test__shrink", `{"text":"newcomer"}`)
	eventually(t, "end of the new tool", func() bool { return !slices.Contains(r.names(), "test__newcomer") })
	if e := r.refused("test__newcomer", ""); e.Reason != Unknown {
		t.Errorf("%+v", e)
	}
}

// A process sees nothing of our environment but what it needs.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LONGWIRE_SECRET", "platform secret")
	t.Setenv("LANG", "zh_CN.UTF-8")
	t.Setenv("TMPDIR", "/ours")
	config := child(toolstest.Good)
	config.Env["TOKEN"], config.Env["TMPDIR"] = "for it alone", "/theirs"
	config.Dir = dir
	env := start(t, nil, config).up().text("test__environ", "")
	var names []string
	for line := range strings.Lines(env) {
		name, _, _ := strings.Cut(line, "=")
		if name != "PWD" { // set by exec, with Dir
			names = append(names, name)
		}
	}
	if want := []string{"HOME", "LANG", "LONGWIRE_TOOLSTEST", "PATH", "TMPDIR", "TOKEN"}; !slices.Equal(names, want) {
		t.Errorf("environment %v, want %v", names, want)
	}
	for _, want := range []string{"LANG=zh_CN.UTF-8", "TOKEN=for it alone", "TMPDIR=/theirs"} {
		if !strings.Contains(env, want) {
			t.Errorf("no %s in %s", want, env)
		}
	}
}

// What a process started ends with it, and it ends with us, willing or not.
func TestProcessesEndWithUs(t *testing.T) {
	for _, kind := range []toolstest.Kind{toolstest.Good, toolstest.Stubborn} {
		r := start(t, nil, child(kind)).up()
		pid := r.pid()
		left, err := strconv.Atoi(r.text("test__leave", ""))
		if err != nil || gone(pid) || gone(left) {
			t.Fatalf("%s: %d, %d, %v", kind, pid, left, err)
		}
		r.stop()
		if !gone(pid) {
			t.Errorf("%s: the process lives on", kind)
		}
		eventually(t, "end of what it started", func() bool { return gone(left) })
	}
}

// When we are killed, the kernel kills the servers, even stubborn ones.
func TestProcessesEndWhenWeAreKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(self)
	program.Env = append(os.Environ(), hostVar+"=1")
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscan(out, &pid)
	if err != nil || gone(pid) {
		t.Errorf("process %d, %v", pid, err)
	}
	program.Process.Kill()
	program.Wait()
	eventually(t, "end of the server", func() bool { return gone(pid) })
}

func TestServersWithNames(t *testing.T) {
	other := child(toolstest.Good)
	other.Name, other.Allow = "another", []string{"echo"}
	away := Config{Name: "away", Command: []string{"/no/such/program"}}
	first := child(toolstest.Good)
	first.Allow = []string{"echo", "slow"}
	r := start(t, nil, first, other, away, first)
	eventually(t, "servers", func() bool { return len(r.Tools(nil)) == 3 })
	if got := r.names(); !slices.Equal(got, []string{"another__echo", "test__echo", "test__slow"}) {
		t.Errorf("%v", got)
	}
	if got := r.Tools([]string{"another", "away", "none"}); len(got) != 1 || got[0].Server != "another" {
		t.Errorf("%+v", got)
	}
	if got := r.Tools([]string{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	states := r.State()
	if len(states) != 3 || states[0].Name != "test" || states[1].Name != "another" || states[2].Name != "away" {
		t.Fatalf("%+v", states)
	}
	eventually(t, "problem", func() bool { return strings.Contains(r.State()[2].LastError, "no such file") })
	r.has("two tool servers have the same name")
}
