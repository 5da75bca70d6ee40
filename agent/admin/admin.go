// Package admin is what operators and their monitors see of a running program, over
// HTTP on the program's only listener:
//
//	GET       /                 the status page (page.go)
//	GET       /healthz          may the process stay? 200 or 503, for everybody
//	GET, POST /api/health       is every stream up, does the store answer, can the model?
//	GET       /api/status       all that the page shows
//	GET       /api/config       the configuration as YAML, without its secrets
//	GET       /api/inbox        what waits, what is being answered, the dead letters
//	GET       /api/trace        what happened to one event
//	GET       /api/feedback     what people think of the answers, as JSON lines
//	GET       /metrics          for Prometheus
//	POST      /api/inbox/retry  put a dead letter back
//	POST      /api/inbox/drop   remove a dead letter
//	POST      /api/login        the token for a cookie, and /api/logout
//
// Who may do what (guard.go):
//
//   - An address outside Config.Allow gets nothing; this machine is never outside. Of what
//     a proxy on this machine passes on, the address counts that it names.
//   - Reading needs no login where the listener is on loopback and the request comes
//     straight from this machine. Elsewhere it needs the token, as "Authorization:
//     Bearer TOKEN" or by a login.
//   - Changing something needs the token everywhere. The one exception is the command
//     line on this machine while no token is set; a page in a browser is no command
//     line, whoever wrote it.
//
// The page asks /api/status every two seconds. It is asked rather than told, because
// an answer of a few kilobytes passes every proxy, holds nothing open, and costs the
// same for a hundred pages as for one: what it says is looked up once a second.
//
// Goroutines: Run, which the caller starts, those of net/http below it, one that counts
// what waits, and one while the store is asked whether it would take an event: Stop waits
// for it, and nobody else longer than they want to.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"longwire/agent/logs/rotate"
	"longwire/agent/model"
	"longwire/agent/pool"
	"longwire/agent/tools"
	"longwire/connectors"
	"longwire/conversation"
)

// Config says where to listen, whom to let in, and what to show. What is nil is not
// shown, except Store and Desk, which are needed.
type Config struct {
	Listen string         // host:port; port 0 takes any
	Token  string         // needed for changes, and away from loopback for everything
	Allow  []netip.Prefix // who may ask, besides this machine; empty: everybody
	Cert   string         // a PEM file, read again when it changes; empty: no TLS
	Key    string         // that of its key

	Version     string
	Store       Store
	Spooled     bool // what the store cannot take waits in a spool: nobody has to be started anew for it
	Desk        conversation.Desk
	Feedback    Feedback
	Votes       Votes
	Connections []Connection
	Models      func() []Model
	Tools       func() []tools.ServerState
	Files       func() []File
	Problems    func() []string // what else keeps messages from being answered, each in one line without secrets
	Warnings    func() []string // what does not, and has to be mended all the same
	ConfigYAML  func() string   // the configuration in force, without its secrets
	Metrics     http.Handler    // served at /metrics
	Redact      func(string) string

	Slow     time.Duration // without a word for so long, a turn is listed as slow; default 30 s
	Patience time.Duration // trouble that lasts longer makes Live an error; default 5 min
}

// Store is what is asked of the store besides its Desk.
type Store interface {
	// Ping reports whether it would take an event now.
	Ping(ctx context.Context) error
	// Waiting counts the events of a line that are not done.
	Waiting(ctx context.Context, line string) (int, error)
}

// Connection is one connection and how to learn the truth about it.
type Connection struct {
	Name     string
	Platform string
	Link     Link
	Pool     func() pool.Counts // nil: not shown
	// Silence is how long a stream that is up may say nothing before it is called
	// deaf here. The connector is to notice sooner; this is for the case that it does
	// not. Default 30 min, more than the longest keepalive needs.
	Silence time.Duration
}

// Link is what is known of a connection; both connectors are one.
type Link interface {
	Status() connectors.Status
	Counts() connectors.Counts
	// Budget is the month's budget of API calls, and how many are used; calls 0 is no
	// budget.
	Budget(ctx context.Context) (calls, used int64, err error)
}

// Model is a model that people can choose.
type Model struct {
	Label     string
	Default   bool // it answers unless another one is chosen; while it is gone nothing is well
	Endpoints []model.EndpointState
}

// File is a file that grows: the log, or the record of questions and answers.
type File struct {
	Name  string // for people, such as "log"
	State rotate.State
}

// Server is the admin listener.
type Server struct {
	config   atomic.Pointer[Config]
	began    time.Time
	listener net.Listener
	loopback bool // only this machine can reach the listener
	http     http.Server
	log      *slog.Logger

	store    probe       // probe.go
	history  history     // history.go
	troubles troubles    // trouble.go
	status   shared      // status.go
	tries    tries       // tries.go
	logins   logins      // login.go
	cert     certificate // tls.go
}

// New listens; requests are answered once Run is called.
func New(config Config, log *slog.Logger) (*Server, error) {
	cross := http.NewCrossOriginProtection()
	s := &Server{began: time.Now(), log: log, logins: newLogins()}
	s.Set(config)
	if err := s.certify(config); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	addr, err := netip.ParseAddrPort(listener.Addr().String())
	s.listener, s.loopback = listener, err == nil && addr.Addr().Unmap().IsLoopback()
	if config.Token == "" && !s.loopback {
		_ = listener.Close()
		return nil, fmt.Errorf("admin: %s can be reached from other machines, and needs a token", config.Listen)
	}
	s.http = http.Server{
		Handler:           s.guarded(cross, s.routes()),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /healthz", s.live)
	mux.HandleFunc("POST /api/login", s.login)
	mux.HandleFunc("POST /api/logout", s.logout)
	read := func(pattern string, f http.HandlerFunc) { mux.Handle(pattern, s.reading(f)) }
	read("GET /api/health", s.health)
	read("POST /api/health", s.health)
	read("GET /api/status", s.overview)
	read("GET /api/config", s.effective)
	read("GET /api/inbox", s.inbox)
	read("GET /api/trace", s.trace)
	read("GET /api/feedback", s.feedback)
	read("GET /metrics", s.metrics)
	mux.Handle("POST /api/inbox/retry", s.changing(s.onDead(conversation.Desk.Retry)))
	mux.Handle("POST /api/inbox/drop", s.changing(s.onDead(conversation.Desk.Drop)))
	return mux
}

// Set shows config from now on, and lets in whom it lets in. Only Listen stays what
// it was. A token that is gone or another one ends all logins.
func (s *Server) Set(config Config) {
	if config.Slow <= 0 {
		config.Slow = 30 * time.Second
	}
	if config.Patience <= 0 {
		config.Patience = 5 * time.Minute
	}
	config.Allow = unmapped(config.Allow)
	s.config.Store(&config)
	s.history.keep(config.Connections)
}

// now is the configuration in force.
func (s *Server) now() *Config { return s.config.Load() }

// Addr is the address listened on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers requests until Stop.
func (s *Server) Run() error {
	ctx, cancel := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { s.sample(ctx) })
	if err := s.http.Serve(&door{s.listener, s}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// Stop ends Run; requests under way may finish while ctx lasts.
func (s *Server) Stop(ctx context.Context) error {
	defer func() { _ = s.listener.Close() }() // in case Run was never called
	defer s.store.stop(ctx)
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// metrics is GET /metrics.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if h := s.now().Metrics; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
