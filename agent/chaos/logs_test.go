package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestScanLog(t *testing.T) {
	log := strings.Join([]string{
		`{"level":"INFO","msg":"running","connection":"chaos"}`,
		`{"level":"ERROR","msg":"panic contained","where":"turn"}`,
		`{"level":"ERROR","msg":"panic contained","where":"turn"}`,
		`panic: runtime error: index out of range`,
		`{"text":"somebody writes panic: and fatal error: in a message"}`,
		`{"url":"http://127.0.0.1/robot/sendBySession?session=0123"}`,
		`{"key":"` + modelKey + `"}`,
		`{"level":"WARN","msg":"a part of the answer may be seen twice","connection":"chaos","event":"abcdefg2","part":0}`,
		`{"level":"WARN","msg":"a part of the answer may be seen twice","connection":"chaos","event":"abcdefg2","part":0}`,
		`{"level":"INFO","msg":"answered","connection":"chaos","event":"abcdefg3"}`,
		`{"level":"WARN","msg":"too many events wait, message not taken","connection":"chaos","event":"abcdefg4"}`,
	}, "\n")
	said := newLogs()
	found, err := said.scan(strings.NewReader(log))
	want := []string{
		"a panic that was contained, 2 time(s)",
		`"panic: runtime error: index out of range", 1 time(s)`,
		"a secret (a webhook), 1 time(s)",
		"a secret (api_key), 1 time(s)",
	}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %q, %v; want %q", found, err, want)
	}
	if len(said.announced) != 1 || said.announced["abcdefg2"] != 2 {
		t.Errorf("announced: %v", said.announced)
	}
	if len(said.refused) != 1 || said.refused["abcdefg4"] != 1 {
		t.Errorf("refused: %v", said.refused)
	}
	for _, what := range found {
		for _, secret := range secrets {
			if strings.Contains(what, secret) {
				t.Errorf("%q repeats a secret", what)
			}
		}
	}
}

func TestScanLogOfNothingWrong(t *testing.T) {
	if found, err := newLogs().scan(strings.NewReader("{}\n{}\n")); err != nil || len(found) > 0 {
		t.Errorf("found %q, %v", found, err)
	}
	if _, err := newLogs().scan(strings.NewReader(strings.Repeat("x", 5<<20))); err == nil {
		t.Error("a line that cannot be read: no error")
	}
}

// A log is read on from where it was, for what was said since.
func TestReadLogFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	line := func(event string) string {
		return `{"msg":"too many events wait, message not taken","event":"` + event + `"}` + "\n"
	}
	if err := os.WriteFile(path, []byte(line("abcdefg2")+line("abcdefg3")), 0o600); err != nil {
		t.Fatal(err)
	}
	said := newLogs()
	if _, err := said.readFrom(path, int64(len(line("abcdefg2")))); err != nil {
		t.Fatal(err)
	}
	if len(said.refused) != 1 || said.refused["abcdefg3"] != 1 {
		t.Errorf("refused: %v", said.refused)
	}
	if _, err := said.read(path + ".missing"); err == nil {
		t.Error("a log that is missing: no error")
	}
}
