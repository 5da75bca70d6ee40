package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test's own binary be the bare loop, as the benchmark's binary
// is outside of tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// little is a load that is over soon.
var little = load{conversations: 6, rest: time.Millisecond, rate: 100, seconds: 1, messages: 3}

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

func TestMeasure(t *testing.T) {
	program := filepath.Join(t.TempDir(), "longwire")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "..").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	subjects, err := subjectsFor(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subjects {
		if s.name == redisName {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			emptyTemp(t)
			r, err := measure(t.Context(), s, little, 1)
			if err != nil {
				t.Fatal(err)
			}
			if want := int(little.rate) * little.seconds; len(r.spans) != want {
				t.Errorf("%d messages in the steady part, not %d", len(r.spans), want)
			}
			for i, s := range r.spans {
				if s.toModel <= 0 || s.toPerson <= 0 {
					t.Errorf("message %d: a span is not positive: %+v", i, s)
				}
			}
			if r.start <= 0 || r.resident < 1<<20 || r.rate <= 0 {
				t.Errorf("not measured: start %s, resident %d, rate %g", r.start, r.resident, r.rate)
			}
		})
	}
}

func TestMeasureReportsASubjectThatEnds(t *testing.T) {
	emptyTemp(t)
	began := time.Now()
	s := subject{name: "none", command: []string{"sh", "-c", "echo last words; exit 7", "--"}, store: fileStore}
	_, err := measure(t.Context(), s, little, 1)
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "last words") {
		t.Errorf("error %v, want the exit status and the end of the log", err)
	}
	if time.Since(began) >= startTime {
		t.Error("the end was not noticed")
	}
}

func TestMeasureInterrupted(t *testing.T) {
	emptyTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	s := subject{name: "idle", command: []string{"sleep", "60", "--"}, store: fileStore}
	if _, err := measure(ctx, s, little, 1); err == nil {
		t.Error("no error")
	}
	if time.Since(began) >= startTime {
		t.Error("the interruption was not noticed")
	}
}

func TestProcessStop(t *testing.T) {
	p, ctx, err := start(t.Context(), t.TempDir(), "sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("stop: %v, want to hear that it was terminated", err)
	}
	if p.cmd.ProcessState == nil || ctx.Err() == nil {
		t.Error("it has not ended")
	}
}

func TestOptions(t *testing.T) {
	for _, args := range []string{
		"-rounds 0", "-rounds 51", "-rate 0.5", "-rate 2001", "-seconds 0", "-seconds 61",
		"-messages 0", "-messages 501", "-tolerance -1", "-tolerance 2", "more", "-unknown",
	} {
		if code := Main(t.Context(), strings.Fields(args), io.Discard, io.Discard); code != exitUsage {
			t.Errorf("%s: exit code %d, not %d", args, code, exitUsage)
		}
	}
	if code := Main(t.Context(), []string{"-help"}, io.Discard, io.Discard); code != exitDone {
		t.Errorf("-help: exit code %d", code)
	}
	var stderr bytes.Buffer
	if code := Main(t.Context(), []string{"-program", filepath.Join(t.TempDir(), "none")}, io.Discard, &stderr); code != exitFailed {
		t.Errorf("without the program: exit code %d", code)
	}
	if !strings.Contains(stderr.String(), "make build") {
		t.Errorf("without the program: %s", &stderr)
	}
}
