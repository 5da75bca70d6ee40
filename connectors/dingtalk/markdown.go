package dingtalk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"longwire/connectors"
)

// What DingTalk makes of markdown in a message (documented): headings, quotes, bold,
// italics, links, pictures and lists. Code blocks are shown as such by its clients
// (UNVERIFIED). Tables are shown in cards alone; in a message their rows stay as
// they were written, one below the other, which can still be read.

// titleOf is what the chat list and a notification show: the first words.
func titleOf(text string) string {
	const most = 20
	for line := range strings.Lines(text) {
		title := []rune(strings.Trim(line, "#>*-`| \t\r\n"))
		switch {
		case len(title) > most:
			return string(title[:most]) + "…"
		case len(title) > 0:
			return string(title)
		}
	}
	return "…"
}

// visible takes the control characters out of text, and makes a character of what
// is none: neither can be shown, and in JSON each would take six bytes.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// breaks makes every line end of markdown a visible one, as the developer
// documentation advises: DingTalk shows a single newline as a space. Code blocks
// keep their lines as they are.
func breaks(text string) string {
	var b strings.Builder
	fence := "" // of the code block we are in
	for line := range strings.Lines(text) {
		bare, ended := strings.CutSuffix(line, "\n")
		before := fence
		fence = connectors.FenceAfter(before, bare)
		b.WriteString(bare)
		if !ended {
			break
		}
		if before == "" && fence == "" && bare != "" {
			b.WriteString("  ")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// clipped is at most limit bytes of text, whole characters.
func clipped(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
