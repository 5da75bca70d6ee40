package tools

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"longwire/agent/tools/toolstest"
)

// everyWeb runs a test on HTTP servers of both handshakes, which answer as a stream
// or as one message.
func everyWeb(t *testing.T, test func(t *testing.T, web *toolstest.Web)) {
	for _, older := range []bool{false, true} {
		for _, whole := range []bool{false, true} {
			t.Run(fmt.Sprintf("older=%t,whole=%t", older, whole), func(t *testing.T) {
				web := toolstest.NewWeb()
				defer web.Close()
				web.Older, web.Options = older, &mcp.StreamableHTTPOptions{JSONResponse: whole, Stateless: !older, PropagateRequestCancellation: true}
				test(t, web)
			})
		}
	}
}

// at is the configuration of an HTTP server.
func at(web *toolstest.Web) Config {
	return Config{Name: "web", URL: web.URL(), Headers: map[string]string{"Authorization": "Bearer secret-token", "X-Team": "longwire"}}
}

func TestToolsOverHTTP(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		r := start(t, nil, at(web)).up()
		if state := r.State()[0]; state.Kind != "http" || state.Tools != 15 {
			t.Errorf("%+v", state)
		}
		var calls sync.WaitGroup
		for n := range 64 {
			calls.Go(func() {
				want := fmt.Sprintf("call %d", n)
				res, err := r.Call(t.Context(), "web__echo", fmt.Appendf(nil, `{"text":%q}`, want))
				if err != nil || res.Text != want {
					t.Errorf("call %d: %+v, %v", n, res, err)
				}
			})
		}
		calls.Wait()
		r.stop()
		if n := web.Count(`"tools/call"`); n != 64 {
			t.Errorf("%d calls were sent", n)
		}
		for _, request := range web.Requests() {
			if request.Header.Get("Authorization") != "Bearer secret-token" || request.Header.Get("X-Team") != "longwire" {
				t.Errorf("%s %s has headers %v", request.Method, request.Body, request.Header)
			}
		}
	})
}

func TestListChangesOverHTTP(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		r := start(t, nil, at(web)).up()
		r.text("web__grow", `{"text":"newcomer"}`)
		eventually(t, "new tool", func() bool { return slices.Contains(r.names(), "web__newcomer") })
	})
}

// A call that takes too long, or that is given up, ends alone.
func TestSlowCallOverHTTP(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		config := at(web)
		config.Timeout = 3 * time.Second
		r := start(t, nil, config).up()
		other := make(chan error, 1)
		go func() {
			_, err := r.Call(t.Context(), "web__slow", []byte(`{"n":300}`))
			other <- err
		}()
		if e := r.refused("web__slow", `{"n":60000}`); e.Reason != Timeout || !e.Sent {
			t.Errorf("%+v", e)
		}
		if err := <-other; err != nil {
			t.Errorf("another call: %v", err)
		}
		if got := r.text("web__echo", `{"text":"here"}`); got != "here" || r.State()[0].Restarts != 0 {
			t.Errorf("%q, %+v", got, r.State()[0])
		}
	})
}

func TestGiantResultOverHTTP(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		r := start(t, nil, at(web)).up()
		if e := r.refused("web__big", `{"n":5000000}`); e.Reason != Refused && e.Reason != Away {
			t.Errorf("%+v", e)
		}
		eventually(t, "next call", func() bool {
			res, err := r.Call(t.Context(), "web__echo", []byte(`{"text":"here"}`))
			return err == nil && res.Text == "here"
		})
		if web.Options.JSONResponse && r.State()[0].Restarts != 0 {
			t.Errorf("%+v", r.State()[0])
		}
	})
}

// A server that has forgotten us is greeted again; the call that found out is not
// repeated.
func TestForgottenByHTTPServer(t *testing.T) {
	for _, words := range []string{"", `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`} {
		web := toolstest.NewWeb()
		defer web.Close()
		web.Older = true
		var lost atomic.Bool
		web.Before = func(w http.ResponseWriter, req *http.Request) {
			if lost.Load() && words != "" && req.Header.Get("Mcp-Session-Id") != "" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotFound)
				io.WriteString(w, words)
			}
		}
		r := start(t, nil, at(web)).up()
		lost.Store(true)
		web.Forget()
		if e := r.refused("web__echo", `{"text":"lost"}`); e.Reason != Away || !e.Retryable() {
			t.Errorf("%q: %+v", words, e)
		}
		lost.Store(false)
		eventually(t, "restart", func() bool { return r.State()[0].Restarts == 1 && r.State()[0].Up })
		if got := r.text("web__echo", `{"text":"again"}`); got != "again" {
			t.Errorf("%q", got)
		}
		if n := web.Count(`"lost"`); n != 1 {
			t.Errorf("%d calls were sent", n)
		}
	}
}

// A server that is gone is found out by the first call, and comes back.
func TestHTTPServerThatIsAway(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		var away atomic.Bool
		web.Before = func(w http.ResponseWriter, _ *http.Request) {
			if away.Load() {
				w.WriteHeader(http.StatusBadGateway)
			}
		}
		r := start(t, nil, at(web)).up()
		away.Store(true)
		if e := r.refused("web__echo", ""); e.Reason != Away {
			t.Errorf("%+v", e)
		}
		eventually(t, "server down", func() bool { return !r.State()[0].Up })
		if e := r.refused("web__echo", ""); e.Reason != Away || e.Sent {
			t.Errorf("%+v", e)
		}
		away.Store(false)
		r.up()
	})
}

// The end of the stream of notifications is the end of a newer connection: what the
// server tells after a restart would not be heard.
func TestStreamOfNotificationsThatEnds(t *testing.T) {
	web := toolstest.NewWeb()
	defer web.Close()
	web.Options = &mcp.StreamableHTTPOptions{Stateless: true}
	r := start(t, nil, at(web)).up()
	eventually(t, "stream", func() bool { return web.Count(listening) > 0 })
	web.Drop()
	eventually(t, "restart", func() bool { return r.State()[0].Restarts >= 1 && r.State()[0].Up })
}

func TestHTTPServerThatDeniesUs(t *testing.T) {
	for _, status := range []int{401, 403} {
		web := toolstest.NewWeb()
		defer web.Close()
		web.Before = func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(status) }
		r := start(t, nil, at(web))
		r.problem(fmt.Sprintf("tool server web answers HTTP %d: check the headers", status))
		r.has("level=ERROR")
		r.has("in=1h0m0s")
		if strings.Contains(r.logs.String(), "secret-token") {
			t.Error("the log has the token")
		}
	}
}

// A token that expires later is found out too.
func TestHTTPServerThatDeniesUsLater(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		var expired atomic.Bool
		web.Before = func(w http.ResponseWriter, req *http.Request) {
			if expired.Load() {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
		r := start(t, nil, at(web)).up()
		expired.Store(true)
		if e := r.refused("web__echo", ""); e.Reason != Away || !strings.Contains(e.Error(), "HTTP 401") {
			t.Errorf("%+v", e)
		}
		r.problem("HTTP 401")
	})
}

// Our headers go nowhere else.
func TestRedirects(t *testing.T) {
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer elsewhere.Close()
	web := toolstest.NewWeb()
	defer web.Close()
	to, status := atomic.Pointer[string]{}, atomic.Int32{}
	web.Before = func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/moved" || *to.Load() == "/moved/for/ever" {
			http.Redirect(w, req, *to.Load(), int(status.Load()))
		}
	}
	for _, row := range []struct {
		to     string
		status int32
		want   string // "" is a success
	}{
		{elsewhere.URL, 307, "redirects to another place"},
		{elsewhere.URL, 302, "redirects to another place"},
		{"/moved", 302, "loses what was sent"},
		{"/moved/for/ever", 307, "redirects without end"},
		{"/moved", 308, ""},
	} {
		to.Store(&row.to)
		status.Store(row.status)
		r := start(t, nil, at(web))
		if row.want == "" {
			r.up()
			r.text("web__echo", "")
		} else {
			r.problem(row.want)
		}
		r.stop()
	}
	if reached.Load() {
		t.Error("another server was asked")
	}
}

// A server that never begins its stream of notifications is used without it.
func TestStreamThatDoesNotBegin(t *testing.T) {
	web := toolstest.NewWeb()
	defer web.Close()
	web.Older = true
	done := make(chan struct{})
	defer close(done)
	web.Before = func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			select {
			case <-done:
			case <-req.Context().Done():
			}
		}
	}
	r := start(t, nil, at(web)).up()
	if got := r.text("web__echo", `{"text":"here"}`); got != "here" {
		t.Errorf("%q", got)
	}
}

// The address may hold a secret, and stays out of errors.
func TestAddressThatIsSecret(t *testing.T) {
	r := start(t, nil, Config{Name: "web", URL: "http://127.0.0.1:1/key-in-the-path?token=also-secret"})
	r.problem("refused")
	r.stop()
	if text := r.logs.String() + r.State()[0].LastError; strings.Contains(text, "also-secret") || strings.Contains(text, "key-in-the-path") {
		t.Errorf("%s", text)
	}
}

func TestProxy(t *testing.T) {
	web := toolstest.NewWeb()
	defer web.Close()
	address, err := url.Parse(web.URL())
	if err != nil {
		t.Fatal(err)
	}
	// The server stands for the proxy: it answers whatever host it is asked for.
	config := Config{Name: "web", URL: "http://127.0.0.1:1/mcp", Proxy: func(*http.Request) (*url.URL, error) { return address, nil }}
	if got := start(t, nil, config).up().text("web__echo", `{"text":"through"}`); got != "through" {
		t.Errorf("%q", got)
	}
}

// A stream that brings more than it may is broken off.
func TestFloodOverHTTP(t *testing.T) {
	web := toolstest.NewWeb()
	defer web.Close()
	web.Older = true
	web.Before = func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		line, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": "notifications/message", "params": map[string]any{"level": "info", "data": strings.Repeat("x", 1000)}})
		for {
			if _, err := fmt.Fprintf(w, "data: %s\n\n", line); err != nil {
				web.Forget()
				return
			}
		}
	}
	r := start(t, nil, at(web)).up()
	r.has("the server sends too much")
}

// When the list cannot be read again, the old one stays; when nobody answers, the
// server is connected to anew.
func TestListThatCannotBeReadAgain(t *testing.T) {
	web := toolstest.NewWeb()
	defer web.Close()
	web.Older = true
	var answer atomic.Pointer[string]
	web.Before = func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		if words := answer.Load(); words != nil && strings.Contains(string(body), "tools/list") {
			w.Header().Set("Content-Type", "application/json")
			var asked struct{ ID json.RawMessage }
			json.Unmarshal(body, &asked)
			fmt.Fprintf(w, *words, asked.ID)
		}
	}
	r := start(t, nil, at(web)).up()
	refusal := `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"not now"}}`
	answer.Store(&refusal)
	r.text("web__grow", `{"text":"newcomer"}`)
	r.has("tools cannot be listed again")
	if state := r.State()[0]; !state.Up || state.Tools != 15 || state.Restarts != 0 {
		t.Errorf("%+v", state)
	}
	rubbish := `%s rubbish`
	answer.Store(&rubbish)
	r.text("web__grow", `{"text":"another"}`)
	r.problem("list tools")
	answer.Store(nil)
	r.up()
	if n := len(r.names()); n != 17 {
		t.Errorf("%d tools", n)
	}
}

// An answer that breaks off fails its call and no more: the server is asked whether it
// is alive, and it is. The call is not repeated.
func TestAnswerThatBreaksOff(t *testing.T) {
	everyWeb(t, func(t *testing.T, web *toolstest.Web) {
		var broken atomic.Bool
		web.Before = func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost && broken.CompareAndSwap(true, false) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Length", "1000")
				io.WriteString(w, `{"jsonrpc":`)
			}
		}
		r := start(t, nil, at(web)).up()
		broken.Store(true)
		if e := r.refused("web__echo", `{"text":"once"}`); e.Reason != Away || !e.Sent {
			t.Errorf("%+v", e)
		}
		eventually(t, "ping", func() bool { return web.Count(`"ping"`) > 0 })
		if got := r.text("web__echo", `{"text":"again"}`); got != "again" {
			t.Errorf("%q", got)
		}
		if n, restarts := web.Count(`"once"`), r.State()[0].Restarts; n != 1 || restarts != 0 {
			t.Errorf("%d calls were sent, %d restarts", n, restarts)
		}
	})
}
