package feishu

import (
	"strings"
	"unicode/utf8"
)

const (
	// maxCardText bounds the markdown of one card in bytes, and maxCardJSON what it
	// may take in the card, which the platform takes up to 30 KB, with the rest.
	maxCardText = 20_000
	maxCardJSON = 25 << 10
	// maxFence and maxCarry bound what is repeated at the beginning of the next card:
	// the line that opens a code block, and the head of a table.
	maxFence = 32
	maxCarry = 500
)

// cardPart is the part of an answer that one card shows.
type cardPart struct {
	text  string // markdown as it is shown: whole in itself, and such that the platform takes it
	n     int    // how many bytes of the answer it is
	carry string // what goes before the rest in the next card
}

// firstPart is as much of markdown as goes into one card: all of it, where that fits.
func firstPart(markdown string) cardPart {
	ending := len(strings.TrimRight(markdown, " \n"))
	for limit := maxCardText; ; limit /= 2 {
		var p cardPart
		if ending > limit {
			p = cutAt(markdown, limit, limit/2)
		} else {
			p = cardPart{text: cardMarkdown(markdown), n: len(markdown)}
		}
		if encodedLen(p.text) <= maxCardJSON || limit < utf8.UTFMax {
			return p
		}
	}
}

// lastBorder is as much of markdown, which goes on growing, as ends well: with its
// last paragraph but one, where there are several. n is 0 where nothing does.
func lastBorder(markdown string) cardPart {
	head := markdown[:strings.LastIndexByte(strings.TrimRight(markdown, " \n"), '\n')+1]
	if strings.TrimSpace(head) == "" {
		return cardPart{}
	}
	return cutAt(head, len(head), 1)
}

// cutAt cuts markdown after at most limit bytes, where it is at least that long: at
// the end of a paragraph if there is one behind the byte least, else of a line
// outside of code blocks and tables, else of any line, else of a character.
func cutAt(markdown string, limit, least int) cardPart {
	var at, paragraph, line, inner place
	at.read(markdown[:limit], func() {
		switch {
		case at.fence == "" && at.table == "" && at.blank:
			paragraph, line, inner = at, at, at
		case at.fence == "" && at.table == "":
			line, inner = at, at
		case !at.opening:
			inner = at
		}
	})
	switch {
	case paragraph.n >= least:
		at = paragraph
	case line.n >= least:
		at = line
	case inner.n >= (least+1)/2:
		at = inner
	default: // one line fills the card
		for at.n = limit; at.n > 1 && at.n < len(markdown) && !utf8.RuneStart(markdown[at.n]); {
			at.n--
		}
		at.table = "" // within a row nothing can be repeated
	}
	return cardPart{text: cardMarkdown(markdown[:at.n]), n: at.n, carry: at.carry()}
}

// place is a place in a markdown text, at the end of a line, and what it is within.
type place struct {
	n      int
	fence  string // the line that opened the code block, empty outside of one
	table  string // the first two lines of the table, or the one that may become one
	second bool   // of table there are both lines
	blank  bool   // the last line was empty

	// opening says that the last line is the first of a code block or of the head of
	// a table, behind which nothing is to be left alone.
	opening bool
}

// read goes through the lines of text; each is called behind each of them.
func (p *place) read(text string, each func()) {
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			return
		}
		p.n += len(line)
		p.step(line)
		each()
	}
}

func (p *place) step(line string) {
	bare := strings.TrimSpace(line)
	mark := fenceOf(bare)
	p.blank, p.opening = bare == "", false
	switch {
	case p.fence == "" && mark != "":
		p.fence, p.table, p.second, p.opening = bare, "", false, true
	case p.fence != "":
		if bare == mark && strings.HasPrefix(mark, fenceOf(p.fence)) && mark != "" {
			p.fence = ""
		}
	case !strings.Contains(bare, "|"):
		p.table, p.second = "", false
	case p.table == "":
		p.table, p.opening = line, true
	case !p.second:
		p.table, p.second, p.opening = p.table+line, true, true
	}
}

// carry is what has to be said again behind p.
func (p *place) carry() string {
	switch {
	case len(p.fence) > maxFence:
		return fenceOf(p.fence)[:3] + "\n"
	case p.fence != "":
		return p.fence + "\n"
	case p.second && tableRule.MatchString(p.table) && len(p.table) <= maxCarry:
		return p.table
	}
	return ""
}
