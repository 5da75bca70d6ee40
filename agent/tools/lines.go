package tools

import (
	"bufio"
	"errors"
	"io"
	"time"
)

// lines reads lines of any length in bounded memory.
type lines struct {
	from *bufio.Reader
	max  int
	kept []byte // the line, or the two ends of one that is too long; good until next
}

func newLines(from io.Reader, max int) *lines {
	return &lines{from: bufio.NewReaderSize(from, 64<<10), max: max}
}

// next returns the next line without its end, and how long it was. Of a line longer
// than max only its first and its last bytes come, edge of each.
func (l *lines) next() (line []byte, length int, err error) {
	l.kept = l.kept[:0]
	for {
		piece, err := l.from.ReadSlice('\n')
		ended := err == nil
		if ended {
			piece = piece[:len(piece)-1]
		}
		length += len(piece)
		l.kept = append(l.kept, piece...)
		if length > l.max && len(l.kept) > 2*edge {
			l.kept = append(l.kept[:edge], l.kept[len(l.kept)-edge:]...)
		}
		switch {
		case ended, errors.Is(err, io.EOF) && length > 0:
			return l.kept, length, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, length, err
		}
	}
}

// meter says whether somebody sends more than a burst at once, and more than a rate
// in the long run. The zero time is its beginning.
type meter struct {
	burst, rate int // bytes; bytes a second

	used float64
	at   time.Time
}

// take counts n bytes, and one for the message itself; false is too much, and then
// they are not counted.
func (m *meter) take(n int) bool {
	now := time.Now()
	if !m.at.IsZero() {
		m.used = max(0, m.used-now.Sub(m.at).Seconds()*float64(m.rate))
	}
	m.at = now
	if m.used+float64(n+1) > float64(m.burst) {
		return false
	}
	m.used += float64(n + 1)
	return true
}
