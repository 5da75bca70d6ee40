package main

import (
	"strings"
	"testing"
)

func TestReportTokens(t *testing.T) {
	var out strings.Builder
	if err := reportTokens(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"chinese", "english", "go", "all", "cl100k_base", "o200k_base", "%"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
