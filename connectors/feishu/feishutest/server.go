// Package feishutest is the Feishu/Lark cloud in one process, on loopback: real
// HTTP, a real websocket, and the strictness of the platform. Tests script it,
// the sandbox chats through it and the benchmark loads it.
//
// One listener serves what a bot needs:
//
//	POST /callback/ws/endpoint    bootstrap: where to dial, once (bootstrap.go)
//	GET  /ws/v2                   the long connection (connection.go)
//	POST /open-apis/auth/v3/...   tenant tokens (token.go)
//	GET  /open-apis/bot/v3/info   the bot's own identity (bot.go)
//	/open-apis/im/v1/messages     create and reply (send.go, content.go), edit.go,
//	                              recall.go, read.go, resource.go, reaction.go
//	/open-apis/cardkit/v1/cards   card entities (cardkit.go, cardchange.go)
//	/open-apis/im/v1/chats and
//	/open-apis/contact/v3         names and departments (directory.go)
//
// A test speaks as a person with Say (say.go; kinds.go has every kind of message),
// reacts, recalls, presses buttons (press.go) and so on (notice.go), and sees what
// the bot did with Sent, WaitSent and WaitAck (observe.go), Look (look.go), Cards
// and WaitCard (cardlook.go), Reactions and Downloads. An event travels like this
// (push.go):
//
//  1. Say builds the event once, so its event_id and om_ id never change.
//  2. It is pushed to one random live connection of the app, in parts if asked.
//  3. A response with code 200 within AckTimeout settles it.
//  4. Anything else, and the lack of a connection, pushes it again after each of
//     Options.Redeliver; after the last it is lost.
//
// What can go wrong on purpose is in fault.go and canned.go. A choice that no
// document settles is a field of Doubts, or says UNVERIFIED where it is made. The
// cloud has a clock of its own, which Skip moves ahead.
//
// The goroutines: net/http's own, one writer per websocket (its reader is the
// HTTP request's goroutine), and one clock for all deadlines. Close waits for all
// of them.
package feishutest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// Server is the cloud. All methods may be called concurrently.
type Server struct {
	opts Options
	url  string
	http *http.Server

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	requests sync.WaitGroup // HTTP requests, the websockets' included
	sockets  sync.WaitGroup // connections that net/http holds
	loops    sync.WaitGroup // the accept loop and the clock

	mu      sync.Mutex // guards everything below and the fields of apps
	closed  bool
	changed chan struct{} // closed by notify; nil while nobody waits
	version int           // counts notify

	alarms  alarms        // alarm.go
	skipped time.Duration // how far the cloud's clock is ahead
	wake    chan struct{} // tells the clock of an earlier alarm

	apps       map[string]*app // by AppID
	bots       []*app          // the same in the order of Options.Apps
	tickets    map[string]ticket
	bootstraps int
	pings      int
	tokens     map[string]token
	tokenCalls int

	instance string // the instance_id of every push
	seqID    uint64
	pushes   map[string]*push   // by header message_id
	pending  int                // pushes neither acked nor lost
	records  map[string]*record // by what Say and PushEvent returned

	chats       map[string]*chat
	threads     map[string]string   // thread id to the message at its root
	people      store[Person]       // by open_id
	departments map[string][]string // of people, by open_id
	parents     map[string]string   // of departments, by open_department_id
	messages    store[*message]
	uuids       store[*sending]
	sent        []Sent
	resources   map[string]Resource // by key
	downloads   []*Download
	reactions   []*reaction // oldest first
	cards       store[*card]
	cardOrder   []*card // oldest first
	changes     int     // of cards

	calls    map[string]int // requests per route
	failures []*failure
	pong     []byte // payload of every pong
}

// app is an App at run time.
type app struct {
	App
	conns   []*conn // live ones
	token   token   // the newest
	buckets map[string]*bucket
	month   int // calls that worked
}

var appIDShape = regexp.MustCompile(`^cli_[0-9a-f]{16}$`)

// Start opens the cloud.
func Start(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	if len(opts.Apps) == 0 {
		return nil, errors.New("start feishutest: no app")
	}
	s := &Server{
		opts:        opts,
		wake:        make(chan struct{}, 1),
		apps:        make(map[string]*app),
		tickets:     make(map[string]ticket),
		tokens:      make(map[string]token),
		instance:    hexID("", 24),
		pushes:      make(map[string]*push),
		records:     make(map[string]*record),
		chats:       make(map[string]*chat),
		departments: make(map[string][]string),
		parents:     make(map[string]string),
		threads:     make(map[string]string),
		resources:   make(map[string]Resource),
		calls:       make(map[string]int),
		pong:        opts.ClientConfig.json(),
	}
	if opts.NoHistory {
		s.messages.limit, s.uuids.limit, s.people.limit, s.cards.limit = forgetAbove, forgetAbove, forgetAbove, forgetAbove
	}
	for _, a := range opts.Apps {
		if err := s.addApp(a); err != nil {
			return nil, fmt.Errorf("start feishutest: %w", err)
		}
	}
	listener, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("start feishutest: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{Handler: s.routes(), ConnState: s.count, ReadHeaderTimeout: 10 * time.Second}
	s.loops.Go(s.runClock)
	s.loops.Go(func() { _ = s.http.Serve(listener) })
	return s, nil
}

func (s *Server) addApp(a App) error {
	if !appIDShape.MatchString(a.AppID) {
		return fmt.Errorf("app id %q is not cli_ and 16 hexadecimal digits", a.AppID)
	}
	if s.apps[a.AppID] != nil {
		return fmt.Errorf("app id %s appears twice", a.AppID)
	}
	if a.BotOpenID == "" {
		a.BotOpenID = derivedID("ou_", a.AppID)
	}
	if a.BotName == "" {
		a.BotName = "bot"
	}
	s.apps[a.AppID] = &app{App: a, buckets: make(map[string]*bucket)}
	s.bots = append(s.bots, s.apps[a.AppID])
	return nil
}

// URL is the base of every address of the cloud, without a slash at its end.
func (s *Server) URL() string { return s.url }

// Close takes the cloud down, websockets included, and returns when its last
// goroutine has. A second Close does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	conns := s.takeConns()
	s.notify()
	s.mu.Unlock()

	s.cancel()
	for _, c := range conns {
		c.close()
	}
	_ = s.http.Close()
	s.loops.Wait()
	_ = s.http.Close() // what was accepted while the first Close was under way
	s.sockets.Wait()
	s.requests.Wait()
}

// count follows net/http's connections, whose goroutines http.Server.Close ends
// but does not wait for. A hijacked one is a websocket, and its request is still
// counted by requests.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.sockets.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.sockets.Done()
	}
}

// enter counts a request. It returns false when the cloud is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.requests.Add(1)
	return true
}

// await returns nil as soon as ready does, which is asked now and after every
// change, with mu held; or the error ready gives; or ctx's.
func (s *Server) await(ctx context.Context, ready func() (bool, error)) error {
	for {
		s.mu.Lock()
		ok, err := ready()
		if err == nil && !ok && s.closed {
			err = errors.New("feishutest is closed")
		}
		if ok || err != nil {
			s.mu.Unlock()
			return err
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch returns what look sees as soon as match accepts it. look is called now
// and after every change, with mu held; match without, so that it may use s.
func watch[T any](ctx context.Context, s *Server, look func() (T, error), match func(T) bool) (T, error) {
	version := -1
	for {
		var seen T
		err := s.await(ctx, func() (bool, error) {
			if version == s.version {
				return false, nil
			}
			version = s.version
			var err error
			seen, err = look()
			return err == nil, err
		})
		if err != nil || match(seen) {
			return seen, err
		}
	}
}

// notify lets everybody in await look again. mu is held.
func (s *Server) notify() {
	s.version++
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
