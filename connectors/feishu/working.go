package feishu

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"longwire/connectors"
)

// A card shows more than the answer: while it grows, below the text, what goes on
// besides, and as long as there is no text, how the model's thought ends; when it is
// finished, all of the thought that has room, folded above the text. Whatever is said
// there counts for no part of the answer.
const (
	maxDoing   = 100     // characters of what goes on
	maxTail    = 300     // characters of a thought while there is no answer
	maxThought = 4 << 10 // bytes of a folded thought, as they stand in the card
	// maxTexts bounds the text and the thought of a card together. The text alone has
	// maxCardJSON at most, so there is always room for some thought.
	maxTexts = 28 << 10
)

// look is what a growing card shows.
type look struct {
	words string // of the answer; "" while there are none
	all   string // with what is said besides
}

// look is what a growing card shows of v, p being its part of the answer.
func (r *reply) look(v connectors.View, p cardPart) look {
	var to look
	if strings.TrimSpace(p.text) != "" {
		to.words = p.text
	}
	to.all = to.words
	if to.words == "" && r.from == 0 {
		to.all = quoted(v.Thought)
	}
	to.all = cmp.Or(with(to.all, doing(v.Doing)), r.buttons.labels.Thinking)
	return to
}

// with is text with a line below it, if that still fits into the card.
func with(text, line string) string {
	switch whole := text + "\n\n" + line; {
	case line == "":
		return text
	case text == "":
		return line
	case encodedLen(whole) <= maxCardJSON:
		return whole
	}
	return text
}

// doing is the line that says what goes on; "" for nothing.
func doing(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	if words == "" {
		return ""
	}
	if runes := []rune(words); len(runes) > maxDoing {
		words = string(runes[:maxDoing]) + "…"
	}
	return "⏳ *" + literal(words) + "*"
}

// quoted is the end of a thought as a quote; "" for none.
func quoted(thought string) string {
	whole := thought
	thought = strings.Join(strings.Fields(tail(thought, maxTail*utf8.UTFMax)), " ")
	if thought == "" {
		return ""
	}
	runes := []rune(thought)
	if len(runes) > maxTail || len(whole) > maxTail*utf8.UTFMax {
		thought = "…" + string(runes[max(len(runes)-maxTail, 0):])
	}
	return "> " + literal(thought)
}

// folded is as much of the end of a thought as has room in a finished card beside text.
func folded(thought, text string) string {
	thought = harmless(strings.TrimSpace(thought))
	room := min(maxThought, maxTexts-encodedLen(text))
	for n := room; n > 0; n = n * 3 / 4 {
		end := tail(thought, n)
		if len(end) < len(thought) {
			end = "…" + end
		}
		if encodedLen(end) <= room {
			return end
		}
	}
	return ""
}

// tail is the last n bytes of text, or a little less so as not to cut a character.
func tail(text string, n int) string {
	from := max(len(text)-n, 0)
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	return text[from:]
}

// literals makes what is markdown show as it is written.
var literals = strings.NewReplacer(
	"&", "&#38;", "<", "&#60;", ">", "&#62;", "\\", "&#92;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "~", "&#126;",
	"[", "&#91;", "]", "&#93;", "(", "&#40;", ")", "&#41;", "#", "&#35;", "|", "&#124;", "!", "&#33;",
)

// literal puts one line of text, of which nobody knows what it says, into markdown.
func literal(text string) string { return literals.Replace(text) }
