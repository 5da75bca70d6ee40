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
	"strconv"
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

// Message is one message of a prompt.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is what the endpoint was asked.
type Request struct {
	At        time.Time `json:"-"`
	Key       string    `json:"-"` // the bearer token
	Model     string    `json:"model"`
	Stream    bool      `json:"stream"`
	MaxTokens int       `json:"max_tokens"`
	Messages  []Message `json:"messages"`

	Sound []byte `json:"-"` // what is to be transcribed; nil where it is a chat
}

// Question is the last message of the user.
func (r Request) Question() string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == "user" {
			return r.Messages[i].Content
		}
	}
	return ""
}

// Response is what the endpoint does about a request. The zero value streams
// nothing and finishes properly.
type Response struct {
	Deltas []string      // the answer
	Pause  time.Duration // before each delta
	Finish string        // finish_reason; default "stop"
	Sent   func()        // called when the last delta was written

	Status     int    // an HTTP status other than 200, with an error body
	Error      string // the error's message; with status 0 or 200 it comes inside the stream
	RetryAfter string // the header
	Hang       bool   // after the deltas nothing more comes, and the connection stays
	Cut        bool   // after the deltas the connection is closed in the middle of the body
	NoFinish   bool   // after the deltas [DONE] comes without a finish_reason
	Comments   int    // keep-alive comment lines before the first delta
}

// Words is the response that streams its arguments.
func Words(deltas ...string) Response { return Response{Deltas: deltas} }

// Start listens on addr ("127.0.0.1:0" for any port) and answers each request
// with what respond returns. It keeps the requests for Requests; Forget ends that.
func Start(addr string, respond func(Request) Response) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{respond: respond, url: "http://" + listener.Addr().String() + "/v1", done: make(chan struct{}), keep: true}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.serve)
	mux.HandleFunc("POST /v1/audio/transcriptions", s.transcribe)
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

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.serving.Add(1)
	defer s.serving.Done()
	req := Request{At: time.Now(), Key: bearer(r)}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&req); err != nil {
		fail(w, http.StatusBadRequest, "the body is not JSON: "+err.Error())
		return
	}
	s.mu.Lock()
	if s.keep {
		s.requests = append(s.requests, req)
	}
	s.mu.Unlock()
	switch {
	case !req.Stream:
		fail(w, http.StatusBadRequest, "only streams are offered")
	case req.Model == "" || len(req.Messages) == 0:
		fail(w, http.StatusBadRequest, "model and messages are required")
	default:
		s.stream(w, r, s.respond(req))
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
	req := Request{At: time.Now(), Key: bearer(r), Model: r.FormValue("model"), Sound: sound}
	s.mu.Lock()
	if s.keep {
		s.requests = append(s.requests, req)
	}
	s.mu.Unlock()
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

func bearer(r *http.Request) string {
	const prefix = "Bearer "
	if h := r.Header.Get("Authorization"); len(h) > len(prefix) {
		return h[len(prefix):]
	}
	return ""
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "error", "code": strconv.Itoa(status)}})
}

// stream writes resp as server-sent events.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, resp Response) {
	if resp.RetryAfter != "" {
		w.Header().Set("Retry-After", resp.RetryAfter)
	}
	if resp.Status != 0 && resp.Status != http.StatusOK {
		fail(w, resp.Status, resp.Error)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for range resp.Comments {
		_, _ = fmt.Fprint(w, ": keep-alive\n\n")
	}
	_ = out.Flush()
	for _, delta := range resp.Deltas {
		if resp.Pause > 0 && !s.sleep(r, resp.Pause) {
			return
		}
		event(w, map[string]any{"content": delta}, nil)
		_ = out.Flush()
	}
	if resp.Sent != nil {
		resp.Sent()
	}
	s.end(w, r, resp)
}

// end finishes a stream, in order or as the script has it.
func (s *Server) end(w http.ResponseWriter, r *http.Request, resp Response) {
	switch {
	case resp.Hang:
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		return
	case resp.Cut:
		panic(http.ErrAbortHandler)
	case resp.Error != "":
		_, _ = fmt.Fprintf(w, "data: {\"error\":{\"message\":%q,\"type\":\"error\"}}\n\n", resp.Error)
		return
	case !resp.NoFinish:
		finish := resp.Finish
		if finish == "" {
			finish = "stop"
		}
		event(w, map[string]any{}, finish)
	}
	_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
}

func event(w http.ResponseWriter, delta map[string]any, finish any) {
	chunk, _ := json.Marshal(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "modeltest",
		"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
	}) // strings only: it cannot fail
	_, _ = fmt.Fprintf(w, "data: %s\n\n", chunk)
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
