package main

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"longwire/conversation/redisstore/redistest"
)

// within is a context for what has to happen.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// launch starts a store and has what ends by itself fail the test.
func launch(t *testing.T, name string) store {
	t.Helper()
	died := make(chan error, 10)
	s, err := startStore(within(t), name, t.TempDir(), func(err error) { died <- err })
	if errors.Is(err, redistest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.close()
		if len(died) > 0 {
			t.Error(<-died)
		}
	})
	return s
}

func TestFileURL(t *testing.T) {
	if url := launch(t, fileName).url(); !strings.HasPrefix(url, "file:/") || !strings.HasSuffix(url, "/longwire.db") {
		t.Errorf("url %q", url)
	}
}

// Redis goes and comes back, whatever happens to it.
func TestRedisFaults(t *testing.T) {
	s := launch(t, redisName)
	for _, k := range []kind{redisStop, redisRestart, redisPause} {
		if err := s.strike(within(t), fault{kind: k}); err != nil {
			t.Errorf("%s: %v", k, err)
		}
		if err := s.mend(within(t), fault{kind: k}); err != nil {
			t.Errorf("mend %s: %v", k, err)
		}
	}
}

// The master goes, the replica takes its place, and the other is its replica now.
func TestSentinelFailsOver(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	s := launch(t, sentinelName).(*sentinel)
	if err := s.strike(within(t), fault{kind: redisFailover}); err != nil {
		t.Fatal(err)
	}
	if s.down != s.servers[0] {
		t.Fatalf("%s was killed, not the master", s.down.name)
	}
	if err := s.mend(within(t), fault{kind: redisFailover}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"role:slave", "role:master"} {
		if facts, err := s.servers[i].ask("replication"); err != nil || !strings.Contains(facts, want) {
			t.Errorf("%s does not say %q: %q, %v", s.servers[i].name, want, facts, err)
		}
	}
}

func TestReadBulk(t *testing.T) {
	for in, want := range map[string]string{
		"$5\r\nhello\r\n": "hello",
		"$0\r\n\r\n":      "",
	} {
		if got, err := readBulk(bufio.NewReader(strings.NewReader(in))); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "$5", "$5\r\nhell", "$-1\r\n", "$99999999\r\n", "5\r\nhello", "-LOADING\r\n"} {
		if got, err := readBulk(bufio.NewReader(strings.NewReader(in))); err == nil {
			t.Errorf("%q: %q, and no error", in, got)
		}
	}
}

func FuzzReadBulk(f *testing.F) {
	f.Add("$5\r\nhello\r\n")
	f.Add("$-1\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := readBulk(bufio.NewReader(strings.NewReader(in))); err == nil && !strings.Contains(in, got) {
			t.Errorf("%q: %q", in, got)
		}
	})
}
