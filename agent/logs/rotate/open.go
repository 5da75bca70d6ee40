package rotate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Who may read: people's words may be in there.
const (
	ownerOnly    fs.FileMode = 0o600
	ownerOnlyDir fs.FileMode = 0o700
	others       fs.FileMode = 0o007
)

// Open opens the file for appending, and makes it and its directory where they are
// missing.
func Open(config Config) (*File, error) {
	if config.MaxSize <= 0 {
		config.MaxSize = defaultMaxSize
	}
	path, device, err := resolve(config.Path)
	if err != nil {
		return nil, err
	}
	f := &File{config: config, path: path, closing: make(chan struct{})}
	if !device {
		if f.lock, err = lock(path); err != nil {
			return nil, err
		}
	}
	if err := f.reopen(); err != nil {
		if f.lock != nil {
			_ = f.lock.Close()
		}
		return nil, err
	}
	return f, nil
}

// resolve follows symbolic links, so that a file is locked and renamed where it really
// is, and refuses what lines cannot be appended to. Opening a pipe would wait for a
// reader.
func resolve(path string) (real string, device bool, err error) {
	if path == "" {
		return "", false, errors.New("no path")
	}
	if err := os.MkdirAll(filepath.Dir(path), ownerOnlyDir); err != nil {
		return "", false, err
	}
	stat, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		return filepath.Join(dir, filepath.Base(path)), false, err
	case err != nil:
		return "", false, err
	case stat.Mode()&fs.ModeCharDevice != 0:
		return path, true, nil
	case !stat.Mode().IsRegular():
		return "", false, fmt.Errorf("%s is not a regular file", path)
	}
	real, err = filepath.EvalSymlinks(path)
	return real, false, err
}

// lock takes the lock of path, which the system lets go of however the process ends.
// The lock has a file of its own because that one is never renamed; it stays where it
// is, since a lock file that is removed may be removed under the next holder.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, ownerOnly)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}

// openFile opens path for appending, with mode if it is new and without others' rights
// in any case.
func openFile(path string, mode fs.FileMode) (*os.File, fs.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, ownerOnly)
	if err != nil {
		return nil, nil, err
	}
	stat, err := file.Stat()
	if err == nil && stat.Mode().IsRegular() {
		want := stat.Mode().Perm()
		if stat.Size() == 0 {
			want |= mode
		}
		if want &^= others; want != stat.Mode().Perm() {
			err = file.Chmod(want)
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, stat, nil
}

// mend ends a half line, which a crash has left in the file just opened. On a disk that
// is full it is tried again with the next line.
func (f *File) mend(stat fs.FileInfo) {
	if !stat.Mode().IsRegular() || stat.Size() == 0 {
		return
	}
	var end [1]byte
	if _, err := f.file.ReadAt(end[:], stat.Size()-1); err != nil || end[0] == '\n' {
		return
	}
	_, err := f.file.Write([]byte("\n"))
	f.torn = err != nil
}
