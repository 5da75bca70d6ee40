// Package admin is what operators and their monitors see of a running program,
// over HTTP on loopback:
//
//	GET, POST /api/health       is every stream up and does the store answer?
//	GET       /api/inbox        what waits, what is being answered, the dead letters
//	GET       /api/trace        what happened to one event
//	GET       /api/feedback     what people think of the answers, as JSON lines
//	POST      /api/inbox/retry  put a dead letter back
//	POST      /api/inbox/drop   remove a dead letter
//
// It is the only listener of the program. On an address that is not loopback every
// request needs the token, as "Authorization: Bearer TOKEN"; the configuration
// refuses such an address without one. Without a token a request must be addressed
// to an IP or to localhost, so that no page in a browser reaches us by a name that
// it made point here.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// Config says where to listen and what to show.
type Config struct {
	Listen      string // host:port; port 0 takes any
	Token       string // needed for every request, where it is set
	Version     string
	Store       Pinger
	Desk        conversation.Desk
	Feedback    Feedback
	Votes       Votes
	Connections []Connection
}

// Pinger is a store that can say whether it would take an event now.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Connection is one connection and how to learn the truth about it.
type Connection struct {
	Name     string
	Platform string
	Link     Link
}

// Link is what is known of a connection; both connectors are one.
type Link interface {
	Status() connectors.Status
	Counts() connectors.Counts
	// Budget is the month's budget of API calls, and how many are used; calls 0 is no
	// budget.
	Budget(ctx context.Context) (calls, used int64, err error)
}

// Server is the admin listener.
type Server struct {
	config   Config
	began    time.Time
	listener net.Listener
	http     http.Server
	store    probe
	log      *slog.Logger
}

// New listens; requests are answered once Run is called.
func New(config Config, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{config: config, began: time.Now(), listener: listener, log: log}
	s.store.ping = config.Store.Ping
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", s.health)
	mux.HandleFunc("POST /api/health", s.health)
	mux.HandleFunc("GET /api/inbox", s.inbox)
	mux.HandleFunc("GET /api/trace", s.trace)
	mux.HandleFunc("GET /api/feedback", s.feedback)
	mux.HandleFunc("POST /api/inbox/retry", s.onDead(config.Desk.Retry))
	mux.HandleFunc("POST /api/inbox/drop", s.onDead(config.Desk.Drop))
	s.http = http.Server{
		Handler:           s.guarded(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addr is the address listened on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers requests until Stop.
func (s *Server) Run() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// Stop ends Run; requests under way may finish while ctx lasts.
func (s *Server) Stop(ctx context.Context) error {
	defer func() { _ = s.listener.Close() }() // in case Run was never called
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// guarded lets only those in who know the token, where there is one. Hashes are
// compared, so that neither the token nor its length can be told from the time.
func (s *Server) guarded(next http.Handler) http.Handler {
	if s.config.Token == "" {
		return onlyByAddress(next)
	}
	want := sha256.Sum256([]byte(s.config.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "admin.token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyByAddress refuses requests that are addressed to a name other than localhost.
func onlyByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil {
			http.Error(w, "ask by address, or set admin.token", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	report := s.Report(r.Context())
	status := http.StatusOK
	if report.Status != Healthy {
		status = http.StatusServiceUnavailable
	}
	s.answer(w, status, report)
}
