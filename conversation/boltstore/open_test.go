package boltstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"longwire/conversation"
)

// filled is a file with events in it, large enough for inner pages.
func filled(t *testing.T) (path string) {
	path = filepath.Join(t.TempDir(), "longwire.db")
	s := open(t, path, conversation.Options{})
	for n := range 300 {
		accept(t, s, event("person", n, 2000))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenKeepsOthersOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "longwire.db")
	open(t, path, conversation.Options{})
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		got, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, got.Mode(), want)
		}
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "longwire.db")
	open(t, path, conversation.Options{})
	_, err := Open(path, conversation.Options{})
	if !errors.Is(err, bolterrors.ErrTimeout) {
		t.Fatalf("open of a file that is open: %v", err)
	}
	for _, want := range []string{path, "another process", "stop that process"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

// A file that is something else, or damaged, is an error that names the file, and
// never a panic. A page may be damaged without anybody noticing before it is
// needed, so the last rows may also succeed.
func TestOpenDamaged(t *testing.T) {
	whole, err := os.ReadFile(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for _, test := range []struct {
		name string
		file []byte
		may  bool // succeed
	}{
		{"text", []byte(strings.Repeat("not a store\n", 5000)), false},
		{"short text", []byte("hello"), false},
		{"zeros", make([]byte, 8*page), false},
		{"cut within the first page", whole[:100], false},
		{"cut after the first pages", whole[:2*page], false},
		{"cut in half", whole[:len(whole)/2], true},
		{"both meta pages overwritten", append(bytes.Repeat([]byte{0xff}, 2*page), whole[2*page:]...), false},
		{"everything else overwritten", append(bytes.Clone(whole[:2*page]), bytes.Repeat([]byte{0xff}, len(whole)-2*page)...), false},
		{"everything else zero", append(bytes.Clone(whole[:2*page]), make([]byte, len(whole)-2*page)...), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "longwire.db")
			if err := os.WriteFile(path, test.file, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, conversation.Options{})
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if !test.may {
					t.Fatal("open succeeds")
				}
				return
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not name the file", err)
			}
		})
	}
}

func TestOpenOtherFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "longwire.db")
	s := open(t, path, conversation.Options{})
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(fileBucket).Put(formatKey, []byte("2"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, conversation.Options{}); err == nil || !strings.Contains(err.Error(), `format "2"`) {
		t.Fatalf("open of a file of another format: %v", err)
	}
}

func TestOpenNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "longwire.db")
	if _, err := Open(path, conversation.Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("open below a file: %v", err)
	}
}

// Keys that cannot come from Accept are refused, not misread.
func FuzzSplitWaiting(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0, 2, 'a', 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, k []byte) {
		key, seq, err := splitWaiting(k)
		if err != nil {
			return
		}
		prefix, err := prefixOf(key)
		if err != nil {
			t.Skip("longer than a key in the file can be")
		}
		if back := numbered(prefix, seq); !bytes.Equal(back, k) {
			t.Fatalf("%x reads as %q, %d, which is written %x", k, key, seq, back)
		}
	})
}
