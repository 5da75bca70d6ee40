package model

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// keyFile is a file of keys that may be written anew at any time: by an operator, a
// secret store, or systemd. Its ring guards it.
type keyFile struct {
	path string
	log  *slog.Logger

	values []string    // the keys, as they were read last
	seen   os.FileInfo // the file that they were read from; nil for none yet
	looked time.Time
	broken bool // it could not be read, and the log says so
}

// maxKeyFile bounds what is read of it: what is larger is no file of keys.
const maxKeyFile = 1 << 20

var errNoKeys = errors.New("no key in it")

// look reads the file again if it may have changed, and reports whether the keys
// have. It looks at most once a second, unless now is the time. A file that is
// missing or empty keeps the keys that were read before: it is being replaced.
func (f *keyFile) look(now time.Time, must bool) (changed bool) {
	if !must && now.Sub(f.looked) < time.Second {
		return false
	}
	f.looked = now
	stat, err := os.Stat(f.path)
	if err == nil && !must && f.same(stat) {
		return false
	}
	var values []string
	if err == nil {
		values, err = readKeys(f.path)
	}
	if err != nil {
		if !f.broken {
			f.log.Error("key file cannot be read, the keys stay as they were", "keys", len(f.values), "err", err)
		}
		f.broken = true
		return false
	}
	if f.broken {
		f.log.Info("key file can be read again", "keys", len(values))
	}
	f.broken, f.seen = false, stat
	if slices.Equal(values, f.values) {
		return false
	}
	if f.values != nil {
		f.log.Info("key file has changed", "keys", len(values))
	}
	f.values = values
	return true
}

// same reports whether stat is of what was read last. A file that could not be
// read is never the same.
func (f *keyFile) same(stat os.FileInfo) bool {
	return f.seen != nil && !f.broken && os.SameFile(f.seen, stat) &&
		f.seen.Size() == stat.Size() && f.seen.ModTime().Equal(stat.ModTime())
}

func readKeys(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if values := parseKeys(text); len(values) > 0 {
		return values, nil
	}
	return nil, fmt.Errorf("key file %s: %w", path, errNoKeys)
}

// parseKeys reads one key a line; blank lines and those that begin with # are
// nothing. What cannot stand in a header is no key, and a key that is there twice
// counts once.
func parseKeys(text []byte) (values []string) {
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	lines.Buffer(nil, maxKeyFile+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.ContainsFunc(line, unfit) || slices.Contains(values, line) {
			continue
		}
		values = append(values, line)
	}
	return values
}

// unfit is what no key contains, and no header may.
func unfit(r rune) bool { return r <= ' ' || r >= 0x7f }
