package rotate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReopen(t *testing.T) {
	f := open(t, Config{})
	write(t, f, "one\n")
	moved := f.path + ".1"
	if err := os.Rename(f.path, moved); err != nil {
		t.Fatal(err)
	}
	write(t, f, "two\n") // still the file that was moved
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(t, f, "three\n")
	expect(t, moved, "one\ntwo\n")
	expect(t, f.path, "three\n")
	closeFile(t, f)
	if err := f.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reopen after close: %v", err)
	}
}

func TestReopenThatFailsKeepsTheFile(t *testing.T) {
	f := open(t, Config{})
	real := f.path
	f.path = filepath.Join(real, "below a file")
	if err := f.Reopen(); err == nil {
		t.Error("no error")
	}
	f.path = real
	write(t, f, "one\n")
	expect(t, real, "one\n")
}

// A file that was moved while it was full is not moved over by us.
func TestAMovedFileIsLetGoOfWhenFull(t *testing.T) {
	f := open(t, Config{MaxSize: 5})
	write(t, f, "one\n")
	moved := f.path + ".1"
	if err := os.Rename(f.path, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path, []byte("theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, f, "two\n")
	expect(t, moved, "one\n")
	expect(t, f.path, "theirs\ntwo\n")
}

func TestARemovedFileIsNoticed(t *testing.T) {
	f := open(t, Config{})
	write(t, f, "one\n")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	write(t, f, "two\n")
	expect(t, f.path, "two\n")
	if err := os.RemoveAll(filepath.Dir(f.path)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("three\n")); err == nil || f.State().Lost != 1 {
		t.Errorf("nowhere to write: %v, %+v", err, f.State())
	}
}

func TestOneHolder(t *testing.T) {
	f := open(t, Config{})
	link := filepath.Join(t.TempDir(), "link.json")
	write(t, f, "one\n")
	if err := os.Symlink(f.path, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{f.path, link} {
		if _, err := Open(Config{Path: path}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), f.path) {
			t.Errorf("second holder of %s: %v", path, err)
		}
	}
	closeFile(t, f)
	again := open(t, Config{Path: link, MaxSize: 5})
	write(t, again, "two\n")
	if len(names(t, f.path)) != 1 {
		t.Error("the link was renamed, not the file")
	}
	expect(t, f.path, "two\n")
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", dir, pipe, filepath.Join(file, "below"), filepath.Join(file, "below", "it")} {
		if f, err := Open(Config{Path: path}); err == nil {
			t.Errorf("%q was opened", path)
			_ = f.Close()
		}
	}
}

// Others never read along; a group does where the operator lets it in.
func TestModes(t *testing.T) {
	for before, after := range map[os.FileMode]os.FileMode{0o666: 0o660, 0o644: 0o640, 0o640: 0o640, 0o600: 0o600} {
		path := filepath.Join(t.TempDir(), "log.json")
		if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, before); err != nil {
			t.Fatal(err)
		}
		f := open(t, Config{Path: path, MaxSize: 1})
		if m := mode(t, path); m != after {
			t.Errorf("%o was made %o, want %o", before, m, after)
		}
		write(t, f, "y\n")
		if m := mode(t, path); m != after {
			t.Errorf("the next file of one with %o has %o", after, m)
		}
	}
}

func TestClose(t *testing.T) {
	f := open(t, Config{})
	closeFile(t, f)
	closeFile(t, f)
	if _, err := f.Write([]byte("late\n")); !errors.Is(err, os.ErrClosed) || f.State().Lost != 1 {
		t.Errorf("write after close: %v, %+v", err, f.State())
	}
	expect(t, f.path, "")
}

// Whatever lies in the directory, only our own names are taken apart, and back.
func FuzzParseName(f *testing.F) {
	for _, name := range []string{
		"log-20261101T150405.000Z.json", "log-20261101T150405.123Z.json.gz", "log-20261101T150405.123Z.json.gz.tmp",
		"log.json", "log-.json", "log-20261101T150405.000Z.jsonl", "log-2026.json", "other-20261101T150405.000Z.json", "",
	} {
		f.Add(name)
	}
	for _, base := range []string{"log.json", "log", "log.gz"} {
		at := time.Date(2026, 11, 1, 15, 4, 5, 7e6, time.UTC)
		for _, kind := range []string{"", zipped, unfinished} {
			file := &File{path: filepath.Join("dir", base)}
			last, got, ok := file.parseName(filepath.Base(file.freeName(at)) + kind)
			if !ok || got != kind || !last.Equal(at) {
				f.Fatalf("%s%s: %v, %q, %t", base, kind, last, got, ok)
			}
		}
	}
	f.Fuzz(func(t *testing.T, name string) {
		file := &File{path: filepath.Join("dir", "log.json")}
		last, kind, ok := file.parseName(name)
		if back := "log-" + last.Format(stampLayout) + ".json" + kind; ok && back != name {
			t.Errorf("%q was read as %q", name, back)
		}
	})
}
