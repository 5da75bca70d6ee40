package rotate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// open opens config in a directory of its own, unless it has a path.
func open(t *testing.T, config Config) *File {
	t.Helper()
	if config.Path == "" {
		config.Path = filepath.Join(t.TempDir(), "log.json")
	}
	f, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func write(t *testing.T, f *File, line string) {
	t.Helper()
	if n, err := f.Write([]byte(line)); err != nil || n != len(line) {
		t.Fatalf("write %q: %d, %v", line, n, err)
	}
}

func closeFile(t *testing.T, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if state := f.State(); state.Tidy != nil {
		t.Fatal(state.Tidy)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, zipped) {
		gz, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = io.ReadAll(gz); err != nil {
			t.Fatal(err)
		}
	}
	return string(raw)
}

// names are the replaced files beside path, the oldest first.
func names(t *testing.T, path string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) && !strings.HasSuffix(e.Name(), ".lock") {
			all = append(all, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return all
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	if got := read(t, path); got != want {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, want)
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	stat, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return stat.Mode().Perm()
}

func TestLinesAreAppendedOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "deep", "log.json")
	f := open(t, Config{Path: path})
	write(t, f, "one\n")
	if state := f.State(); state != (State{Lines: 1}) {
		t.Errorf("state %+v", state)
	}
	closeFile(t, f)
	f = open(t, Config{Path: path})
	write(t, f, "two\n")
	closeFile(t, f)
	expect(t, path, "one\ntwo\n")
	if m := mode(t, path); m != 0o600 {
		t.Errorf("the file's mode is %o", m)
	}
	if m := mode(t, filepath.Dir(path)); m != 0o700 {
		t.Errorf("the directory's mode is %o", m)
	}
	if m := mode(t, path+".lock"); m != 0o600 {
		t.Errorf("the lock's mode is %o", m)
	}
}

// Nothing is lost or mixed, whoever writes and however often the file is replaced.
func TestManyWritersAndManyFiles(t *testing.T) {
	for _, compress := range []bool{false, true} {
		f := open(t, Config{MaxSize: 500, Compress: compress})
		const writers, lines = 8, 100
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for n := range lines {
					if _, err := fmt.Fprintf(f, "writer %d line %d\n", w, n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		closeFile(t, f)
		old := names(t, f.path)
		if len(old) < 20 {
			t.Fatalf("only %d files were replaced", len(old))
		}
		next := make([]int, writers)
		count := 0
		for _, path := range append(old, f.path) {
			text := read(t, path)
			if len(text) > 500 {
				t.Errorf("%s has %d bytes", path, len(text))
			}
			for line := range strings.Lines(text) {
				var w, n int
				if _, err := fmt.Sscanf(line, "writer %d line %d\n", &w, &n); err != nil || next[w] != n {
					t.Fatalf("%q, want line %d: %v", line, next[w], err)
				}
				next[w]++
				count++
			}
		}
		if count != writers*lines || f.State().Lines != writers*lines {
			t.Errorf("%d lines, counted %+v", count, f.State())
		}
	}
}

// Closing breaks compressing off; the next run does it after its first line.
func TestCompressingIsFinishedInTheNextRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.json")
	plain := path[:len(path)-5] + "-20261101T150405.000Z.json"
	orphan := path[:len(path)-5] + "-20261003T150405.000Z.json"
	both := path[:len(path)-5] + "-20261102T150405.000Z.json"
	for name, text := range map[string]string{
		plain: "plain\n", plain + unfinished: "half", both: "both\n", both + zipped: "whole",
		orphan + unfinished: "half of what is gone",
	} {
		if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, Config{Path: path, Compress: true})
	write(t, f, "one\n")
	f.tidying.Wait()
	closeFile(t, f)
	if got := names(t, path); !slices.Equal(got, []string{plain + zipped, both + zipped}) {
		t.Fatalf("left are %v", got)
	}
	expect(t, plain+zipped, "plain\n")
	if raw, _ := os.ReadFile(both + zipped); string(raw) != "whole" {
		t.Errorf("what was compressed before is %q", raw)
	}
	if m := mode(t, plain+zipped); m != 0o640 {
		t.Errorf("the compressed file's mode is %o", m)
	}
}

func TestCloseBreaksCompressingOff(t *testing.T) {
	f := open(t, Config{Compress: true})
	name := f.freeName(time.Now())
	if err := os.WriteFile(name, []byte("text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	closeFile(t, f)
	if err := f.sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, f.path); !slices.Equal(got, []string{name}) {
		t.Errorf("left are %v", got)
	}
}

func TestOldFilesGo(t *testing.T) {
	f := open(t, Config{MaxSize: 1, MaxFiles: 2})
	for n := range 6 {
		write(t, f, fmt.Sprintln(n))
		f.tidying.Wait()
	}
	old := names(t, f.path)
	if len(old) != 2 {
		t.Fatalf("left are %v", old)
	}
	expect(t, old[0], "3\n")
	expect(t, old[1], "4\n")
	expect(t, f.path, "5\n")
}

// With MaxAge there is a file a day, named after its last line, and the old ones go.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, Config{MaxAge: 72 * time.Hour})
		for day := range 6 { // from midnight UTC on
			write(t, f, fmt.Sprintf("day %d\n", day))
			time.Sleep(12 * time.Hour)
			write(t, f, fmt.Sprintf("noon %d\n", day))
			f.tidying.Wait()
			time.Sleep(12 * time.Hour)
		}
		old := names(t, f.path)
		if len(old) != 3 || filepath.Base(old[0]) != "log-20000103T120000.000Z.json" {
			t.Fatalf("left are %v", old)
		}
		expect(t, old[0], "day 2\nnoon 2\n")
		expect(t, f.path, "day 5\nnoon 5\n")
	})
}

// A restart does not make a file younger.
func TestAgeOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.json")
	if err := os.WriteFile(path, []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	f := open(t, Config{Path: path, MaxAge: 1000 * time.Hour})
	write(t, f, "new\n")
	closeFile(t, f)
	old := names(t, path)
	if len(old) != 1 || !strings.Contains(old[0], yesterday.UTC().Format("20060102T150405")) {
		t.Fatalf("left are %v", old)
	}
	expect(t, old[0], "old\n")
	expect(t, path, "new\n")
}

func TestALineLongerThanTheFile(t *testing.T) {
	f := open(t, Config{MaxSize: 10})
	for _, line := range []string{"one\n", strings.Repeat("x", 50) + "\n", "two\n"} {
		write(t, f, line)
	}
	old := names(t, f.path)
	if len(old) != 2 {
		t.Fatalf("left are %v", old)
	}
	expect(t, old[0], "one\n")
	expect(t, old[1], strings.Repeat("x", 50)+"\n")
	expect(t, f.path, "two\n")
}

func TestAHalfLineIsEnded(t *testing.T) {
	for before, after := range map[string]string{
		"":                "next\n",
		"whole\n":         "whole\nnext\n",
		"whole\n{\"ha":    "whole\n{\"ha\nnext\n",
		"x":               "x\nnext\n",
		"whole\n\x00\x00": "whole\n\x00\x00\nnext\n",
	} {
		path := filepath.Join(t.TempDir(), "log.json")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		f := open(t, Config{Path: path})
		write(t, f, "next\n")
		expect(t, path, after)
	}
}
