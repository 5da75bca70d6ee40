package redistest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, s *Server) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	client := redis.NewClient(o)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// What is stored survives being killed; a server that is stopped does not answer.
func TestServer(t *testing.T) {
	s := Start(t, "--appendfsync", "always")
	testServer(t, s)
	if !s.Real() {
		t.Skip("the rest needs a real redis-server")
	}
	client := connect(t, s)
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := client.Ping(ctx).Err(); err == nil {
		t.Error("ping of a paused server: no error")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	s.Stop() // a paused one too
	if err := s.Pause(); err == nil {
		t.Error("pause of a stopped server: no error")
	}
}

// The imitation does the same as far as it goes, and lets keys expire.
func TestImitation(t *testing.T) {
	s, err := imitate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if s.Real() {
		t.Error("the imitation says it is real")
	}
	testServer(t, s)
	if err := s.Pause(); !errors.Is(err, ErrImitation) {
		t.Errorf("pause: %v, want %v", err, ErrImitation)
	}
}

func testServer(t *testing.T, s *Server) {
	ctx := context.Background()
	client := connect(t, s)
	if err := client.Set(ctx, "short", "v", 50*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(ctx, "long", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Stop()
	if err := client.Ping(ctx).Err(); err == nil {
		t.Error("ping of a stopped server: no error")
	}
	for range 2 {
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	client = connect(t, s)
	if got, err := client.Get(ctx, "long").Result(); err != nil || got != "v" {
		t.Errorf("after a restart: %q, %v; want v", got, err)
	}
	for deadline := time.Now().Add(30 * time.Second); client.Exists(ctx, "short").Val() != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the key does not expire")
		}
	}
}

// A server that does not come up says why.
func TestLaunchFails(t *testing.T) {
	dir := t.TempDir()
	s, err := Launch(dir, "--no-such-option", "1")
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err == nil {
		s.Stop()
		t.Fatal("launch with an unknown option succeeds")
	}
	if !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("error %q does not say what the server said", err)
	}
}
