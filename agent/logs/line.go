package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
)

// line writes finished lines, without secrets. A handler writes each of its lines in
// one call, and one after the other.
type line struct {
	redactor *Redactor
	json     bool // lines are JSON objects, and stay such
	journal  bool // they begin with a priority
	out      io.Writer
	scratch  []byte // of a line with its priority
}

// Write writes a line. It says that all of it was written, since what is left of it was.
func (l *line) Write(text []byte) (int, error) {
	clean := l.clean(text)
	if l.journal {
		l.scratch = append(append(l.scratch[:0], priority(text)...), clean...)
		clean = l.scratch
	}
	if _, err := l.out.Write(clean); err != nil {
		return 0, err
	}
	return len(text), nil
}

// withheld stands for a line whose secret is in its structure, a list of numbers for
// example, so that it cannot be taken out.
const withheld = `{"level":"ERROR","msg":"a line with a secret in it was withheld"}` + "\n"

// clean is text without secrets. A line without a backslash is what it says; in others
// an escape may hide a part of a secret, so they are looked at string by string.
func (l *line) clean(text []byte) []byte {
	n := l.redactor.now.Load()
	if n == nil {
		return text
	}
	found := in(n, text)
	switch {
	case !l.json && found:
		return []byte(n.redact(string(text)))
	case !l.json, !found && bytes.IndexByte(text, '\\') < 0:
		return text
	}
	if text = n.redactJSON(text); in(n, text) {
		return []byte(withheld)
	}
	return text
}

// redactJSON takes the secrets out of every string and number of a line of JSON, which
// stays JSON: a number that holds one becomes a string.
func (n *needles) redactJSON(text []byte) []byte {
	var out bytes.Buffer
	for len(text) > 0 {
		token := nextToken(text)
		text = text[len(token):]
		value := string(token)
		if token[0] == '"' && json.Unmarshal(token, &value) != nil {
			value = string(token) // no string after all; nothing here writes such
		}
		if clean := n.redact(value); clean != value {
			quoted, _ := json.Marshal(clean) // a string cannot fail
			out.Write(quoted)
			continue
		}
		out.Write(token)
	}
	return out.Bytes()
}

// nextToken is the string, number, word or sign that text, which is not empty, begins
// with.
func nextToken(text []byte) []byte {
	const signs = "{}[]:, \t\r\n"
	switch {
	case text[0] == '"':
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return text[:i+1]
			}
		}
		return text
	case bytes.IndexByte([]byte(signs), text[0]) >= 0:
		return text[:1]
	}
	if end := bytes.IndexAny(text, signs+`"`); end > 0 {
		return text[:end]
	}
	return text
}

// priority is the syslog priority of a line for the journal, as sd-daemon(3) has it.
// Such a line has no time, so it begins with its level.
func priority(text []byte) string {
	const before = `{"level":"`
	if len(text) > len(before) && string(text[:len(before)]) == before {
		switch text[len(before)] {
		case 'E':
			return "<3>"
		case 'W':
			return "<4>"
		case 'D':
			return "<7>"
		}
	}
	return "<6>"
}

// isJournal reports whether w is the stream to the journal that JOURNAL_STREAM names by
// its device and inode. The variable alone says nothing: it is inherited also where
// stderr was redirected.
func isJournal(w io.Writer, stream string) bool {
	file, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	stat, err := file.Stat()
	if err != nil {
		return false
	}
	sys, ok := stat.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", sys.Dev, sys.Ino)
}
