// Package dingtalktest is the DingTalk cloud in process, as a robot in Stream
// mode sees it: real HTTP and real websockets on one loopback listener, strict
// where the platform is strict, and scriptable. Tests talk to it as users do
// (Say, PutFile, Press), watch what a robot answers (Sent, Cards, Emotions) and break
// things in the ways networks and platforms break them (Drop, Stall, Disconnect,
// FailRoute with the Fail functions, BreakFile, FailDelivery, Revoke, Censor).
// The sandbox and the benchmark run on it too.
//
// What happens to a message:
//
//  1. a client asks for an endpoint and opens the websocket with its ticket (gateway.go)
//  2. Say writes a message and makes the callback of it (message.go)
//  3. the push goes to one of the app's connections, chosen at random, and comes
//     again when it is not acked in time (push.go)
//  4. the client replies through the message's sessionWebhook (webhook.go), the
//     robot API (robot.go) or a card (cardcreate.go, carddeliver.go), which it can
//     change afterwards (cardupdate.go, cardstream.go); all of it is recorded
//     (observe.go, card.go)
//  5. people press the card's buttons (cardpress.go), and the organisation goes on:
//     events (event.go, orgevent.go) and a month's count that runs out (quota.go)
//
// Every API call passes one door that knows tokens, permissions, speed and the
// month's count (admit.go). Files that people send are got in two steps (file.go). Who
// is in which department the older API tells (directory.go).
//
// # What the rules rest on
//
// Comments name the source of each wire rule: "documented" is the platform's
// developer documentation, "SDK" the source of an official SDK (alibaba-go is the
// generated one), "client source" that of another public client, "field" a payload
// or error seen in a public issue. UNVERIFIED marks our choice where none of them
// speaks; those choices are options where a client could come to depend on them.
//
// # Promises
//
// All methods may be called at the same time. Close returns when every goroutine
// of the server has ended: the accept loop, one per HTTP connection, three per
// websocket and one for redelivery. Nothing is logged, and no secret, ticket or
// token leaves the process except to who asked for it.
package dingtalktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ErrClosed is returned by the Wait methods when the server is closed while they
// wait.
var ErrClosed = errors.New("dingtalktest: server closed")

// maxBody bounds a request's body. The platform's own limits are lower or
// unknown; this one only keeps a broken client from filling the memory.
const maxBody = 4 << 20

// Server is one DingTalk cloud. Start makes it.
type Server struct {
	opts     Options
	url      string // http://host:port, without a slash at the end
	mux      *http.ServeMux
	http     *http.Server
	listener *listener
	done     chan struct{}  // closed by Close
	work     sync.WaitGroup // everything that Close waits for
	closing  sync.Once

	mu     sync.Mutex // guards everything below
	closed bool
	apps   map[string]*app // by client id; the map itself never changes

	tickets map[string]ticket  // gateway.go: issued and not used
	conns   map[*conn]struct{} // gateway.go: websockets that pushes may use or that will come back (stalled)

	frames   map[string]*push // push.go: by headers.messageId
	overdue  dueQueue         // push.go: not acked yet, the earliest deadline first
	nextWake time.Time        // push.go: when the redelivery loop looks next
	look     chan struct{}    // push.go: tells that loop to look earlier

	webhooks webhookTable    // webhook.go
	tokens   map[string]*app // api.go: the one good token of each app

	invalidStaff map[string]bool // robot.go: scripted outcomes of batchSend
	limitedStaff map[string]bool
	disbanded    map[string]bool // orgevent.go: groups that are no more, by conversation id
	censored     []string        // censor.go: words nobody may send

	quota Quota // quota.go

	files map[string]*storedFile // file.go: by downloadCode
	links map[string]fileLink    // file.go: by the name in the downloadUrl

	cards      map[cardKey]*card // card.go
	cardOrder  []*card           // card.go: in the order of their making
	undelivers map[string]string // carddeliver.go: by space id, what its deliveries fail with

	departments map[string][]string // directory.go: of people, by staff id
	parents     map[string]string   // directory.go: of departments, by id

	said map[heardKey]*heard // emotion.go: messages that may be reacted to
	told []heardKey          // emotion.go: in the order in which they came

	failures map[string][]Failure // fault.go: by path, or method and path, in the order they were scripted

	stats    Stats                 // observe.go
	calls    map[string]int        // requests by path, and by method and path
	sent     []Sent                // empty with Options.Forget
	watchers map[*watcher]struct{} // WaitSent calls under way
	changed  chan struct{}         // closed at the next change; nil while nobody waits
}

// app is an App at work. Its maps and slices are guarded by Server.mu.
type app struct {
	App
	id          string              // headers.appId
	robotUserID string              // chatbotUserId
	pushes      map[string]*push    // by msgId or eventId
	held        []*push             // waiting for a connection (Options.HoldOffline)
	groups      map[string]struct{} // conversation ids of the groups the robot is in
	token       string
	tokenUntil  time.Time
	calls       map[string]*window // by method and path, for CallsPerSecond
	revoked     map[string]bool    // permissions it has not, for Revoke
}

// Start listens and serves until Close.
func Start(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	apps, err := makeApps(opts.Apps)
	if err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := newServer(opts, apps, tcp)
	s.mux = s.routes()
	s.http = &http.Server{
		Handler:   http.HandlerFunc(s.serve),
		ConnState: s.follow,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	s.work.Go(func() { _ = s.http.Serve(s.listener) })
	s.work.Go(s.redeliverLoop)
	return s, nil
}

// newServer is a server that does nothing yet.
func newServer(opts Options, apps map[string]*app, tcp net.Listener) *Server {
	return &Server{
		opts:     opts,
		url:      "http://" + reachable(tcp.Addr()),
		listener: &listener{Listener: tcp, open: make(map[*wire]struct{})},
		done:     make(chan struct{}),
		apps:     apps,
		tickets:  make(map[string]ticket),
		conns:    make(map[*conn]struct{}),
		frames:   make(map[string]*push),
		look:     make(chan struct{}, 1),
		webhooks: newWebhookTable(),
		tokens:   make(map[string]*app),
		failures: make(map[string][]Failure),
		calls:    make(map[string]int),
		watchers: make(map[*watcher]struct{}),

		disbanded:  make(map[string]bool),
		quota:      Quota{CallLimit: opts.MonthlyCalls, PushLimit: opts.MonthlyPushes},
		files:      make(map[string]*storedFile),
		links:      make(map[string]fileLink),
		cards:      make(map[cardKey]*card),
		undelivers: make(map[string]string),
		said:       make(map[heardKey]*heard),

		departments: make(map[string][]string),
		parents:     make(map[string]string),
	}
}

// makeApps checks the configured apps and prepares them.
func makeApps(list []App) (map[string]*app, error) {
	apps := make(map[string]*app, len(list))
	for _, a := range list {
		if a.ClientID == "" || a.ClientSecret == "" {
			return nil, errors.New("app needs a client id and a client secret")
		}
		if apps[a.ClientID] != nil {
			return nil, fmt.Errorf("app %s is given twice", a.ClientID)
		}
		if a.RobotCode == "" {
			a.RobotCode = a.ClientID
		}
		apps[a.ClientID] = &app{
			App:         a,
			id:          uuidOf("app", a.ClientID),
			robotUserID: personID("robot", a.ClientID),
			pushes:      make(map[string]*push),
			groups:      make(map[string]struct{}),
			calls:       make(map[string]*window),
			revoked:     make(map[string]bool),
		}
	}
	return apps, nil
}

// reachable is the address a client on this machine dials to get to addr.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}

// routes is everything the cloud answers.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathOpen, s.open)
	mux.HandleFunc("GET "+PathConnect, s.connect)
	mux.HandleFunc("POST "+PathWebhook, s.sendBySession)
	mux.HandleFunc("POST "+PathToken, s.accessToken)
	mux.HandleFunc("POST "+PathOTO, s.authorized(ScopeRobot, s.batchSend))
	mux.HandleFunc("POST "+PathGroup, s.authorized(ScopeRobot, s.groupSend))
	mux.HandleFunc("POST "+PathDownload, s.authorized(ScopeRobot, s.download))
	mux.HandleFunc("GET "+PathFile+"{name}", s.fetch)
	mux.HandleFunc("POST "+PathEmotionReply, s.authorized(ScopeRobot, s.emotionReply))
	mux.HandleFunc("POST "+PathEmotionRecall, s.authorized(ScopeRobot, s.emotionRecall))
	mux.HandleFunc("POST "+PathCards, s.authorized(ScopeCards, s.createCard))
	mux.HandleFunc("PUT "+PathCards, s.authorized(ScopeCards, s.updateCard))
	mux.HandleFunc("POST "+PathDeliver, s.authorized(ScopeCards, s.deliverCard))
	mux.HandleFunc("POST "+PathCreateAndDeliver, s.authorized(ScopeCards, s.createAndDeliver))
	mux.HandleFunc("PUT "+PathStreaming, s.authorized(ScopeStreaming, s.streamCard))
	mux.HandleFunc("POST "+PathUser, s.user)
	mux.HandleFunc("POST "+PathParents, s.parentDepartments)
	mux.HandleFunc("/", s.unknownRoute)
	return mux
}

// URL is where the cloud is, for the endpoint setting of a connection:
// http://127.0.0.1:port, without a slash at the end. Session webhooks and the
// websocket endpoint are on the same host.
func (s *Server) URL() string { return s.url }

// Close ends the cloud and everything connected to it, and returns when all its
// goroutines have ended. Later calls do nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		close(s.done)
		s.wake()
		s.mu.Unlock()
		_ = s.http.Close()
		s.listener.closeAll()
	})
	s.work.Wait()
	return nil
}

// serve is the one door for all requests: it counts them, reads the body whole
// (only then does net/http notice a client that goes away) and applies scripted
// failures.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	failure, broken, ok := s.enter(r.Method, routeOf(r.URL.Path))
	if !ok {
		panic(http.ErrAbortHandler)
	}
	defer s.work.Done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeProblem(w, http.StatusRequestEntityTooLarge, "RequestTooLarge", "request body is too large")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if broken {
		s.fail(w, r, failure)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// routeOf is the path by which a request is counted and made to fail: all files
// share one.
func routeOf(path string) string {
	if strings.HasPrefix(path, PathFile) {
		return PathFile
	}
	return path
}

// enter counts a request in and tells which scripted failure hits it. It returns
// ok false when the server is closing; otherwise the caller owes a work.Done.
func (s *Server) enter(method, path string) (failure Failure, broken, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Failure{}, false, false
	}
	s.work.Add(1)
	s.calls[path]++
	s.calls[method+" "+path]++
	s.wake()
	failure, broken = s.nextFailure(method + " " + path)
	if !broken {
		failure, broken = s.nextFailure(path)
	}
	return failure, broken, true
}

// follow keeps Close waiting for the goroutines of net/http. New connections are
// only announced by the accept loop, which is itself counted, so the count cannot
// rise from zero while Close waits.
func (s *Server) follow(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.work.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.work.Done()
	}
}
