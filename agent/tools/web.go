package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"longwire/connectors"
)

// web carries the requests of one connection to an HTTP server. The SDK speaks the
// protocol; here are the headers, the bounds, and the signs that a server is gone
// which the SDK does not take for one.
type web struct {
	server *server
	link   *link
	next   *http.Transport
	life   context.Context // of the connection; ends every request
}

const (
	// maxProblem bounds what is read of an answer that is an error.
	maxProblem = 64 << 10
	// farewell is how long a server may take to be told that we go.
	farewell = 2 * time.Second
	// listening is the method whose answer is a stream of notifications.
	listening = "subscriptions/listen"
)

// dial makes the way to the server's URL. Nothing is sent yet.
func (s *server) dial(l *link) (mcp.Transport, error) {
	life, end := context.WithCancel(context.Background())
	next := connectors.NewTransport(s.config.Proxy)
	w := &web{server: s, link: l, next: next, life: life}
	l.settle = func(cause error) error {
		end()
		next.CloseIdleConnections()
		return cause
	}
	return &mcp.StreamableClientTransport{
		Endpoint:     s.config.URL,
		HTTPClient:   &http.Client{Transport: w, CheckRedirect: connectors.Stay},
		MaxEventSize: s.limits.frame,
	}, nil
}

// RoundTrip implements http.RoundTripper.
func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	unhook := context.AfterFunc(w.life, func() { cancel(errEnded) })
	patience := time.AfterFunc(w.patience(req.Method), func() { cancel(errSlow) })
	release := func() {
		unhook()
		cancel(nil)
	}
	out := req.Clone(ctx)
	for name, value := range w.server.config.Headers {
		out.Header.Set(name, value)
	}
	resp, err := w.next.RoundTrip(out)
	if err == nil {
		w.link.hear()
		resp, err = w.judge(out, resp, release)
	}
	slow := !patience.Stop() && errors.Is(context.Cause(ctx), errSlow)
	if err == nil && !slow {
		return resp, nil
	}
	if err == nil {
		resp.Body.Close()
	}
	release()
	if slow && req.Method == http.MethodGet {
		return noStream(req), nil
	}
	if slow {
		err = errSlow
	}
	if req.Context().Err() == nil && w.life.Err() == nil {
		w.link.doubt() // nobody has given this request up: the server is not there
	}
	return nil, err
}

// patience is how long the head of an answer may take. Calls have a bound of their
// own, which is shorter.
func (w *web) patience(method string) time.Duration {
	switch method {
	case http.MethodGet:
		return w.server.limits.stream
	case http.MethodDelete:
		return farewell
	}
	return max(w.server.config.Timeout, w.server.limits.handshake) + time.Second
}

// noStream is the answer of a server that has no stream of notifications. It stands
// for one that does not begin it: the SDK would wait for it for ever.
func noStream(req *http.Request) *http.Response {
	return &http.Response{
		Status: "405 Method Not Allowed", StatusCode: http.StatusMethodNotAllowed,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: req,
	}
}

// judge looks at an answer before the SDK does. The body that it leaves is bounded,
// and calls release when it is closed.
func (w *web) judge(req *http.Request, resp *http.Response, release func()) (*http.Response, error) {
	w.suspect(req, resp.StatusCode)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices:
		resp.Body = &body{ReadCloser: resp.Body, left: maxProblem, end: release}
	case kind == "text/event-stream":
		b := &body{ReadCloser: resp.Body, left: -1, end: release, heard: w.link.hear}
		b.flooded = func() { w.link.lose(errFlood) }
		b.flow = meter{burst: 256 << 10, rate: 16 << 10}
		if req.Method == http.MethodPost {
			b.flow.burst += w.server.limits.frame
		}
		if req.Header.Get("Mcp-Method") == listening {
			b.broken = func() { w.link.lose(fmt.Errorf("%w: the stream of notifications ended", errEnded)) }
		}
		resp.Body = b
	default:
		return w.whole(req, resp, release)
	}
	return resp, nil
}

// suspect draws conclusions from an answer's status.
func (w *web) suspect(req *http.Request, status int) {
	switch {
	case status == http.StatusUnauthorized:
		w.link.lose(&denied{w.server.config.Name, status})
	case status == http.StatusForbidden && !w.link.ready.Load(): // later it may be about one tool
		w.link.lose(&denied{w.server.config.Name, status})
	case status == http.StatusNotFound && req.Header.Get("Mcp-Session-Id") != "":
		w.link.lose(fmt.Errorf("%w: the server does not know us any more", errEnded))
	case status >= http.StatusBadRequest && req.Method == http.MethodPost:
		w.link.doubt()
	}
}

// whole reads an answer that is one message to its end. The SDK would read it without
// a bound, and give the connection up when a call is given up meanwhile.
func (w *web) whole(req *http.Request, resp *http.Response, release func()) (*http.Response, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(w.server.limits.frame)+1))
	resp.Body.Close()
	release()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(text) > w.server.limits.frame {
		if text, err = tooLarge(req); err != nil {
			return nil, err
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// tooLarge is the answer that stands for one that is too large, so that only the
// call that it answers fails.
func tooLarge(req *http.Request) ([]byte, error) {
	errTooMuch := errors.New("the answer is too large to be read")
	if req.GetBody == nil {
		return nil, errTooMuch
	}
	sent, err := req.GetBody()
	if err != nil {
		return nil, errTooMuch
	}
	text, _ := io.ReadAll(sent)
	message, _ := jsonrpc.DecodeMessage(text)
	asked, ok := message.(*jsonrpc.Request)
	if !ok || !asked.IsCall() {
		return nil, errTooMuch
	}
	return jsonrpc.EncodeMessage(&jsonrpc.Response{ID: asked.ID, Error: errTooLong})
}

// body is an answer that is read piece by piece, in bounds.
type body struct {
	io.ReadCloser
	left   int    // bytes that may still be read; negative: as many as flow allows
	flow   meter  // counts where left is negative
	end    func() // called by Close
	heard  func() // called for every piece; may be nil
	broken func() // called when there is no more; may be nil

	flooded func() // called when flow is exceeded; not nil where it counts
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left >= 0 {
		if b.left == 0 {
			return 0, io.EOF
		}
		p = p[:min(len(p), b.left)]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left >= 0 {
		b.left -= n
	} else if !b.flow.take(n) {
		b.flooded()
		err = errFlood
	}
	if n > 0 && b.heard != nil {
		b.heard()
	}
	if err != nil && b.broken != nil {
		b.broken()
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.end()
	return b.ReadCloser.Close()
}
