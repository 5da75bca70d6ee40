// Package records keeps the conversation log for audits: who asked what and when, what
// the answer was, which model gave it, what it cost, how long it took, and what people
// thought of it. It is off unless the operator names a file.
//
// The file holds one JSON object a line, in the order in which the turns ended. The
// fields and their names are those of the wire struct in record.go; v is the version of
// the schema, and fields may be added within a version but not renamed.
//
//	{"v":1,"kind":"turn","at":"2026-11-01T15:04:05.123Z","connection":"sales","platform":"dingtalk",
//	 "event":"ab3cd4ef","chat":"cid1","person":{"id":"u1","name":"Li"},"outcome":"answered",
//	 "question":"…","answer":"…","model":"qwen-max","endpoint":"main","tokens":{"prompt":812,"answer":96},
//	 "waited_ms":3,"first_word_ms":420,"took_ms":2210}
//	{"v":1,"kind":"feedback","at":"…","connection":"sales","event":"ab3cd4ef","by":{"id":"u1"},"good":true}
//
// What it promises:
//
//   - Before anything is written, the rules of Config.Redact are applied to what people
//     and models have said: question, answer, names, error (scrub.go, rules.go).
//   - Add returns when the system has the line, which a turn does not notice. A line is
//     safe from a crash of the program then, and from one of the machine when the file
//     is replaced or closed: an fsync for each turn would cost more than a record is worth.
//   - A record that cannot be written holds nobody up. It is counted, logged once a
//     minute, and State says so.
//
// How the file is replaced, compressed, locked and mended is agent/logs/rotate's.
package records

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"longwire/agent/logs/rotate"
)

// Config says what is kept where. A zero field takes its default.
type Config struct {
	File     string
	MaxSize  int64         // bytes, before the file is replaced; default 100 MiB
	MaxAge   time.Duration // how long replaced files are kept, to the day; default for ever
	MaxFiles int           // how many replaced files are kept; default all
	Compress bool          // replaced files, with gzip
	Redact   []Rule        // applied in their order; default none
}

// Log is the conversation log. All methods may be called at the same time; those of a
// nil Log do nothing.
type Log struct {
	scrubber *Scrubber
	file     *rotate.File
	log      *slog.Logger
}

// Open opens the log. It is an error when another process has the file.
func Open(config Config, log *slog.Logger) (*Log, error) {
	scrubber, err := NewScrubber(config.Redact)
	if err != nil {
		return nil, err
	}
	l := &Log{scrubber: scrubber, log: log}
	l.file, err = rotate.Open(rotate.Config{
		Path: config.File, MaxSize: config.MaxSize, MaxAge: config.MaxAge,
		MaxFiles: config.MaxFiles, Compress: config.Compress, Report: l.report,
	})
	if err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	return l, nil
}

// Add writes a record. That it may fail is between the log and the operator: no turn is
// worse for it.
func (l *Log) Add(r Record) {
	if l == nil {
		return
	}
	_, _ = l.file.Write(l.scrubbed(r).line()) // counted and reported by the file
}

// scrubbed is r as it may be kept.
func (l *Log) scrubbed(r Record) Record {
	for _, text := range []*string{&r.Question, &r.Answer, &r.Error, &r.Person.Name, &r.By.Name} {
		*text = l.scrubber.Scrub(*text)
	}
	r.With = slices.Clone(r.With)
	for i := range r.With {
		r.With[i].Name = l.scrubber.Scrub(r.With[i].Name)
	}
	return r
}

// report tells the operator what goes wrong with the file, and that it is over.
func (l *Log) report(s rotate.State) {
	switch {
	case s.Err != nil:
		l.log.Error("records cannot be written", "lost", s.Lost, "err", s.Err)
	case s.Tidy != nil:
		l.log.Warn("old records cannot be compressed or removed", "err", s.Tidy)
	default:
		l.log.Info("records are written again", "lost", s.Lost)
	}
}

// State says how writing goes.
func (l *Log) State() rotate.State {
	if l == nil {
		return rotate.State{}
	}
	return l.file.State()
}

// Reopen goes on in a new file after an outside logrotate has moved this one.
func (l *Log) Reopen() error {
	if l == nil {
		return nil
	}
	return l.file.Reopen()
}

// Close writes to the disk what is not there yet, and lets the file go.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
