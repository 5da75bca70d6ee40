package socket

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// tunnel is an HTTP proxy that lets people through who have the password.
type tunnel struct {
	url   *url.URL
	asked chan string // the CONNECT requests, by their target
	users sync.WaitGroup
}

func newTunnel(t *testing.T) *tunnel {
	t.Helper()
	p := &tunnel{asked: make(chan string, 10)}
	web := httptest.NewServer(p)
	t.Cleanup(p.users.Wait)
	t.Cleanup(web.Close)
	where, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	where.User = url.UserPassword("user", secret)
	p.url = where
	return p
}

func (p *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	if _, password, _ := r.BasicAuth(); r.Method != http.MethodConnect || password != secret {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.asked <- r.Host
	there, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	p.users.Go(func() { carry(there, buffered.Reader, here) })
	p.users.Go(func() { carry(here, bufio.NewReader(there), there) })
}

// carry copies until one end is closed, and then closes the other.
func carry(to net.Conn, from *bufio.Reader, source net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), source.Close()
}

// A socket goes through the proxy that it is given, and what it is asked with is the
// URL that is dialled.
func TestDialThroughAProxy(t *testing.T) {
	s, p := newServer(t), newTunnel(t)
	var scheme string
	conn, ws := dial(t, s, Options{Proxy: func(r *http.Request) (*url.URL, error) {
		scheme = r.URL.Scheme
		return p.url, nil
	}})
	if target := next(t, p.asked, "a CONNECT"); !strings.Contains(s.url, target) || scheme != "http" {
		t.Errorf("asked for %s over %s, dialled %s", target, scheme, s.url)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.Read(); err != nil || string(frame) != "hello" {
		t.Errorf("%q, %v", frame, err)
	}
}

// A proxy that refuses is a failed attempt that names no secret.
func TestDialThroughAProxyThatRefuses(t *testing.T) {
	s, p := newServer(t), newTunnel(t)
	wrong := *p.url
	wrong.User = url.UserPassword("user", "wrong-"+secret[1:])
	conn, err := Dial(t.Context(), s.url, Options{Proxy: http.ProxyURL(&wrong)})
	if err == nil {
		conn.Close()
		t.Fatal("dialled")
	}
	if !strings.Contains(err.Error(), "Proxy Authentication Required") || strings.Contains(err.Error(), secret[1:]) {
		t.Errorf("%v", err)
	}
	if s.asked.Load() != 0 {
		t.Error("the server was asked all the same")
	}
}

// Proxies that the library does not know under that name are passed, or named.
func TestSchemesOfProxies(t *testing.T) {
	for scheme, want := range map[string]string{"http": "http", "socks5": "socks5", "socks5h": "socks5", "https": "", "ftp": "", "none": "none"} {
		got, err := passable(func(*http.Request) (*url.URL, error) {
			if scheme == "none" {
				return nil, nil
			}
			return &url.URL{Scheme: scheme, Host: "proxy:1", User: url.UserPassword("u", "secret")}, nil
		})(nil)
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), scheme+"://") || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v, %v", scheme, got, err)
		case want == "none" && (got != nil || err != nil):
			t.Errorf("without a proxy: %v, %v", got, err)
		case want != "" && want != "none" && (err != nil || got.Scheme != want || got.User.String() != "u:secret"):
			t.Errorf("%s: %v, %v", scheme, got, err)
		}
	}
}
