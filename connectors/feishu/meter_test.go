package feishu

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// gauge keeps what a Meter is told.
type gauge struct {
	mu    sync.Mutex
	acks  []time.Duration // guarded by mu
	downs []error         // guarded by mu
	calls map[string]int  // by op and outcome; guarded by mu
}

func (g *gauge) Down(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.downs = append(g.downs, why)
}

func (g *gauge) Acked(took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.acks = append(g.acks, took)
}

func (g *gauge) Called(op, outcome string, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.calls == nil {
		g.calls = make(map[string]int)
	}
	if took <= 0 {
		outcome += " in no time"
	}
	g.calls[op+": "+outcome]++
}

func (g *gauge) acked() []time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.acks
}

func (g *gauge) called(what string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls[what]
}

// Every call is measured, with how it ended; and every event, from its frame to its ack.
func TestMeter(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	var g gauge
	config.Meter = &g
	in := newInbox()
	began := time.Now()
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	s.Say(feishutest.Message{Chat: groupID, Text: "to nobody in particular"})
	ev := ask(t, s, in)
	until(t, "an ack", func() bool { return len(g.acked()) == 1 })
	if took := g.acked()[0]; took <= 0 || took > time.Since(began) {
		t.Errorf("acked after %s", took)
	}
	s.FailRoute(replies, feishutest.BadGateway())
	s.FailRoute(replies, feishutest.ChatRateLimited())
	s.FailRoute(replies, feishutest.Lost())
	noError(t, c.Reply(soon(t), ev, bookOf(ev), connectors.Words("answer")))
	s.SetDepartments("ou_1", "od-1")
	_, err := c.Departments(soon(t), "ou_1")
	noError(t, err)
	for what, want := range map[string]int{
		"open endpoint: ok": 1, "get token: ok": 1, "get bot info: ok": 1, "read person: ok": 1, "read departments: ok": 1,
		opReply + ": http 502": 1, opReply + ": 230020": 1, opReply + ": none": 1, opReply + ": ok": 1,
	} {
		if n := g.called(what); n != want {
			t.Errorf("%d of %q, want %d", n, what, want)
		}
	}
}

// An event that is refused is not acked.
func TestMeterOfRefusals(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := configFor(s)
	var g gauge
	config.Meter = &g
	in := newInbox()
	refusals := make(chan struct{}, 1)
	c, _ := run(t, config, func(ctx context.Context, ev connectors.Event) error {
		select {
		case refusals <- struct{}{}:
			return errors.New("not now")
		default:
			return in.deliver(ctx, ev)
		}
	})
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	ask(t, s, in)
	until(t, "an ack", func() bool { return len(g.acked()) > 0 })
	if n := len(g.acked()); n != 1 || len(refusals) != 1 {
		t.Errorf("%d acks, %d refusals", n, len(refusals))
	}
}

// proxy is an HTTP proxy that counts what goes through it.
type proxy struct {
	mu       sync.Mutex
	requests map[string]int // by path, and tunnels by "CONNECT"; guarded by mu
	tunnels  sync.WaitGroup
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if r.Method == http.MethodConnect {
		p.requests["CONNECT"]++
	} else {
		p.requests[r.URL.Path]++
	}
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	r.RequestURI = ""
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	for key, values := range resp.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
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
	carry := func(to net.Conn, from *bufio.Reader, source net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), source.Close()
	}
	p.tunnels.Go(func() { carry(there, buffered.Reader, here) })
	p.tunnels.Go(func() { carry(here, bufio.NewReader(there), there) })
}

func (p *proxy) through(part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for path := range p.requests {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

// With a proxy everything goes through it: the calls, the files and the stream.
func TestProxy(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	p := &proxy{requests: make(map[string]int)}
	web := httptest.NewServer(p)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	t.Cleanup(p.tunnels.Wait)
	t.Cleanup(web.Close)
	where, err := url.Parse(web.URL)
	noError(t, err)
	config := withCards(s)
	config.Proxy = http.ProxyURL(where)
	in := newInbox()
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	key := s.PutResource("img_v3_proxy", feishutest.Resource{Bytes: []byte("picture")})
	s.Say(feishutest.Image(key))
	ev := in.next(t)
	if content, err := c.Fetch(soon(t), ev, ev.Files[0], 100); err != nil || string(content) != "picture" {
		t.Errorf("%q, %v", content, err)
	}
	noError(t, c.Reply(soon(t), ev, bookOf(ev), connectors.Words("answer")))
	for _, part := range []string{"CONNECT", "/callback/ws/endpoint", "tenant_access_token", "/bot/v3/info", "/resources/", "/reply"} {
		if !p.through(part) {
			t.Errorf("%s does not go through the proxy", part)
		}
	}
}
