package logs

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLevelOfAPackage(t *testing.T) {
	l := NewLevels(slog.LevelWarn, map[string]slog.Level{
		"agent": slog.LevelError, "agent/turn": slog.LevelDebug, "connectors/dingtalk": slog.LevelInfo, "github.com/x/y": slog.LevelDebug,
	})
	for path, want := range map[string]slog.Level{
		"agent": slog.LevelError, "agent/pool": slog.LevelError, "agent/turn": slog.LevelDebug, "agent/turn/below": slog.LevelDebug,
		"agent/turns": slog.LevelError, "agents": slog.LevelWarn, "connectors": slog.LevelWarn, "connectors/dingtalk": slog.LevelInfo,
		"connectors/dingtalktest": slog.LevelWarn, "github.com/x/y/z": slog.LevelDebug, "": slog.LevelWarn, "/": slog.LevelWarn,
	} {
		if got := l.Of(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
	if l.Level() != slog.LevelDebug {
		t.Errorf("the lowest is %v", l.Level())
	}
}

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"longwire/connectors/dingtalk.(*Connector).serve.func1": "connectors/dingtalk",
		"longwire/connectors.Retry":                             "connectors",
		"longwire/agent/turn_test.TestX":                        "agent/turn",
		"longwire/agent/x.Do[longwire/agent/y.T]":               "agent/x",
		"longwire/agent/x.Do[...]":                              "agent/x",
		"main.run":                                              "agent",
		"main.run.func1":                                        "agent",
		"net/http.(*Server).Serve":                              "net/http",
		"github.com/a/b/v3.F":                                   "github.com/a/b/v3",
		"":                                                      "",
		"nonsense":                                              "nonsense",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("%q: %q, want %q", function, got, want)
		}
	}
}

// This package's own level decides about its records, and can be changed while it logs.
func TestLevelsAtRunTime(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Config{Levels: map[string]slog.Level{"agent/other": slog.LevelDebug}}, &out)
	said := func() bool {
		defer out.Reset()
		l.With("k", "v").Debug("said")
		return out.Len() > 0
	}
	if !l.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("a level that one package logs is not enabled")
	}
	if said() {
		t.Error("another package's level was taken")
	}
	l.Levels.Set(slog.LevelInfo, map[string]slog.Level{"agent/logs": slog.LevelDebug})
	if !said() {
		t.Error("the package's own level was not taken")
	}
	l.Levels.Set(slog.LevelInfo, nil)
	if said() || l.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("the level that was set before was taken")
	}
	l.Levels.Set(slog.LevelDebug, map[string]slog.Level{"agent/logs": slog.LevelError})
	if said() {
		t.Error("a level above the base was not taken")
	}
	nowhere := slog.NewRecord(time.Now(), slog.LevelDebug, "said", 0)
	if err := l.Handler().Handle(t.Context(), nowhere); err != nil || out.Len() == 0 {
		t.Errorf("a record from nowhere is not judged by the base: %v", err)
	}
}

func TestLevelsAtTheSameTime(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Config{Secrets: secrets("hush-hush")}, &out)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 100 {
				l.Debug("said", "n", n)
				l.Error("said", "k", "hush-hush")
			}
		})
	}
	all.Go(func() {
		for n := range 100 {
			l.Levels.Set(slog.Level(n%3), map[string]slog.Level{"agent/logs": slog.LevelDebug})
			l.Refresh()
		}
	})
	all.Wait()
	if got := out.String(); strings.Count(got, `"ERROR"`) != 400 || strings.Contains(got, "hush") {
		t.Errorf("%d errors", strings.Count(got, `"ERROR"`))
	}
}

// Whatever a function is called, its package is a part of the name, without the module.
func FuzzPackageOf(f *testing.F) {
	f.Add("longwire/agent/turn.(*Turn).Run.func1")
	f.Add("longwire/x.F[longwire/y.T]")
	f.Add("main.main")
	f.Fuzz(func(t *testing.T, function string) {
		got := packageOf(function)
		if got != "agent" && !strings.Contains(function, got) {
			t.Errorf("%q: %q", function, got)
		}
		if NewLevels(slog.LevelWarn, nil).Of(got) != slog.LevelWarn {
			t.Errorf("%q has a level", got)
		}
	})
}

func BenchmarkLevels(b *testing.B) {
	l := NewLevels(slog.LevelInfo, map[string]slog.Level{"agent/other": slog.LevelDebug})
	var pcs [1]uintptr
	runtime.Callers(1, pcs[:])
	b.ReportAllocs()
	for b.Loop() {
		if l.logs(slog.LevelDebug, pcs[0]) {
			b.Fatal("logged")
		}
	}
}
