package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

type pinger func(ctx context.Context) error

func (p pinger) Ping(ctx context.Context) error { return p(ctx) }

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
	s, err := New(config, slog.New(slog.NewTextHandler(io.Discard, nil)))
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

func TestHealthSaysHealthyOnlyWhenAllIsWell(t *testing.T) {
	up := connectors.Status{State: connectors.Connected, Since: time.Now(), LastFrame: time.Now(), Connects: 1}
	for name, c := range map[string]struct {
		status  connectors.Status
		ping    error
		want    int
		problem string
	}{
		"all is well":      {up, nil, 200, ""},
		"stream is down":   {connectors.Status{State: connectors.Waiting, Problem: "dial: refused"}, nil, 503, "c1: waiting: dial: refused"},
		"not yet up":       {connectors.Status{State: connectors.Connecting}, nil, 503, "c1: connecting"},
		"up with a defect": {connectors.Status{State: connectors.Connected, Problem: "groups are not answered"}, nil, 503, "c1: groups are not answered"},
		"store is away":    {up, errors.New("disk full"), 503, "store: disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{
				Version:     "v1",
				Store:       pinger(func(context.Context) error { return c.ping }),
				Connections: []Connection{{Name: "c1", Platform: "dingtalk", Link: &link{c.status}}},
			})
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				status, body := ask(t, s, method, "/api/health", "")
				var report Report
				if err := json.Unmarshal([]byte(body), &report); err != nil {
					t.Fatal(err)
				}
				if status != c.want || (report.Status == Healthy) != (c.want == 200) {
					t.Errorf("%s: HTTP %d, status %q", method, status, report.Status)
				}
				if got := strings.Join(report.Problems, "; "); got != c.problem {
					t.Errorf("problems %q, want %q", got, c.problem)
				}
				if len(report.Connections) != 1 || report.Connections[0].Name != "c1" || report.Connections[0].Counts.Events != 7 || report.Version != "v1" || report.Uptime < 0 {
					t.Errorf("report %+v", report)
				}
			}
		})
	}
}

func TestHealthShowsBudgetAndProcess(t *testing.T) {
	votes := func(context.Context, string) (good, bad int64, err error) { return 3, 1, nil }
	s := start(t, Config{Store: pinger(fine), Votes: votes, Connections: []Connection{{Name: "c1", Link: &link{}}}})
	report := s.Report(t.Context())
	if v := report.Connections[0].Votes; v == nil || v.Good != 3 || v.Bad != 1 {
		t.Errorf("votes %+v", v)
	}
	if b := report.Connections[0].Budget; b == nil || b.APICalls != 5000 || b.Used != 12 {
		t.Errorf("budget %+v", b)
	}
	if report.Process.Goroutines < 2 {
		t.Errorf("%d goroutines", report.Process.Goroutines)
	}
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

func TestTokenIsNeededWhereThereIsOne(t *testing.T) {
	s := start(t, Config{Store: pinger(fine), Token: "s3cret"})
	for token, want := range map[string]int{"": 401, "wrong": 401, "s3cre": 401, "s3cret": 200} {
		status, body := ask(t, s, http.MethodGet, "/api/health", token)
		if status != want || strings.Contains(body, "s3cret") {
			t.Errorf("token %q: HTTP %d: %s", token, status, body)
		}
	}
}

func TestOnlyAddressesAreAskedWithoutAToken(t *testing.T) {
	s := start(t, Config{Store: pinger(fine)})
	for host, want := range map[string]int{"evil.example:80": 403, "localhost": 200, "127.0.0.1:1": 200, "[::1]:1": 200} {
		req, err := http.NewRequest(http.MethodGet, "http://"+s.Addr()+"/api/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("asked as %s: HTTP %d, want %d", host, resp.StatusCode, want)
		}
	}
}

func TestAddressInUseIsAnError(t *testing.T) {
	s := start(t, Config{Store: pinger(fine)})
	if _, err := New(Config{Listen: s.Addr(), Store: pinger(fine), Desk: newStore(t)}, nil); err == nil {
		t.Error("the same address twice")
	}
}

func TestStoreIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		p := probe{ping: func(context.Context) error { asked.Add(1); return nil }}
		for range 10 {
			if err := p.check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(probeLife)
		_ = p.check(t.Context())
		if got := asked.Load(); got != 2 {
			t.Errorf("asked %d times", got)
		}
	})
}

func TestStoreThatHangsIsAProblemInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := probe{ping: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		began := time.Now()
		if err := p.check(t.Context()); err == nil || time.Since(began) > probeTime {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}
