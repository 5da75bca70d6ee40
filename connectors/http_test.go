package connectors

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// A connection of HTTP/2 that nobody has closed and that carries nothing any more is left,
// and the next call dials.
func TestTransportLeavesADeadConnection(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	hole := newHole(t, server.Listener.Addr().String())
	transport := NewTransport(nil)
	if c := transport.HTTP2; c == nil || c.SendPingTimeout == 0 || c.SendPingTimeout > time.Minute || c.PingTimeout == 0 {
		t.Fatalf("%+v", c)
	}
	transport.HTTP2.SendPingTimeout, transport.HTTP2.PingTimeout = 100*time.Millisecond, 100*time.Millisecond
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.Proxy = nil
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	ask := func() (string, error) {
		resp, err := client.Get("https://" + hole.addr)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		return string(raw), err
	}
	if said, err := ask(); err != nil || said != "HTTP/2.0" {
		t.Fatalf("%q, %v", said, err)
	}
	hole.swallow()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if said, err := ask(); err == nil && said == "HTTP/2.0" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("calls go into the hole for ever")
		}
	}
}

// hole relays connections to a server, until it swallows what those that are there say.
type hole struct {
	addr string
	to   string

	mu    sync.Mutex
	lines []chan struct{} // closed for a line that is dead; guarded by mu
}

func newHole(t *testing.T, to string) *hole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{addr: l.Addr().String(), to: to}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { h.relay(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); h.swallow(); open.Wait() })
	return h
}

func (h *hole) relay(here net.Conn) {
	defer func() { _ = here.Close() }()
	there, err := net.Dial("tcp", h.to)
	if err != nil {
		return
	}
	dead := make(chan struct{})
	h.mu.Lock()
	h.lines = append(h.lines, dead)
	h.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(mute{here, dead}, there) })
	_, _ = io.Copy(mute{there, dead}, here)
	_ = there.Close()
	back.Wait()
}

// swallow makes every present line carry nothing, without an end that anybody sees.
func (h *hole) swallow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, dead := range h.lines {
		close(dead)
	}
	h.lines = nil
}

// mute is a connection that takes everything and passes nothing on once it is dead.
type mute struct {
	net.Conn
	dead <-chan struct{}
}

func (m mute) Write(p []byte) (int, error) {
	select {
	case <-m.dead:
		return len(p), nil
	default:
		return m.Conn.Write(p)
	}
}
