package tools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// olderProtocol is the last version that begins with the initialize handshake.
const olderProtocol = "2025-11-25"

// errEnded is in every error that says that a connection is over.
var errEnded = errors.New("connection ended")

// link is one live connection to a server.
type link struct {
	peer    *mcp.ClientSession
	shut    func()            // ends the connection at once, whatever the SDK waits for
	settle  func(error) error // ends what is below it, and says what it knows of why; nil where there is nothing
	waiting sync.WaitGroup    // the goroutine that waits for the connection to end
	changed chan struct{}     // holds a token when the list of tools changed
	doubted chan struct{}     // holds a token when the server may be dead

	lost  chan struct{} // closed when the connection is over
	once  sync.Once     // guards lost and cause
	cause error         // why; set before lost is closed

	heardAt atomic.Int64 // when something came last, in Unix nanoseconds
	pending atomic.Bool  // the SDK has a change of the list that it did not hand over yet
	ready   atomic.Bool  // hands were shaken
	pinging atomic.Bool  // a ping is under way, which settles every doubt
}

func newLink() *link {
	return &link{
		changed: make(chan struct{}, 1),
		doubted: make(chan struct{}, 1),
		lost:    make(chan struct{}),
	}
}

// open connects to the server and shakes hands.
func (s *server) open(ctx context.Context) (*link, error) {
	l := newLink()
	var pick func(*link) (mcp.Transport, error) = s.spawn
	if len(s.config.Command) == 0 {
		pick = s.dial
	}
	transport, err := pick(l)
	if err != nil {
		return nil, err
	}
	if err := s.shake(ctx, l, transport); err != nil {
		s.older = !s.older
		return nil, fmt.Errorf("shake hands: %w", l.close(err))
	}
	l.ready.Store(true)
	l.waiting.Go(func() {
		err := l.peer.Wait()
		if !errors.Is(err, errEnded) {
			err = errors.Join(errEnded, err)
		}
		l.lose(err)
	})
	return l, nil
}

// shake does the protocol's handshake within its time.
func (s *server) shake(ctx context.Context, l *link, transport mcp.Transport) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.handshake)
	defer cancel()
	held := &holding{Transport: transport}
	l.shut = held.shut
	defer context.AfterFunc(ctx, held.shut)() // the SDK does not end every wait with ctx

	options := &mcp.ClientSessionOptions{}
	if s.older {
		options.ProtocolVersion = olderProtocol
	}
	opened, err := s.client(l).Connect(ctx, held, options)
	l.peer = opened
	switch {
	case l.isLost():
		return l.why()
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %s", s.limits.handshake)
	}
	return err
}

// client is our side of the protocol: it can nothing but call tools.
func (s *server) client(l *link) *mcp.Client {
	client := mcp.NewClient(&mcp.Implementation{Name: "longwire", Version: "1"}, &mcp.ClientOptions{
		Capabilities:   &mcp.ClientCapabilities{},                  // no roots
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true}, // it would call a tool again
		Logger:         slog.New(slog.DiscardHandler),              // it repeats what servers say
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
			l.pending.Store(false)
			signal(l.changed)
		},
	})
	client.AddReceivingMiddleware(refuse)
	return client
}

// refuse keeps servers from asking us for anything: the model, files, input, or
// methods by which the SDK would do something of its own.
func refuse(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		switch method {
		case "ping", methodListChanged:
			return next(ctx, method, req)
		}
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "this client only calls tools"}
	}
}

// methodListChanged is the one notification that is of use.
const methodListChanged = "notifications/tools/list_changed"

// holding keeps the SDK's connection, to be able to close it while the SDK waits.
type holding struct {
	mcp.Transport
	mu     sync.Mutex
	conn   mcp.Connection // nil before Connect; guarded by mu
	closed bool           // guarded by mu
}

// Connect implements mcp.Transport.
func (h *holding) Connect(ctx context.Context) (mcp.Connection, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errEnded
	}
	conn, err := h.Transport.Connect(ctx)
	h.conn = conn
	return conn, err
}

func (h *holding) shut() {
	h.mu.Lock()
	conn := h.conn
	h.closed = true
	h.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// hasTools reports whether the server says that it has tools.
func (l *link) hasTools() bool {
	said := l.peer.InitializeResult()
	return said != nil && said.Capabilities != nil && said.Capabilities.Tools != nil
}

// ping returns nil if the server answers within the time, and knows us. The newer
// protocol has no pings and nobody to know: there every answer is a sign of life.
func (l *link) ping(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	l.pinging.Store(true)
	defer l.pinging.Store(false)
	err := l.peer.Ping(ctx, nil)
	newer := l.peer.InitializeResult().ProtocolVersion > olderProtocol
	if answer := said(err); answer != nil && (newer || answer.Code == jsonrpc.CodeMethodNotFound) {
		return nil
	}
	return err
}

// close ends the connection and all that belongs to it. It returns why it ended, which
// may be better known now than before.
func (l *link) close(err error) error {
	if l.shut != nil {
		l.shut()
	}
	if l.settle != nil {
		err = l.settle(err)
	}
	if l.peer != nil {
		l.peer.Close()
	}
	l.waiting.Wait()
	return err
}

// lose says that the connection is over; the first reason counts.
func (l *link) lose(err error) {
	l.once.Do(func() {
		l.cause = err
		close(l.lost)
	})
}

func (l *link) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// why is what lose was told; nil before.
func (l *link) why() error {
	if !l.isLost() {
		return nil
	}
	return l.cause
}

// doubt has the server asked whether it is alive.
func (l *link) doubt() {
	if l.ready.Load() && !l.pinging.Load() {
		signal(l.doubted)
	}
}

// hear notes that something came from the server.
func (l *link) hear() { l.heardAt.Store(time.Now().UnixNano()) }

func (l *link) heard() time.Time { return time.Unix(0, l.heardAt.Load()) }

// signal puts a token into c if there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
