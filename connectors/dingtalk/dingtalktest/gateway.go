package dingtalktest

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// The two steps to a connection, on api.dingtalk.com and
// wss-open-connection.dingtalk.com (documented). The Java SDK ignores the path of
// the endpoint it is given and always takes /connect.
const (
	PathOpen    = "/v1.0/gateway/connections/open"
	PathConnect = "/connect"
)

// The frame types, which are also the types of subscriptions (documented).
const (
	typeSystem   = "SYSTEM"
	typeEvent    = "EVENT"
	typeCallback = "CALLBACK"
)

// topicEvery is the only topic of an EVENT subscription (documented).
const topicEvery = "*"

// subscription is what a connection wants to be pushed.
type subscription struct {
	Type  string `json:"type"`
	Topic string `json:"topic"`
}

// ticket opens one websocket, once, before until (documented: 90 s).
type ticket struct {
	app    *app
	topics map[subscription]struct{}
	until  time.Time
}

// openRequest is the body of PathOpen (documented). localIp, ua and extras are
// optional and of no consequence; extras is null from the Go SDK.
type openRequest struct {
	ClientID      string            `json:"clientId"`
	ClientSecret  string            `json:"clientSecret"`
	Subscriptions []subscription    `json:"subscriptions"`
	UserAgent     string            `json:"ua"`
	LocalIP       string            `json:"localIp"`
	Extras        map[string]string `json:"extras"`
}

// openAnswer is its answer (documented). The XML form and its element names are
// UNVERIFIED.
type openAnswer struct {
	XMLName  xml.Name `json:"-" xml:"OpenConnectionResponse"`
	Endpoint string   `json:"endpoint" xml:"endpoint"`
	Ticket   string   `json:"ticket" xml:"ticket"`
}

// open answers PathOpen.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	req, refusal := parseOpen(r.Header.Get("Content-Type"), r.Body)
	if refusal != nil {
		answerOpen(w, r, http.StatusBadRequest, refusal)
		return
	}
	s.mu.Lock()
	a := s.apps[req.ClientID]
	if a == nil || a.ClientSecret != req.ClientSecret {
		s.mu.Unlock()
		// field: dify-on-dingtalk issue 28, verbatim
		answerOpen(w, r, http.StatusUnauthorized, newProblem("authFailed", "鉴权失败"))
		return
	}
	now := time.Now()
	maps.DeleteFunc(s.tickets, func(_ string, t ticket) bool { return now.After(t.until) })
	id := newUUID()
	topics := make(map[subscription]struct{}, len(req.Subscriptions))
	for _, sub := range req.Subscriptions {
		topics[sub] = struct{}{}
	}
	s.tickets[id] = ticket{app: a, topics: topics, until: now.Add(s.opts.TicketTTL)}
	s.mu.Unlock()
	endpoint := "ws" + strings.TrimPrefix(s.url, "http") + PathConnect
	answerOpen(w, r, http.StatusOK, &openAnswer{Endpoint: endpoint, Ticket: id})
}

// parseOpen reads the body of PathOpen. What is missing is refused with 400 (field:
// connector troubleshooting); the codes are UNVERIFIED and follow the gateway's
// habit for other APIs.
func parseOpen(contentType string, body io.Reader) (*openRequest, *problem) {
	if !isJSON(contentType) {
		return nil, newProblem("UnsupportedContentType", "Content-Type must be application/json")
	}
	var req openRequest
	if err := decodeExact(body, &req); err != nil {
		return nil, newProblem("InvalidJSON", "request body is not the JSON object expected: "+err.Error())
	}
	switch {
	case req.ClientID == "":
		return nil, missing("clientId")
	case req.ClientSecret == "":
		return nil, missing("clientSecret")
	case len(req.Subscriptions) == 0:
		return nil, missing("subscriptions")
	}
	for _, sub := range req.Subscriptions {
		if err := sub.check(); err != nil {
			return nil, newProblem("InvalidSubscription", err.Error())
		}
	}
	return &req, nil
}

// check says what is wrong with a subscription: the types are the three frame
// types, and an EVENT has only the topic "*" (documented). SYSTEM subscriptions
// are sent by the Go SDK alone and change nothing.
func (sub subscription) check() error {
	switch sub.Type {
	case typeSystem, typeCallback:
		if sub.Topic == "" {
			return fmt.Errorf("%s subscription without topic", sub.Type)
		}
	case typeEvent:
		if sub.Topic != topicEvery {
			return fmt.Errorf("EVENT supports only topic *, not %q", sub.Topic)
		}
	default:
		return fmt.Errorf("unknown subscription type %q", sub.Type)
	}
	return nil
}

// answerOpen writes v as JSON to who accepts it by name and as XML to everybody
// else (Node SDK source comment; whether */* counts is UNVERIFIED, so it does not).
func answerOpen(w http.ResponseWriter, r *http.Request, status int, v any) {
	if strings.Contains(strings.ToLower(r.Header.Get("Accept")), "application/json") {
		writeJSON(w, status, v)
		return
	}
	w.Header().Set("Content-Type", "application/xml;charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(v)
}

// upgrader takes a websocket from anywhere: the platform asks for no header and no
// subprotocol (documented).
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// connect answers PathConnect. A ticket that is unknown, used or too old is
// refused with 401 (UNVERIFIED).
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		writeProblem(w, http.StatusBadRequest, "BadHandshake", "websocket upgrade expected")
		return
	}
	t, ok := s.redeem(r.URL.Query().Get("ticket"))
	if !ok {
		writeProblem(w, http.StatusUnauthorized, "authFailed", "ticket is unknown, used or expired")
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	line, ok := ws.NetConn().(*wire)
	if !ok {
		panic("dingtalktest: websocket on a connection of another listener")
	}
	c := newConn(s, t, ws, line)
	if !s.link(c) {
		_ = line.Close()
		return
	}
	c.run()
}

// redeem uses a ticket up.
func (s *Server) redeem(id string) (ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tickets[id]
	delete(s.tickets, id)
	return t, ok && !time.Now().After(t.until)
}

// link makes a connection eligible for pushes and gives it what was held back for
// it. It returns false when the server is closing.
func (s *Server) link(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	s.stats.Connects++
	s.release(c.app)
	s.wake()
	return true
}

// unlink takes a connection out of everything. It may be called again. The caller
// holds s.mu.
func (s *Server) unlink(c *conn) {
	delete(s.conns, c)
	s.wake()
}
