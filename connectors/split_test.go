package connectors

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSplitKeepsShortTextWhole(t *testing.T) {
	if got := Split("hello\n\nworld", 100); len(got) != 1 || got[0] != "hello\n\nworld" {
		t.Fatalf("got %q", got)
	}
	if got := Split("", 100); len(got) != 0 {
		t.Fatalf("empty text became %q", got)
	}
}

func TestSplitPrefersParagraphs(t *testing.T) {
	first, second := strings.Repeat("a", 60), strings.Repeat("b", 60)
	got := Split(first+"\n\n"+second, 100)
	if len(got) != 2 || got[0] != first || got[1] != second {
		t.Fatalf("got %q", got)
	}
}

func TestSplitClosesAndReopensCode(t *testing.T) {
	code := strings.Repeat("x := 1\n", 40)
	got := Split("before\n\n```go\n"+code+"```\nafter", 120)
	if len(got) < 3 {
		t.Fatalf("expected several parts, got %d", len(got))
	}
	lines := 0
	for i, part := range got {
		if n := strings.Count(part, "```"); n%2 != 0 {
			t.Errorf("part %d has an open code block:\n%s", i, part)
		}
		lines += strings.Count(part, "x := 1")
	}
	if lines != 40 {
		t.Errorf("%d of 40 lines of code arrived", lines)
	}
	if !strings.HasPrefix(got[1], "```go\n") {
		t.Errorf("the language of the code block is lost: %q", got[1])
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("你好，世界\n\n```go\nfunc main() {}\n```\n", 64)
	f.Add(strings.Repeat("长", 200), 70)
	f.Add("```"+strings.Repeat("`", 100)+"\nx", 64)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(64, min(limit, 4096))
		var letters strings.Builder
		for i, part := range Split(text, limit) {
			if len(part) > limit {
				t.Fatalf("part %d has %d bytes, limit %d", i, len(part), limit)
			}
			if utf8.ValidString(text) && !utf8.ValidString(part) {
				t.Fatalf("part %d cuts a character: %q", i, part)
			}
			letters.WriteString(part)
		}
		// Nothing that can be seen is lost (the fences may be repeated).
		for _, want := range []rune{'x', '你', 'é'} {
			if got, had := strings.Count(letters.String(), string(want)), strings.Count(text, string(want)); got < had {
				t.Fatalf("%d of %d %q arrived", got, had, want)
			}
		}
	})
}

func TestSplitKnowsCodeBlocks(t *testing.T) {
	code := strings.Repeat("x := 1\n", 40)
	rows := []struct {
		name, text, reopened, closed string
	}{
		{"a language", "```go\n" + code + "```\n", "```go\n", "\n```"},
		{"four backticks around three", "````md\n```\n" + code + "```\n````\n", "````md\n", "\n````"},
		{"closed by more than it was opened with", "```\na\n`````\n" + code, "", ""},
		{"code within a line", "```a```\n" + code, "", ""},
		{"an opening line that is too long", "```" + strings.Repeat("y", 50) + "\n" + code + "```\n", "```\n", "\n```"},
		{"very many backticks", strings.Repeat("`", 90) + "\n" + code, "```\n", "\n```"},
	}
	for _, row := range rows {
		parts := Split(row.text, 120)
		if len(parts) < 3 {
			t.Fatalf("%s: %d parts", row.name, len(parts))
		}
		for i, part := range parts[:len(parts)-1] {
			if len(part) > 120 {
				t.Errorf("%s: part %d has %d bytes", row.name, i, len(part))
			}
			if i > 0 && row.reopened != "" && !strings.HasPrefix(part, row.reopened) {
				t.Errorf("%s: part %d begins %q", row.name, i, part[:20])
			}
			if row.closed != "" && !strings.HasSuffix(part, row.closed) {
				t.Errorf("%s: part %d ends %q", row.name, i, part[len(part)-20:])
			}
			if i > 0 && row.reopened == "" && strings.Contains(part, "`") {
				t.Errorf("%s: part %d is taken for code: %q", row.name, i, part)
			}
		}
	}
}

func TestSplitMakesNoPartThatShowsNothing(t *testing.T) {
	for _, text := range []string{" \n\n ", strings.Repeat("a", 100) + strings.Repeat("\n", 300), strings.Repeat(" ", 300) + "a"} {
		for i, part := range Split(text, 64) {
			if strings.TrimSpace(part) == "" {
				t.Errorf("part %d of %q is %q", i, text, part)
			}
		}
	}
}
