package prompt

import (
	"math"
	"strings"
	"testing"
)

// What a text is made of goes to its script.
func TestMeasureTellsScriptsApart(t *testing.T) {
	rows := []struct {
		text                       string
		cjk, latin, signs, foreign bool
	}{
		{"", false, false, false, false},
		{"你好", true, false, false, false},
		{"こんにちは", true, false, false, false},
		{"안녕", true, false, false, false},
		{"，。“”", true, false, false, false},
		{"hello", false, true, false, false},
		{"12,5\n\n\t", false, false, true, false},
		{"привет", false, false, false, true},
		{"🎂👍", false, false, false, true},
		{"价格 price: 12 €", true, true, true, true},
	}
	for _, row := range rows {
		c := Measure(row.text)
		if c.CJK > 0 != row.cjk || c.Latin > 0 != row.latin || c.Signs > 0 != row.signs || c.Other > 0 != row.foreign || c.Fixed != 0 {
			t.Errorf("%q: %+v", row.text, c)
		}
	}
}

func TestMeasureCountsWords(t *testing.T) {
	rows := []struct {
		text  string
		words float64
	}{
		{"one two three", 3},
		{"someLongName", 3},
		{"HTTP", 1},
		{"snake_case_name", 3},
		{"naïve", 1},
	}
	for _, row := range rows {
		if got := Measure(row.text).Latin / costs[latin].first; math.Abs(got-row.words) > 0.01 {
			t.Errorf("%q: %.2f words, want %.0f", row.text, got, row.words)
		}
	}
	if short, long := Measure("understand").Latin, Measure(strings.Repeat("understand", 100)).Latin; long < 20*short {
		t.Errorf("a word of 1000 letters costs %.1f, one of ten %.1f", long, short)
	}
}

// No text costs less than its beginning, nor much more than its halves.
func FuzzMeasure(f *testing.F) {
	f.Add("hello 世界", "someName = 12")
	f.Add("かな", "漢字")
	f.Add("\xff\xfe", "🎂")
	f.Add("naï", "ve")
	f.Fuzz(func(t *testing.T, a, b string) {
		sum := func(text string) float64 { return rates{}.tokens(Measure(text)) }
		whole, first, second := sum(a+b), sum(a), sum(b)
		const seam = 2 // two characters that were the first of their kind no longer are
		switch {
		case math.IsNaN(whole), whole < 0, strings.ToValidUTF8(a+b, "") != "" && whole == 0 && strings.Trim(a+b, " \t") != "" && len(a+b) > 3:
			t.Fatalf("%q has %f tokens", a+b, whole)
		case strings.ToValidUTF8(a, "") == a && whole < first-1e-9:
			t.Fatalf("%q has %f tokens, its beginning %q has %f", a+b, whole, a, first)
		case strings.ToValidUTF8(a, "") == a && whole > first+second+seam:
			t.Fatalf("%q and %q have %f and %f tokens, together %f", a, b, first, second, whole)
		}
	})
}

func BenchmarkMeasure(b *testing.B) {
	text := chineseText + englishText + codeText
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Measure(text)
	}
}
