package feishutest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"time"
)

// Failure is what happens instead of an answer, or on the way to it.
type Failure struct {
	// Status and Body are answered; with a Body, a Status of 0 is 200. Without
	// either the request is served as usual, after Delay.
	Status int
	Header http.Header
	Body   string

	Delay time.Duration // before anything else
	Times int           // how many requests it hits; 0: one; negative: all, until ClearFailures

	// LoseResponse serves the request and then cuts the connection, so that the
	// caller cannot know what became of it.
	LoseResponse bool

	api *refusal // set by APIError
}

// failure is a Failure under way.
type failure struct {
	Failure
	route string
	left  int // requests still to hit; negative: all
}

// APIError is the Failure of an API call: HTTP 400 and the platform's error
// envelope. FailRoute("/open-apis/im/v1/messages", APIError(230002, "...")) is
// how a bot learns that it was removed from its group.
func APIError(code int, msg string) Failure {
	return Failure{Status: http.StatusBadRequest, api: refuse(code, msg)}
}

// FailRoute makes the next requests to a route fail. The route is a prefix of the
// path; with a * in it, it is a pattern of the whole path as package path has
// them, for instance /open-apis/im/v1/messages/*/reply. A method and a space
// before it, as in PATCH /open-apis/im/v1/messages/*, leave other methods alone.
// Of several failures of a route the first is used up first.
func (s *Server) FailRoute(route string, f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, &failure{Failure: f, route: route, left: timesLeft(f.Times)})
}

func timesLeft(times int) int {
	if times == 0 {
		return 1
	}
	return times
}

// RefuseBootstrap answers the next bootstraps with a code and HTTP 200, for
// instance with 1, the platform's word for busy. times is as in Failure.
func (s *Server) RefuseBootstrap(code int, msg string, times int) {
	b, _ := json.Marshal(bootstrapRefusal(code, msg)) // numbers and strings
	s.FailRoute(bootstrapPath, Failure{Body: string(b), Times: times})
}

// RefuseHandshake refuses the next websocket upgrades with an HTTP status and the
// headers Handshake-Status and Handshake-Autherrcode, each left out if 0. times is
// as in Failure.
func (s *Server) RefuseHandshake(status, handshakeStatus, autherr, times int) {
	s.FailRoute(socketPath, Failure{
		Status: status,
		Header: handshakeHeader(handshakeStatus, "refused by the test", autherr),
		Times:  times,
	})
}

// ClearFailures ends all failures of routes, bootstraps and handshakes.
func (s *Server) ClearFailures() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = nil
}

// nextFailure uses up one hit of the first failure of a method and path.
func (s *Server) nextFailure(method, urlPath string) (Failure, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.failures {
		if f.left != 0 && f.matches(method, urlPath) {
			if f.left > 0 {
				f.left--
			}
			return f.Failure, true
		}
	}
	return Failure{}, false
}

func (f *failure) matches(method, urlPath string) bool {
	route := f.route
	if only, rest, ok := strings.Cut(route, " "); ok {
		if only != method {
			return false
		}
		route = rest
	}
	if strings.Contains(route, "*") {
		ok, _ := path.Match(route, urlPath)
		return ok
	}
	return strings.HasPrefix(urlPath, route)
}

// withFailures serves a request as the failure of its route wants it.
func (s *Server) withFailures(w http.ResponseWriter, r *http.Request, next http.Handler) {
	f, ok := s.nextFailure(r.Method, r.URL.Path)
	if !ok {
		next.ServeHTTP(w, r)
		return
	}
	if f.Delay > 0 && !s.pause(r, f.Delay) {
		return
	}
	for key, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(key)] = values
	}
	switch {
	case f.LoseResponse:
		next.ServeHTTP(&lost{header: http.Header{}}, r)
		cut(w)
	case f.api != nil:
		no := *f.api
		no.status = f.Status
		writeRefusal(w, &no)
	case f.Status != 0 || f.Body != "":
		if f.Status == 0 {
			f.Status = http.StatusOK
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	default:
		next.ServeHTTP(w, r)
	}
}

// pause waits for d. It returns false when the request or the cloud ended first.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	return false
}

// lost is a response that nobody gets.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header         { return l.header }
func (l *lost) Write(b []byte) (int, error) { return len(b), nil }
func (l *lost) WriteHeader(int)             {}

// cut ends a request's connection without an answer.
func cut(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

// Drop resets all live connections, without a word, and returns how many.
func (s *Server) Drop() int {
	s.mu.Lock()
	conns := s.takeConns()
	s.mu.Unlock()
	for _, c := range conns {
		if tcp, ok := c.ws.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset rather than an end
		}
		c.close()
	}
	return len(conns)
}

// Stall makes all live connections black holes, as a firewall does that has
// forgotten them: nothing arrives on either side and nobody is told. They stay
// live for the platform, so events go on being pushed into them, until the client
// gives them up. New connections work. It returns how many there are.
func (s *Server) Stall() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := s.allConns()
	for _, c := range conns {
		c.stall()
	}
	return len(conns)
}

// Unstall lets everything through that Stall held back.
func (s *Server) Unstall() {
	s.mu.Lock()
	conns := s.allConns()
	s.mu.Unlock()
	for _, c := range conns {
		for _, b := range c.unstall() {
			if s.receive(c, b) != nil {
				c.close()
			}
		}
	}
}

// halfFrame is the beginning of a binary message of 1024 bytes.
var halfFrame = append([]byte{0x82, 126, 0x04, 0x00}, "\x08\x01\x10\x02\x18\x01\x20\x01"...)

// HalfFrame sends all live connections half a frame and ends them. It returns how
// many there are.
func (s *Server) HalfFrame() int { return s.sendAll(outgoing{rawBytes, halfFrame}) }

// PongConfig makes payload the payload of every pong, to send a client part of a
// configuration, or nonsense. An empty payload brings the full one back.
func (s *Server) PongConfig(payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pong = []byte(payload)
	if payload == "" {
		s.pong = s.opts.ClientConfig.json()
	}
}
