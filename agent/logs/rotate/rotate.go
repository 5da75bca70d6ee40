// Package rotate appends lines to a file and puts a new one in its place when it is
// full, for the logs and the records of a program that runs for years.
//
// What it promises:
//
//   - A line is one write to a file opened for appending. Write returns when the
//     system has it; on the disk it is, at the latest, when the file is replaced or
//     closed.
//   - Nothing is lost in silence: a line that could not be written is an error to
//     whoever wrote it, is counted, and is reported once a minute (State, Report). The
//     next line is tried again, so a disk that was full needs no restart.
//   - Lines stay whole: what a full disk took of a line is taken back, and a half line
//     that a crash left gets its newline when the file is opened.
//   - A line longer than MaxSize gets a file of its own. When the file cannot be
//     replaced, the old one grows on.
//   - One process has the file. A second one gets ErrInUse.
//   - Files are for their owner alone (0600), and so is a directory that has to be made
//     (0700). A group that the operator lets in stays in, others do not.
//
// A full file is renamed after its last line: log.json becomes
// log-20261101T150405.000Z.json, and then the same with .gz where Compress says so.
// Flushing it to the disk, compressing it and removing the oldest is done beside, by a
// goroutine that Close waits for; whatever a crash leaves of that is done after the
// first line of the next run.
//
// A file that an outside logrotate moves is let go of with Reopen; one that somebody
// has removed is noticed with the next line.
package rotate

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// Config says which file, and when it is replaced. A zero field takes its default.
type Config struct {
	// Path leads to the file. It may lead to a character device instead, such as
	// /dev/null, which is written to and nothing else.
	Path    string
	MaxSize int64 // bytes, before the file is replaced; default 100 MiB
	// MaxAge is how long replaced files are kept; default for ever. With it the file is
	// replaced every day (UTC) in which there is a line, so that a small one does not
	// keep lines that are too old. It is looked at when lines are written.
	MaxAge   time.Duration
	MaxFiles int  // replaced files kept, the oldest go first; default all
	Compress bool // replaced files, with gzip

	// Report is told of trouble, once a minute while there is some, and of its end. No
	// lock is held meanwhile, but it must not write to the same File. nil tells nobody.
	Report func(State)
}

// State is how it goes.
type State struct {
	Lines int64 // written since Open
	Lost  int64 // not written
	Err   error // why the last line was lost, or the file not replaced; nil when all is well
	Tidy  error // what went wrong the last time that replaced files were seen to
}

// ErrInUse is returned by Open when another process, or another File of this one, has
// the file.
var ErrInUse = errors.New("in use by another process")

const (
	defaultMaxSize = 100 << 20
	quiet          = time.Minute // between two reports of trouble
)

// File is the file. All methods may be called at the same time.
type File struct {
	config Config
	path   string   // Config.Path without symbolic links
	lock   *os.File // holds the lock; nil for a device

	mu       sync.Mutex
	file     *os.File  // nil after Close
	torn     bool      // the file ends in a half line
	last     time.Time // when the last line was written; zero in an empty file
	named    time.Time // in the name of the file that was replaced last
	swept    bool      // this run has seen to the replaced files
	state    State
	reported bool      // Report knows of the trouble in state
	said     time.Time // when it was told last

	// tidy.go
	tidying sync.WaitGroup // the goroutines that see to replaced files
	tidyMu  sync.Mutex     // one of them at a time
	closing chan struct{}  // closed by Close
}

// Write appends line, which ends in a newline, and replaces the file first when that
// is due.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	around, err := f.write(line)
	state, tell := f.note(around, err)
	f.mu.Unlock()
	if tell {
		f.config.Report(state)
	}
	if err != nil {
		return 0, err
	}
	return len(line), nil
}

// write is Write with the lock held. What around says went wrong has cost no line.
func (f *File) write(line []byte) (around, err error) {
	if f.file == nil {
		return nil, fmt.Errorf("write %s: %w", f.path, os.ErrClosed)
	}
	now := time.Now()
	stat, around, err := f.ready(int64(len(line)), now)
	if err != nil {
		return nil, err
	}
	if err := f.append(line, stat); err != nil {
		return around, err
	}
	f.last = now
	if !f.swept {
		f.swept = true
		f.tidy(nil)
	}
	return around, nil
}

// append writes line behind what the file has, which stat tells, or nothing.
func (f *File) append(line []byte, stat os.FileInfo) error {
	before := stat.Size()
	if f.torn {
		if _, err := f.file.Write([]byte("\n")); err != nil {
			return err
		}
		f.torn = false
		before++
	}
	n, err := f.file.Write(line)
	if err != nil && n > 0 && stat.Mode().IsRegular() {
		f.torn = f.file.Truncate(before) != nil
	}
	return err
}

// note counts a line and says whether Report is to be told.
func (f *File) note(around, err error) (state State, tell bool) {
	if err != nil {
		f.state.Lost++
	} else {
		f.state.Lines++
	}
	f.state.Err = errors.Join(around, err)
	switch {
	case f.state.Err == nil:
		tell, f.reported = f.reported, false
	case time.Since(f.said) >= quiet:
		tell, f.reported, f.said = true, true, time.Now()
	}
	return f.state, tell && f.config.Report != nil
}

// ready makes sure that the file in hand is one that more bytes may be written to: it
// was not removed, is not full and not of another day. What around says went wrong
// leaves the one in hand as good as it was.
func (f *File) ready(more int64, now time.Time) (stat os.FileInfo, around, err error) {
	stat, err = f.file.Stat()
	if err == nil && removed(stat) {
		if err = f.reopen(); err == nil {
			stat, err = f.file.Stat()
		}
	}
	if err != nil || !f.due(stat, more, now) {
		return stat, nil, err
	}
	if around = f.replace(stat); around != nil {
		return stat, fmt.Errorf("replace: %w", around), nil
	}
	stat, err = f.file.Stat()
	return stat, nil, err
}

// due reports whether the file in hand is to be replaced before more is written.
func (f *File) due(stat os.FileInfo, more int64, now time.Time) bool {
	if !stat.Mode().IsRegular() || stat.Size() == 0 {
		return false
	}
	full := stat.Size()+more > f.config.MaxSize
	old := f.config.MaxAge > 0 && day(f.last) != day(now)
	return full || old
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// removed reports whether no name leads to a file any more.
func removed(stat os.FileInfo) bool {
	sys, ok := stat.Sys().(*syscall.Stat_t)
	return ok && sys.Nlink == 0
}

// replace renames the file in hand and opens a new one.
func (f *File) replace(stat os.FileInfo) error {
	there, err := os.Lstat(f.path)
	if err != nil || !os.SameFile(there, stat) {
		return f.reopen() // somebody else has moved it
	}
	name := f.freeName(f.last)
	if err := os.Rename(f.path, name); err != nil {
		return err
	}
	next, _, err := openFile(f.path, stat.Mode().Perm())
	if err != nil {
		return errors.Join(err, os.Rename(name, f.path))
	}
	f.take(next, time.Time{})
	return nil
}

// Reopen lets go of the file, which was moved away, and goes on in the one that Path
// leads to, which is made if there is none. On an error it goes on in the old one.
func (f *File) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return fmt.Errorf("reopen %s: %w", f.path, os.ErrClosed)
	}
	return f.reopen()
}

func (f *File) reopen() error {
	next, stat, err := openFile(f.path, ownerOnly)
	if err != nil {
		return err
	}
	f.take(next, stat.ModTime())
	f.mend(stat)
	return nil
}

// take goes on in next, whose last line is of the time last.
func (f *File) take(next *os.File, last time.Time) {
	old := f.file
	f.file, f.last, f.torn = next, last, false
	if old != nil {
		f.tidy(old)
	}
}

// State says how it goes.
func (f *File) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Close flushes the file to the disk and lets it go. Compressing is broken off, to be
// done in the next run. A Write after Close is an error.
func (f *File) Close() error {
	f.mu.Lock()
	file := f.file
	f.file = nil
	f.mu.Unlock()
	if file == nil {
		return nil
	}
	close(f.closing)
	err := flush(file)
	f.tidying.Wait()
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}
