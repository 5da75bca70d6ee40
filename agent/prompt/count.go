package prompt

import (
	"unicode"
	"unicode/utf8"
)

// Count is how many tokens a text is estimated to have, by script. The scripts are
// apart because tokenizers differ most in what they make of Chinese: what one
// endpoint reports corrects each by itself.
type Count struct {
	CJK   float64 // Chinese, Japanese and Korean, with their punctuation
	Latin float64 // words in Latin letters, of prose and of code
	Signs float64 // numbers, punctuation and layout: most of what code and logs are besides
	Other float64 // other alphabets, accents, emoji
	Fixed float64 // what no correction applies to: the frame around each message, and pictures

	Pictures int
}

// Plus is the count of two texts.
func (c Count) Plus(d Count) Count {
	return Count{c.CJK + d.CJK, c.Latin + d.Latin, c.Signs + d.Signs, c.Other + d.Other, c.Fixed + d.Fixed, c.Pictures + d.Pictures}
}

// kind is the kind of a character, as far as tokenizers care.
type kind int

const (
	latin kind = iota
	accented
	digit
	space
	newline
	sign // ASCII punctuation
	han
	kana
	hangul
	wide // punctuation of CJK, full-width forms
	pictogram
	alphabet // any other alphabet
	kinds
)

// cost is what a run of characters of one kind costs, in tokens: the first
// character, those up to free nothing, and each one after them rest.
type cost struct {
	first float64
	free  int
	rest  float64
}

// costs were fitted to the odd pieces of the corpus (package corpus), halfway
// between its two encodings. The length of a run that is free is set by hand: what
// is common in a language is one token.
var costs = [kinds]cost{
	latin:     {first: 0.97, free: 7, rest: 0.12},
	accented:  {first: 0.8, free: 1, rest: 0.6},
	digit:     {first: 1.05, free: 1, rest: 0.37},
	space:     {first: 0, free: 1, rest: 0.05},
	newline:   {first: 0.65, free: 1, rest: 0.05},
	sign:      {first: 0.8, free: 1, rest: 0.2},
	han:       {first: 1, free: 1, rest: 0.86},
	kana:      {first: 0.4, free: 1, rest: 0.9},
	hangul:    {first: 0.75, free: 1, rest: 1.05},
	wide:      {first: 1.4, free: 1, rest: 0.3},
	pictogram: {first: 2.4, free: 1, rest: 2},
	alphabet:  {first: 1.2, free: 1, rest: 0.4},
}

// Measure estimates how many tokens text has, before any correction. It depends on
// nothing but text.
func Measure(text string) Count {
	var m meter
	for _, r := range text {
		m.add(r)
	}
	return m.count
}

// meter counts a text character by character. The count never falls.
type meter struct {
	count  Count
	before rune // the last character
	was    kind // of before
	run    int  // how many of its kind there are in a row, itself included; 0 at the beginning
}

func (m *meter) add(r rune) {
	k := kindOf(r)
	if m.goesOn(k, r) {
		m.run++
	} else {
		m.run = 1
	}
	m.before, m.was = r, k
	c := &costs[k]
	switch {
	case m.run == 1:
		*m.part(k) += c.first
	case m.run > c.free:
		*m.part(k) += c.rest
	}
}

// goesOn reports whether r belongs to the run before it.
func (m *meter) goesOn(k kind, r rune) bool {
	switch {
	case m.run == 0:
		return false
	case k <= accented && m.was <= accented:
		return !upper(r) || upper(m.before) // someName is two words
	}
	return k == m.was
}

// part is where characters of a kind are counted.
func (m *meter) part(k kind) *float64 {
	switch k {
	case han, kana, hangul, wide:
		return &m.count.CJK
	case latin:
		return &m.count.Latin
	case digit, space, newline, sign:
		return &m.count.Signs
	}
	return &m.count.Other
}

func upper(r rune) bool { return 'A' <= r && r <= 'Z' }

func kindOf(r rune) kind {
	if r < utf8.RuneSelf {
		return asciiKinds[r]
	}
	switch {
	case 0x4e00 <= r && r <= 0x9fff: // nearly all there is of Han, without a look at the tables
		return han
	case unicode.Is(unicode.Han, r):
		return han
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return kana
	case unicode.Is(unicode.Hangul, r):
		return hangul
	case 0x2e80 <= r && r <= 0x33ff, 0xff00 <= r && r <= 0xffef:
		return wide
	case 0x2018 <= r && r <= 0x201f: // quotation marks
		return wide
	case unicode.Is(unicode.Latin, r):
		return accented
	case unicode.IsLetter(r), unicode.IsMark(r) && r < 0xfe00:
		return alphabet
	}
	return pictogram
}

// asciiKinds are asciiKind of each: all of code and half of what else is written.
var asciiKinds = func() (all [utf8.RuneSelf]kind) {
	for r := range all {
		all[r] = asciiKind(rune(r))
	}
	return all
}()

func asciiKind(r rune) kind {
	switch {
	case 'a' <= r && r <= 'z', upper(r):
		return latin
	case '0' <= r && r <= '9':
		return digit
	case r == '\n', r == '\r':
		return newline
	case r == ' ', r == '\t':
		return space
	}
	return sign
}
