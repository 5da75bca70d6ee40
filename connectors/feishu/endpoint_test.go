package feishu

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/socket"
)

const bootstrap = "/callback/ws/endpoint"

// dialError is why s cannot be dialled now.
func dialError(t *testing.T, s *feishutest.Server) error {
	t.Helper()
	c := New(configFor(s), newInbox().deliver, new(journal).log())
	defer c.api.http.CloseIdleConnections()
	conn, err := c.Dial(soon(t))
	if err == nil {
		conn.Close()
		t.Fatal("dialled")
	}
	if strings.Contains(err.Error(), appSecret) || strings.Contains(err.Error(), "ticket") || len(err.Error()) > 500 {
		t.Errorf("not to be shown: %v", err)
	}
	return err
}

func TestBootstrapRefused(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	for _, row := range []struct {
		code  int
		fatal bool
		says  string
	}{
		{1, false, "code 1: "}, {1000040343, false, "1000040343"}, {1000040351, false, "1000040351"}, {4711, false, "4711"},
		{403, true, "app_secret"}, {514, true, "app_secret"}, {1000040344, true, "app_secret"}, {1000040345, true, "published"},
		{1000040350, true, "50 connections"},
	} {
		s.RefuseBootstrap(row.code, "says the platform", 1)
		err := dialError(t, s)
		if connectors.Permanent(err) != row.fatal || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), "says the platform") {
			t.Errorf("%d: permanent %v: %v", row.code, connectors.Permanent(err), err)
		}
	}
	for name, f := range map[string]feishutest.Failure{
		"HTTP 502":       {Status: 502, Body: "{}"},
		"HTTP 503":       {Status: 503, Body: `{"code":0,"data":{"URL":"ws://127.0.0.1:1/?service_id=1"}}`},
		"HTML":           {Status: 502, Body: "<html>" + strings.Repeat("Bad Gateway", 10_000)},
		"parse answer":   {Body: "<html>"},
		"no URL":         {Body: `{"code":0,"data":{"URL":""}}`},
		"holds no URL":   {Body: `{"code":0,"data":null}`},
		"holds no U":     {Body: `{"code":0,"data":{"URL":"://"}}`},
		"no service_id":  {Body: `{"code":0,"data":{"URL":"ws://127.0.0.1:1/ws?ticket=hidden"}}`},
		"service_id":     {Body: `{"code":0,"data":{"URL":"ws://127.0.0.1:1/ws?service_id=99999999999"}}`},
		"connect":        {Body: `{"code":0,"data":{"URL":"ws://127.0.0.1:1/ws?service_id=1&ticket=hidden"}}`},
		"dial":           {Body: `{"code":0,"data":{"URL":"gopher://127.0.0.1:1/ws?service_id=1&ticket=hidden"}}`},
		"open endpoint:": {LoseResponse: true},
	} {
		s.FailRoute(bootstrap, f)
		says := name
		if name == "HTML" {
			says = "HTTP 502"
		}
		if err := dialError(t, s); connectors.Permanent(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: permanent %v: %v", name, connectors.Permanent(err), err)
		}
	}
}

func TestHandshakeRefused(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	for _, row := range []struct {
		status, handshake, autherr int
		fatal                      bool
		says                       string
	}{
		{400, 514, 1000040350, true, "50 connections"},
		{400, 403, 0, true, "app_secret"},
		{400, 514, 0, false, "code 514"},
		{400, 514, 1000040343, false, "code 1000040343"},
		{403, 0, 0, false, "HTTP 403"},
		{500, 0, 0, false, "HTTP 500"},
		{200, 0, 0, false, "HTTP 200"},
	} {
		s.RefuseHandshake(row.status, row.handshake, row.autherr, 1)
		err := dialError(t, s)
		if connectors.Permanent(err) != row.fatal || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), "refused by the test") {
			t.Errorf("%+v: permanent %v: %v", row, connectors.Permanent(err), err)
		}
	}
}

// Whatever the platform answers, the link comes up once it may.
func TestComesUpInTheEnd(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*feishutest.Server){
		"busy":     func(s *feishutest.Server) { s.RefuseBootstrap(1, "busy", -1) },
		"internal": func(s *feishutest.Server) { s.RefuseBootstrap(1000040343, "internal", -1) },
		"unknown":  func(s *feishutest.Server) { s.RefuseBootstrap(1000040351, "system busy", -1) },
		"bad gateway": func(s *feishutest.Server) {
			s.FailRoute(bootstrap, feishutest.Failure{Status: 502, Body: "<html>", Times: -1})
		},
		"bad handshake":   func(s *feishutest.Server) { s.RefuseHandshake(500, 514, 0, -1) },
		"auth failed":     func(s *feishutest.Server) { s.RefuseBootstrap(514, "auth failed", -1) },
		"forbidden":       func(s *feishutest.Server) { s.RefuseBootstrap(403, "forbidden", -1) },
		"not published":   func(s *feishutest.Server) { s.RefuseBootstrap(1000040345, "app_id or app_secret is invalid", -1) },
		"too many of us":  func(s *feishutest.Server) { s.RefuseHandshake(403, 514, 1000040350, -1) },
		"forbidden later": func(s *feishutest.Server) { s.RefuseHandshake(403, 403, 0, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			fail(s)
			in := newInbox()
			c, _ := run(t, configFor(s), in.deliver)
			noError(t, s.WaitBootstraps(soon(t), 3))
			want := connectors.Waiting
			switch name {
			case "auth failed", "forbidden", "not published", "too many of us", "forbidden later":
				want = connectors.Failed
			}
			until(t, "the state", func() bool { return c.Status().State == want })
			if status := c.Status(); status.Problem == "" || status.Healthy() {
				t.Errorf("%+v", status)
			}
			s.ClearFailures()
			until(t, "healthy", func() bool { return c.Status().Healthy() })
			if id := s.Say(feishutest.Message{Text: "hi"}); in.next(t).ID != id {
				t.Error("another message came")
			}
		})
	}
}

func TestWrongSecret(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := configFor(s)
	config.AppSecret = "mistyped-secret"
	c, _ := run(t, config, newInbox().deliver)
	until(t, "failed", func() bool { return c.Status().State == connectors.Failed })
	problem := c.Status().Problem
	if !strings.Contains(problem, "app_secret") || strings.Contains(problem, config.AppSecret) {
		t.Errorf("problem: %s", problem)
	}
}

func TestStreamComesBack(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := configFor(s)
	config.Keepalive = 500 * time.Millisecond
	in := newInbox()
	c, _ := run(t, config, in.deliver)
	for name, hurt := range map[string]func() int{
		"dropped": s.Drop, "half a frame": s.HalfFrame, "stalled": s.Stall, "dropped again": s.Drop,
	} {
		until(t, "healthy", func() bool { return c.Status().Healthy() && s.Connections() == 1 })
		connects := c.Status().Connects
		hurt()
		until(t, name+", then back", func() bool { return c.Status().Connects > connects && c.Status().Healthy() })
		noError(t, s.WaitConnections(soon(t), 1))
		if id := s.Say(feishutest.Message{Text: "hi"}); in.next(t).ID != id {
			t.Fatalf("%s: another message came", name)
		}
	}
}

// An event that went into a dead stream is not lost: nobody has answered it.
func TestEventInAStalledStream(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.AckTimeout = 300 * time.Millisecond })
	config := configFor(s)
	config.Keepalive = 100 * time.Millisecond
	in := newInbox()
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	s.Stall()
	id := s.Say(feishutest.Message{Text: "is anybody there?"})
	if ev := in.next(t); ev.ID != id {
		t.Errorf("delivered %+v", ev)
	}
	noError(t, s.WaitAck(soon(t), id))
}

// The stream is asked for signs of life, and they keep it up; what a pong says
// about the configuration is obeyed by nobody.
func TestPingsKeepTheStream(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := configFor(s)
	config.Keepalive = 500 * time.Millisecond
	in := newInbox()
	c, _ := run(t, config, in.deliver)
	pings := 0
	for _, pong := range []string{"", `{"PingInterval":0}`, `{"ReconnectCount":0,"PingInterval":-5}`, `{"PingInterval":99999999999999}`, `null`, `{"broken`} {
		s.PongConfig(pong)
		pings += 2
		noError(t, s.WaitPings(soon(t), pings))
	}
	if id := s.Say(feishutest.Message{Text: "hi"}); in.next(t).ID != id {
		t.Error("another message came")
	}
	if n := c.Counts(); n.Malformed != 0 {
		t.Errorf("counted %+v", n)
	}
	if status := c.Status(); status.LastFrame.IsZero() {
		t.Errorf("%+v", status)
	}
}

func TestKeepalive(t *testing.T) {
	for _, row := range []struct {
		configured time.Duration
		asked      int
		want       time.Duration
	}{
		{0, 120, 30 * time.Second},
		{0, 10, 10 * time.Second},
		{0, 0, 30 * time.Second},
		{0, -7, 30 * time.Second},
		{-1, 120, 30 * time.Second},
		{time.Minute, 45, 45 * time.Second},
		{time.Minute, 60, time.Minute},
		{time.Millisecond, 1, time.Millisecond},
		{0, math.MaxInt, 30 * time.Second},
		{0, 18446744074, 30 * time.Second}, // in ns it wraps around to 290 ms
	} {
		var e endpoint
		e.ClientConfig.PingInterval = row.asked
		if got := e.keepalive(row.configured); got != row.want {
			t.Errorf("%s, asked for %d: %s, want %s", row.configured, row.asked, got, row.want)
		}
	}
}

// Run ends with its context wherever it stands.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	for i, hurt := range []func(*feishutest.Server){
		func(*feishutest.Server) {},
		func(s *feishutest.Server) { s.RefuseBootstrap(514, "auth failed", -1) },
		func(s *feishutest.Server) {
			s.FailRoute(bootstrap, feishutest.Failure{Delay: patience, Times: -1})
			s.FailRoute("/open-apis/", feishutest.Failure{Delay: patience, Times: -1})
		},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			hurt(s)
			config := configFor(s)
			config.Backoff = socket.Backoff{Min: time.Hour, Max: time.Hour, Slow: time.Hour}
			c := New(config, newInbox().deliver, new(journal).log())
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() { defer close(ended); c.Run(ctx) }()
			noError(t, s.WaitBootstraps(soon(t), 1))
			cancel()
			select {
			case <-ended:
			case <-soon(t).Done():
				t.Fatal("Run goes on")
			}
			if state := c.Status().State; state != connectors.Stopped {
				t.Errorf("the state is %s", state)
			}
		})
	}
}
