package connectors

import (
	"strings"
	"unicode/utf8"
)

// Split cuts a markdown text into parts of at most limit bytes each, at the end
// of a paragraph where there is one in the second half of a part, else at the
// end of a line, else of a character. A code block that is cut is closed in its
// part and opened again in the next, so that every part is whole markdown. A
// limit below 64 counts as 64.
func Split(text string, limit int) []string {
	limit = max(limit, 64)
	var parts []string
	fence := "" // the line that opened the code block we are in
	for text != "" {
		room := limit
		if fence != "" {
			room -= len(fence) + len("\n")
		}
		if strings.TrimSpace(text) == "" {
			break // no platform takes a message that shows nothing
		}
		if len(text) <= room {
			parts = append(parts, reopen(fence, text))
			break
		}
		cut := cutAt(text, room-len("\n")-maxTicks)
		part, rest := text[:cut], text[cut:]
		open := FenceAfter(fence, part)
		body := reopen(fence, strings.TrimRight(part, "\n"))
		if open != "" {
			body += "\n" + open[:ticks(open)]
		} else {
			rest = strings.TrimLeft(rest, "\n")
		}
		if strings.TrimSpace(part) != "" {
			parts = append(parts, body)
		}
		fence, text = open, rest
	}
	return parts
}

// fenceMark begins and ends a code block. A block that shows one has a longer one
// itself.
const fenceMark = "```"

// maxFence bounds a code block's opening line, and maxTicks the backticks it begins
// with: a longer one is not worth repeating, and would leave no room for the code.
const (
	maxFence = 32
	maxTicks = 8
)

// ticks is with how many backticks a line begins.
func ticks(line string) int { return len(line) - len(strings.TrimLeft(line, "`")) }

func reopen(fence, text string) string {
	if fence == "" {
		return text
	}
	return fence + "\n" + text
}

// cutAt says after which byte of text, at most room, a part ends best.
func cutAt(text string, room int) int {
	head := text[:room]
	if i := strings.LastIndex(head, "\n\n"); i >= room/2 {
		return i + len("\n\n")
	}
	if i := strings.LastIndexByte(head, '\n'); i >= room/4 {
		return i + 1
	}
	for room > 1 && !utf8.RuneStart(text[room]) {
		room--
	}
	return room
}

// FenceAfter says which code block is open behind text, given the one that was
// open before it: its opening line, or "".
func FenceAfter(fence, text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		n := ticks(line)
		switch {
		case n < len(fenceMark):
		case fence == "" && strings.Contains(line[n:], "`"): // code within a line
		case fence == "" && (n > maxTicks || len(line) > maxFence):
			fence = fenceMark
		case fence == "":
			fence = line
		case n == len(line) && n >= ticks(fence):
			fence = ""
		}
	}
	return fence
}
