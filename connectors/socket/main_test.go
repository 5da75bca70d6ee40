package socket

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"longwire/connectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

var silence = slog.New(slog.DiscardHandler)

// secret is in every URL that a test dials and must be in no error.
const secret = "TICKET-S3CRET"

// server is the platform's end: a bare websocket server that does nothing by
// itself, not even answer pings, unless the test reads.
type server struct {
	t      *testing.T
	url    string
	conns  chan *websocket.Conn
	refuse atomic.Int32 // the status that answers upgrades; 0 lets them through
	asked  atomic.Int32 // upgrades so far
}

func newServer(t *testing.T) *server {
	s := &server{t: t, conns: make(chan *websocket.Conn, 100)}
	s.serve(httptest.NewServer(s))
	return s
}

func (s *server) serve(web *httptest.Server) {
	s.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/connect?ticket=" + secret
	s.t.Cleanup(web.Close)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	if status := s.refuse.Load(); status != 0 {
		w.Header().Set("Reason", "because")
		w.WriteHeader(int(status))
		return
	}
	up := websocket.Upgrader{}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	s.t.Cleanup(func() { _ = ws.Close() })
	s.conns <- ws
}

// accept is the next websocket that was opened.
func (s *server) accept() *websocket.Conn {
	s.t.Helper()
	return next(s.t, s.conns, "a connection")
}

// unheard is an address where nobody listens, and nobody else can: it is taken, by a
// socket that takes no connections until listen is called.
func unheard(t *testing.T) (addr string, listen func() net.Listener) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	taken := os.NewFile(uintptr(fd), "unheard")
	t.Cleanup(func() { _ = taken.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*syscall.SockaddrInet4).Port)), func() net.Listener {
		t.Helper()
		if err := syscall.Listen(fd, 16); err != nil {
			t.Fatal(err)
		}
		l, err := net.FileListener(taken) // of a copy of it
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

// next is what comes out of a channel.
func next[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// platform is a Platform of two functions. The zero one dials url and passes on
// what it reads.
type platform struct {
	url    string
	opts   Options
	frames chan string
	dial   func(ctx context.Context) (*Conn, error)
	serve  func(ctx context.Context, conn *Conn) error
}

func (p *platform) Dial(ctx context.Context) (*Conn, error) {
	if p.dial != nil {
		return p.dial(ctx)
	}
	return Dial(ctx, p.url, p.opts)
}

func (p *platform) Serve(ctx context.Context, conn *Conn) error {
	if p.serve != nil {
		return p.serve(ctx, conn)
	}
	return p.read(conn)
}

func (p *platform) read(conn *Conn) error {
	for {
		_, frame, err := conn.Read()
		if err != nil {
			return err
		}
		if string(frame) == "retire" {
			conn.Retire()
		}
		if p.frames != nil {
			p.frames <- string(frame)
		}
	}
}

// newPlatform is a platform that dials s and passes frames on.
func newPlatform(s *server) *platform {
	return &platform{url: s.url, frames: make(chan string, 1000)}
}

func (p *platform) expect(t *testing.T, want string) {
	t.Helper()
	if got := next(t, p.frames, "frame "+want); got != want {
		t.Fatalf("frame %.40q, want %.40q", got, want)
	}
}

var quick = Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond, Slow: 5 * time.Millisecond}

// run holds a link until the test ends or stop is called; stop returns when Run
// has.
func run(t *testing.T, p Platform, backoff Backoff, log *slog.Logger) (link *Link, stop func()) {
	t.Helper()
	link = New(p, backoff, untold, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); link.Run(ctx) }()
	stop = func() { t.Helper(); cancel(); next(t, done, "the end of Run") }
	t.Cleanup(stop)
	return link, stop
}

func send(t *testing.T, ws *websocket.Conn, frame string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Errorf("send %.20q: %v", frame, err)
	}
}

// answerPings reads ws until it ends, and then ends it, as a living platform does.
func answerPings(ws *websocket.Conn) {
	defer func() { _ = ws.Close() }()
	for {
		if _, _, err := ws.NextReader(); err != nil {
			return
		}
	}
}

// pair is a websocket without a network between its ends, so that its time may be
// that of synctest. The peer does nothing unless the test reads.
func pair(t *testing.T, opts Options) (conn *Conn, peer *websocket.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	upgraded := make(chan *websocket.Conn, 1)
	go func() {
		r := bufio.NewReader(theirs)
		req, err := http.ReadRequest(r)
		if err != nil {
			t.Error(err)
			return
		}
		var up websocket.Upgrader
		ws, err := up.Upgrade(&hijacked{ResponseRecorder: httptest.NewRecorder(), conn: theirs, r: r}, req, nil)
		if err != nil {
			t.Error(err)
		}
		upgraded <- ws
	}()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
	ws, resp, err := dialer.DialContext(t.Context(), "ws://pipe/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	conn, err = newConn(ws, opts.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	peer = <-upgraded
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return conn, peer
}

// hijacked lets Upgrader have a connection that no http.Server made.
type hijacked struct {
	*httptest.ResponseRecorder
	conn net.Conn
	r    *bufio.Reader
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(h.r, bufio.NewWriter(h.conn)), nil
}

// journal is a log that can be read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// count is how many lines hold all of the words.
func (j *journal) count(words ...string) int {
	n := 0
	for line := range strings.Lines(j.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			n++
		}
	}
	return n
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// waitState waits for a state and returns the status then.
func waitState(t *testing.T, link *Link, want connectors.State) connectors.Status {
	t.Helper()
	var got connectors.Status
	eventually(t, "state "+string(want), func() bool { got = link.Status(); return got.State == want })
	return got
}

// untold is told that a stream is down, where a test does not care.
func untold(error) {}
