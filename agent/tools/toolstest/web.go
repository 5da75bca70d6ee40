package toolstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Web is a streamable HTTP server on loopback. Its fields may be set before the first
// request.
type Web struct {
	Older   bool // it does not know what is newer than the handshake of 2025
	Options *mcp.StreamableHTTPOptions
	Before  http.HandlerFunc // nil, or called first; if it writes something, that is the answer

	http   *httptest.Server
	server *mcp.Server

	mu       sync.Mutex
	streams  http.Handler // the SDK's side; guarded by mu
	requests []Request    // guarded by mu
}

// Request is what the server was asked.
type Request struct {
	Method string // of HTTP
	Header http.Header
	Body   string
}

// NewWeb starts the server. Close ends it.
func NewWeb() *Web {
	w := &Web{server: Server()}
	w.http = httptest.NewServer(w)
	return w
}

// URL is where it is.
func (w *Web) URL() string { return w.http.URL + "/mcp" }

// Close ends it, and every connection.
func (w *Web) Close() {
	w.Drop()
	w.http.Close()
	for one := range w.server.Sessions() {
		one.Close()
	}
}

// Drop closes every connection.
func (w *Web) Drop() { w.http.CloseClientConnections() }

// Forget makes it know nobody any more, as after a restart.
func (w *Web) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams = nil
}

// Requests returns what it was asked so far, in order.
func (w *Web) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Request(nil), w.requests...)
}

// Count is how many requests had this in their body.
func (w *Web) Count(text string) (n int) {
	for _, request := range w.Requests() {
		if strings.Contains(request.Body, text) {
			n++
		}
	}
	return n
}

// ServeHTTP implements http.Handler.
func (w *Web) ServeHTTP(out http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	streams := w.note(Request{req.Method, req.Header.Clone(), string(body)})
	watched := &watched{ResponseWriter: out}
	if w.Before != nil {
		w.Before(watched, req)
	}
	if watched.wrote {
		return
	}
	if w.Older && strings.Contains(string(body), "server/discover") {
		http.Error(out, "what?", http.StatusBadRequest)
		return
	}
	streams.ServeHTTP(out, req)
}

// note keeps the request and returns who is to answer it.
func (w *Web) note(request Request) http.Handler {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, request)
	if w.streams == nil {
		w.streams = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return w.server }, w.Options)
	}
	return w.streams
}

// watched knows whether something was written.
type watched struct {
	http.ResponseWriter
	wrote bool
}

// WriteHeader implements http.ResponseWriter.
func (w *watched) WriteHeader(status int) {
	w.wrote = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *watched) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *watched) Flush() { w.ResponseWriter.(http.Flusher).Flush() }
