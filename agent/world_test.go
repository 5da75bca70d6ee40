package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/agent/config"
	"longwire/agent/model/modeltest"
	"longwire/agent/tools/toolstest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
	"longwire/conversation/redisstore/redistest"
)

// runAsProgram makes the test binary be the program: tests start it anew with
// this variable set, so that they can kill it.
const runAsProgram = "LONGWIRE_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	toolstest.Main()
	if os.Getenv(runAsProgram) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if ip := os.Getenv(runAsCloud); ip != "" {
		if err := runCloud(ip); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	// The DingTalk SDK asks for endpoints through the default transport.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for what must come; nothing waits that long
// when all is well.
const patience = 30 * time.Second

// world is a platform, a model and a store, and the program between them.
type world struct {
	t     *testing.T
	chat  chat
	gate  *gate // every reply passes it, after it was taken and before the program learns of that
	model *modeltest.Server
	redis *redistest.Server // nil with the embedded store
	cfg   *config.Config

	mu      sync.Mutex
	respond func(modeltest.Request) modeltest.Response
}

// chat is a platform as its users see it, the same for both.
type chat interface {
	connection() config.Connection
	say(line) (id string)
	replies() []reply
	waitReply(ctx context.Context, id string) (reply, error)
	waitAck(ctx context.Context, id string) error
	waitUp(ctx context.Context) error
	waitDown(ctx context.Context) error
	redeliver(id string) error
	drop()            // resets every socket
	stall()           // makes every socket a black hole
	connects() int    // how often an endpoint was asked for
	refuse(times int) // refuses to give endpoints
	close()
}

// line is what a person writes; the zero person is somebody.
type line struct {
	person  string
	group   string // empty: one-to-one
	mention bool
	text    string
}

// reply is what the bot sent.
type reply struct{ to, text string }

// everywhere runs a test on both platforms and both stores.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	for _, platform := range []config.Platform{config.DingTalk, config.Feishu} {
		for _, store := range []string{"embedded", "redis"} {
			t.Run(string(platform)+"/"+store, func(t *testing.T) {
				t.Parallel()
				test(t, newWorld(t, platform, store))
			})
		}
	}
}

func newWorld(t *testing.T, platform config.Platform, store string) *world {
	t.Helper()
	w := &world{t: t, cfg: config.Default(), gate: &gate{}}
	w.chat = newChat(t, platform, w.gate)
	t.Cleanup(w.chat.close)
	t.Cleanup(w.gate.open)
	var err error
	if w.model, err = modeltest.Start("127.0.0.1:0", func(r modeltest.Request) modeltest.Response {
		w.mu.Lock()
		respond := w.respond
		w.mu.Unlock()
		return respond(r)
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.model.Close)
	w.answer(func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })

	url := "file:" + filepath.Join(t.TempDir(), "longwire.db")
	if store == "redis" {
		w.redis = redistest.Start(t)
		url = w.redis.URL()
	}
	if err := w.cfg.Store.UnmarshalText([]byte(url)); err != nil {
		t.Fatal(err)
	}
	w.cfg.Spool = "file:" + filepath.Join(t.TempDir(), "spool.db")
	w.cfg.Connections = []config.Connection{w.chat.connection()}
	w.cfg.Model.Endpoint, w.cfg.Model.Name = w.model.URL(), "test"
	w.cfg.Admin.Listen = "127.0.0.1:0"
	w.cfg.Shutdown = 10 * time.Second
	w.cfg.Inbox.Lease = 2 * time.Second
	return w
}

// answer sets what the model does from now on.
func (w *world) answer(respond func(modeltest.Request) modeltest.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.respond = respond
}

// start runs the program in this process until the test ends or stop is called.
func (w *world) start() (app *App, stop func() error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	app, err := New(ctx, w.cfg, testLog(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	w.t.Cleanup(func() {
		if err := stop(); err != nil {
			w.t.Errorf("stop: %v", err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	w.up()
	return app, stop
}

func (w *world) up() {
	w.t.Helper()
	if err := w.chat.waitUp(w.within()); err != nil {
		w.t.Fatalf("the stream did not come up: %v", err)
	}
}

// within is a context for what must happen.
func (w *world) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// ask says a line and returns the first reply to it.
func (w *world) ask(l line) string {
	w.t.Helper()
	got, err := w.chat.waitReply(w.within(), w.chat.say(l))
	if err != nil {
		w.t.Fatalf("no reply to %q: %v", l.text, err)
	}
	return got.text
}

// want asks and compares.
func (w *world) want(l line, text string) {
	w.t.Helper()
	if got := w.ask(l); got != text {
		w.t.Fatalf("%q was answered with %q, want %q", l.text, got, text)
	}
}

// testLog writes to the test's log.
func testLog(t *testing.T) *slog.Logger {
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: level}))
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// gate holds up whoever passes while it is shut.
type gate struct {
	mu     sync.Mutex
	closed chan struct{} // closed when the gate opens; nil while it is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed != nil {
		<-closed
	}
}

func newChat(t *testing.T, platform config.Platform, gate *gate) chat {
	t.Helper()
	if platform == config.DingTalk {
		server, err := dingtalktest.Start(dingtalktest.Options{
			Apps:           []dingtalktest.App{{ClientID: "ding1", ClientSecret: "ding-secret"}},
			RedeliverAfter: time.Second,
			RedeliverMax:   1000, // a hole swallows every other delivery for as long as the cloud does not notice it
			CallsPerSecond: -1,
			OnSend:         func(dingtalktest.Sent) { gate.pass() },
		})
		if err != nil {
			t.Fatal(err)
		}
		return dingtalkChat{server}
	}
	server, err := feishutest.Start(feishutest.Options{
		Apps:          []feishutest.App{{AppID: "cli_0123456789abcdef", AppSecret: "feishu-secret"}},
		Redeliver:     []time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
		GroupMsgScope: true,
		Unlimited:     true,
		OnSend:        func(feishutest.Sent) { gate.pass() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return feishuChat{server}
}

type dingtalkChat struct{ *dingtalktest.Server }

func (c dingtalkChat) connection() config.Connection {
	conn := config.DefaultConnection(config.DingTalk)
	conn.Name, conn.Endpoint, conn.Workers = "ding", c.URL(), 16
	conn.ClientID, conn.ClientSecret = "ding1", config.NewSecret("ding-secret")
	conn.Reply, conn.Welcome, conn.Rate = "text", config.Off, config.Rate{}
	return conn
}

func (c dingtalkChat) say(l line) string {
	m := dingtalktest.Message{From: dingtalktest.Person{StaffID: l.person}, Chat: l.group, Mention: l.mention, Text: l.text}
	if l.group != "" {
		m.Title = l.group
	}
	return c.Say(m)
}

func (c dingtalkChat) replies() (all []reply) {
	for _, sent := range c.Sent() {
		all = append(all, reply{sent.InReplyTo, plainBreaks(sent.Text)})
	}
	return all
}

func (c dingtalkChat) waitReply(ctx context.Context, id string) (reply, error) {
	sent, err := c.WaitSent(ctx, func(s dingtalktest.Sent) bool { return s.InReplyTo == id })
	return reply{sent.InReplyTo, plainBreaks(sent.Text)}, err
}

// plainBreaks takes back the two spaces that make DingTalk break a line.
func plainBreaks(text string) string { return strings.ReplaceAll(text, "  \n", "\n") }

func (c dingtalkChat) waitAck(ctx context.Context, id string) error { return c.WaitAck(ctx, id) }
func (c dingtalkChat) waitUp(ctx context.Context) error             { return c.WaitConnections(ctx, 1) }
func (c dingtalkChat) waitDown(ctx context.Context) error           { return c.WaitConnections(ctx, 0) }
func (c dingtalkChat) drop()                                        { c.Drop() }
func (c dingtalkChat) stall()                                       { c.Stall() }
func (c dingtalkChat) connects() int                                { return c.Opens() }
func (c dingtalkChat) close()                                       { _ = c.Close() }

func (c dingtalkChat) redeliver(id string) error {
	if !c.Redeliver(id) {
		return fmt.Errorf("%s cannot be delivered again", id)
	}
	return nil
}

func (c dingtalkChat) refuse(times int) {
	c.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Status: 503, Times: times})
}

type feishuChat struct{ *feishutest.Server }

func (c feishuChat) connection() config.Connection {
	conn := config.DefaultConnection(config.Feishu)
	conn.Name, conn.Endpoint, conn.Workers = "fei", c.URL(), 16
	conn.AppID, conn.AppSecret = "cli_0123456789abcdef", config.NewSecret("feishu-secret")
	conn.Reply, conn.Welcome, conn.Rate = "text", config.Off, config.Rate{}
	return conn
}

func (c feishuChat) say(l line) string {
	m := feishutest.Message{Chat: l.group, Mention: l.mention, Text: l.text}
	if l.person != "" {
		m.From = feishutest.Person{OpenID: "ou_" + l.person, Name: l.person}
	}
	return c.Say(m)
}

func (c feishuChat) replies() (all []reply) {
	for _, sent := range c.Sent() {
		if !sent.Duplicate {
			all = append(all, reply{sent.InReplyTo, sent.Text})
		}
	}
	return all
}

func (c feishuChat) waitReply(ctx context.Context, id string) (reply, error) {
	sent, err := c.WaitSent(ctx, func(s feishutest.Sent) bool { return s.InReplyTo == id })
	return reply{sent.InReplyTo, sent.Text}, err
}

func (c feishuChat) waitAck(ctx context.Context, id string) error { return c.WaitAck(ctx, id) }
func (c feishuChat) waitUp(ctx context.Context) error             { return c.WaitConnections(ctx, 1) }
func (c feishuChat) waitDown(ctx context.Context) error           { return c.WaitConnections(ctx, 0) }
func (c feishuChat) redeliver(id string) error                    { return c.Redeliver(id) }
func (c feishuChat) drop()                                        { c.Drop() }
func (c feishuChat) stall()                                       { c.Stall() }
func (c feishuChat) connects() int                                { return c.Bootstraps() }
func (c feishuChat) close()                                       { c.Close() }

func (c feishuChat) refuse(times int) { c.RefuseBootstrap(1, "system busy", times) }
