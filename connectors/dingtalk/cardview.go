package dingtalk

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a card shows besides the answer while it grows is words of the model, of tools
// and of ours. They are shown as plain words: what could make a link, a picture, a
// heading or an end of the emphasis of them is left out, since not every client of
// DingTalk knows escapes (UNVERIFIED).

// Bounds of what is shown besides the answer, in characters.
const (
	maxThought = 300 // the end of it
	maxDoing   = 80
)

// quoted is the end of a thought as a quote, or "".
func quoted(thought string) string {
	end := tail(thought, maxThought)
	words := plainly(end)
	switch {
	case words == "":
		return ""
	case len(end) < len(thought):
		words = "…" + words
	}
	return "> " + words
}

// under is content with what goes on now below it.
func under(content, doing string) string {
	words := plainly(doing)
	if words == "" {
		return content
	}
	if runes := []rune(words); len(runes) > maxDoing {
		words = string(runes[:maxDoing-1]) + "…"
	}
	line := "⏳ *" + words + "*"
	if content == "" {
		return line
	}
	return content + unfinished(content) + "\n\n" + line
}

// plainly is text in one line, without what markdown makes something of.
func plainly(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), strings.ContainsRune("*`~|[]<>\\#!", r):
			return -1
		}
		return r
	}, text)
	return strings.TrimLeft(strings.Join(strings.Fields(text), " "), "-+= ")
}

// tail is the last most characters of text.
func tail(text string, most int) string {
	at := len(text)
	for ; most > 0 && at > 0; most-- {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	return text[at:]
}

// unfinished is what closes the code block that is open at the end of content, or "".
func unfinished(content string) string {
	open := ""
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		marks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case open == "" && len(marks) >= 3 && !strings.Contains(line[len(marks):], "`"):
			open = marks
		case open != "" && len(marks) >= len(open) && marks == line:
			open = ""
		}
	}
	if open == "" {
		return ""
	}
	return "\n" + open
}
