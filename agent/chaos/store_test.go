package main

import (
	"context"
	"errors"
	"os"
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
	if errors.Is(err, redistest.ErrMissing) && os.Getenv(redistest.RequireEnv) != "1" {
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
