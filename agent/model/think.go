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

// maxUnopened bounds how much of an answer may turn out to have been thoughts, in bytes.
const maxUnopened = 256 << 10

// thinker tells thoughts from the answer, in content that comes in pieces cut
// anywhere. Only the head of an answer can be a thought: an answer about the
// marks is an answer.
//
// Some models find the opening mark in their prompt, and write only the closing one, on a
// line of its own (DeepSeek R1, QwQ and Qwen3 behind vLLM and SGLang without a reasoning
// parser). What came before it was taken for the answer; unopened tells of that.
type thinker struct {
	state thinkState
	held  string          // what cannot be decided yet
	said  strings.Builder // of the answer so far, as long as it may still be thoughts
	sure  bool            // it is none
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
		head, t.held, t.state = t.held, "", answering
		return t.write(head)
	case thinking:
		t.held += piece
		if before, after, found := strings.Cut(t.held, thinkClose); found {
			t.state, t.held, t.sure = behind, "", true
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
	if t.sure {
		return "", piece
	}
	t.held += piece
	keep := overlap(t.held, thinkClose)
	if at := strings.Index(t.held, thinkClose); at >= 0 { // what follows the mark is needed as well
		keep = max(keep, len(t.held)-at)
	}
	text, t.held = t.held[:len(t.held)-keep], t.held[len(t.held)-keep:]
	t.said.WriteString(text)
	if t.said.Len() > maxUnopened {
		text, t.held, t.sure = text+t.held, "", true
	}
	return "", text
}

// unopened reports whether all of the answer so far was thoughts, which it returns: a
// closing mark has come on a line of its own, and not in a block of code. The answer
// begins behind it.
func (t *thinker) unopened(ended bool) (thoughts string, ok bool) {
	rest, found := strings.CutPrefix(t.held, thinkClose)
	if t.sure || t.state != answering || !found || rest == "" && !ended {
		return "", false
	}
	said := t.said.String()
	line := strings.TrimRight(said, " \t")
	t.sure = true
	if line != "" && !strings.HasSuffix(line, "\n") || rest != "" && !strings.HasPrefix(strings.TrimLeft(rest, " \t\r"), "\n") || strings.Count(said, "```")%2 != 0 {
		return "", false
	}
	t.state, t.held = behind, rest
	return said, true
}

// passed is what was held back and is decided now: that it is no mark.
func (t *thinker) passed() (held string) {
	if t.sure {
		held, t.held = t.held, ""
	}
	return held
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
