// Package logs is how the program logs: for people on a terminal, as JSON elsewhere, as
// the journal likes it where stderr is the journal, and into a file where one is named.
//
// A record goes this way:
//
//	levels    its package decides whether it is logged (levels.go); that can be
//	          changed while the program runs
//	encode    once for stderr, once for the file, by handlers that know nothing of
//	          either
//	redact    the finished line is searched for secrets (redact.go, line.go)
//	write     one write for each line
//
// Secrets are redacted by their type where they are known to be some (config.Secret).
// What is done here is the net below that: whatever wrote a secret into a line, as
// message, key, value, error, struct or a part of any, a line that holds it in plain or
// in a usual encoding does not leave the process. That is why the finished line is
// searched, not the values that went into it.
//
// Where JOURNAL_STREAM says that stderr is the journal, a line of JSON begins with its
// syslog priority (<3> is an error), which the journal takes off and files it by, and
// has no time, since the journal has its own. The file always has the time.
//
// A line that the file cannot take is still on stderr. The trouble is said there once
// a minute.
package logs

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"time"

	"golang.org/x/term"

	"longwire/agent/logs/rotate"
)

// Config says what is logged and where. The zero value is info and above, on stderr.
type Config struct {
	Level  slog.Level            // of everything that Levels does not name
	Levels map[string]slog.Level // by package path inside the module, "connectors/dingtalk"; the longest prefix wins
	Format Format                // on stderr; default Auto

	File     string        // as JSON; "" is no file
	MaxSize  int64         // bytes, before the file is replaced; default 100 MiB
	MaxAge   time.Duration // how long replaced files are kept, to the day; default for ever
	MaxFiles int           // how many replaced files are kept; default all
	Compress bool          // replaced files, with gzip

	// Secrets are the values that no line may hold. It is asked by Open and by every
	// Refresh; nil has none.
	Secrets func() []string
}

// Format is how lines on stderr look.
type Format string

// The formats. The zero Format is Auto.
const (
	Auto Format = "auto" // Text on a terminal, JSON elsewhere
	Text Format = "text"
	JSON Format = "json"
)

// NewText makes the handler for people: lines to w, of the given level and above.
type NewText func(w io.Writer, level slog.Leveler) slog.Handler

// Logs is the program's logging. All methods may be called at the same time.
type Logs struct {
	*slog.Logger         // what the program logs with
	Levels       *Levels // may be set at any time

	redactor *Redactor
	secrets  func() []string
	file     *rotate.File // nil without a file
}

// Open begins to log. Nothing but text, which may be nil where Format is JSON, knows
// how a terminal is written to.
func Open(config Config, stderr io.Writer, text NewText) (*Logs, error) {
	l := &Logs{Levels: NewLevels(config.Level, config.Levels), redactor: &Redactor{}, secrets: config.Secrets}
	l.Refresh()
	sinks := []slog.Handler{l.stderr(config.Format, stderr, text)}
	if config.File != "" {
		file, err := rotate.Open(rotate.Config{
			Path: config.File, MaxSize: config.MaxSize, MaxAge: config.MaxAge,
			MaxFiles: config.MaxFiles, Compress: config.Compress,
			Report: report(slog.New(sinks[0])),
		})
		if err != nil {
			return nil, fmt.Errorf("open log file: %w", err)
		}
		l.file = file
		sinks = append(sinks, newJSON(&line{redactor: l.redactor, json: true, out: file}, true))
	}
	l.Logger = slog.New(&handler{levels: l.Levels, sinks: sinks})
	return l, nil
}

// stderr is the handler for stderr.
func (l *Logs) stderr(format Format, stderr io.Writer, text NewText) slog.Handler {
	if text != nil && (format == Text || format != JSON && isTerminal(stderr)) {
		return text(&line{redactor: l.redactor, out: stderr}, everything)
	}
	journal := isJournal(stderr, os.Getenv("JOURNAL_STREAM"))
	return newJSON(&line{redactor: l.redactor, json: true, journal: journal, out: stderr}, !journal)
}

// everything lets all levels pass: the decision is made before, by package.
const everything = slog.Level(math.MinInt)

// newJSON is a handler of JSON lines, with or without the time. A duration is written as
// people read it, "1.927s": nobody would guess that a bare number is nanoseconds.
func newJSON(w io.Writer, withTime bool) slog.Handler {
	options := &slog.HandlerOptions{Level: everything, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case a.Value.Kind() == slog.KindDuration:
			return slog.String(a.Key, a.Value.Duration().String())
		case !withTime && len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime:
			return slog.Attr{}
		}
		return a
	}}
	return slog.NewJSONHandler(w, options)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// report says on stderr alone what goes wrong with the file, and that it is over.
func report(log *slog.Logger) func(rotate.State) {
	return func(s rotate.State) {
		switch {
		case s.Err != nil:
			log.Error("log file cannot be written", "lost", s.Lost, "err", s.Err)
		case s.Tidy != nil:
			log.Warn("old log files cannot be compressed or removed", "err", s.Tidy)
		default:
			log.Info("log file is written again", "lost", s.Lost)
		}
	}
}

// Refresh asks for the secrets again, after they were changed.
func (l *Logs) Refresh() {
	if l.secrets != nil {
		l.redactor.Set(l.secrets())
	}
}

// Redact is text without secrets, for what is said beside the log.
func (l *Logs) Redact(text string) string { return l.redactor.Redact(text) }

// State says how writing the file goes. Without a file all is well.
func (l *Logs) State() rotate.State {
	if l.file == nil {
		return rotate.State{}
	}
	return l.file.State()
}

// Reopen goes on in a new file after an outside logrotate has moved this one.
func (l *Logs) Reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.Reopen()
}

// Close writes to the disk what the file does not have yet, and lets it go. Lines after
// that are on stderr only.
func (l *Logs) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
