package dingtalk

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// forwarder is an HTTP proxy that counts what goes through it, by path.
type forwarder struct {
	url     *url.URL
	tunnels sync.WaitGroup

	mu   sync.Mutex
	seen map[string]int // guarded by mu
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	f := &forwarder{seen: make(map[string]int)}
	server := httptest.NewServer(f)
	t.Cleanup(func() { server.Close(); f.tunnels.Wait() })
	var err error
	f.url, err = url.Parse(server.URL)
	must(t, err)
	return f
}

func (f *forwarder) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[path]
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if r.Method == http.MethodConnect {
		path = dingtalktest.PathConnect
	}
	f.mu.Lock()
	f.seen[path]++
	f.mu.Unlock()
	if r.Method == http.MethodConnect {
		f.tunnel(w, r)
		return
	}
	r.RequestURI = ""
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (f *forwarder) tunnel(w http.ResponseWriter, r *http.Request) {
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = to.Close()
		return
	}
	_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	pipe := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src)
		_, _ = dst.Close(), src.Close()
	}
	f.tunnels.Go(func() { pipe(to, from) })
	f.tunnels.Go(func() { pipe(from, to) })
}

// Whatever the connection does goes through its proxy.
func TestProxy(t *testing.T) {
	proxy := newForwarder(t)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	cloud := newCloud(t, dingtalktest.Options{})
	r := newRobot(withCards(cloud, func(c *Config) { c.Proxy = http.ProxyURL(proxy.url) }), nil)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	file := connectors.File{Kind: connectors.KindFile, Ref: cloud.PutFile("a.txt", []byte("content"))}
	ev := r.said(t, cloud, dingtalktest.Message{Text: "question"})
	must(t, answerTo(t.Context(), r, ev, growing(cloud, "an", " answer")))
	ev.Retries = 1 // answered by a message
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	cloud.SetDepartments("u1", "1")
	if _, err := r.Departments(t.Context(), "u1"); err != nil {
		t.Error(err)
	}
	cloud.Revoke(clientID, dingtalktest.ScopeDepartments)
	if _, err := r.Departments(t.Context(), "u1"); err != nil {
		t.Error(err)
	}
	if content, err := r.Fetch(t.Context(), ev, file, 100); err != nil || string(content) != "content" {
		t.Errorf("%q, %v", content, err)
	}
	for _, path := range []string{
		dingtalktest.PathOpen, dingtalktest.PathConnect, dingtalktest.PathToken, dingtalktest.PathCreateAndDeliver, dingtalktest.PathStreaming,
		dingtalktest.PathCards, dingtalktest.PathWebhook, dingtalktest.PathParents, dingtalktest.PathUser, dingtalktest.PathDownload,
	} {
		if n := cloud.Calls(path); n == 0 || n != proxy.count(path) {
			t.Errorf("%s: %d calls, %d of them through the proxy", path, n, proxy.count(path))
		}
	}
}

// A proxy that is not there is an error that names no secret.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	cloud := newCloud(t, dingtalktest.Options{})
	config := quick(cloud)
	config.Proxy = func(r *http.Request) (*url.URL, error) {
		if strings.HasSuffix(r.URL.Path, "/accessToken") {
			return nil, nil
		}
		return url.Parse("http://127.0.0.1:1")
	}
	r := newRobot(config, nil)
	t.Cleanup(r.api.http.CloseIdleConnections)
	if _, err := r.Dial(t.Context()); err == nil || strings.Contains(err.Error(), clientSecret) || cloud.Opens() != 0 {
		t.Errorf("%v", err)
	}
	if _, err := r.Departments(t.Context(), "u1"); err == nil || strings.Contains(err.Error(), "access_token") || cloud.Calls(dingtalktest.PathToken) != 1 {
		t.Errorf("%v", err)
	}
}
