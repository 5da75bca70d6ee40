package dingtalktest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestFailRoute(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	s.FailRoute(PathOpen, Failure{Status: 503, Body: "maintenance", Header: http.Header{"Retry-After": {"7"}}, Times: 2})
	s.FailRoute(PathOpen, Failure{Cut: true, Times: 1})
	for range 2 {
		if a := mustPost(t, s, PathOpen, openBody(toMessages)); a.status != 503 || a.body != "maintenance" || a.header.Get("Retry-After") != "7" {
			t.Errorf("%d %q %v", a.status, a.body, a.header)
		}
	}
	if a, err := post(t, s, PathOpen, openBody(toMessages)); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v", a, err)
	}
	if a := mustPost(t, s, PathOpen, openBody(toMessages)); a.status != 200 || s.Opens() != 4 {
		t.Errorf("%d %s after %d opens", a.status, a.body, s.Opens())
	}
	s.FailRoute(PathOpen, Failure{Status: 500})
	for range 3 {
		if a := mustPost(t, s, PathOpen, openBody(toMessages)); a.status != 500 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	s.Heal(PathOpen)
	dial(t, s)
}

func TestFailConnect(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	for _, f := range []Failure{{Status: 403, Times: 1}, {Commit: true, Cut: true, Times: 1}} {
		s.FailRoute(PathConnect, f)
		a := mustPost(t, s, PathOpen, openBody(toMessages))
		url := a.field(t, "endpoint").(string) + "?ticket=" + a.field(t, "ticket").(string)
		if _, resp, err := websocket.DefaultDialer.Dial(url, nil); err == nil || f.Status != 0 && resp.StatusCode != f.Status {
			t.Errorf("%+v: %v %v", f, resp, err)
		}
		ws, resp, err := websocket.DefaultDialer.Dial(url, nil)
		if err == nil {
			_ = ws.Close()
		}
		if used := resp != nil && resp.StatusCode == 401; used != f.Commit {
			t.Errorf("%+v: ticket used up: %t", f, used)
		}
	}
}

func TestCommitAndLoseTheAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := hear(t, s, Message{Text: "hello"})
	s.FailRoute(PathWebhook, Failure{Cut: true, Times: 1})
	s.FailRoute(PathWebhook, Failure{Commit: true, Cut: true, Times: 1})
	s.FailRoute(PathWebhook, Failure{Commit: true, Status: 502, Times: 1})
	s.FailRoute(PathWebhook, Failure{Commit: true, Delay: time.Millisecond, Times: 1})
	for i, row := range []struct {
		text   string
		status int // 0: no answer
	}{{"lost before", 0}, {"lost after", 0}, {"bad gateway", 502}, {"late", 200}} {
		a, err := post(t, s, c.SessionWebhook, textReply(row.text))
		if (err != nil) != (row.status == 0) || a.status != row.status {
			t.Errorf("%d: %+v, %v", i, a, err)
		}
	}
	var texts []string
	for _, sent := range s.Sent() {
		texts = append(texts, sent.Text)
	}
	if got := strings.Join(texts, ", "); got != "lost after, bad gateway, late" {
		t.Errorf("took effect: %s", got)
	}
}

func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := hear(t, s, Message{Text: "hello"})
	s.FailRoute(PathWebhook, Failure{Delay: time.Hour, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.SessionWebhook, bytes.NewReader(encode(textReply("x"))))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	done := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(req)
		done <- err
	}()
	must(t, s.WaitStats(patient(t), func(Stats) bool { return s.calls[PathWebhook] == 1 }))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.FailRoute(PathWebhook, Failure{Delay: 5 * time.Millisecond, Times: 1})
	began := time.Now()
	if a := mustPost(t, s, c.SessionWebhook, textReply("y")); a.field(t, "errcode") != 0.0 || time.Since(began) < 5*time.Millisecond {
		t.Errorf("%s after %s", a.body, time.Since(began))
	}
	if sent := s.Sent(); len(sent) != 1 || sent[0].Text != "y" {
		t.Errorf("who hung up was heard: %+v", sent)
	}
}

func TestDrop(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p, q := dial(t, s), dial(t, s)
	if n := s.Drop(); n != 2 || s.Connections() != 0 {
		t.Errorf("dropped %d, %d left", n, s.Connections())
	}
	for _, x := range []*peer{p, q} {
		if err := x.readEnd(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("ended with %v, want a reset", err)
		}
	}
	dial(t, s)
}

func TestStall(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PingEvery: time.Hour, RedeliverMax: -1})
	p := dial(t, s, toMessages) // no events: the server, which knows nothing of the hole, would choose it for them
	pong := make(chan struct{}, 1)
	p.ws.SetPongHandler(func(string) error { pong <- struct{}{}; return nil })
	if n := s.Stall(); n != 1 || s.Connections() != 0 {
		t.Errorf("stalled %d, %d usable", n, s.Connections())
	}
	must(t, p.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience)))
	id := s.Say(Message{Text: "into the hole"})
	if s.Deliveries(id) != 1 {
		t.Error("the server noticed the hole")
	}
	if s.Drop()+s.Disconnect("x")+s.HalfFrame()+s.PushFrame(nil) != 0 {
		t.Error("something went through the hole")
	}
	// A silence cannot be proved by waiting; what can be is that nothing has come
	// by the time another connection has been through a whole exchange.
	fresh := dial(t, s, toEvents)
	event := s.Event(Event{Type: "chat_quit"})
	fresh.ack(fresh.read(), 200, "")
	must(t, s.WaitAck(patient(t), event))
	must(t, p.ws.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
	var timeout net.Error
	if _, raw, err := p.ws.ReadMessage(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read %q, %v from a black hole", raw, err)
	}
	if st := s.Stats(); len(pong) != 0 || st.ClientPings != 0 {
		t.Errorf("ping answered: %+v", st)
	}
}

func TestUnstall(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PingEvery: time.Hour})
	p := dial(t, s)
	s.Stall()
	s.Stall() // once is enough
	id := s.Say(Message{Text: "late"})
	gone := dial(t, s, toEvents)
	s.Stall()
	must(t, gone.ws.Close())
	s.Unstall()
	must(t, s.WaitConnections(patient(t), 1)) // the end of gone is seen only now
	f := p.read()
	if callbackOf(t, f).Text.Content != "late" {
		t.Errorf("%s", f.Data)
	}
	p.ack(f, 200, "")
	must(t, s.WaitAck(patient(t), id))
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Second
	s := start(t, Options{DisconnectGrace: grace})
	p := dial(t, s)
	before := s.Say(Message{Text: "before"})
	began := time.Now()
	if n := s.Disconnect("connection is expired"); n != 1 || s.Connections() != 0 {
		t.Errorf("disconnected %d, %d usable", n, s.Connections())
	}
	if s.Disconnect("again") != 0 {
		t.Error("disconnected twice")
	}
	if id := s.Say(Message{Text: "after"}); s.Deliveries(id) != 0 {
		t.Error("delivered after disconnect")
	}
	asked := p.read()
	f := p.read()
	if f.Type != "SYSTEM" || f.Headers["topic"] != "disconnect" || f.Headers["messageId"] == "" || f.Data != `{"reason":"connection is expired"}` {
		t.Errorf("%+v", f)
	}
	p.ack(f, 200, "") // the Go SDK does, nobody needs it
	p.ack(asked, 200, "")
	must(t, s.WaitAck(patient(t), before)) // acks still count
	if err := p.readEnd(); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) || time.Since(began) < grace {
		t.Errorf("ended after %s with %v", time.Since(began), err)
	}
	if st := s.Stats(); st.StrayAcks != 0 {
		t.Errorf("%+v", st)
	}
}

func TestHalfFrame(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	if n := s.HalfFrame(); n != 1 || s.Connections() != 0 {
		t.Errorf("%d, %d usable", n, s.Connections())
	}
	must(t, p.ws.SetReadDeadline(time.Now().Add(patience)))
	_, r, err := p.ws.NextReader()
	if err != nil {
		t.Fatalf("not even a frame's header: %v", err)
	}
	half, err := io.ReadAll(r)
	if err == nil || len(half) < 100 || !strings.HasPrefix(string(half), `{"specVersion":"1.0","type":"CALLBACK"`) {
		t.Errorf("%d bytes %q, then %v", len(half), half, err)
	}
}

func TestPushFrame(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: time.Millisecond})
	p, q := dial(t, s), dial(t, s)
	raw := `{"type":"SYSTEM","headers":{"topic":"KEEPALIVE","messageId":"keep-1"},"data":"{}"}`
	if n := s.PushFrame([]byte(raw)); n != 2 {
		t.Errorf("pushed to %d", n)
	}
	for _, x := range []*peer{p, q} {
		f := x.read()
		x.ack(f, 404, "")
		x.ack(f, 200, "")
	}
	must(t, s.WaitAck(patient(t), "keep-1"))
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Acked == 2 && st.Refused == 2 }))
	if len(s.Acks("keep-1")) != 4 || s.Deliveries("keep-1") != 2 || s.Redeliver("keep-1") {
		t.Errorf("acks %v, deliveries %d", s.Acks("keep-1"), s.Deliveries("keep-1"))
	}
	_ = p.ws.Close()
	must(t, s.WaitConnections(patient(t), 1))
	if !s.PushFrameOne([]byte("not JSON")) {
		t.Error("nobody to push to")
	}
	s.PushBinary([]byte{1, 2})
	if got, body, err := q.ws.ReadMessage(); err != nil || got != websocket.TextMessage || string(body) != "not JSON" {
		t.Errorf("%d %q %v", got, body, err)
	}
	if got, body, err := q.ws.ReadMessage(); err != nil || got != websocket.BinaryMessage || !bytes.Equal(body, []byte{1, 2}) {
		t.Errorf("%d %q %v", got, body, err)
	}
	s.Drop()
	if s.PushFrameOne([]byte("x")) {
		t.Error("pushed to nobody")
	}
}
