package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/conversation"
)

// statusFor is what /api/status says to a request.
func statusFor(t *testing.T, s *Server, q request) (status Status) {
	t.Helper()
	q.path = "/api/status"
	w := q.at(s)
	if w.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestStatusHasAllThatThePageShows(t *testing.T) {
	s, dead := demo(t, "s3cret", true)
	got := statusFor(t, s, request{})
	if got.May != "read" || !got.Token || got.Now.IsZero() || got.Health.Status != Unhealthy || len(got.Health.Connections) != 3 {
		t.Errorf("status %+v", got)
	}
	if len(got.Courses) != 4 || got.Courses[0].Connection != "" || got.Courses[0].Hour.Answered != got.Courses[1].Hour.Answered+got.Courses[2].Hour.Answered+got.Courses[3].Hour.Answered {
		t.Errorf("courses %+v", got.Courses)
	}
	if len(got.Inbox) != 5 || got.Inbox[0].State != conversation.ItemDead || got.Inbox[1].State != conversation.ItemDead || got.Inbox[0].ID != dead[1] {
		t.Errorf("inbox %+v", got.Inbox)
	}
	if e := got.Models[1].Endpoints[0]; !strings.HasPrefix(e.Problem, "failed 5 times") || e.Until == nil || e.KeyExpires == nil || got.Models[0].Endpoints[0].Until != nil {
		t.Errorf("models %+v", got.Models)
	}
	if len(got.Tools) != 2 || got.Tools[1].Up || got.Tools[1].Problem == "" || got.Files[1].Lost != 38 || got.Files[1].Problem == "" || len(got.Troubles) != 4 {
		t.Errorf("tools %+v, files %+v, %d troubles", got.Tools, got.Files, len(got.Troubles))
	}
	if may := statusFor(t, s, request{header: headers("Authorization", right)}).May; may != "change" {
		t.Errorf("who knows the token may %s", may)
	}
	cookie := logIn(t, s, "s3cret")
	if may := statusFor(t, s, request{header: headers("Cookie", cookie.Name+"="+cookie.Value)}).May; may != "change" {
		t.Errorf("who has logged in may %s", may)
	}
}

// desk is a Desk that counts how often it is asked for the inbox.
type desk struct {
	conversation.Desk
	mu    sync.Mutex
	asked int
	err   error
}

func (d *desk) Inbox(ctx context.Context, line string, limit int) ([]conversation.Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked++; d.err != nil {
		return nil, d.err
	}
	return d.Desk.Inbox(ctx, line, limit)
}

// set has it answer with err from now on.
func (d *desk) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func TestManyPagesCostNoMoreThanOne(t *testing.T) {
	d := &desk{Desk: newStore(t)}
	s := start(t, Config{Desk: d, Connections: []Connection{{Name: "c1", Link: &link{}}}})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { request{path: "/api/status"}.at(s) })
	}
	all.Wait()
	if d.asked > 4 { // two lines, twice on a machine that is slow
		t.Errorf("the store was asked %d times", d.asked)
	}
	d.set(errors.New("out of reach"))
	s.stale()
	if got := statusFor(t, s, request{}); got.Missing != "out of reach" || got.Inbox == nil {
		t.Errorf("a store that is away: %q, %v", got.Missing, got.Inbox)
	}
}

// A store that hangs is said to, in time for the next question of the page.
func TestStatusDoesNotWaitForAStoreThatHangs(t *testing.T) {
	s := start(t, Config{
		Store: hanging{}, Desk: hanging{}, Connections: []Connection{{Name: "c1", Link: &link{}}},
		Votes: func(ctx context.Context, _ string) (good, bad int64, err error) { <-ctx.Done(); return 0, 0, ctx.Err() },
	})
	began := time.Now()
	got := statusFor(t, s, request{})
	if took := time.Since(began); took > statusTime+time.Second {
		t.Errorf("it took %s", took)
	}
	if got.Missing == "" || got.Waiting != nil || got.Courses[0].Waiting[minutes-1] != nil || !strings.HasPrefix(strings.Join(got.Health.Problems, "; "), "store: no answer for ") {
		t.Errorf("missing %q, waiting %v, problems %q", got.Missing, got.Waiting, got.Health.Problems)
	}
}

// hanging is a store, and its desk, that answers when nobody waits any more.
type hanging struct{ conversation.Desk }

func (hanging) Ping(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (hanging) Waiting(ctx context.Context, _ string) (int, error) { <-ctx.Done(); return 0, ctx.Err() }

func (hanging) Inbox(ctx context.Context, _ string, _ int) ([]conversation.Item, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestConfigurationAndMetricsNeedTheSameLogin(t *testing.T) {
	s := start(t, Config{
		Token: "s3cret", ConfigYAML: func() string { return "store: [redacted]\n" },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up 1") }),
	})
	s.loopback = false
	for path, want := range map[string]string{"/api/config": "store: [redacted]\n", "/metrics": "up 1"} {
		if w := (request{path: path}).at(s); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: HTTP %d for strangers", path, w.Code)
		}
		if w := (request{path: path, header: headers("Authorization", right)}).at(s); w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s: HTTP %d, %q", path, w.Code, w.Body)
		}
	}
	if w := (request{path: "/api/config"}).at(start(t, Config{})); w.Code != http.StatusNotFound {
		t.Errorf("a configuration that is not shown: HTTP %d", w.Code)
	}
}

// The page loads nothing from anywhere and runs nothing but its own script.
func TestPageIsOneDocument(t *testing.T) {
	s := start(t, Config{})
	w := request{path: "/"}.at(s)
	text, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	for _, foreign := range []string{"src=\"", "src='", "@import", "url(", "https://", "{{", "innerHTML", "eval("} {
		if strings.Contains(text, foreign) {
			t.Errorf("the page has %s", foreign)
		}
	}
	for element, open := range map[string]string{"script-src": "<script>", "style-src": "<style>"} {
		_, rest, _ := strings.Cut(text, open)
		inside, _, _ := strings.Cut(rest, "</"+open[1:])
		if inside == "" || !strings.Contains(policy, element+" '"+hashOf(inside)+"'") {
			t.Errorf("%s does not name the page's own", element)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the policy is %s", policy)
	}
	if strings.Count(text, "<script") != 1 || !strings.Contains(text, "<noscript>") {
		t.Error("the page has other scripts than its own, or no word for those without")
	}
}

// Who has settled a letter does not see it a moment later.
func TestStatusIsLookedUpAgainAfterAChange(t *testing.T) {
	s, dead := demo(t, "s3cret", false)
	if got := len(statusFor(t, s, request{}).Inbox); got != 5 {
		t.Fatalf("%d entries", got)
	}
	w := request{method: http.MethodPost, path: "/api/inbox/drop", body: `{"id":"` + dead[0] + `"}`, header: headers("Authorization", right, "Content-Type", "application/json")}.at(s)
	if got := len(statusFor(t, s, request{}).Inbox); w.Code != http.StatusOK || got != 4 {
		t.Errorf("HTTP %d, and then %d entries", w.Code, got)
	}
}
