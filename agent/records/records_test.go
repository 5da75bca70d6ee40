package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"longwire/agent/logs/rotate"
	"longwire/connectors"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func openLog(t *testing.T, config Config, log *slog.Logger) *Log {
	t.Helper()
	if config.File == "" {
		config.File = filepath.Join(t.TempDir(), "records", "records.jsonl")
	}
	l, err := Open(config, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// at is when the tests' records are of, as a line shows it.
var at = time.Date(2026, 11, 1, 23, 4, 5, 123456789, time.FixedZone("UTC+8", 8*60*60))

// The lines are a promise to their readers, byte for byte.
func TestLines(t *testing.T) {
	rows := []struct {
		record Record
		want   string
	}{
		{Record{At: at, Connection: "sales", Event: "ab3cd4ef"},
			`{"v":1,"kind":"turn","at":"2026-11-01T15:04:05.123Z","connection":"sales","event":"ab3cd4ef"}`},
		{Record{
			At: at, Connection: "sales", Platform: "feishu", Event: "ab3cd4ef", Chat: "oc_1", Group: true, Thread: "omt_1",
			Person: connectors.Person{ID: "ou_1", Name: "Li"}, With: []connectors.Person{{ID: "ou_2"}}, Outcome: "answered", Question: "a<b & \"c\"\n", Answer: "好\u2028",
			Model: "m", Endpoint: "main", Tokens: Tokens{Prompt: 1, Cached: 2, Answer: 3, Reasoning: 4}, Tools: []string{"search"},
			Waited: 1500 * time.Microsecond, FirstWord: 2 * time.Millisecond, Took: 3 * time.Second, Error: "e",
		}, `{"v":1,"kind":"turn","at":"2026-11-01T15:04:05.123Z","connection":"sales","platform":"feishu","event":"ab3cd4ef",` +
			`"chat":"oc_1","group":true,"thread":"omt_1","person":{"id":"ou_1","name":"Li"},"with":[{"id":"ou_2"}],"outcome":"answered",` +
			`"question":"a<b & \"c\"\n","answer":"好\u2028","model":"m","endpoint":"main",` +
			`"tokens":{"prompt":1,"cached":2,"answer":3,"reasoning":4},"tools":["search"],"waited_ms":1,"first_word_ms":2,"took_ms":3000,"error":"e"}`},
		{Record{Kind: Feedback, At: at, Connection: "sales", Event: "ab3cd4ef", By: connectors.Person{ID: "u1"}},
			`{"v":1,"kind":"feedback","at":"2026-11-01T15:04:05.123Z","connection":"sales","event":"ab3cd4ef","by":{"id":"u1"},"good":false}`},
	}
	for _, row := range rows {
		if got := string(row.record.line()); got != row.want+"\n" {
			t.Errorf("got  %swant %s", got, row.want)
		}
	}
}

func TestARecordIsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if line := (Record{}).line(); !bytes.Contains(line, []byte(`"at":"2000-01-01T00:00:00Z"`)) {
			t.Errorf("%s", line)
		}
	})
}

func TestWhatIsSaidIsScrubbed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.jsonl")
	l := openLog(t, Config{File: path, Redact: []Rule{{Name: "phone"}}}, quiet())
	const number = "13812345678"
	l.Add(Record{Question: number, Answer: number, Error: number, Person: connectors.Person{ID: "id", Name: number}, With: []connectors.Person{{ID: "id2", Name: number}}})
	l.Add(Record{Kind: Feedback, By: connectors.Person{ID: "id", Name: number}})
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(raw); strings.Contains(text, number) || strings.Count(text, "[phone]") != 6 || strings.Count(text, "\n") != 2 {
		t.Errorf("%s", text)
	}
}

// All turns write at once, while the file is replaced and moved away: every record is
// there once, whole, in files that only the owner may read.
func TestRecordsOfManyTurns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "records")
	path := filepath.Join(dir, "records.jsonl")
	l := openLog(t, Config{File: path, MaxSize: 4000}, quiet())
	const turns, each = 8, 50
	var all sync.WaitGroup
	for range turns {
		all.Go(func() {
			for n := range each {
				l.Add(Record{Connection: "c", Question: strings.Repeat("q", n)})
			}
		})
	}
	all.Go(func() {
		for n := range 3 {
			if err := os.Rename(path, path+strings.Repeat("x", n+1)); err == nil { // logrotate
				if err := l.Reopen(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if state := l.State(); state != (rotate.State{Lines: turns * each}) {
		t.Errorf("state %+v", state)
	}
	files, err := filepath.Glob(path[:len(path)-6] + "*.jsonl*")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	lengths := map[int]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, stat.Mode(), err)
		}
		for line := range bytes.Lines(raw) {
			var got struct{ Question string }
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lengths[len(got.Question)]++
		}
	}
	for n := range each {
		if lengths[n] != turns {
			t.Errorf("%d records of length %d, want %d", lengths[n], n, turns)
		}
	}
}

// A full disk holds nobody up, is counted, and is said once a minute.
func TestAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := openLog(t, Config{File: "/dev/full"}, slog.New(slog.NewTextHandler(&out, nil)))
		for range 90 {
			l.Add(Record{Question: "secret words"})
			time.Sleep(time.Second)
		}
		if state := l.State(); state.Lost != 90 || state.Lines != 0 || !errors.Is(state.Err, syscall.ENOSPC) {
			t.Errorf("state %+v", state)
		}
		text := out.String()
		if strings.Count(text, "level=ERROR") != 2 || !strings.Contains(text, "lost=61") || strings.Contains(text, "secret words") {
			t.Errorf("the log says\n%s", text)
		}
	})
}

func TestWhatIsReported(t *testing.T) {
	var out bytes.Buffer
	l := &Log{log: slog.New(slog.NewTextHandler(&out, nil))}
	for _, row := range []struct {
		state rotate.State
		want  string
	}{
		{rotate.State{Lost: 7, Err: errors.New("e1")}, "level=ERROR msg=\"records cannot be written\" lost=7 err=e1"},
		{rotate.State{Tidy: errors.New("e2")}, "level=WARN msg=\"old records cannot be compressed or removed\" err=e2"},
		{rotate.State{Lost: 7}, "level=INFO msg=\"records are written again\" lost=7"},
	} {
		out.Reset()
		if l.report(row.state); !strings.Contains(out.String(), row.want) {
			t.Errorf("%s, want %s", out.String(), row.want)
		}
	}
}

// The half line that a crash leaves costs itself and nothing else.
func TestACrashInTheMiddleOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.jsonl")
	whole := Record{At: at, Connection: "c", Event: "e", Question: "q"}.line()
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, Config{File: path}, quiet())
		l.Add(Record{At: at, Connection: "c", Event: "e", Question: "q"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(raw, append([]byte("\n"), whole...)) && !bytes.Equal(raw, whole) {
			t.Fatalf("cut at %d: %q, %v", cut, raw, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	l := openLog(t, Config{}, quiet())
	l.Add(Record{})
	path := filepath.Join(t.TempDir(), "r.jsonl")
	openLog(t, Config{File: path}, quiet())
	if _, err := Open(Config{File: path}, quiet()); !errors.Is(err, rotate.ErrInUse) {
		t.Errorf("a file in use: %v", err)
	}
	if _, err := Open(Config{File: path + "2", Redact: []Rule{{Name: "x"}}}, quiet()); err == nil {
		t.Error("an unknown rule is taken")
	}
	if _, err := os.Stat(path + "2"); err == nil {
		t.Error("a file was made with wrong rules")
	}
}

func TestNoLog(t *testing.T) {
	var l *Log
	l.Add(Record{Question: "q"})
	if err := errors.Join(l.Reopen(), l.Close()); err != nil || l.State() != (rotate.State{}) {
		t.Errorf("%v, %+v", err, l.State())
	}
}

// Whatever people write, a record is one line of valid JSON that says it.
func FuzzLine(f *testing.F) {
	f.Add("question\n\u2028", "name\x00", "\xff\xfe")
	f.Fuzz(func(t *testing.T, question, name, problem string) {
		line := Record{Question: question, Person: connectors.Person{Name: name}, Error: problem}.line()
		if bytes.IndexByte(line, '\n') != len(line)-1 || !utf8.Valid(line) {
			t.Fatalf("%q is no line", line)
		}
		var got wire
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(question) && got.Question != question {
			t.Errorf("%q became %q", question, got.Question)
		}
	})
}
