package feishutest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"longwire/connectors/feishu/feishutest"
)

func TestFailRoute(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi}
	s.FailRoute("/open-apis/im/v1/messages", feishutest.Failure{
		Status: http.StatusBadGateway, Header: http.Header{"Retry-After": {"1"}, "Content-Type": {"text/html"}}, Body: "bad", Times: 2,
	})
	for range 2 {
		a := sendReply(t, s, token, id, body)
		if a.status != http.StatusBadGateway || a.raw != "bad" || a.header.Get("Retry-After") != "1" || a.header.Get("Content-Type") != "text/html" {
			t.Errorf("HTTP %d %v %s", a.status, a.header, a.raw)
		}
	}
	objectOf(t, sendReply(t, s, token, id, body))

	s.FailRoute("/open-apis/im/v1/messages/*/reply", feishutest.APIError(230002, "Bot/User can NOT be out of the chat."))
	if a := do(t, s, http.MethodGet, infoPath, token, nil); a.Code != 0 {
		t.Errorf("another route: %s", a.raw)
	}
	checkRefusal(t, "api error", sendReply(t, s, token, id, body), 230002)

	s.FailRoute("/", feishutest.Failure{Status: http.StatusServiceUnavailable, Times: -1})
	for range 3 {
		if a := sendReply(t, s, token, id, body); a.status != http.StatusServiceUnavailable {
			t.Errorf("HTTP %d", a.status)
		}
	}
	s.ClearFailures()
	objectOf(t, sendReply(t, s, token, id, body))
}

func TestBodyAloneIsHTTP200(t *testing.T) {
	s := start(t, nil)
	s.FailRoute(infoPath, feishutest.Failure{Body: "{"})
	if a := do(t, s, http.MethodGet, infoPath, "", nil); a.status != http.StatusOK || a.raw != "{" ||
		a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("HTTP %d %s", a.status, a.raw)
	}
}

func TestLostResponse(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi, "uuid": "u"}
	s.FailRoute("/open-apis/im/v1/messages", feishutest.Failure{LoseResponse: true})
	path := "/open-apis/im/v1/messages/" + id + "/reply"
	if a, err := request(t, s, http.MethodPost, path, token, body); !errors.Is(err, io.EOF) {
		t.Fatalf("answer %+v, %v, want EOF", a, err)
	}
	o := objectOf(t, sendReply(t, s, token, id, body))
	sent := s.Sent()
	if len(sent) != 2 || sent[0].MessageID != o.MessageID || !sent[1].Duplicate {
		t.Errorf("sent %+v, second answer %+v", sent, o)
	}
}

func TestDelayEndsWithTheRequestAndTheCloud(t *testing.T) {
	s := start(t, nil)
	s.FailRoute(infoPath, feishutest.Failure{Delay: time.Millisecond})
	if a := do(t, s, http.MethodGet, infoPath, "", nil); a.Code != 99991661 {
		t.Errorf("served after the delay as %s", a.raw)
	}
	s.FailRoute(infoPath, feishutest.Failure{Delay: time.Hour, Times: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+infoPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", resp, err)
	}
	ended := make(chan error)
	go func() {
		r, _ := http.NewRequest(http.MethodGet, s.URL()+infoPath, nil)
		r.Close = true
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			err = resp.Body.Close()
		}
		ended <- err
	}()
	s.Close()
	<-ended
}

func TestRefuseHandshake(t *testing.T) {
	s := start(t, nil)
	s.RefuseHandshake(http.StatusForbidden, 514, 1000040350, 1)
	_, d := bootstrap(t, s)
	_, resp, err := websocket.DefaultDialer.DialContext(soon(t), d.URL, nil)
	if err == nil {
		t.Fatal("let in")
	}
	if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Handshake-Status") != "514" ||
		resp.Header.Get("Handshake-Autherrcode") != "1000040350" || resp.Header.Get("Handshake-Msg") == "" {
		t.Errorf("HTTP %d %v", resp.StatusCode, resp.Header)
	}
	s.RefuseHandshake(http.StatusBadGateway, 0, 0, 1)
	_, resp, err = websocket.DefaultDialer.DialContext(soon(t), d.URL, nil)
	if err == nil || resp.StatusCode != http.StatusBadGateway || len(resp.Header.Values("Handshake-Status")) != 0 {
		t.Errorf("%v, %v", resp, err)
	}
	ws, resp, err := websocket.DefaultDialer.DialContext(soon(t), d.URL, nil) // the ticket is still good
	if err != nil {
		t.Fatal(err, resp)
	}
	_ = ws.Close()
}

func TestDrop(t *testing.T) {
	s := start(t, nil)
	one, two := dial(t, s), dial(t, s)
	if n := s.Drop(); n != 2 || s.Connections() != 0 {
		t.Errorf("dropped %d, %d left", n, s.Connections())
	}
	for _, b := range []*bot{one, two} {
		if _, err := b.tryRead(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after drop: %v", err)
		}
	}
	third := dial(t, s)
	third.ping()
	third.read()
}

func TestHalfFrame(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	if n := s.HalfFrame(); n != 1 {
		t.Errorf("sent to %d", n)
	}
	if _, err := b.tryRead(); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read of half a frame: %v", err)
	}
	if err := s.WaitConnections(soon(t), 0); err != nil {
		t.Error(err)
	}
}

// silent checks that nothing comes for a while.
func (b *bot) silent() {
	b.t.Helper()
	_ = b.ws.NetConn().SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := b.ws.NetConn().Read(make([]byte, 1))
	if timeout := net.Error(nil); n != 0 || !errors.As(err, &timeout) || !errors.Is(err, os.ErrDeadlineExceeded) {
		b.t.Errorf("read %d bytes, %v, want a timeout", n, err)
	}
}

func TestStall(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.AckTimeout = time.Millisecond })
	b := dial(t, s)
	if n := s.Stall(); n != 1 {
		t.Errorf("stalled %d", n)
	}
	b.ping()
	if err := b.ws.WriteMessage(websocket.PingMessage, nil); err != nil {
		t.Fatal(err)
	}
	id := s.Say(feishutest.Message{Text: "hi"})
	if err := s.WaitDeliveries(soon(t), id, 3); err != nil { // into the black hole
		t.Fatal(err)
	}
	b.silent()
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
	fresh := dial(t, s) // works
	fresh.ping()
	fresh.read()

	s.Unstall()
	var kinds []string
	for range 4 { // three deliveries, and the pong for the ping from before
		kinds = append(kinds, b.read().Header("type"))
	}
	slices.Sort(kinds)
	if got := strings.Join(kinds, " "); got != "event event event pong" {
		t.Errorf("after the stall: %s", got)
	}
}

func TestClientGivesUpStalledConnection(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	s.Stall()
	_ = b.ws.Close()
	if err := s.WaitConnections(soon(t), 0); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsStall(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	s.Stall()
	s.Say(feishutest.Message{Text: "hi"})
	s.Close()
	if _, err := b.tryRead(); err == nil {
		t.Error("frame from a closed cloud")
	}
}
