package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

func dial(t *testing.T, s *server, opts Options) (*Conn, *websocket.Conn) {
	t.Helper()
	conn, err := Dial(t.Context(), s.url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, s.accept()
}

func TestDialTellsWhyAndNoSecret(t *testing.T) {
	refusing := newServer(t)
	refusing.refuse.Store(http.StatusUnauthorized)
	gone := newServer(t)
	nobody, _ := unheard(t)
	query := "/connect?ticket=" + secret
	rows := []struct{ name, url, want string }{
		{"refused upgrade", refusing.url, "handshake refused: HTTP 401"},
		{"refused connection", "ws://" + nobody + query, "dial: dial tcp " + nobody + ": connect: connection refused"},
		{"no TLS there", "wss" + strings.TrimPrefix(gone.url, "ws"), "dial: tls:"},
		{"bad escape", "ws://127.0.0.1/%zz?ticket=" + secret, "dial: parse the address:"},
		{"bad port", "ws://127.0.0.1:x" + query, "dial: parse the address:"},
		{"control character", "ws://127.0.0.1/\x00" + query, "dial: parse the address:"},
		{"wrong scheme", "ftp://127.0.0.1" + query, "dial: "},
	}
	for _, row := range rows {
		conn, err := Dial(t.Context(), row.url, Options{})
		if err == nil {
			conn.Close()
			t.Errorf("%s: dialled", row.name)
			continue
		}
		if !strings.HasPrefix(err.Error(), row.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v; want %s", row.name, err, row.want)
		}
		var refused *HandshakeError
		if errors.As(err, &refused) && (refused.Status != 401 || refused.Header.Get("Reason") != "because") {
			t.Errorf("%s: %+v", row.name, refused)
		}
	}
}

// deaf is a server that takes TCP connections and never says anything.
func deaf(t *testing.T) (addr string, taken <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns, done := make(chan net.Conn, 10), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			conns <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), conns
}

func TestDialEndsWithItsContext(t *testing.T) {
	addr, taken := deaf(t)
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := Dial(ctx, "ws://"+addr+"/?ticket="+secret, Options{})
		outcome <- err
	}()
	next(t, taken, "a TCP connection")
	cancel()
	err := next(t, outcome, "the end of Dial")
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took >= handshakeTime {
		t.Errorf("Dial held on for %s", took)
	}
}

func TestReadSkipsFramesThatAreTooLarge(t *testing.T) {
	conn, ws := dial(t, newServer(t), Options{MaxFrame: 1000})
	big := strings.Repeat("x", 1<<20)
	go func() {
		send(t, ws, strings.Repeat("a", 1000))
		send(t, ws, big)
		w, err := ws.NextWriter(websocket.BinaryMessage) // in many fragments
		if err != nil {
			t.Error(err)
			return
		}
		for range 100 {
			_, _ = io.WriteString(w, big[:10_000])
		}
		_ = w.Close()
		send(t, ws, strings.Repeat("b", 1001))
		send(t, ws, "small")
	}()
	for i, want := range []string{strings.Repeat("a", 1000), "", "", "", "small"} {
		kind, frame, err := conn.Read()
		switch {
		case want == "" && !errors.Is(err, ErrTooLarge):
			t.Fatalf("frame %d: %d bytes, %v", i, len(frame), err)
		case want != "" && (err != nil || string(frame) != want || kind != Text):
			t.Fatalf("frame %d: kind %d, %.20q, %v", i, kind, frame, err)
		}
	}
}

func TestReadTellsTheKind(t *testing.T) {
	conn, ws := dial(t, newServer(t), Options{})
	if err := ws.WriteMessage(websocket.BinaryMessage, []byte{0, 1}); err != nil {
		t.Fatal(err)
	}
	if kind, frame, err := conn.Read(); kind != Binary || string(frame) != "\x00\x01" || err != nil {
		t.Errorf("%d, %q, %v", kind, frame, err)
	}
}

func TestWritesOfManyAreIntact(t *testing.T) {
	const writers, each = 50, 20
	conn, ws := dial(t, newServer(t), Options{Keepalive: time.Millisecond, Silence: time.Minute})
	var all sync.WaitGroup
	all.Go(conn.keepAlive) // pings in between
	for n := range writers {
		all.Go(func() {
			for i := range each {
				if err := conn.Write(Text, []byte(frameOf(n, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := map[int]int{}
	for range writers * each {
		_, raw, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		var n, i int
		if _, err := fmt.Sscanf(string(raw), "%d/%d/", &n, &i); err != nil || string(raw) != frameOf(n, i) {
			t.Fatalf("frame %.40q", raw)
		}
		if got[n] != i {
			t.Fatalf("writer %d: frame %d came, want %d", n, i, got[n])
		}
		got[n]++
	}
	conn.Close()
	all.Wait()
}

func frameOf(n, i int) string { return fmt.Sprintf("%d/%d/", n, i) + strings.Repeat("z", 10*n*i) }

func TestWriteToAPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := pair(t, Options{})
		began := time.Now()
		if err := conn.Write(Text, []byte("x")); err == nil || time.Since(began) != writeTime {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if _, _, err := conn.Read(); err == nil {
			t.Error("half a frame may be out, but the socket lives")
		}
		if err := conn.Write(Text, []byte("y")); err == nil {
			t.Error("written behind half a frame")
		}
		conn.Close()
	})
}

func TestSilentSocketIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := pair(t, Options{Keepalive: 30 * time.Second})
		began := time.Now()
		go func() {
			time.Sleep(50 * time.Second)
			send(t, peer, "late, but there")
		}()
		if _, _, err := conn.Read(); err != nil {
			t.Fatal(err)
		}
		heard := conn.lastFrame()
		if heard.Sub(began) != 50*time.Second {
			t.Errorf("heard after %s", heard.Sub(began))
		}
		_, _, err := conn.Read()
		if err == nil || !strings.Contains(err.Error(), "silent for 1m15s") {
			t.Errorf("%v", err)
		}
		if quiet := time.Since(heard); quiet != 75*time.Second {
			t.Errorf("taken for dead after %s", quiet)
		}
		conn.Close()
	})
}

// A pong is a sign of life, and so is a ping.
func TestPingsAndPongsAreSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := pair(t, Options{Keepalive: 30 * time.Second})
		var pinged atomic.Int32
		peer.SetPingHandler(func(string) error {
			pinged.Add(1)
			return peer.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
		})
		go answerPings(peer)
		go conn.keepAlive()
		go func() {
			time.Sleep(time.Hour - time.Second)
			send(t, peer, "at last")
		}()
		if _, frame, err := conn.Read(); err != nil || string(frame) != "at last" || pinged.Load() != 120 {
			t.Errorf("%q, %v after %d pings", frame, err, pinged.Load())
		}
		conn.Close()
		_ = peer.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		conn, peer := pair(t, Options{Keepalive: 30 * time.Second})
		var pongs atomic.Int32
		peer.SetPongHandler(func(data string) error {
			if data == "are you there" {
				pongs.Add(1)
			}
			return nil
		})
		go answerPings(peer)
		go func() {
			for range 10 {
				time.Sleep(time.Minute)
				_ = peer.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second))
			}
			send(t, peer, "at last")
		}()
		if _, frame, err := conn.Read(); err != nil || string(frame) != "at last" || pongs.Load() != 10 {
			t.Errorf("%q, %v after %d pongs", frame, err, pongs.Load())
		}
		conn.Close()
	})
}

func TestPingOfThePlatformsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := pair(t, Options{Keepalive: time.Second, Ping: []byte("are you there")})
		go conn.keepAlive()
		for range 5 {
			kind, frame, err := peer.ReadMessage()
			if err != nil || kind != websocket.BinaryMessage || string(frame) != "are you there" {
				t.Fatalf("%d, %q, %v", kind, frame, err)
			}
		}
		go answerPings(peer) // the goodbye
		conn.Close()
	})
}

// The time that the reader spends on a frame is not the platform's silence.
func TestSlowReaderIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := pair(t, Options{Keepalive: 30 * time.Second})
		go func() { send(t, peer, "first"); send(t, peer, "second") }()
		if _, _, err := conn.Read(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if _, frame, err := conn.Read(); err != nil || string(frame) != "second" {
			t.Errorf("%q, %v", frame, err)
		}
		conn.Close()
	})
}

func TestCloseSaysGoodbyeOnce(t *testing.T) {
	conn, ws := dial(t, newServer(t), Options{})
	conn.Close()
	conn.Close()
	_, _, err := ws.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("%v", err)
	}
	if err := conn.Write(Text, nil); err == nil {
		t.Error("written after Close")
	}
	conn.Retire()
	conn.Retire()
}

// What was interrupted stays interrupted, whatever still comes in.
func TestInterruptIsForEver(t *testing.T) {
	conn, ws := dial(t, newServer(t), Options{})
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for ws.WriteMessage(websocket.TextMessage, []byte("x")) == nil {
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	if _, _, err := conn.Read(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Millisecond, conn.interrupt)
	var err error
	for err == nil {
		_, _, err = conn.Read()
	}
	if strings.Contains(err.Error(), "silent") {
		t.Errorf("%v", err)
	}
	close(stop)
	conn.Close()
	_ = ws.Close()
	flood.Wait()
}
