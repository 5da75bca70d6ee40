package rotate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// What a full disk took of a line is taken back; where that fails too, the next line
// begins on a line of its own. The file size limit of the process stands in for the
// disk, so this test holds it alone.
func TestAFullDiskLeavesNoHalfLine(t *testing.T) {
	f := open(t, Config{})
	write(t, f, "0123456789\n")
	limitFileSize(t, 16, func() {
		if n, err := f.Write([]byte("too long for what is left\n")); err == nil || n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	})
	expect(t, f.path, "0123456789\n")
	f.torn = true
	write(t, f, "next\n")
	write(t, f, "last\n")
	expect(t, f.path, "0123456789\n\nnext\nlast\n")
	if state := f.State(); state.Lost != 1 || state.Lines != 3 || state.Err != nil {
		t.Errorf("state %+v", state)
	}
}

// limitFileSize runs do while no file may grow beyond size.
func limitFileSize(t *testing.T, size uint64, do func()) {
	t.Helper()
	limit(t, syscall.RLIMIT_FSIZE, size, do)
}

// limit runs do while the process may have only so much of something.
func limit(t *testing.T, what int, most uint64, do func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(what, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: most, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(what, &before); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// A file that was renamed gets its name back when there can be no next one.
func TestARenamedFileComesBack(t *testing.T) {
	f := open(t, Config{MaxSize: 5})
	write(t, f, "one\n")
	limit(t, syscall.RLIMIT_NOFILE, 0, func() { write(t, f, "two\n") })
	expect(t, f.path, "one\ntwo\n")
	if old := names(t, f.path); len(old) != 0 || !errors.Is(f.State().Err, syscall.EMFILE) {
		t.Errorf("left are %v, state %+v", old, f.State())
	}
}

// Of two files that are full within a millisecond none takes the other's name, also
// when that one is compressed already.
func TestNamesAreTakenOnce(t *testing.T) {
	f := open(t, Config{})
	at := time.Date(2026, 11, 1, 15, 4, 5, 0, time.UTC)
	for n, kind := range []string{"", zipped, ""} {
		name := f.freeName(at)
		if want := fmt.Sprintf("log-20261101T150405.%03dZ.json", n); filepath.Base(name) != want {
			t.Errorf("%s, want %s", name, want)
		}
		if err := os.WriteFile(name+kind, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Trouble is reported once a minute, and its end.
func TestTroubleIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []State
		f := open(t, Config{Path: "/dev/full", Report: func(s State) { told = append(told, s) }})
		fail := func() {
			t.Helper()
			if n, err := f.Write([]byte("x\n")); n != 0 || !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%d, %v", n, err)
			}
		}
		for range 100 {
			fail()
			time.Sleep(time.Second)
		}
		if len(told) != 2 || told[0].Lost != 1 || told[1].Lost != 61 || !errors.Is(told[1].Err, syscall.ENOSPC) {
			t.Fatalf("told %+v", told)
		}
		f.mu.Lock()
		f.path = "/dev/null" // the disk has room again
		f.mu.Unlock()
		if err := f.Reopen(); err != nil {
			t.Fatal(err)
		}
		write(t, f, "y\n")
		write(t, f, "z\n")
		if len(told) != 3 || told[2] != (State{Lines: 1, Lost: 100}) {
			t.Fatalf("told %+v", told)
		}
	})
}

// When no new file can be had, the old one goes on.
func TestAFileThatCannotBeReplacedGrows(t *testing.T) {
	var told []State
	f := open(t, Config{MaxSize: 5, Report: func(s State) { told = append(told, s) }})
	write(t, f, "one\n")
	real := f.path
	f.path = filepath.Join(filepath.Dir(real), "gone", "log.json")
	write(t, f, "two\n")
	f.path = real
	expect(t, real, "one\ntwo\n")
	if state := f.State(); state.Lost != 0 || state.Err == nil || len(told) != 1 {
		t.Fatalf("state %+v, told %+v", state, told)
	}
	write(t, f, "three\n")
	expect(t, real, "three\n")
	if state := f.State(); state.Err != nil || len(told) != 2 {
		t.Errorf("state %+v, told %+v", state, told)
	}
}

func TestTroubleWithOldFilesIsTold(t *testing.T) {
	told := make(chan State, 1)
	f := open(t, Config{MaxFiles: 1, Report: func(s State) { told <- s }})
	for range 2 { // a directory that is not empty cannot be removed
		if err := os.MkdirAll(filepath.Join(f.freeName(time.Now()), "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, f, "one\n")
	if s := <-told; s.Tidy == nil || s.Err != nil {
		t.Errorf("told %+v", s)
	}
}
