package corpus

import (
	"io/fs"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"longwire/agent/prompt"
)

// Every piece of every text was counted, and every count has its piece.
func TestCorpusIsWhole(t *testing.T) {
	pieces, err := Pieces()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	for _, p := range pieces {
		if counted[p.Kind]++; p.Number != counted[p.Kind] {
			t.Errorf("%s: piece %d comes as number %d", p.Kind, p.Number, counted[p.Kind])
		}
		if p.Text == "" || !utf8.ValidString(p.Text) || p.Tokens[0] < len(p.Text)/12 || p.Tokens[0] > len(p.Text) || p.Tokens[1] > len(p.Text) {
			t.Errorf("%s %d: %d bytes, %v tokens", p.Kind, p.Number, len(p.Text), p.Tokens)
		}
	}
	files, err := fs.Glob(texts, "texts/*.txt")
	if err != nil || len(files) != len(counted) || len(files) < 13 {
		t.Fatalf("%d files, %d kinds, %v", len(files), len(counted), err)
	}
	for _, file := range files {
		text, err := texts.ReadFile(file)
		kind := strings.TrimSuffix(strings.TrimPrefix(file, "texts/"), ".txt")
		if n := 1 + strings.Count(string(text), "\n%%\n"); err != nil || n != counted[kind] || n < 6 {
			t.Errorf("%s: %d pieces, %d counted, %v", kind, n, counted[kind], err)
		}
	}
}

// How far off the estimates are, and that they stay so.
func TestErrors(t *testing.T) {
	found, err := Errors()
	if err != nil {
		t.Fatal(err)
	}
	// In percent. Emoji and the rarer alphabets are few tokens of any talk, and the
	// encodings differ by a factor of two there.
	before := map[string]float64{"all": 12, "emoji": 35, "korean": 25, "other": 30}
	after := map[string]float64{"all": 3, "emoji": 36, "python": 14}
	kinds := 0
	for _, e := range found {
		t.Log(e)
		if kinds++; 100*math.Abs(e.Before) > bound(before, e.Kind, 22) || 100*math.Abs(e.After) > bound(after, e.Kind, 12) {
			t.Errorf("%s, %s: the estimates have become worse", e.Kind, e.Encoding)
		}
		if e.Kind == "all" && math.Abs(e.After) > math.Abs(e.Before) {
			t.Errorf("%s: the correction makes it worse", e.Encoding)
		}
	}
	if kinds != 2*(13+1) {
		t.Errorf("%d lines", kinds)
	}
	t.Logf("on average of the kinds: before %.1f %%, after %.1f %%", 100*mean(found, func(e Error) float64 { return e.Before }), 100*mean(found, func(e Error) float64 { return e.After }))
}

func bound(of map[string]float64, kind string, otherwise float64) float64 {
	if most, ok := of[kind]; ok {
		return most
	}
	return otherwise
}

// mean is the mean size of an error over all kinds.
func mean(found []Error, of func(Error) float64) float64 {
	sum := 0.0
	for _, e := range found[:len(found)-len(Encodings)] {
		sum += math.Abs(of(e))
	}
	return sum / float64(len(found)-len(Encodings))
}

// One factor for all scripts would do less.
func TestOneFactorIsWorse(t *testing.T) {
	pieces, err := Pieces()
	if err != nil {
		t.Fatal(err)
	}
	found, err := Errors()
	if err != nil {
		t.Fatal(err)
	}
	merged := func(c prompt.Count) prompt.Count { return prompt.Count{Latin: c.CJK + c.Latin + c.Signs + c.Other} }
	single := make([]Error, len(found))
	for i, e := range found {
		encoding := i % len(Encodings)
		var one prompt.Estimator
		teach(pieces, "all", func(p Piece) { one.Observe(merged(prompt.Measure(p.Text)), p.Tokens[encoding]) })
		estimate := 0
		for _, p := range pieces {
			if p.Number%2 == 0 && p.Kind == e.Kind {
				estimate += one.Tokens(merged(prompt.Measure(p.Text)))
			}
		}
		single[i].After = float64(estimate)/float64(e.Tokens) - 1
	}
	after := func(e Error) float64 { return e.After }
	apart, together := mean(found, after), mean(single, after)
	t.Logf("mean error after correction: %.1f %% with a factor for each script, %.1f %% with one for all", 100*apart, 100*together)
	if apart > 0.7*together {
		t.Error("a factor for each script is hardly better than one for all")
	}
}

func TestErrorString(t *testing.T) {
	e := Error{Kind: "go", Encoding: "cl100k_base", Tokens: 300, Before: -0.0784, After: 0.061, Alone: 0.0004}
	if got := e.String(); got != "go        cl100k_base    300 tokens  before   -7.8 %  after   +6.1 %  alone   +0.0 %" {
		t.Errorf("%q", got)
	}
}
