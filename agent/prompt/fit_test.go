package prompt

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func fileBlock(name, fence, content string) string {
	return "[file " + name + "]\n" + fence + "\n" + content + "\n" + fence
}

func TestFitLeavesWhatFits(t *testing.T) {
	question := "look at this\n\n" + fileBlock("a.txt", "```", "short")
	got, ok := builder(0, 0, 0).Fit(question, 100)
	if got != question || !ok {
		t.Errorf("%q, %t", got, ok)
	}
}

// The last file goes first, then the one before, then the quote; what the person
// wrote and the files' names stay.
func TestFitCutsFromTheEnd(t *testing.T) {
	line := "a line of the file, with a number: 12\n"
	quote := "[quoted message from 张三]\n" + strings.Repeat("> 之前说过的话，很长很长。\n", 30) + "\n"
	first := fileBlock("first.txt", "```", strings.TrimSpace(strings.Repeat(line, 40)))
	second := fileBlock("second.md", "````", strings.Repeat(line, 20)+"```\ninside\n```\n"+strings.TrimSpace(strings.Repeat(line, 20)))
	question := quote + "please compare them\n\n" + first + "\n\n" + second
	b := builder(0, 0, 0)
	whole := b.Tokens.Estimate(question)
	rows := []struct {
		tokens                int
		quote, first, second  bool // there as a whole
		ok, secondIsThereHalf bool
	}{
		{whole - 10, true, true, false, true, true},
		{whole * 3 / 4, true, true, false, true, true},
		{whole / 2, true, false, false, true, false},
		{whole / 5, false, false, false, true, false},
		{20, false, false, false, false, false},
	}
	for _, row := range rows {
		got, ok := b.Fit(question, row.tokens)
		if ok != row.ok || ok && b.Tokens.Estimate(got) > row.tokens {
			t.Errorf("%d tokens: %t, %d tokens", row.tokens, ok, b.Tokens.Estimate(got))
		}
		if strings.Contains(got, quote) != row.quote || strings.Contains(got, first) != row.first || strings.Contains(got, second) != row.second {
			t.Errorf("%d tokens: the wrong part was cut:\n%s", row.tokens, got)
		}
		for _, stays := range []string{"[quoted message from 张三]\n> ", "\nplease compare them\n", "[file first.txt]\n```\n", "[file second.md]\n````\n", "[… cut]\n````"} {
			if !strings.Contains(got, stays) {
				t.Errorf("%d tokens: %q is gone:\n%s", row.tokens, stays, got)
			}
		}
		if strings.Contains(got, line+line) && strings.Contains(got, "````\n"+line) != row.secondIsThereHalf {
			t.Errorf("%d tokens: the second file:\n%s", row.tokens, got)
		}
	}
}

func TestFitUsesTheRoom(t *testing.T) {
	question := "what does it say?\n\n" + fileBlock("a.txt", "```", strings.Repeat("文件里的一行内容，编号一百二十三。\n", 200))
	b := builder(0, 0, 0)
	for _, tokens := range []int{100, 500, 1500} {
		got, ok := b.Fit(question, tokens)
		if n := b.Tokens.Estimate(got); !ok || n > tokens || n < tokens-40 {
			t.Errorf("%d tokens: %t, %d used", tokens, ok, n)
		}
	}
}

func TestFitDoesNotCutWords(t *testing.T) {
	for _, question := range []string{
		strings.Repeat("just words ", 100),
		strings.Repeat("> a quote of one's own\n", 100),
		"[file a]\n" + strings.Repeat("no fence\n", 100),
		"[file a]\n```\n" + strings.Repeat("never closed\n", 100),
		"[file a]\n``\n" + strings.Repeat("no fence\n", 100) + "``\n",
	} {
		if got, ok := builder(0, 0, 0).Fit(question, 50); got != question || ok {
			t.Errorf("%.30q…: %t, %d of %d bytes", question, ok, len(got), len(question))
		}
	}
}

func TestClip(t *testing.T) {
	rows := []struct {
		text   string
		tokens float64
		want   string
	}{
		{"fits", 10, "fits"},
		{"", 0, ""},
		{"one two three", 0, "[… cut]"},
		{"one two three", -5, "[… cut]"},
	}
	for _, row := range rows {
		if got := (rates{}).clip(row.text, row.tokens); got != row.want {
			t.Errorf("%q to %.0f: %q, want %q", row.text, row.tokens, got, row.want)
		}
	}
	lines := strings.Repeat("five words in a line\n", 50)
	for tokens := 40.0; tokens < 60; tokens++ {
		if got := (rates{}).clip(lines, tokens); !strings.HasPrefix(got, "five words in a line\n") || !strings.HasSuffix(got, "a line\n[… cut]") {
			t.Errorf("%q does not end with a line", got)
		}
	}
	if got := (rates{}).clip("title\n"+strings.Repeat("one long line ", 50), 60); !strings.HasPrefix(got, "title\none long line one") {
		t.Errorf("%q has lost more than it had to", got)
	}
}

func FuzzFit(f *testing.F) {
	f.Add("q\n\n"+fileBlock("a", "```", "x y z\n1 2 3"), 10)
	f.Add("[quoted message]\n> a\n> b\n\nq", 5)
	f.Add("[file a]\n```\n```\n[file b]\n````\n```\n````", 0)
	f.Add(strings.Repeat("[quoted message]\n> a b c d e f g h i j k l m\n", 9), 40)
	b := builder(0, 0, 0)
	f.Fuzz(func(t *testing.T, question string, tokens int) {
		if joined := join(split(question)); joined != question {
			t.Fatalf("%q is in parts %q", question, joined)
		}
		got, ok := b.Fit(question, tokens)
		if ok && float64(tokens) < (rates{}).tokens(Measure(got)) {
			t.Fatalf("%q does not fit into %d", got, tokens)
		}
		if again, _ := b.Fit(question, tokens); again != got {
			t.Fatalf("%q and %q", got, again)
		}
		if utf8.ValidString(question) && !utf8.ValidString(got) {
			t.Fatalf("%q is no text any more", got)
		}
		rest := got
		for _, p := range split(question) {
			if p.kind != words {
				continue
			}
			_, behind, found := strings.Cut(rest, p.text)
			if !found {
				t.Fatalf("%q is gone from %q", p.text, got)
			}
			rest = behind
		}
	})
}

func TestSplit(t *testing.T) {
	question := "[quoted message]\n> a\n\nhello\n[file x]\n```\nbody\n```\nend"
	var kinds []partKind
	for _, p := range split(question) {
		kinds = append(kinds, p.kind)
	}
	if want := []partKind{words, quoteBody, words, fileBody, words}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
}
