package boltstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// A panic under a commit is an error for everybody in it, which names the panic, and
// the next commit goes on as if it had not been.
func TestCommitPanics(t *testing.T) {
	s := fresh(t, conversation.Options{})
	accept(t, s, event("ann", 1, 1))
	accept(t, s, event("ann", 2, 1))
	l := take(t, s)

	s.lead <- struct{}{} // a commit is under way
	answers := make(chan error)
	go func() { answers <- l.Done(t.Context(), conversation.Outcome{}) }()
	queued(t, s, 1)
	go func() {
		answers <- s.commit(t.Context(), &write{apply: func(*bbolt.Tx) error { panic("page 17 already freed") }})
	}()
	queued(t, s, 2)
	go func() {
		_, err := s.Accept(t.Context(), event("ben", 1, 1))
		answers <- err
	}()
	queued(t, s, 3)
	<-s.lead
	for range 3 {
		if err := <-answers; !errors.Is(err, errPanic) || !strings.Contains(err.Error(), "page 17 already freed") {
			t.Errorf("the answer is %v", err)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Ping(ctx); err != nil {
		t.Fatalf("ping: %v", err)
	}
	if err := l.Renew(ctx); err != nil {
		t.Fatalf("renew: %v", err)
	}
	if err := l.Done(ctx, conversation.Outcome{}); err != nil {
		t.Fatalf("done: %v", err)
	}
	accept(t, s, event("ben", 1, 1)) // still fresh
	if l := take(t, s); l.Event.ID != "ann/2" {
		t.Fatalf("took %q, want ann/2", l.Event.ID)
	}
}

// Whatever is damaged in the file while it is open, every call is answered, and what
// cannot be stored any more is an error.
func TestDamagedWhileOpen(t *testing.T) {
	whole, err := os.ReadFile(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	page, size := int64(os.Getpagesize()), int64(len(whole))
	for _, test := range []struct {
		name   string
		damage func(file *os.File) error
	}{
		{"everything overwritten", func(file *os.File) error { return scribble(file, 0, size) }},
		{"everything but the meta pages overwritten", func(file *os.File) error { return scribble(file, 2*page, size) }},
		{"second half overwritten", func(file *os.File) error { return scribble(file, size/2, size) }},
		{"cut", func(file *os.File) error { return file.Truncate(4 * page) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "longwire.db")
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, conversation.Options{})
			if err != nil {
				t.Fatal(err)
			}
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if err := test.damage(file); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			failed := 0
			for n := range 10 {
				if _, err := s.Accept(ctx, event("late", n, 1)); errors.Is(err, errPanic) {
					failed++
				}
			}
			if failed == 0 {
				t.Error("nothing that is damaged was met")
			}
			_ = s.Ping(ctx)
			_, _ = s.Take(ctx, "home")
			_ = s.Close()
			if err := ctx.Err(); err != nil {
				t.Errorf("a call was not answered: %v", err)
			}
		})
	}
}

// scribble overwrites a part of a file.
func scribble(file *os.File, from, to int64) error {
	_, err := file.WriteAt(bytes.Repeat([]byte{0xff}, int(to-from)), from)
	return err
}
