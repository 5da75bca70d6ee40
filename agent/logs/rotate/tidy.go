package rotate

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The names of replaced files.
const (
	stampLayout = "20060102T150405.000Z"
	zipped      = ".gz"
	unfinished  = ".gz.tmp"
)

// errClosing says that compressing was broken off.
var errClosing = errors.New("closing")

// tidy sees to a file that was let go of, if there is one, and to all replaced files,
// in a goroutine of its own. The lock is held.
func (f *File) tidy(old *os.File) {
	f.tidying.Go(func() {
		f.tidyMu.Lock()
		defer f.tidyMu.Unlock()
		var err error
		if old != nil {
			err = flush(old)
		}
		if f.config.MaxAge > 0 || f.config.MaxFiles > 0 || f.config.Compress {
			err = errors.Join(err, f.sweep(time.Now()))
		}
		f.mu.Lock()
		f.state.Tidy = err
		state := f.state
		f.mu.Unlock()
		if err != nil && f.config.Report != nil {
			f.config.Report(state)
		}
	})
}

// flush writes to the disk what the system has of a file, and closes it.
func flush(file *os.File) error {
	err := file.Sync()
	if errors.Is(err, syscall.EINVAL) {
		err = nil // a device
	}
	return errors.Join(err, file.Close())
}

// replaced is a file that was replaced: its content is in one name, or in two when a
// crash came between compressing it and removing it.
type replaced struct {
	last  time.Time
	plain string // "" when only the compressed one is there
	gz    string // "" when it is not compressed
}

// sweep removes the replaced files that are too old or too many, and compresses the
// others.
func (f *File) sweep(now time.Time) error {
	files, err := f.replacedFiles()
	var all []error
	for i, r := range files {
		tooMany := f.config.MaxFiles > 0 && i >= f.config.MaxFiles
		tooOld := f.config.MaxAge > 0 && r.last.Before(now.Add(-f.config.MaxAge))
		switch {
		case tooMany || tooOld:
			all = append(all, remove(r.plain), remove(r.gz))
		case r.plain != "" && r.gz != "":
			all = append(all, remove(r.plain)) // .gz has its name only when it is whole
		case r.plain != "" && f.config.Compress:
			if err := f.compress(r.plain); errors.Is(err, errClosing) {
				return errors.Join(all...)
			} else if err != nil {
				all = append(all, fmt.Errorf("compress: %w", err))
			}
		}
	}
	return errors.Join(err, errors.Join(all...))
}

// replacedFiles lists them, the newest first, and removes what a crash left of
// compressing one.
func (f *File) replacedFiles() ([]replaced, error) {
	dir := filepath.Dir(f.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var left error
	files := map[time.Time]replaced{}
	for _, entry := range entries {
		last, kind, ok := f.parseName(entry.Name())
		if !ok {
			continue
		}
		name, r := filepath.Join(dir, entry.Name()), files[last]
		r.last = last
		switch kind {
		case unfinished:
			left = errors.Join(left, remove(name))
			continue
		case zipped:
			r.gz = name
		default:
			r.plain = name
		}
		files[last] = r
	}
	sorted := make([]replaced, 0, len(files))
	for _, r := range files {
		sorted = append(sorted, r)
	}
	slices.SortFunc(sorted, func(a, b replaced) int { return cmp.Compare(b.last.UnixNano(), a.last.UnixNano()) })
	return sorted, left
}

// parseName takes the name of a replaced file apart.
func (f *File) parseName(name string) (last time.Time, kind string, ok bool) {
	stem, ext := f.stem()
	rest, ok := strings.CutPrefix(name, stem+"-")
	if !ok {
		return time.Time{}, "", false
	}
	for _, kind := range []string{"", zipped, unfinished} {
		stamp, ok := strings.CutSuffix(rest, ext+kind)
		if !ok || len(stamp) != len(stampLayout) {
			continue
		}
		if last, err := time.Parse(stampLayout, stamp); err == nil {
			return last, kind, true
		}
	}
	return time.Time{}, "", false
}

// stem splits the file's own name before its extension.
func (f *File) stem() (stem, ext string) {
	base := filepath.Base(f.path)
	ext = filepath.Ext(base)
	return strings.TrimSuffix(base, ext), ext
}

// freeName is the name for a replaced file whose last line is of the time last, or the
// next one that no file has, and that is behind all names so far: two may be full within
// a millisecond, and the first of them be gone by then.
func (f *File) freeName(last time.Time) string {
	stem, ext := f.stem()
	last = last.Truncate(time.Millisecond)
	if !last.After(f.named) {
		last = f.named.Add(time.Millisecond)
	}
	for ; ; last = last.Add(time.Millisecond) {
		name := filepath.Join(filepath.Dir(f.path), stem+"-"+last.UTC().Format(stampLayout)+ext)
		if !exists(name) && !exists(name+zipped) {
			f.named = last
			return name
		}
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// remove removes a file; "" and one that is gone already are fine.
func remove(name string) error {
	if name == "" {
		return nil
	}
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// compress makes name.gz of name. The .gz has its name only when it is whole and on the
// disk, and only then name is removed, so that a crash at any time costs nothing.
func (f *File) compress(name string) (err error) {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	part := name + unfinished
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, ownerOnly)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(part))
		}
	}()
	gz := gzip.NewWriter(out)
	_, err = io.Copy(gz, untilClosed{in, f.closing})
	err = errors.Join(err, gz.Close(), out.Chmod(stat.Mode().Perm()), flush(out))
	if err != nil {
		return err
	}
	if err := os.Rename(part, name+zipped); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(name)); err != nil {
		return err
	}
	return remove(name)
}

// untilClosed reads until closing is closed: the program does not wait for a hundred
// megabytes when it stops.
type untilClosed struct {
	io.Reader
	closing <-chan struct{}
}

func (r untilClosed) Read(p []byte) (int, error) {
	select {
	case <-r.closing:
		return 0, errClosing
	default:
		return r.Reader.Read(p)
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return flush(d)
}
