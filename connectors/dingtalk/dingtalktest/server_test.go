package dingtalktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/logger"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	logger.SetLogger(silent{}) // the SDK initialises its global logger without a lock
	code := m.Run()
	// The SDK leaves its idle connections in the default transport.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

type silent struct{}

func (silent) Debugf(string, ...any)   {}
func (silent) Infof(string, ...any)    {}
func (silent) Warningf(string, ...any) {}
func (silent) Errorf(string, ...any)   {}
func (silent) Fatalf(string, ...any)   {}

const (
	clientID = "dingapp"
	secret   = "app-secret"
)

// patience bounds every wait of a test; only a failing test uses it up.
const patience = 20 * time.Second

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	if opts.Apps == nil {
		opts.Apps = []App{{ClientID: clientID, ClientSecret: secret}}
	}
	s, err := Start(opts)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is an HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) field(t *testing.T, name string) any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(a.body), &fields); err != nil {
		t.Fatalf("answer %q: %v", a.body, err)
	}
	return fields[name]
}

// post sends body (a string, or anything written as JSON) to a path or URL.
func post(t *testing.T, s *Server, path string, body any, header ...string) (answer, error) {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		text = string(encode(body))
	}
	if strings.HasPrefix(path, "/") {
		path = s.URL() + path
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(text))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(raw)}, err
}

func mustPost(t *testing.T, s *Server, path string, body any, header ...string) answer {
	t.Helper()
	a, err := post(t, s, path, body, header...)
	must(t, err)
	return a
}

var (
	toMessages = subscription{typeCallback, TopicMessage}
	toEvents   = subscription{typeEvent, topicEvery}
)

func openBody(subs ...subscription) map[string]any {
	return map[string]any{"clientId": clientID, "clientSecret": secret, "subscriptions": subs}
}

// peer is a client that does only what a test tells it to.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, s *Server, subs ...subscription) *peer {
	t.Helper()
	if len(subs) == 0 {
		subs = []subscription{toMessages, toEvents}
	}
	return dialAs(t, s, openBody(subs...))
}

func dialAs(t *testing.T, s *Server, body map[string]any) *peer {
	t.Helper()
	connects := s.Stats().Connects
	a := mustPost(t, s, PathOpen, body)
	if a.status != http.StatusOK {
		t.Fatalf("open: %d %s", a.status, a.body)
	}
	ws, _, err := websocket.DefaultDialer.DialContext(patient(t), fmt.Sprintf("%s?ticket=%s", a.field(t, "endpoint"), a.field(t, "ticket")), nil)
	must(t, err)
	t.Cleanup(func() { _ = ws.Close() })
	// The handshake is over for the client a moment before the server has linked it.
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Connects > connects }))
	return &peer{t, ws}
}

// read is the next frame.
func (p *peer) read() frame {
	p.t.Helper()
	must(p.t, p.ws.SetReadDeadline(time.Now().Add(patience)))
	kind, raw, err := p.ws.ReadMessage()
	if err != nil {
		p.t.Fatalf("read frame: %v", err)
	}
	if kind != websocket.TextMessage {
		p.t.Fatalf("frame of websocket type %d", kind)
	}
	var f frame
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	must(p.t, dec.Decode(&f))
	return f
}

// readEnd is the error that ends the connection, with nothing before it.
func (p *peer) readEnd() error {
	p.t.Helper()
	must(p.t, p.ws.SetReadDeadline(time.Now().Add(patience)))
	_, raw, err := p.ws.ReadMessage()
	if err == nil {
		p.t.Fatalf("unexpected frame %s", raw)
	}
	return err
}

func (p *peer) ack(f frame, code int, body string) {
	p.t.Helper()
	p.send(string(encode(map[string]any{
		"code": code, "message": "OK", "data": body,
		"headers": map[string]string{"contentType": "application/json", "messageId": f.messageID()},
	})))
}

func (p *peer) send(text string) {
	p.t.Helper()
	must(p.t, p.ws.WriteMessage(websocket.TextMessage, []byte(text)))
}

// callbackOf is the message in a frame.
func callbackOf(t *testing.T, f frame) callback {
	t.Helper()
	var c callback
	must(t, json.Unmarshal([]byte(f.Data), &c))
	return c
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, apps := range map[string][]App{
		"no id":     {{ClientSecret: "x"}},
		"no secret": {{ClientID: "x"}},
		"twice":     {{ClientID: "x", ClientSecret: "y"}, {ClientID: "x", ClientSecret: "y"}},
	} {
		if s, err := Start(Options{Apps: apps}); err == nil {
			_ = s.Close()
			t.Errorf("%s: started", name)
		}
	}
	if s, err := Start(Options{Addr: "256.0.0.1:0"}); err == nil {
		_ = s.Close()
		t.Error("started on an address that does not exist")
	}
}

func TestReachable(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		ip   net.IP
		want string
	}{
		{net.IPv4zero, "127.0.0.1:7"},
		{net.IPv6unspecified, "127.0.0.1:7"},
		{net.IPv4(127, 0, 0, 2), "127.0.0.2:7"},
	} {
		if got := reachable(&net.TCPAddr{IP: row.ip, Port: 7}); got != row.want {
			t.Errorf("%v: %s, want %s", row.ip, got, row.want)
		}
	}
}

func TestOptionsDefaults(t *testing.T) {
	t.Parallel()
	got := Options{RedeliverMax: -1, TokenTTL: time.Second}.withDefaults()
	if got.TicketTTL != 90*time.Second || got.WebhookTTL != 90*time.Minute || got.RedeliverAfter != time.Minute ||
		got.EventTimeout != 3*time.Second || got.PingEvery != 30*time.Second || got.DisconnectGrace != 10*time.Second ||
		got.GroupParamBytes != 15000 || got.OTOUsers != 20 || got.CallsPerSecond != 20 {
		t.Errorf("defaults: %+v", got)
	}
	if got.RedeliverMax != -1 || got.TokenTTL != time.Second {
		t.Errorf("what was set is changed: %+v", got)
	}
}

func TestUnknownRoute(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	a := mustPost(t, s, "/v1.0/robot/otomessages/batchSend", "{}") // the T is capital
	if a.status != http.StatusNotFound || a.field(t, "code") != "InvalidAction.NotFound" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	a, err := post(t, s, PathOpen, strings.Repeat("x", maxBody+1))
	if err == nil && a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestCloseEndsEverything closes the server under idle, busy, stalled and waiting
// clients; the leak check of TestMain sees what is left.
func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: time.Hour})
	dial(t, s)
	s.Stall()
	dial(t, s)
	s.Say(Message{Text: "nobody acks this"})
	idle, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	must(t, err)
	defer func() { _ = idle.Close() }()
	s.FailRoute(PathToken, Failure{Delay: time.Hour})
	var clients sync.WaitGroup
	clients.Go(func() { _, _ = post(t, s, PathToken, "{}") })
	waited := make(chan error, 1)
	clients.Go(func() { waited <- s.WaitAck(context.Background(), "never") })
	must(t, s.WaitStats(patient(t), func(Stats) bool { return s.calls[PathToken] == 1 }))
	must(t, s.Close())
	must(t, s.Close())
	if err := <-waited; err != ErrClosed {
		t.Errorf("wait ended with %v", err)
	}
	clients.Wait()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("an idle connection outlived the server")
	}
	if s.Say(Message{Text: "too late"}) == "" || s.Stats().Pushed != 1 {
		t.Error("a closed server took a message")
	}
}
