// Package modeltest is an OpenAI-compatible model on loopback, in process and
// scriptable: it streams what it is told to, as real endpoints do, and fails as
// they fail. The sandbox answers with it where no real model is configured.
package modeltest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is one endpoint.
type Server struct {
	respond func(Request) Response
	http    http.Server
	url     string
	done    chan struct{} // closed by Close; ends answers that hang
	serving sync.WaitGroup

	mu       sync.Mutex
	requests []Request // guarded by mu; nil when they are not kept
	keep     bool
}

// Start listens on addr ("127.0.0.1:0" for any port) and answers each request
// with what respond returns. It keeps the requests for Requests; Forget ends that.
func Start(addr string, respond func(Request) Response) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{respond: respond, url: "http://" + listener.Addr().String() + "/v1", done: make(chan struct{}), keep: true}
	mux := http.NewServeMux()
	for _, base := range []string{"/v1", "/openai/deployments/{deployment}"} { // the second is Azure's
		mux.HandleFunc("POST "+base+"/chat/completions", s.serve)
		mux.HandleFunc("POST "+base+"/audio/transcriptions", s.transcribe)
	}
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() { _ = s.http.Serve(listener) })
	return s, nil
}

// URL is the endpoint's base URL, ending in /v1.
func (s *Server) URL() string { return s.url }

// Close stops the endpoint and waits until nothing of it runs.
func (s *Server) Close() {
	close(s.done)
	_ = s.http.Close()
	s.serving.Wait()
}

// Forget makes the server keep no requests, for runs with very many.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.keep = nil, false
}

// Requests returns what was asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Server) kept(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep {
		s.requests = append(s.requests, r)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.serving.Add(1)
	defer s.serving.Done()
	req := Request{At: time.Now(), Key: keyOf(r), Deployment: r.PathValue("deployment"), APIVersion: r.URL.Query().Get("api-version")}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<20)).Decode(&req); err != nil {
		fail(w, http.StatusBadRequest, "the body cannot be read: "+err.Error())
		return
	}
	s.kept(req)
	switch {
	case !req.Stream:
		fail(w, http.StatusBadRequest, "only streams are offered")
	case req.Model == "" || len(req.Messages) == 0:
		fail(w, http.StatusBadRequest, "model and messages are required")
	default:
		s.stream(w, r, req, s.respond(req))
	}
}

// transcribe answers with the text that the deltas make up.
func (s *Server) transcribe(w http.ResponseWriter, r *http.Request) {
	s.serving.Add(1)
	defer s.serving.Done()
	file, _, err := r.FormFile("file")
	if err != nil {
		fail(w, http.StatusBadRequest, "the form has no file: "+err.Error())
		return
	}
	sound, err := io.ReadAll(io.LimitReader(file, 32<<20))
	if err != nil {
		fail(w, http.StatusBadRequest, "the file cannot be read: "+err.Error())
		return
	}
	req := Request{
		At: time.Now(), Key: keyOf(r), Deployment: r.PathValue("deployment"), APIVersion: r.URL.Query().Get("api-version"),
		Model: r.FormValue("model"), Sound: sound,
	}
	s.kept(req)
	resp := s.respond(req)
	switch {
	case resp.Hang:
		s.sleep(r, time.Hour)
	case resp.Status != 0 && resp.Status != http.StatusOK:
		fail(w, resp.Status, resp.Error)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"text": strings.Join(resp.Deltas, "")})
	}
}

// keyOf is the key, sent as a bearer token or in Azure's way.
func keyOf(r *http.Request) string {
	if key := r.Header.Get("api-key"); key != "" {
		return key
	}
	const prefix = "Bearer "
	if h := r.Header.Get("Authorization"); len(h) > len(prefix) {
		return h[len(prefix):]
	}
	return ""
}

// sleep waits; false means that nobody listens any more.
func (s *Server) sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}
