package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// build builds the program once for all tests that run it.
func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the program for some seconds")
	}
	program := filepath.Join(t.TempDir(), "longwire")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "..").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return program
}

// gentle are faults that cost little time.
const gentle = "drop,term,redeliver,duplicate,overload,model-500"

// A small soak of the real program: everything is said, every fault happens, every
// promise is kept, nothing is left behind.
func TestSoak(t *testing.T) {
	program := build(t)
	emptyTemp(t)
	var out bytes.Buffer
	code := Main(t.Context(), []string{"-program", program, "-combos", "dingtalk/file/1", "-messages", "60", "-faults", "6", "-only", gentle}, &out, io.Discard)
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{" messages, 6 faults.", "Every promise was kept.", "-seed 1 -combos dingtalk/file/1 -messages 60 -faults 6 -only " + gentle} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if regexp.MustCompile(`\| P8 +\|[^|]*\| 0 `).MatchString(out.String()) {
		t.Error("nothing was turned away")
	}
	if t.Failed() {
		t.Logf("the report:\n%s", out.String())
	}
}

// Every replica of the real program is started again, and nobody notices.
func TestRolling(t *testing.T) {
	program := build(t)
	emptyTemp(t)
	var out bytes.Buffer
	code := Main(t.Context(), []string{"-program", program, "-combos", "feishu/file/1", "-rolling"}, &out, io.Discard)
	if code != exitDone || !strings.Contains(out.String(), "| restarts                         | 2 ") {
		t.Errorf("exit code %d, report:\n%s", code, out.String())
	}
}

// A run that is out of time says so, fails, and leaves no process behind: close
// waits for each, and goleak would find who waits.
func TestSoakOutOfTime(t *testing.T) {
	program := build(t)
	t.Setenv("TMPDIR", t.TempDir()) // the logs stay
	var out bytes.Buffer
	code := Main(t.Context(), []string{"-program", program, "-combos", "feishu/file/1", "-messages", "100000", "-faults", "1", "-timeout", "1500ms"}, &out, io.Discard)
	if code != exitBroken || !strings.Contains(out.String(), "not done within 1.5s") || !strings.Contains(out.String(), "did not end") {
		t.Errorf("exit code %d, report:\n%s", code, out.String())
	}
}

// A program that ends by itself is found out at once.
func TestSoakOfAProgramThatEnds(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	program := script(t, "echo last words; exit 7")
	var out bytes.Buffer
	code := Main(t.Context(), []string{"-program", program, "-combos", "dingtalk/file/1,feishu/file/1", "-messages", "10", "-faults", "1"}, &out, io.Discard)
	if code != exitBroken || strings.Count(out.String(), "replica-1 ended by itself: exit status 7") != 2 {
		t.Errorf("exit code %d, report:\n%s", code, out.String())
	}
	kept, err := filepath.Glob(filepath.Join(dir, "chaos*", "replica-1.log"))
	if err != nil || len(kept) != 2 {
		t.Errorf("logs kept: %v, %v", kept, err)
	}
}

func TestMainRefuses(t *testing.T) {
	for _, args := range [][]string{{"-combos", "nothing"}, {"-program", filepath.Join(t.TempDir(), "missing")}} {
		var said bytes.Buffer
		if code := Main(t.Context(), args, io.Discard, &said); code != exitUsage || !strings.HasPrefix(said.String(), "chaos: ") {
			t.Errorf("%q: exit code %d, %q", args, code, said.String())
		}
	}
	if code := Main(t.Context(), []string{"-help"}, io.Discard, io.Discard); code != exitDone {
		t.Errorf("-help: exit code %d", code)
	}
}

// Once interrupted, nothing is begun any more.
func TestInterrupted(t *testing.T) {
	emptyTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if code := Main(ctx, []string{"-program", "/bin/sh", "-messages", "10", "-faults", "1"}, &out, io.Discard); code != exitBroken {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(out.String(), "it did not come to its end: context canceled"); n != len(combosOf(strikes, false)) {
		t.Errorf("%d combinations did not come to their end:\n%s", n, out.String())
	}
}

// emptyTemp is a folder for temporary files that has to be empty again in the end.
func emptyTemp(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// script is an executable shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
