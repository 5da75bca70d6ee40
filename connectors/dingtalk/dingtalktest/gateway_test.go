package dingtalktest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestOpenAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	a := mustPost(t, s, PathOpen, openBody(toMessages, toEvents, subscription{typeSystem, "ping"}))
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json;charset=utf-8" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if want := "ws" + strings.TrimPrefix(s.URL(), "http") + "/connect"; a.field(t, "endpoint") != want {
		t.Errorf("endpoint %v, want %s", a.field(t, "endpoint"), want)
	}
	if ticket, _ := a.field(t, "ticket").(string); len(ticket) != 36 {
		t.Errorf("ticket %q is not in the form of a UUID", ticket)
	}
	if s.Opens() != 1 {
		t.Errorf("opens: %d", s.Opens())
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	with := func(name string, value any) map[string]any {
		body := openBody(toMessages)
		body[name] = value
		if value == nil {
			delete(body, name)
		}
		return body
	}
	rows := []struct {
		name   string
		body   any
		status int
		code   string
	}{
		{"bad secret", with("clientSecret", "wrong"), 401, "authFailed"},
		{"bad id", with("clientId", "unknown"), 401, "authFailed"},
		{"no id", with("clientId", nil), 400, "MissingclientId"},
		{"no secret", with("clientSecret", nil), 400, "MissingclientSecret"},
		{"no subscriptions", with("subscriptions", nil), 400, "Missingsubscriptions"},
		{"empty subscriptions", with("subscriptions", []subscription{}), 400, "Missingsubscriptions"},
		{"event topic", with("subscriptions", []subscription{{typeEvent, "chat_quit"}}), 400, "InvalidSubscription"},
		{"callback topic", with("subscriptions", []subscription{{typeCallback, ""}}), 400, "InvalidSubscription"},
		{"type", with("subscriptions", []subscription{{"callback", TopicMessage}}), 400, "InvalidSubscription"},
		{"numeric id", with("clientId", 7), 400, "InvalidJSON"},
		{"misspelt id", with("clientID", clientID), 400, "InvalidJSON"},
		{"array", "[]", 400, "InvalidJSON"},
		{"null", "null", 400, "InvalidJSON"},
		{"not JSON", "clientId=x", 400, "InvalidJSON"},
		{"empty", "", 400, "InvalidJSON"},
	}
	for _, row := range rows {
		a := mustPost(t, s, PathOpen, row.body)
		if a.status != row.status || a.field(t, "code") != row.code || a.field(t, "requestid") == "" {
			t.Errorf("%s: %d %s", row.name, a.status, a.body)
		}
	}
	if a := mustPost(t, s, PathOpen, openBody(toMessages), "Content-Type", "text/plain"); a.status != 400 {
		t.Errorf("text/plain: %d %s", a.status, a.body)
	}
	if s.Opens() != len(rows)+1 {
		t.Errorf("opens: %d, want %d", s.Opens(), len(rows)+1)
	}
}

func TestOpenAnswersXMLUnlessJSONIsAccepted(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	for _, accept := range []string{"", "*/*"} {
		a := mustPost(t, s, PathOpen, openBody(toMessages), "Accept", accept)
		if a.status != 200 || !strings.HasPrefix(a.body, "<?xml") || !strings.Contains(a.body, "<ticket>") {
			t.Errorf("accept %q: %d %s", accept, a.status, a.body)
		}
	}
	a := mustPost(t, s, PathOpen, "{}", "Accept", "")
	if a.status != 400 || !strings.Contains(a.body, "<code>MissingclientId</code>") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestTicketOpensOneSocket(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	a := mustPost(t, s, PathOpen, openBody(toMessages))
	url := a.field(t, "endpoint").(string) + "?ticket=" + a.field(t, "ticket").(string)
	plain, err := http.Get("http" + strings.TrimPrefix(url, "ws"))
	must(t, err)
	_ = plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("plain GET: %d", plain.StatusCode)
	}
	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	must(t, err)
	defer func() { _ = ws.Close() }()
	for _, u := range []string{url, a.field(t, "endpoint").(string), a.field(t, "endpoint").(string) + "?ticket=x"} {
		if _, resp, err := websocket.DefaultDialer.Dial(u, nil); err == nil || resp == nil || resp.StatusCode != 401 {
			t.Errorf("%s: %v %v", u, resp, err)
		}
	}
}

func TestTicketExpires(t *testing.T) {
	t.Parallel()
	s := start(t, Options{TicketTTL: time.Nanosecond})
	a := mustPost(t, s, PathOpen, openBody(toMessages))
	_, resp, err := websocket.DefaultDialer.Dial(a.field(t, "endpoint").(string)+"?ticket="+a.field(t, "ticket").(string), nil)
	if err == nil || resp == nil || resp.StatusCode != 401 {
		t.Errorf("%v %v", resp, err)
	}
	mustPost(t, s, PathOpen, openBody(toMessages))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tickets) != 1 {
		t.Errorf("%d tickets kept, want the last only", len(s.tickets))
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	a, b := dial(t, s), dial(t, s)
	if s.Connections() != 2 {
		t.Fatalf("connections: %d", s.Connections())
	}
	_ = a.ws.Close() // without Close frame, as the Go SDK does
	must(t, s.WaitConnections(patient(t), 1))
	must(t, b.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "")))
	must(t, s.WaitConnections(patient(t), 0))
	if st := s.Stats(); st.Connects != 2 {
		t.Errorf("connects: %d", st.Connects)
	}
}
