package feishu

import (
	"regexp"
	"strings"
)

// mentionTag begins what the platform turns into a mention, and whatever it might
// take for that.
var mentionTag = regexp.MustCompile(`(?i)<([\s/\p{Z}\p{C}]*at\b)`)

// harmless makes every mention tag show as the words it is made of: an answer must
// not call people, let alone everybody, and a model can be talked into anything.
func harmless(text string) string { return mentionTag.ReplaceAllString(text, "＜$1") }

// plainer puts markdown that a post cannot show into markdown that it can:
// headings become bold lines, tables become code blocks.
func plainer(text string) string {
	var b strings.Builder
	fence, table := "", false // the code block, or the table, that we are in
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		if row := fence == "" && strings.HasPrefix(bare, "|"); row != table {
			b.WriteString("```\n")
			table = row
		}
		switch mark := fenceOf(bare); {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && bare == mark && strings.HasPrefix(mark, fence):
			fence = ""
		case fence == "" && strings.HasPrefix(bare, "#"):
			if heading, ok := headingOf(bare); ok {
				line = "**" + heading + "**\n"
			}
		}
		b.WriteString(line)
	}
	if table {
		return strings.TrimSuffix(b.String(), "\n") + "\n```"
	}
	return b.String()
}

// fenceOf returns the three or more characters with which line begins or ends a
// code block, "" if it does neither.
func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		words := strings.TrimLeft(line, c)
		mark := line[:len(line)-len(words)]
		if len(mark) >= 3 && (c == "~" || !strings.Contains(words, c)) {
			return mark
		}
	}
	return ""
}

// headingOf returns the words of an ATX heading: one to six # and a space.
func headingOf(line string) (string, bool) {
	rest := strings.TrimLeft(line, "#")
	level := len(line) - len(rest)
	words := strings.TrimSpace(strings.ReplaceAll(rest, "**", ""))
	return words, level <= 6 && strings.HasPrefix(rest, " ") && words != ""
}

// maxTables is how many tables a card shows: the documents say four in an element,
// and people have seen the fourth of a card refused.
const maxTables = 3

var (
	// tableRule is the line below a table's head.
	tableRule = regexp.MustCompile(`(?m)^\s*\|?(\s*:?-+:?\s*\|)+\s*(:?-+:?)?\s*$`)
	// picture is one that is shown from an address; cards take only uploaded ones.
	picture = regexp.MustCompile(`!\[([^\]\n]*)\]\(([^)\n]*)\)`)
	// htmlTag begins what a card takes for HTML and does not show.
	htmlTag = regexp.MustCompile(`<(https?://|[A-Za-z/!?])`)
	// inlineCode is code within a line.
	inlineCode = regexp.MustCompile("`+[^`\n]*`+")
)

// cardMarkdown puts markdown into the one that a card shows whole: nobody is
// mentioned, HTML is shown as it is written, pictures become links, tables above
// maxTables become code blocks, and a code block that is open is closed.
func cardMarkdown(markdown string) string {
	lines := strings.SplitAfter(harmless(strings.TrimRight(markdown, "\n")), "\n")
	var b strings.Builder
	fence, tables := "", 0
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		bare := strings.TrimSpace(line)
		switch mark := fenceOf(bare); {
		case fence == "" && mark != "":
			fence = mark
		case fence != "":
			if bare == mark && strings.HasPrefix(mark, fence) {
				fence = ""
			}
		case isTable(lines[i:]):
			rows := tableLen(lines[i:])
			if tables++; tables > maxTables {
				b.WriteString("```\n" + endLine(strings.Join(lines[i:i+rows], "")) + "```\n")
			} else {
				for _, row := range lines[i : i+rows] {
					b.WriteString(asShown(row))
				}
			}
			i += rows - 1
			continue
		default:
			line = asShown(line)
		}
		b.WriteString(line)
	}
	if fence != "" {
		return endLine(b.String()) + fence
	}
	return strings.TrimRight(b.String(), "\n")
}

// isTable reports whether lines begin with a table: a line that is its head, or at
// least a rule.
func isTable(lines []string) bool {
	return tableRule.MatchString(lines[0]) ||
		len(lines) > 1 && strings.Contains(lines[0], "|") && tableRule.MatchString(lines[1])
}

// tableLen is how many lines the table has with which lines begin.
func tableLen(lines []string) int {
	for i, line := range lines {
		if !strings.Contains(line, "|") || fenceOf(strings.TrimSpace(line)) != "" {
			return max(i, 1)
		}
	}
	return len(lines)
}

func endLine(text string) string { return strings.TrimSuffix(text, "\n") + "\n" }

// asShown puts one line outside of code blocks into the form that shows all of it.
func asShown(line string) string {
	line = picture.ReplaceAllStringFunc(line, func(match string) string {
		words := picture.FindStringSubmatch(match)
		return link(words[1], words[2])
	})
	var b strings.Builder
	for from := 0; ; {
		code := inlineCode.FindStringIndex(line[from:])
		if code == nil {
			b.WriteString(literalTags(line[from:]))
			return b.String()
		}
		b.WriteString(literalTags(line[from : from+code[0]]))
		b.WriteString(line[from+code[0] : from+code[1]])
		from += code[1]
	}
}

// link is what is shown of a picture. A link to anything but the web is refused.
func link(words, target string) string {
	target, _, _ = strings.Cut(strings.TrimSpace(target), " ")
	switch {
	case strings.HasPrefix(target, "img_"):
		return "![" + words + "](" + target + ")"
	case !strings.HasPrefix(target, "http://") && !strings.HasPrefix(target, "https://"):
		return strings.TrimSpace(words + " (" + target + ")")
	case words == "":
		words = target
	}
	return "[" + words + "](" + target + ")"
}

// literalTags makes tags show as they are written. An address in angle brackets is
// no tag.
func literalTags(text string) string {
	return htmlTag.ReplaceAllStringFunc(text, func(tag string) string {
		if strings.HasSuffix(tag, "://") {
			return tag
		}
		return "&#60;" + tag[1:]
	})
}
