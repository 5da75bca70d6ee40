package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/slogtest"
	"time"

	"longwire/agent/logs/rotate"
)

// text stands in for the handler of a terminal.
func text(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})
}

func open(t testing.TB, config Config, stderr io.Writer) *Logs {
	t.Helper()
	l, err := Open(config, stderr, text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func secrets(all ...string) func() []string { return func() []string { return all } }

func TestFormats(t *testing.T) {
	for format, want := range map[Format]string{"": "{", Auto: "{", JSON: "{", Text: "time="} {
		var out bytes.Buffer
		open(t, Config{Format: format}, &out).Info("m", "k", "v")
		if !strings.HasPrefix(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%q: %s", format, out.String())
		}
	}
	var out bytes.Buffer
	l, err := Open(Config{Format: Text}, &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l.Info("m"); !strings.HasPrefix(out.String(), "{") {
		t.Errorf("without a handler for text: %s", out.String())
	}
}

// The handler keeps slog's own rules for handlers, on stderr and in the file.
// In JSON a duration has its unit.
func TestDurations(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Config{Format: JSON}, &out)
	l.Info("answered", "took", 1927*time.Millisecond, slog.Group("g", "in", 8*time.Second))
	if got := out.String(); !strings.Contains(got, `"took":"1.927s"`) || !strings.Contains(got, `"in":"8s"`) {
		t.Errorf("logged %s", got)
	}
}

func TestSlogRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.json")
	var out bytes.Buffer
	l := open(t, Config{File: path}, &out)
	results := func(raw []byte) func() []map[string]any {
		return func() (all []map[string]any) {
			for line := range bytes.Lines(raw) {
				m := map[string]any{}
				if err := json.Unmarshal(line, &m); err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			return all
		}
	}
	if err := slogtest.TestHandler(l.Handler(), func() []map[string]any { return results(out.Bytes())() }); err != nil {
		t.Error(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(raw, out.Bytes()) {
		t.Errorf("the file differs from stderr: %v\n%s\n%s", err, raw, out.Bytes())
	}
}

// A terminal and a file have the same records, each in its form; the file is replaced.
func TestFileBesideText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.json")
	var out bytes.Buffer
	l := open(t, Config{Format: Text, File: path, MaxSize: 2000}, &out)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 50 {
				l.With("connection", "c").Info("said", "n", n)
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path[:len(path)-5] + "*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	lines := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(raw) {
			var got struct {
				Time       time.Time
				Connection string
			}
			if err := json.Unmarshal(line, &got); err != nil || got.Time.IsZero() || got.Connection != "c" {
				t.Fatalf("%s: %v", line, err)
			}
			lines++
		}
	}
	if lines != 200 || strings.Count(out.String(), "\n") != 200 || l.State() != (rotate.State{Lines: 200}) {
		t.Errorf("%d lines, state %+v", lines, l.State())
	}
}

func TestReopenAndClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.json")
	var out bytes.Buffer
	l := open(t, Config{File: path}, &out)
	if _, err := Open(Config{File: path}, &out, text); !errors.Is(err, rotate.ErrInUse) {
		t.Errorf("a file in use: %v", err)
	}
	l.Info("one")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Info("two")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Info("three")
	raw, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(raw, []byte(`"two"`)) || bytes.Count(raw, []byte("\n")) != 1 {
		t.Errorf("%s, %v", raw, err)
	}
	if !strings.Contains(out.String(), `"three"`) {
		t.Errorf("what came after Close is not on stderr: %s", out.String())
	}
	none := open(t, Config{}, &out)
	if err := errors.Join(none.Reopen(), none.Close()); err != nil || none.State() != (rotate.State{}) {
		t.Errorf("without a file: %v, %+v", err, none.State())
	}
}

// A full disk takes no line from stderr, and is said there once.
func TestAFullDisk(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Config{File: "/dev/full"}, &out)
	for range 10 {
		l.Info("said")
	}
	if got := out.String(); strings.Count(got, `"said"`) != 10 || strings.Count(got, "log file cannot be written") != 1 {
		t.Errorf("stderr has\n%s", got)
	}
	if state := l.State(); state.Lost != 10 || !errors.Is(state.Err, syscall.ENOSPC) {
		t.Errorf("state %+v", state)
	}
}

func TestWhatIsReported(t *testing.T) {
	var out bytes.Buffer
	tell := report(slog.New(text(&out, everything)))
	for _, row := range []struct {
		state rotate.State
		want  string
	}{
		{rotate.State{Lost: 7, Err: errors.New("e1")}, "level=ERROR msg=\"log file cannot be written\" lost=7 err=e1"},
		{rotate.State{Tidy: errors.New("e2")}, "level=WARN msg=\"old log files cannot be compressed or removed\" err=e2"},
		{rotate.State{Lost: 7}, "level=INFO msg=\"log file is written again\" lost=7"},
	} {
		out.Reset()
		if tell(row.state); !strings.Contains(out.String(), row.want) {
			t.Errorf("%s, want %s", out.String(), row.want)
		}
	}
}

// Where stderr is the journal, lines have a priority and no time. The file has both
// halves the other way round.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stderr.Close() }()
	stat, err := stderr.Stat()
	if err != nil {
		t.Fatal(err)
	}
	sys := stat.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", sys.Dev, sys.Ino))
	l := open(t, Config{Level: slog.LevelDebug - 4, File: filepath.Join(dir, "log.json"), Secrets: secrets("hush-hush")}, stderr)
	wants := []struct {
		level  slog.Level
		prefix string
	}{
		{slog.LevelDebug - 4, "<7>{\"level\":\"DEBUG-4\""}, {slog.LevelDebug, "<7>{"}, {slog.LevelInfo, "<6>{"}, {slog.LevelInfo + 2, "<6>{"},
		{slog.LevelWarn, "<4>{"}, {slog.LevelError, "<3>{"}, {slog.LevelError + 4, "<3>{\"level\":\"ERROR+4\""},
	}
	for _, want := range wants {
		l.Log(t.Context(), want.level, "m", "k", "hush-hush", slog.Group("g", slog.Time("time", time.Now())))
	}
	raw, err := os.ReadFile(stderr.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != len(wants) {
		t.Fatalf("%d lines:\n%s", len(lines), raw)
	}
	for i, line := range lines {
		var got struct {
			Time *time.Time
			K    string
			G    struct{ Time *time.Time }
		}
		if err := json.Unmarshal([]byte(line[3:]), &got); err != nil || got.Time != nil || got.G.Time == nil || got.K != redacted {
			t.Errorf("%s: %v", line, err)
		}
		if !strings.HasPrefix(line, wants[i].prefix) {
			t.Errorf("%s, want %s", line, wants[i].prefix)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "log.json")); err != nil || strings.Count("\n"+string(raw), "\n{\"time\":\"") != len(wants) {
		t.Errorf("the file has\n%s, %v", raw, err)
	}
}

func TestIsJournal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	sys := stat.Sys().(*syscall.Stat_t)
	this := fmt.Sprintf("%d:%d", sys.Dev, sys.Ino)
	for _, row := range []struct {
		w      io.Writer
		stream string
		want   bool
	}{
		{file, this, true}, {file, "", false}, {file, this + "0", false}, {file, "1:", false}, {&bytes.Buffer{}, this, false},
	} {
		if got := isJournal(row.w, row.stream); got != row.want {
			t.Errorf("%q: %t", row.stream, got)
		}
	}
	_ = file.Close()
	if isJournal(file, this) {
		t.Error("a closed file is the journal")
	}
}

type grumpy struct{}

func (grumpy) LogValue() slog.Value         { panic("no value") }
func (grumpy) MarshalText() ([]byte, error) { panic("no text") }
func (grumpy) Error() string                { panic("no error") }

// touchy is a handler that panics at values that do.
type touchy struct{ slog.Handler }

func (h touchy) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			_ = err.Error()
		}
		return true
	})
	return h.Handler.Handle(ctx, r)
}

func (h touchy) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if err, ok := a.Value.Any().(error); ok {
			_ = err.Error()
		}
	}
	return touchy{h.Handler.WithAttrs(attrs)}
}

// A value that panics costs itself.
func TestPanics(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Config{}, &out)
	l.Info("said", "k", slog.AnyValue(grumpy{}))
	l.Info("said", slog.Group("g", slog.Any("k", []any{grumpy{}})))
	l.With("k", grumpy{}).Info("said")
	if got := out.String(); strings.Count(got, `"msg":"said"`) != 3 || strings.Count(got, "\n") != 3 {
		t.Errorf("%s", got)
	}
	out.Reset()
	log := slog.New(&handler{levels: l.Levels, sinks: []slog.Handler{touchy{text(&out, everything)}}})
	log.With("err", error(grumpy{})).Info("said")
	log.Info("said", "err", error(grumpy{}))
	if got := out.String(); strings.Count(got, `msg=said panic="no error"`) != 2 {
		t.Errorf("%s", got)
	}
}
