package feishutest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

func TestStartRefuses(t *testing.T) {
	good := feishutest.App{AppID: appID, AppSecret: appSecret}
	for name, opts := range map[string]feishutest.Options{
		"no app":      {},
		"bad id":      {Apps: []feishutest.App{{AppID: "cli_1"}}},
		"twice":       {Apps: []feishutest.App{good, good}},
		"bad address": {Apps: []feishutest.App{good}, Addr: "127.0.0.1:-1"},
	} {
		if s, err := feishutest.Start(opts); err == nil {
			s.Close()
			t.Errorf("%s: started", name)
		}
	}
}

func TestBootstrap(t *testing.T) {
	s := start(t, nil)
	a, d := bootstrap(t, s)
	if a.status != http.StatusOK || a.Code != 0 || a.header.Get("X-Tt-Logid") == "" {
		t.Errorf("HTTP %d %s", a.status, a.raw)
	}
	if !strings.HasPrefix(d.URL, "ws://127.0.0.1:") || !strings.Contains(d.URL, "/ws/v2?fpid=") {
		t.Errorf("URL %s", d.URL)
	}
	want := feishutest.ClientConfig{ReconnectCount: -1, ReconnectInterval: 120, ReconnectNonce: 30, PingInterval: 120}
	if d.ClientConfig == nil || *d.ClientConfig != want {
		t.Errorf("config %+v", d.ClientConfig)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	s := start(t, nil)
	for _, test := range []struct {
		name string
		body any
		code int
	}{
		{"wrong secret", map[string]string{"AppID": appID, "AppSecret": "x"}, 1000040345},
		{"unknown app", map[string]string{"AppID": "cli_0", "AppSecret": "x"}, 1000040345},
		{"lower case", map[string]string{"appId": appID, "appSecret": appSecret}, 1000040344},
		{"no JSON", "AppID", 1000040343},
	} {
		a := do(t, s, http.MethodPost, "/callback/ws/endpoint", "", test.body)
		if a.status != http.StatusOK || a.Code != test.code || !strings.Contains(string(a.Data), "URL") {
			t.Errorf("%s: HTTP %d %s", test.name, a.status, a.raw)
		}
	}
	s.RefuseBootstrap(1, "system busy", 2)
	for _, want := range []int{1, 1, 0} {
		if a, _ := bootstrap(t, s); a.status != http.StatusOK || a.Code != want {
			t.Errorf("code %d, want %d", a.Code, want)
		}
	}
	if n := s.Bootstraps(); n != 7 {
		t.Errorf("%d bootstraps", n)
	}
	if err := s.WaitBootstraps(soon(t), 7); err != nil {
		t.Error(err)
	}
}

func TestFiftyConnections(t *testing.T) {
	s := start(t, nil)
	_, spare := bootstrap(t, s)
	for range 50 {
		dial(t, s)
	}
	if a, _ := bootstrap(t, s); a.Code != 1000040350 {
		t.Errorf("51st: %s", a.raw)
	}
	_, resp, err := websocket.DefaultDialer.DialContext(soon(t), spare.URL, nil)
	if err == nil {
		t.Fatal("51st connected")
	}
	if resp.Header.Get("Handshake-Status") != "514" || resp.Header.Get("Handshake-Autherrcode") != "1000040350" {
		t.Errorf("handshake %v", resp.Header)
	}
}

func TestTicketIsGoodOnce(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	refused := func(address string) {
		t.Helper()
		ws, resp, err := websocket.DefaultDialer.DialContext(soon(t), address, nil)
		if err == nil {
			_ = ws.Close()
			t.Fatalf("%s let in", address)
		}
		if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Handshake-Status") != "514" ||
			resp.Header.Get("Handshake-Msg") == "" {
			t.Errorf("HTTP %d %v", resp.StatusCode, resp.Header)
		}
	}
	refused(b.u.String())
	refused("ws" + strings.TrimPrefix(s.URL(), "http") + "/ws/v2")
	_, d := bootstrap(t, s)
	refused(strings.Replace(d.URL, "service_id=", "service_id=1", 1))
	refused(d.URL) // used up by the try before
}

func TestClientFramesAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		kind int
		data []byte
		code int
	}{
		"text":      {websocket.TextMessage, []byte("{}"), websocket.CloseUnsupportedData},
		"garbage":   {websocket.BinaryMessage, []byte{0xff}, websocket.CloseInvalidFramePayloadData},
		"no fields": {websocket.BinaryMessage, nil, websocket.CloseInvalidFramePayloadData},
	} {
		s := start(t, nil)
		b := dial(t, s)
		if err := b.ws.WriteMessage(test.kind, test.data); err != nil {
			t.Fatal(err)
		}
		if _, err := b.tryRead(); !websocket.IsCloseError(err, test.code) {
			t.Errorf("%s: %v, want close %d", name, err, test.code)
		}
		if err := s.WaitConnections(soon(t), 0); err != nil {
			t.Error(err)
		}
	}
}

func TestWebsocketPingIsAnswered(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	got := make(chan string, 1)
	b.ws.SetPongHandler(func(text string) error { got <- text; return nil })
	if err := b.ws.WriteMessage(websocket.PingMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	b.ping()
	if f := b.read(); f.Header(pbbp2.HeaderType) != "pong" || <-got != "x" {
		t.Errorf("frame %+v", f)
	}
}
