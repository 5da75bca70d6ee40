package model

import "strings"

// The marks between which a model thinks aloud at the head of its answer, where
// the endpoint does not take its thoughts out.
const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// maxBlanks bounds what is held back of blanks at the head of an answer.
const maxBlanks = 1 << 10

// thinker tells thoughts from the answer, in content that comes in pieces cut
// anywhere. Only the head of an answer can be a thought: an answer about the
// marks is an answer.
type thinker struct {
	state thinkState
	held  string // what cannot be decided yet
}

type thinkState int

const (
	atHead   thinkState = iota // nothing but blanks, and perhaps the begin of the mark
	thinking                   // behind the opening mark
	behind                     // behind the closing mark, blanks are dropped
	answering
)

// write takes the next piece and returns what is decided by it.
func (t *thinker) write(piece string) (thought, text string) {
	switch t.state {
	case atHead:
		t.held += piece
		head := strings.TrimLeft(t.held, blanks)
		switch {
		case strings.HasPrefix(head, thinkOpen):
			t.state, t.held = thinking, ""
			return t.write(head[len(thinkOpen):])
		case strings.HasPrefix(thinkOpen, head):
			if len(t.held) > maxBlanks {
				t.held = head
			}
			return "", ""
		}
		t.state, text, t.held = answering, t.held, ""
		return "", text
	case thinking:
		t.held += piece
		if before, after, found := strings.Cut(t.held, thinkClose); found {
			t.state, t.held = behind, ""
			_, text = t.write(after)
			return before, text
		}
		keep := overlap(t.held, thinkClose)
		thought, t.held = t.held[:len(t.held)-keep], t.held[len(t.held)-keep:]
		return thought, ""
	case behind:
		if text = strings.TrimLeft(piece, blanks); text != "" {
			t.state = answering
		}
		return "", text
	}
	return "", piece
}

// end returns what was held back when nothing more comes.
func (t *thinker) end() (thought, text string) {
	held := t.held
	t.held = ""
	if t.state == thinking {
		return held, ""
	}
	return "", held
}

const blanks = " \t\r\n"

// overlap is how many bytes at the end of s may be the begin of mark.
func overlap(s, mark string) int {
	for n := min(len(s), len(mark)-1); n > 0; n-- {
		if strings.HasSuffix(s, mark[:n]) {
			return n
		}
	}
	return 0
}
