package tools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"longwire/connectors"
	"longwire/connectors/socket"
)

// limits are the bounds that no configuration changes; tests shorten them.
type limits struct {
	handshake time.Duration  // until a server has said what it can do
	list      time.Duration  // until it has listed its tools
	ping      time.Duration  // until it has shown that it is alive
	settle    time.Duration  // between two readings of a list that keeps changing
	stream    time.Duration  // until an HTTP server has begun its stream of notifications
	grace     time.Duration  // for a process to end by itself, and again once it was told to
	lasted    time.Duration  // a server that was up for as long is not backed off from
	frame     int            // bytes of one message
	backoff   socket.Backoff // between attempts
}

var usual = limits{
	handshake: 15 * time.Second,
	list:      15 * time.Second,
	ping:      5 * time.Second,
	settle:    500 * time.Millisecond,
	stream:    5 * time.Second,
	grace:     2 * time.Second,
	lasted:    10 * time.Second,
	frame:     4 << 20,
	backoff:   socket.Backoff{Max: time.Minute, Slow: 5 * time.Minute},
}

// server is one configured server.
type server struct {
	config  Config
	limits  limits
	log     *slog.Logger
	secrets *strings.Replacer // takes what is secret out of a text
	slots   chan struct{}     // holds a token for every call under way

	stop context.CancelFunc // ends it; set when it is started, under the mu of Servers

	// older says that the next attempt begins with the handshake of 2025: there are
	// servers that hang or die when they are asked the newer question first. Only run
	// touches it.
	older bool
	left  string // the tools that were left out of the list, as they were logged last; only run touches it
	said  string // why the server is down, as it was logged last; empty while it is up; only run touches it

	mu    sync.Mutex
	link  *link             // the live connection; nil while the server is away; guarded by mu
	tools []Tool            // what it listed last; kept while it is away; guarded by mu
	own   map[string]string // its own names of these tools by Tool.Name; guarded by mu
	state ServerState       // without Tools; guarded by mu
}

func newServer(config Config, log *slog.Logger) *server {
	kind := "stdio"
	if len(config.Command) == 0 {
		kind = "http"
	}
	return &server{
		config:  config,
		limits:  usual,
		log:     log,
		secrets: redactor(config),
		slots:   make(chan struct{}, config.Concurrency),
		state:   ServerState{Name: config.Name, Kind: kind, Since: time.Now(), LastError: "not started"},
	}
}

// redactor takes the values that may be secret out of a text. Very short ones are no
// secrets, and would tear holes into every text.
func redactor(config Config) *strings.Replacer {
	const shortest = 6
	var pairs []string
	hide := func(value, by string) {
		if len(value) >= shortest {
			pairs = append(pairs, value, by)
		}
	}
	if u, err := url.Parse(config.URL); err == nil && u.Host != "" {
		hide(config.URL, u.Scheme+"://"+u.Host)
		hide(u.RequestURI(), "/…")
	}
	for _, value := range config.Headers {
		hide(value, "[redacted]")
		if _, token, ok := strings.Cut(value, " "); ok { // "Bearer …"
			hide(token, "[redacted]")
		}
	}
	for _, value := range config.Env {
		hide(value, "[redacted]")
	}
	return strings.NewReplacer(pairs...)
}

// run keeps the server connected until ctx ends.
func (s *server) run(ctx context.Context) {
	defer s.down(errors.New("stopped"))
	backoff := s.limits.backoff.WithDefaults()
	for ctx.Err() == nil {
		lived, err := s.serve(ctx)
		if lived > 0 {
			backoff.Ease()
		}
		if lived >= s.limits.lasted {
			backoff.Reset()
		}
		s.wait(ctx, &backoff, err)
	}
}

// serve is one connection from its opening to its end. It returns how long the
// server was up, and why it no longer is.
func (s *server) serve(ctx context.Context) (lived time.Duration, err error) {
	defer s.contain("serve", &err)
	l, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = l.close(err) }()
	if err := s.list(ctx, l); err != nil {
		return 0, fmt.Errorf("list tools: %w", err)
	}
	s.up(l)
	began := time.Now()
	err = s.watch(ctx, l)
	s.down(err)
	return time.Since(began), err
}

// contain is deferred around the SDK, which reads what a stranger sent: a panic there
// becomes an error.
func (s *server) contain(where string, err *error) {
	if v := recover(); v != nil {
		s.log.Error("panic contained", "where", where, "panic", v, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%s: panic: %v", where, v)
	}
}

// watch stays with a connection until it ends.
func (s *server) watch(ctx context.Context, l *link) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.lost:
			return l.why()
		case <-l.doubted:
			if err := l.ping(ctx, s.limits.ping); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		case <-l.changed:
			if err := s.list(ctx, l); err != nil && said(err) == nil {
				return fmt.Errorf("list tools again: %w", err)
			} else if err != nil {
				s.log.Warn("tools cannot be listed again, the old list stays", "err", s.plain(err))
			}
			connectors.Sleep(ctx, s.limits.settle) // a list that changes all the time is not read all the time
		}
	}
}

// up makes the server's tools callable.
func (s *server) up(l *link) {
	s.mu.Lock()
	s.link = l
	if !s.state.Up && s.state.LastError != "not started" {
		s.state.Restarts++
	}
	s.state.Up, s.state.Since, s.state.LastError = true, time.Now(), ""
	count := len(s.tools)
	s.mu.Unlock()
	s.said = ""
	s.log.Info("tool server up", "tools", count)
}

// down says that the server's tools cannot be called, and why.
func (s *server) down(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Up {
		s.state.Up, s.state.Since = false, time.Now()
	}
	s.link = nil
	if err != nil {
		s.state.LastError = s.plain(err).Error()
	}
}

// wait sleeps for as long as the backoff says, or until ctx ends. The first failure
// and every new reason are logged; repetitions only at debug.
func (s *server) wait(ctx context.Context, backoff *socket.Backoff, err error) {
	if ctx.Err() != nil {
		return
	}
	delay, level := backoff.Next(), slog.LevelWarn
	var no *denied
	if errors.As(err, &no) {
		delay, level = backoff.Slow, slog.LevelError
	}
	s.down(err)
	text := s.plain(err).Error()
	if text == s.said {
		level = slog.LevelDebug
	}
	s.said = text
	s.log.Log(ctx, level, "tool server down, trying again", "err", text, "in", delay.Round(time.Millisecond))
	connectors.Sleep(ctx, delay)
}

// now is the server's state.
func (s *server) now() ServerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	if state.Up {
		state.Tools = len(s.tools)
	}
	return state
}

// offered is what can be called now.
func (s *server) offered() []Tool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == nil {
		return nil
	}
	return s.tools // replaced as a whole, never changed
}

// owns returns the server's own name of a tool, also while the server is away.
func (s *server) owns(name string) (own string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, ok = s.own[name]
	return own, ok
}

// current is the live connection, nil while there is none.
func (s *server) current() *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}
