package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type link struct{ status connectors.Status }

func (l *link) Status() connectors.Status { return l.status }
func (l *link) Counts() connectors.Counts { return connectors.Counts{Events: 7} }

func (l *link) Budget(context.Context) (calls, used int64, err error) { return 5000, 12, nil }

// pinger is a Store in which three events wait in each line.
type pinger func(ctx context.Context) error

func (p pinger) Ping(ctx context.Context) error               { return p(ctx) }
func (p pinger) Waiting(context.Context, string) (int, error) { return 3, nil }

func fine(context.Context) error { return nil }

func newStore(t *testing.T) *boltstore.Store {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "test.db"), conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func start(t *testing.T, config Config) *Server {
	t.Helper()
	config.Listen = "127.0.0.1:0"
	if config.Desk == nil {
		config.Desk = newStore(t)
	}
	if config.Store == nil {
		config.Store = pinger(fine)
	}
	s, err := New(config, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func ask(t *testing.T, s *Server, method, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestNothingElseIsServed(t *testing.T) {
	s := start(t, Config{Store: pinger(fine)})
	if status, _ := ask(t, s, http.MethodGet, "/debug/pprof/", ""); status != http.StatusNotFound {
		t.Errorf("HTTP %d", status)
	}
	if status, _ := ask(t, s, http.MethodDelete, "/api/health", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("HTTP %d", status)
	}
}

func TestAddressInUseIsAnError(t *testing.T) {
	s := start(t, Config{Store: pinger(fine)})
	if _, err := New(Config{Listen: s.Addr(), Store: pinger(fine), Desk: newStore(t)}, quiet()); err == nil {
		t.Error("the same address twice")
	}
}
