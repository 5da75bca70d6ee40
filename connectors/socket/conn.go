package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"longwire/connectors"
)

// Options say how a socket is kept. A zero field takes its default.
type Options struct {
	// Keepalive is how often the platform is asked for a sign of life.
	// Default 30 s.
	Keepalive time.Duration
	// Silence is how long the socket may be silent before it counts as dead.
	// Default two and a half times Keepalive, so that one lost ping does not
	// end a good socket.
	Silence time.Duration
	// Ping is the binary frame that asks for a sign of life; nil means a
	// websocket ping.
	Ping []byte
	// Proxy says through which proxy to dial; nil means http.ProxyFromEnvironment. It
	// is asked with the URL's scheme as http or https.
	Proxy connectors.Proxy
	// wall is the wall clock, which goes on while the machine sleeps; a test sets
	// another one.
	wall func() time.Time
	// MaxFrame bounds a frame in bytes. Default 16 MiB.
	MaxFrame int64
}

func (o Options) withDefaults() Options {
	if o.Keepalive <= 0 {
		o.Keepalive = 30 * time.Second
	}
	if o.Silence <= 0 {
		o.Silence = o.Keepalive * 5 / 2
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.wall == nil {
		o.wall = func() time.Time { return time.Now().Round(0) }
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = 16 << 20
	}
	return o
}

const (
	handshakeTime = 10 * time.Second // from the first TCP packet to the upgrade
	writeTime     = 10 * time.Second // one frame out
	retireTime    = 30 * time.Second // how long a retired socket is read at most; DingTalk closes it after 10 s
	lookTime      = 5 * time.Second  // between two looks whether the machine slept
	closeTime     = time.Second      // to say goodbye
)

// Kind is the kind of a frame.
type Kind int

// The two kinds of frames that carry anything.
const (
	Text   Kind = websocket.TextMessage
	Binary Kind = websocket.BinaryMessage
)

// ErrTooLarge is returned by Read for a frame larger than Options.MaxFrame. The
// frame is skipped; the next Read goes on behind it.
var ErrTooLarge = errors.New("frame too large")

// HandshakeError says that the server refused the upgrade.
type HandshakeError struct {
	Status int         // the HTTP status
	Header http.Header // some platforms say why in here
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("handshake refused: HTTP %d", e.Status)
}

// Conn is one websocket. One goroutine reads it; any may write.
type Conn struct {
	ws   *websocket.Conn
	opts Options

	heard atomic.Int64 // when a frame last came, in Unix ns

	write sync.Mutex // one writer at a time; held while a frame goes out

	interrupted atomic.Bool  // set by interrupt: nothing moves the read deadline any more
	slept       atomic.Int64 // how long the machine slept, in ns; set before interrupt

	retireOnce sync.Once
	retired    chan struct{} // closed by Retire

	closeOnce sync.Once
	closed    chan struct{} // closed by Close
}

// Dial opens a websocket. A refused upgrade is a *HandshakeError. The URL is a
// secret (it carries a ticket) and is in no error.
func Dial(ctx context.Context, url string, opts Options) (*Conn, error) {
	opts = opts.withDefaults()
	unwatch := func() bool { return true }
	dialer := websocket.Dialer{
		Proxy:            passable(opts.Proxy),
		HandshakeTimeout: handshakeTime,
		NetDialContext: func(limited context.Context, network, addr string) (net.Conn, error) {
			tcp, err := new(net.Dialer).DialContext(limited, network, addr)
			if err == nil { // the handshake itself does not look at ctx
				unwatch = context.AfterFunc(ctx, func() { _ = tcp.Close() })
			}
			return tcp, err
		},
	}
	ws, resp, err := dialer.DialContext(ctx, url, nil)
	unwatch()
	if err != nil {
		if resp != nil {
			_ = resp.Body.Close()
			return nil, &HandshakeError{Status: resp.StatusCode, Header: resp.Header}
		}
		return nil, fmt.Errorf("dial: %w", connectors.WithoutURL(err))
	}
	return newConn(ws, opts)
}

// passable is proxy as the websocket library knows proxies: http:// and socks5://, where
// the proxy looks names up, which others call socks5h. For all else it is an error that
// names the scheme; what the library says of it does not.
func passable(proxy connectors.Proxy) connectors.Proxy {
	return func(req *http.Request) (*url.URL, error) {
		to, err := proxy(req)
		if err != nil || to == nil {
			return to, err
		}
		switch to.Scheme {
		case "http", "socks5":
			return to, nil
		case "socks5h":
			plain := *to
			plain.Scheme = "socks5"
			return &plain, nil
		}
		return nil, fmt.Errorf("a websocket cannot go through a proxy whose URL begins with %s://; write http:// or socks5://, in the environment or as the connection's proxy", to.Scheme)
	}
}

func newConn(ws *websocket.Conn, opts Options) (*Conn, error) {
	c := &Conn{
		ws:      ws,
		opts:    opts,
		retired: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	ws.SetPongHandler(func(string) error { return c.alive() })
	ws.SetPingHandler(func(data string) error {
		_ = ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTime))
		return c.alive()
	})
	if err := c.alive(); err != nil {
		_ = ws.Close()
		return nil, fmt.Errorf("dial: %w", err)
	}
	return c, nil
}

// ErrSilent is why a socket ended on which nothing came for Options.Silence.
var ErrSilent = errors.New("silent")

// alive notes a sign of life: the socket may now be silent for Silence again.
// Only Dial and the reading goroutine call it.
func (c *Conn) alive() error {
	c.heard.Store(time.Now().UnixNano())
	return c.listen()
}

// listen gives the platform Silence from now on.
func (c *Conn) listen() error {
	if err := c.ws.SetReadDeadline(time.Now().Add(c.opts.Silence)); err != nil {
		return err
	}
	if c.interrupted.Load() { // between our two lines, or before them
		return c.ws.SetReadDeadline(past)
	}
	return nil
}

// past is a read deadline that makes a read return at once.
var past = time.Unix(1, 0)

func (c *Conn) lastFrame() time.Time { return time.Unix(0, c.heard.Load()) }

// Read returns the next frame. After ErrTooLarge it may be called again; after
// any other error the socket is over.
func (c *Conn) Read() (Kind, []byte, error) {
	// What has passed since the last frame was our time, not the platform's: its
	// pongs may lie in the buffer.
	if err := c.listen(); err != nil {
		return 0, nil, fmt.Errorf("read frame: %w", err)
	}
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return 0, nil, fmt.Errorf("read frame: %w", c.why(err))
	}
	frame, err := io.ReadAll(io.LimitReader(r, c.opts.MaxFrame+1))
	if err != nil {
		return 0, nil, fmt.Errorf("read frame: %w", c.why(err))
	}
	if err := c.alive(); err != nil {
		return 0, nil, fmt.Errorf("read frame: %w", err)
	}
	if int64(len(frame)) > c.opts.MaxFrame {
		return 0, nil, fmt.Errorf("read frame: %w: more than %d bytes", ErrTooLarge, c.opts.MaxFrame)
	}
	return Kind(kind), frame, nil
}

// why puts the operator's words to a deadline that passed.
func (c *Conn) why(err error) error {
	var timeout interface{ Timeout() bool }
	if slept := time.Duration(c.slept.Load()); slept > 0 {
		return fmt.Errorf("the machine slept for %s, or its clock was set: the socket is taken for dead", slept.Round(time.Second))
	}
	if errors.As(err, &timeout) && timeout.Timeout() && !c.interrupted.Load() {
		return fmt.Errorf("%w for %s, taken for dead", ErrSilent, c.opts.Silence)
	}
	return err
}

// Write sends one frame. After an error the socket is closed, because half a
// frame may be on the wire.
func (c *Conn) Write(kind Kind, frame []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeTime))
	if err := c.ws.WriteMessage(int(kind), frame); err != nil {
		_ = c.ws.Close()
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// keepAlive asks for a sign of life until the socket is closed, ends a retired
// socket that the platform forgot to close, and one over which the machine slept.
// It answers nothing itself: whatever comes back moves the read deadline.
func (c *Conn) keepAlive() {
	tick, look := time.NewTicker(c.opts.Keepalive), time.NewTicker(min(c.opts.Keepalive, lookTime))
	defer tick.Stop()
	defer look.Stop()
	began, wall := time.Now(), c.opts.wall()
	retired, overdue := c.retired, (<-chan time.Time)(nil)
	for err := c.ping(); err == nil; {
		select {
		case <-tick.C:
			err = c.ping()
		case <-look.C:
			// Our own clock and timers stand still while the machine sleeps, so no
			// deadline passes; the platform has given the socket up meanwhile.
			if slept := c.opts.wall().Sub(wall) - time.Since(began); slept > c.opts.Silence {
				c.slept.Store(int64(slept))
				c.interrupt()
				return
			}
			began, wall = time.Now(), c.opts.wall()
		case <-retired:
			retired, overdue = nil, time.After(retireTime)
		case <-overdue:
			c.interrupt()
			return
		case <-c.closed:
			return
		}
	}
	_ = c.ws.Close() // a ping could not be sent; the reader learns of it
}

func (c *Conn) ping() error {
	if c.opts.Ping != nil {
		return c.Write(Binary, c.opts.Ping)
	}
	return c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime))
}

// Retire says that the platform will close this socket soon: the next one is to
// be dialled now. This one is read until it ends, at most for another half
// minute. It may be called more than once.
func (c *Conn) Retire() { c.retireOnce.Do(func() { close(c.retired) }) }

func (c *Conn) isRetired() bool {
	select {
	case <-c.retired:
		return true
	default:
		return false
	}
}

// interrupt makes the reader return, now and for ever; frames may still be
// written.
func (c *Conn) interrupt() {
	c.interrupted.Store(true)
	_ = c.ws.SetReadDeadline(past)
}

// Close says goodbye and closes the socket. It may be called more than once.
func (c *Conn) Close() {
	c.closeOnce.Do(func() {
		close(c.closed)
		goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = c.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(closeTime))
		if c.interrupted.Load() {
			c.linger()
		}
		_ = c.ws.Close()
	})
}

// linger reads what nobody wants any more. TCP throws away the last acks that are
// on their way when a socket is closed before everything that came was read.
func (c *Conn) linger() {
	_ = c.ws.NetConn().SetReadDeadline(time.Now().Add(closeTime))
	_, _ = io.Copy(io.Discard, c.ws.NetConn())
}
