package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"longwire/connectors"
)

func TestLinkComesBackAfterADrop(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	link, _ := run(t, p, quick, silence)
	for i, end := range []func(ws *websocket.Conn){
		func(ws *websocket.Conn) { _ = ws.Close() },
		func(ws *websocket.Conn) { // a reset
			_ = ws.NetConn().(*net.TCPConn).SetLinger(0)
			_ = ws.Close()
		},
		func(ws *websocket.Conn) { // a goodbye
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseServiceRestart, ""), time.Now().Add(time.Second))
		},
		func(ws *websocket.Conn) {
			_, _ = ws.NetConn().Write([]byte{0x81, 0x7e, 0x01, 0x00, 'h'})
			_ = ws.Close()
		}, // half a frame
		func(ws *websocket.Conn) { _, _ = ws.NetConn().Write([]byte("HTTP/1.1 500 what is this?\r\n\r\n")) },
	} {
		ws := s.accept()
		send(t, ws, fmt.Sprint(i))
		p.expect(t, fmt.Sprint(i))
		if st := link.Status(); st.State != connectors.Connected || st.Connects != i+1 || st.Attempts != 0 {
			t.Errorf("connection %d: %+v", i, st)
		}
		end(ws)
	}
	send(t, s.accept(), "still there")
	p.expect(t, "still there")
}

func TestLinkSurvivesAFirstDialThatFails(t *testing.T) {
	addr, listen := unheard(t)
	s := &server{t: t, conns: make(chan *websocket.Conn, 1)}
	p := &platform{url: "ws://" + addr + "/?ticket=" + secret, frames: make(chan string, 1)}
	var log journal
	link, _ := run(t, p, quick, log.logger())
	eventually(t, "several failures", func() bool { return link.Status().Attempts >= 5 })
	st := link.Status()
	if st.Problem != "dial: dial tcp "+addr+": connect: connection refused" || st.Connects != 0 || !st.LastFrame.IsZero() {
		t.Errorf("%+v", st)
	}
	if n := log.count("level=WARN", "stream down"); n != 1 {
		t.Errorf("the same failure was logged %d times:\n%s", n, log.String())
	}

	web := httptest.NewUnstartedServer(s)
	_ = web.Listener.Close()
	web.Listener = listen()
	web.Start()
	s.serve(web)
	send(t, s.accept(), "hello")
	p.expect(t, "hello")
	if st := link.Status(); st.State != connectors.Connected || st.Problem != "" || st.Attempts != 0 {
		t.Errorf("%+v", st)
	}
	if n := log.count("level=INFO", "stream up", "failed_attempts="); n != 1 {
		t.Errorf("the recovery was logged %d times", n)
	}
}

func TestLinkSurvivesARefusedHandshake(t *testing.T) {
	s := newServer(t)
	s.refuse.Store(http.StatusServiceUnavailable)
	p := newPlatform(s)
	var log journal
	link, _ := run(t, p, quick, log.logger())
	eventually(t, "several failures", func() bool { return link.Status().Attempts >= 3 })
	if st := link.Status(); st.Problem != "handshake refused: HTTP 503" {
		t.Errorf("%+v", st)
	}
	s.refuse.Store(http.StatusUnauthorized)
	eventually(t, "the new reason", func() bool { return link.Status().Problem == "handshake refused: HTTP 401" })
	eventually(t, "the new reason in the log", func() bool { return log.count("level=WARN", "HTTP 401") == 1 })
	s.refuse.Store(0)
	send(t, s.accept(), "hello")
	p.expect(t, "hello")
	if n := log.count("level=WARN"); n != 2 {
		t.Errorf("%d warnings for two reasons:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the ticket is in the log")
	}
}

// A line that swallows everything is left after Silence and not after TCP's
// quarter of an hour.
func TestLinkLeavesABlackHole(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	var dials atomic.Int32
	p.dial = func(ctx context.Context) (*Conn, error) {
		if dials.Add(1) == 1 {
			return Dial(ctx, s.url, Options{Keepalive: 20 * time.Millisecond})
		}
		return Dial(ctx, s.url, Options{})
	}
	reason := make(chan error, 10)
	p.serve = func(_ context.Context, conn *Conn) error {
		err := p.read(conn)
		reason <- err
		return err
	}
	began := time.Now()
	_, _ = run(t, p, quick, silence)
	_ = s.accept() // and never read from
	if err := next(t, reason, "the end of the socket"); err == nil || !strings.Contains(err.Error(), "silent for 50ms, taken for dead") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("taken for dead after %s", took)
	}
	second := s.accept()
	go answerPings(second)
	send(t, second, "hello")
	p.expect(t, "hello")
}

func TestLinkKeepsASocketThatOnlyPongs(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	p.opts = Options{Keepalive: 20 * time.Millisecond, Silence: 5 * time.Second}
	link, stop := run(t, p, quick, silence)
	ws := s.accept()
	first := link.Status().LastFrame
	var pings atomic.Int32
	answer := ws.PingHandler()
	ws.SetPingHandler(func(data string) error { pings.Add(1); return answer(data) })
	go answerPings(ws)
	eventually(t, "ten pings", func() bool { return pings.Load() >= 10 })
	eventually(t, "a pong in the status", func() bool { return link.Status().LastFrame.After(first) })
	if st := link.Status(); st.State != connectors.Connected || st.Connects != 1 {
		t.Errorf("%+v", st)
	}
	stop()
}

func TestLinkOutlivesAFrameThatIsTooLarge(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	p.opts = Options{MaxFrame: 100}
	p.serve = func(_ context.Context, conn *Conn) error {
		for {
			_, frame, err := conn.Read()
			switch {
			case errors.Is(err, ErrTooLarge):
				p.frames <- "too large"
			case err != nil:
				return err
			default:
				p.frames <- string(frame)
			}
		}
	}
	link, _ := run(t, p, quick, silence)
	ws := s.accept()
	for _, frame := range []string{"a", strings.Repeat("b", 5<<20), "c"} {
		send(t, ws, frame)
	}
	for _, want := range []string{"a", "too large", "c"} {
		p.expect(t, want)
	}
	if st := link.Status(); st.Connects != 1 {
		t.Errorf("%+v", st)
	}
}

func TestLinkContainsPanics(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	var dials, serves atomic.Int32
	p.dial = func(ctx context.Context) (*Conn, error) {
		if dials.Add(1) == 1 {
			panic("boom in dial")
		}
		return Dial(ctx, s.url, Options{})
	}
	p.serve = func(_ context.Context, conn *Conn) error {
		if serves.Add(1) == 1 {
			panic("boom in serve")
		}
		return p.read(conn)
	}
	var log journal
	_, _ = run(t, p, quick, log.logger())
	first := s.accept()
	if _, _, err := first.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the socket of a panic was left with %v", err)
	}
	send(t, s.accept(), "hello")
	p.expect(t, "hello")
	for _, where := range []string{"dial", "serve"} {
		if n := log.count("level=ERROR", "panic contained", "where="+where, "boom in "+where, "socket_test.go"); n != 1 {
			t.Errorf("panic in %s is logged %d times", where, n)
		}
		if n := log.count("level=WARN", "stream down", where+": panic: boom in "+where); n != 1 {
			t.Errorf("panic in %s as a reason: %d times", where, n)
		}
	}
}

// What Serve has in hand when the program stops is written and arrives, in spite
// of all that still comes in; then the goodbye.
func TestLinkFinishesWhatServeHasInHand(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	inHand, release, written := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ack := strings.Repeat("a", 512<<10) // more than the platform's end has room for: most of it is still ours when we close
	p.serve = func(ctx context.Context, conn *Conn) error {
		_, _, err := conn.Read()
		if err != nil {
			return err
		}
		close(inHand)
		<-ctx.Done()
		for err == nil {
			_, _, err = conn.Read()
		}
		<-release
		if err := conn.Write(Text, []byte(ack)); err != nil {
			t.Errorf("the last ack: %v", err)
		}
		close(written)
		return ctx.Err()
	}
	link := New(p, quick, untold, silence)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); link.Run(ctx) }()
	ws := s.accept()
	_ = ws.NetConn().(*net.TCPConn).SetReadBuffer(32 << 10)
	ws.SetPingHandler(func(string) error { return nil }) // a pong to who is gone would be a reset
	send(t, ws, "work")
	next(t, inHand, "the frame")
	cancel()
	for range 100 {
		send(t, ws, strings.Repeat("more work", 100))
	}
	close(release)
	next(t, written, "the ack")
	_, frame, err := ws.ReadMessage()
	if err != nil || string(frame) != ack {
		t.Errorf("the ack: %d bytes, %v", len(frame), err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the goodbye: %v", err)
	}
	_ = ws.Close()
	next(t, done, "the end of Run")
	if st := link.Status(); st.State != connectors.Stopped || st.Problem != "" {
		t.Errorf("%+v", st)
	}
}

func TestLinkStopsWhereverItIs(t *testing.T) {
	addr, taken := deaf(t)
	s := newServer(t)
	failing := func(context.Context) (*Conn, error) { return nil, errors.New("no") }
	rows := []struct {
		name  string
		p     *platform
		ready func(link *Link)
	}{
		{"in a handshake", &platform{url: "ws://" + addr}, func(*Link) { next(t, taken, "a TCP connection") }},
		{"in a wait", &platform{dial: failing}, func(link *Link) { waitState(t, link, connectors.Waiting) }},
		{"in a read", newPlatform(s), func(*Link) { go answerPings(s.accept()) }},
	}
	for _, row := range rows {
		link, stop := run(t, row.p, Backoff{Min: time.Hour, Max: time.Hour}, silence)
		row.ready(link)
		began := time.Now()
		stop()
		if took := time.Since(began); took >= handshakeTime {
			t.Errorf("%s: %s", row.name, took)
		}
		if st := link.Status(); st.State != connectors.Stopped {
			t.Errorf("%s: %+v", row.name, st)
		}
	}
}

func TestLinkNeverDialsWhenItsContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	New(&platform{dial: func(context.Context) (*Conn, error) { t.Error("dialled"); return nil, errors.New("no") }}, quick, untold, silence).Run(ctx)
}
