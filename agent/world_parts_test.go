package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/agent/tools/toolstest"
	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// onPlatforms runs a test on both platforms with one store, for what the store has no
// part in.
func onPlatforms(t *testing.T, store string, test func(t *testing.T, w *world)) {
	for _, platform := range []config.Platform{config.DingTalk, config.Feishu} {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, platform, store))
		})
	}
}

// carded is a world's chat with answers in cards.
func (w *world) carded() cardChat {
	w.cfg.Connections[0].Reply = "card"
	w.cfg.Connections[0].Budget.APICalls = 0
	return w.chat.(cardChat)
}

// waitCard waits for a card that says all of these words.
func (w *world) waitCard(c cardChat, words ...string) seenCard {
	w.t.Helper()
	card, err := c.waitCard(w.within(), func(card seenCard) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(card.text, word) })
	})
	if err != nil {
		w.t.Fatalf("no card says %q: %v; cards %+v", words, err, c.cards())
	}
	return card
}

// idOf is the platform's id of a person.
func (w *world) idOf(person string) string {
	if _, feishu := w.chat.(feishuChat); feishu {
		return "ou_" + person
	}
	return person
}

// lastAsked is the prompt of the last request, without the system's part.
func (w *world) lastAsked() string {
	w.t.Helper()
	requests := w.model.Requests()
	if len(requests) == 0 {
		w.t.Fatal("the model was not asked")
	}
	return asked(requests[len(requests)-1])
}

// quiet waits until an app has settled so many turns.
func (w *world) quiet(app *App, turns int64) {
	w.t.Helper()
	eventually(w.t, "end of the turns", func() bool { return app.connections[0].pool.Counts().Done >= turns })
}

// anotherModel is a further model, on an endpoint of its own.
func (w *world) anotherModel(respond func(modeltest.Request) modeltest.Response) (*modeltest.Server, config.ModelEndpoint) {
	w.t.Helper()
	server, err := modeltest.Start("127.0.0.1:0", respond)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(server.Close)
	endpoint := w.cfg.Model.ModelEndpoint
	endpoint.Endpoint, endpoint.Name = server.URL(), "another"
	return server, endpoint
}

// replica runs the program once more, beside what runs already: on the same store, and
// on a connection of its own. Unlike start it may have another configuration.
func (w *world) replica(change func(*config.Config)) *App {
	w.t.Helper()
	cfg := *w.cfg
	cfg.Connections = slices.Clone(cfg.Connections)
	cfg.Spool = "file:" + filepath.Join(w.t.TempDir(), "spool.db")
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	app, err := New(ctx, &cfg, testLog(w.t))
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("stop: %v", err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	eventually(w.t, "stream", func() bool { return app.connections[0].connector.Status().State == connectors.Connected })
	return app
}

// detour is a way to the platform that can be cut for new connections, while calls
// still pass.
type detour struct {
	server *httptest.Server
	cut    atomic.Bool
}

// around makes a detour around the platform's address.
func (w *world) around() *detour {
	w.t.Helper()
	to, err := url.Parse(w.cfg.Connections[0].Endpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &detour{}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}
	d.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if opens := r.URL.Path == dingtalktest.PathOpen || r.URL.Path == "/callback/ws/endpoint"; opens && d.cut.Load() {
			http.Error(out, "cut", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(out, r)
	}))
	w.t.Cleanup(func() {
		d.server.Close()
		transport.CloseIdleConnections()
	})
	return d
}

// tool is a tool server with the defaults of the file.
func tool(name string) config.Tool {
	return config.Tool{Name: name, Timeout: patience, MaxResult: 16 << 10, Concurrency: 8}
}

// stdioTool is a tool server that is a process.
func stdioTool() config.Tool {
	t := tool("local")
	command, env := toolstest.Command(toolstest.Good)
	t.Command, t.Env = command, map[string]config.Secret{}
	for name, value := range env {
		t.Env[name] = config.NewSecret(value)
	}
	return t
}

// webTool is a tool server that is reached over HTTP.
func (w *world) webTool() (*toolstest.Web, config.Tool) {
	w.t.Helper()
	web := toolstest.NewWeb()
	w.t.Cleanup(web.Close)
	t := tool("web")
	if err := t.URL.UnmarshalText([]byte(web.URL())); err != nil {
		w.t.Fatal(err)
	}
	return web, t
}

// toolsUp waits until every tool server can be called.
func (w *world) toolsUp(app *App) {
	w.t.Helper()
	eventually(w.t, "tool servers", func() bool {
		for _, state := range app.tools.State() {
			if !state.Up {
				return false
			}
		}
		return true
	})
}

// withTools is a model that does what it is told to: of "use NAME ARGUMENTS" it calls
// that tool, and it answers with what the tool has said.
func withTools(r modeltest.Request) modeltest.Response {
	if last := r.Messages[len(r.Messages)-1]; last.Role == "tool" {
		return modeltest.Words("it says: ", last.Content)
	}
	call, ok := strings.CutPrefix(r.Question(), "use ")
	if !ok {
		return modeltest.Words("re: ", r.Question())
	}
	name, arguments, _ := strings.Cut(call, " ")
	return modeltest.Response{ToolCalls: []modeltest.ToolCall{{ID: "call-1", Name: name, Arguments: arguments}}}
}
