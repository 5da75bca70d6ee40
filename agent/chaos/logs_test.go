package main

import (
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
	}, "\n")
	announced := map[string]int{}
	found, err := scanLog(strings.NewReader(log), announced)
	want := []string{
		"a panic that was contained, 2 time(s)",
		`"panic: runtime error: index out of range", 1 time(s)`,
		"a secret (a webhook), 1 time(s)",
		"a secret (api_key), 1 time(s)",
	}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %q, %v; want %q", found, err, want)
	}
	if len(announced) != 1 || announced["abcdefg2"] != 2 {
		t.Errorf("announced: %v", announced)
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
	if found, err := scanLog(strings.NewReader("{}\n{}\n"), nil); err != nil || len(found) > 0 {
		t.Errorf("found %q, %v", found, err)
	}
	if _, err := scanLog(strings.NewReader(strings.Repeat("x", 5<<20)), nil); err == nil {
		t.Error("a line that cannot be read: no error")
	}
}
