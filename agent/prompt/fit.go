package prompt

import (
	"strings"
	"unicode/utf8"
)

// cutMark stands where the rest of a text was left out.
const cutMark = "[… cut]"

// Fit cuts a question down to so many tokens: first the files that came with it, the
// last one first, then what it quotes, each from its end. What the person wrote is
// left as it is, and so is the name of every file. False says that this was not
// enough; the text is as short as it gets then.
func (b Builder) Fit(question string, tokens int) (string, bool) {
	rates := b.Tokens.snapshot()
	over := func(text string) float64 { return rates.tokens(Measure(text)) - float64(tokens) }
	if over(question) <= 0 {
		return question, true
	}
	parts := split(question)
	for _, what := range []partKind{fileBody, quoteBody} {
		for i := len(parts) - 1; i >= 0; i-- {
			if parts[i].kind != what {
				continue
			}
			whole := parts[i].text
			room := rates.tokens(Measure(whole))
			for room > rates.tokens(Measure("> "+cutMark+"\n")) { // a mark in its place is no shorter
				excess := over(join(parts))
				if excess <= 0 {
					return join(parts), true
				}
				room -= max(excess, 1)
				parts[i].text = what.cut(whole, room, rates)
			}
		}
	}
	text := join(parts)
	return text, over(text) <= 0
}

type partKind int

const (
	words     partKind = iota // never cut
	fileBody                  // between the fences of a file
	quoteBody                 // the lines of a quote
)

// part is a piece of a question. The parts are the question again when joined.
type part struct {
	kind partKind
	text string // a body ends with its line
}

func (k partKind) cut(text string, tokens float64, rates rates) string {
	if k == quoteBody {
		text = rates.clip(text, tokens-2)
		text, _ = strings.CutSuffix(text, cutMark)
		return text + "> " + cutMark + "\n"
	}
	return rates.clip(text, tokens) + "\n"
}

func join(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
	}
	return b.String()
}

// split finds the files and the quotes in a question, which agent/turn has put there:
//
//	[file NAME]              [quoted message from WHO]
//	```                      > line
//	content                  > line
//	```
//
// A fence is as long as its file needs, so nothing inside looks like its end.
func split(question string) (parts []part) {
	lines := strings.SplitAfter(question, "\n")
	add := func(kind partKind, from, to int) {
		if from < to {
			parts = append(parts, part{kind, strings.Join(lines[from:to], "")})
		}
	}
	begin := 0 // of what is not in parts yet
	for i := 0; i < len(lines); i++ {
		body, end := i+1, i+1
		kind := quoteBody
		switch {
		case heads(lines[i], "[file "):
			kind = fileBody
			body, end = fileLines(lines, i+1)
		case heads(lines[i], "[quoted message"):
			for end < len(lines) && strings.HasPrefix(lines[end], "> ") && strings.HasSuffix(lines[end], "\n") {
				end++
			}
		}
		if end > body {
			add(words, begin, body)
			add(kind, body, end)
			begin = end
			i = end - 1
		}
	}
	add(words, begin, len(lines))
	return parts
}

func heads(line, prefix string) bool {
	return strings.HasPrefix(line, prefix) && strings.HasSuffix(line, "]\n")
}

// fileLines are the lines between the fence at i and the one that closes it; none
// where there is no fence, or none that closes it.
func fileLines(lines []string, i int) (from, to int) {
	if i >= len(lines) {
		return i, i
	}
	fence := strings.TrimSuffix(lines[i], "\n")
	if len(fence) < 3 || strings.Trim(fence, "`") != "" {
		return i, i
	}
	for end := i + 1; end < len(lines); end++ {
		if strings.TrimSuffix(lines[end], "\n") == fence {
			return i + 1, end
		}
	}
	return i, i
}

// clip is as much of the beginning of text as so many tokens allow, with a mark where
// it ends if that is not all, which there is room for always. It ends with a line
// where that does not cost half of it.
func (r rates) clip(text string, tokens float64) string {
	if r.tokens(Measure(text)) <= tokens {
		return text
	}
	tokens -= r.tokens(Measure("\n" + cutMark))
	var m meter
	end := 0
	for i, char := range text {
		m.add(char)
		if r.tokens(m.count) > tokens {
			break
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		end = i + size
	}
	if line := strings.LastIndexByte(text[:end], '\n'); line > end/2 {
		end = line
	}
	kept := strings.TrimRight(text[:end], "\r\n")
	if kept == "" {
		return cutMark
	}
	return kept + "\n" + cutMark
}
