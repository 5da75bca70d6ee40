package feishu

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// inParts is markdown as its cards show it.
func inParts(t testing.TB, markdown string) []cardPart {
	t.Helper()
	var parts []cardPart
	from, carry := 0, ""
	for {
		rest := carry + markdown[from:]
		p := firstPart(rest)
		parts = append(parts, p)
		if p.n == len(rest) {
			return parts
		}
		if p.n <= len(carry) || p.n > len(rest) {
			t.Fatalf("%d bytes of %d, with %d carried over", p.n, len(rest), len(carry))
		}
		from, carry = from+p.n-len(carry), p.carry
	}
}

func TestCutAt(t *testing.T) {
	for name, test := range map[string]struct {
		markdown     string
		limit, least int
		text, carry  string
		n            int
	}{
		"paragraph":       {"one\n\ntwo\nthree\nfour", 15, 3, "one", "", 5},
		"line":            {"one\n\ntwo\nthree\nfour", 15, 6, "one\n\ntwo\nthree", "", 15},
		"code":            {"```go\na\nb\nc\n```\n", 10, 4, "```go\na\nb\n```", "```go\n", 10},
		"behind code":     {"```go\na\n```\nb\nc\n", 14, 4, "```go\na\n```\nb", "", 14},
		"before code":     {"some words\n```go\na\nb\n```\n", 20, 4, "some words", "", 11},
		"table":           {"|a|b|\n|-|-|\n|1|2|\n|3|4|\n", 18, 9, "|a|b|\n|-|-|\n|1|2|", "|a|b|\n|-|-|\n", 18},
		"character":       {"更多的字更多的字", 10, 5, "更多的", "", 9},
		"long code line":  {"```\nabcdefghijkl\n```", 12, 8, "```\nabcdefgh\n```", "```\n", 12},
		"tilde":           {"~~~\na\n```\nb\n~~~\n", 12, 4, "~~~\na\n```\nb\n~~~", "~~~\n", 12},
		"end of the code": {"```go\na\nb\n```", 13, 6, "```go\na\nb\n```", "```go\n", 10},
	} {
		got := cutAt(test.markdown, test.limit, test.least)
		if got.text != test.text || got.carry != test.carry || got.n != test.n {
			t.Errorf("%s: %q after %d, then %q", name, got.text, got.n, got.carry)
		}
	}
}

func TestLastBorder(t *testing.T) {
	for markdown, want := range map[string]string{
		"":                       "",
		"one":                    "",
		"one\n":                  "",
		"\n\n one":               "",
		"one\ntwo":               "one",
		"one\n\ntwo\nthree\n\n":  "one",
		"```go\na\nb":            "```go\na\n```",
		"one\n\n```go\na\nb":     "one",
		"|a|b|\n|-|-|\n|1|2|\n|": "|a|b|\n|-|-|\n|1|2|",
	} {
		if p := lastBorder(markdown); p.text != want || (p.n == 0) != (want == "") {
			t.Errorf("%q: %q after %d", markdown, p.text, p.n)
		}
	}
}

// A long table goes on under its head, a long code block in a block of its own.
func TestCutCarriesOver(t *testing.T) {
	table := "| name | number |\n| --- | --- |\n" + strings.Repeat("| row | 1 |\n", 4000)
	code := "```go\n" + strings.Repeat("x := 1\n", 6000) + "```\n"
	for _, p := range inParts(t, table) {
		if !strings.HasPrefix(p.text, "| name | number |\n| --- | --- |\n| row | 1 |") {
			t.Errorf("%.60q", p.text)
		}
	}
	for _, p := range inParts(t, code) {
		if !strings.HasPrefix(p.text, "```go\nx := 1\n") || !strings.HasSuffix(p.text, "\n```") {
			t.Errorf("%.30q … %q", p.text, p.text[len(p.text)-10:])
		}
	}
}

func TestCardMarkdown(t *testing.T) {
	table := "|a|b|\n|-|-|\n|1|2|\n"
	for markdown, want := range map[string]string{
		"# words\n":                                     "# words",
		"a <b> & <https://x.y> `<c>`":                   "a &#60;b> & <https://x.y> `<c>`",
		"1 < 2 <- 3":                                    "1 < 2 <- 3",
		"<at id=all></at>":                              "＜at id=all>＜/at>",
		"`<at id=all>`":                                 "`＜at id=all>`",
		"![](https://x.y)":                              "[https://x.y](https://x.y)",
		"![a](https://x.y \"t\")":                       "[a](https://x.y)",
		"![a](/b.png)":                                  "a (/b.png)",
		"![a](img_v2_1)":                                "![a](img_v2_1)",
		"```\n![a](b) <c>\n```":                         "```\n![a](b) <c>\n```",
		"```go\nx":                                      "```go\nx\n```",
		table + "\n" + table + "\n" + table:             strings.TrimRight(table+"\n"+table+"\n"+table, "\n"),
		strings.Repeat(table+"\n", 4):                   strings.Repeat(table+"\n", 3) + "```\n" + table + "```",
		strings.Repeat(table+"\n", 4) + "x":             strings.Repeat(table+"\n", 3) + "```\n" + table + "```\n\nx",
		"```\n" + strings.Repeat(table+"\n", 4) + "```": "```\n" + strings.Repeat(table+"\n", 4) + "```",
	} {
		if got := cardMarkdown(markdown); got != want {
			t.Errorf("%q:\n got %q\nwant %q", markdown, got, want)
		}
	}
}

// Whatever an answer is, its parts are within the limits, make progress and are
// whole; and no letter of it is lost.
func FuzzCardParts(f *testing.F) {
	for _, seed := range []string{
		"", "one\n\ntwo", longAnswer(3000), "```go\nx\n", "~~~\n```\n", "|a|\n|-|\n", "<at>", "![](x)", "\x00\xff\u2028", "\n\n\n", "````\n```\n",
	} {
		f.Add(seed, 1)
		f.Add(seed, 200)
	}
	f.Fuzz(func(t *testing.T, unit string, times int) {
		if times < 0 || times > 60_000 || times*len(unit) > 60_000 {
			return
		}
		markdown := strings.Repeat(unit, times)
		letters := func(text string) int {
			return strings.Count(text, "e") + strings.Count(text, "字")
		}
		shown := 0
		for _, p := range inParts(t, markdown) {
			if encodedLen(p.text) > maxCardJSON {
				t.Errorf("%d bytes in a card", encodedLen(p.text))
			}
			if !strings.Contains(p.text, "\xff") && utf8.ValidString(markdown) && !utf8.ValidString(p.text) {
				t.Errorf("a character is cut: %q", p.text)
			}
			if at := tagLike.FindString(p.text); at != "" {
				t.Errorf("somebody is mentioned: %q", at)
			}
			shown += letters(p.text)
		}
		if shown < letters(markdown) && !strings.Contains(markdown, "](") {
			t.Errorf("%d of %d letters are shown", shown, letters(markdown))
		}
		if p := lastBorder(markdown); p.n > len(markdown) || p.n < 0 {
			t.Errorf("a border at %d of %d", p.n, len(markdown))
		}
	})
}
