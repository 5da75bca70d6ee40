package boltstore

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"longwire/connectors"
	"longwire/conversation"
)

// smallDisk mounts a file system of so many bytes until the test is over. Where the
// machine refuses that the test is skipped, unless it is one that has to run it.
func smallDisk(t *testing.T, size string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := syscall.Mount("longwire", folder, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("mount a small disk: %v", err)
		}
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return folder
}

// fill leaves no room on a disk, until remove is called.
func fill(t *testing.T, folder string) (remove func()) {
	t.Helper()
	path := filepath.Join(folder, "other")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, os.Getpagesize()))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// Ping tells of a full disk before an event was refused: as long as it says that the
// store works, the largest event is accepted, and where it does not, none is.
func TestPingOnAFullDisk(t *testing.T) {
	for _, test := range []struct {
		name   string
		pinged int // how often, before the disk is full
		small  int // events that are accepted before, so that the file has free pages
	}{
		{"new", 0, 1},
		{"pinged", 1, 1},
		{"pinged before", 3, 20},
		{"used before", 0, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := smallDisk(t, "8m")
			s := open(t, filepath.Join(folder, "longwire.db"), conversation.Options{})
			s.roomTime = 0 // each ping is a large one
			for n := range test.small {
				accept(t, s, event("small", n, 100))
			}
			for range test.pinged {
				if err := s.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			remove := fill(t, folder)
			n := 0
			for ; s.Ping(t.Context()) == nil; n++ {
				if n == 20 {
					t.Fatal("the disk is not full")
				}
				accept(t, s, event("large", n, connectors.MaxText))
			}
			if _, err := s.Accept(t.Context(), event("large", n, connectors.MaxText)); err == nil {
				t.Error("ping says that the store does not work, and an event was accepted")
			}
			remove()
			if err := s.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			accept(t, s, event("large", n, connectors.MaxText))
		})
	}
}
