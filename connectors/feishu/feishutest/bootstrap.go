package feishutest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// The paths of the long connection.
const (
	bootstrapPath = "/callback/ws/endpoint"
	socketPath    = "/ws/v2"
)

// maxConns is how many connections an app may have.
const maxConns = 50

// The codes of the bootstrap that the cloud gives by itself.
const (
	codeBadRequest     = 1000040343 // the platform's internal error; for a body it cannot read: UNVERIFIED
	codeNoCredential   = 1000040344
	codeBadCredential  = 1000040345 // also for keys in lower case, which it does not see
	codeTooManyConns   = 1000040350
	statusAuthFailed   = 514 // of the handshake
	ticketLife         = time.Minute
	handshakeStatus    = "Handshake-Status"
	handshakeMsg       = "Handshake-Msg"
	handshakeAutherr   = "Handshake-Autherrcode"
	maxBootstrapBody   = 64 << 10
	handshakeBadTicket = http.StatusForbidden // the HTTP status: UNVERIFIED
)

// ticket lets one websocket in, once. How long the platform's are good for is
// UNVERIFIED.
type ticket struct {
	app     *app
	device  string
	service int32
	expires time.Time
}

func (c ClientConfig) json() []byte {
	b, _ := json.Marshal(c) // four numbers
	return b
}

// bootstrap answers where to dial. It is not part of the open API: errors come
// with HTTP 200 and data is there even then, because the Node client reads it
// before it reads the code.
func (s *Server) bootstrap(w http.ResponseWriter, r *http.Request) {
	// Exact keys matter: the platform does not see "appId".
	var body object
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBootstrapBody)).Decode(&body)
	id, _ := body.text("AppID")
	secret, _ := body.text("AppSecret")

	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[id]
	switch {
	case err != nil:
		refuseBootstrap(w, codeBadRequest, "bad request")
	case id == "" || secret == "":
		refuseBootstrap(w, codeNoCredential, "no credential")
	case a == nil || a.AppSecret != secret:
		refuseBootstrap(w, codeBadCredential, "app_id or app_secret is invalid")
	case len(a.conns) >= maxConns:
		refuseBootstrap(w, codeTooManyConns, "the number of connections exceeded the limit")
	default:
		writeJSON(w, http.StatusOK, map[string]any{"code": 0, "msg": "", "data": map[string]any{
			"URL":          s.endpoint(a),
			"ClientConfig": s.opts.ClientConfig,
		}})
	}
}

func refuseBootstrap(w http.ResponseWriter, code int, msg string) {
	writeJSON(w, http.StatusOK, bootstrapRefusal(code, msg))
}

func bootstrapRefusal(code int, msg string) any {
	return map[string]any{"code": code, "msg": msg, "data": map[string]any{"URL": ""}}
}

// endpoint issues a ticket and returns the address it is part of. mu is held.
func (s *Server) endpoint(a *app) string {
	now := s.now()
	for k, t := range s.tickets {
		if now.After(t.expires) {
			delete(s.tickets, k)
		}
	}
	t := ticket{app: a, device: deviceID(), service: 33554678, expires: now.Add(ticketLife)}
	name := uuid()
	s.tickets[name] = t
	// The order of the parameters is the platform's: a client that parses the
	// whole URL as a query loses the first one.
	return fmt.Sprintf("ws%s%s?fpid=493&aid=552564&device_id=%s&access_key=%s&service_id=%d&ticket=%s",
		strings.TrimPrefix(s.url, "http"), socketPath, t.device, hexID("", 32), t.service, name)
}

// upgrade takes a websocket in and serves it until it ends.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	t, ok := s.redeem(r.URL.Query())
	if !ok {
		refuseHandshake(w, handshakeBadTicket, statusAuthFailed, "ticket is invalid", 0)
		return
	}
	s.mu.Lock()
	full := len(t.app.conns) >= maxConns
	s.mu.Unlock()
	if full {
		refuseHandshake(w, http.StatusForbidden, statusAuthFailed, "connection limit", codeTooManyConns)
		return
	}
	upgrader := websocket.Upgrader{HandshakeTimeout: 10 * time.Second}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	s.serve(newConn(t, ws))
}

// redeem takes the ticket out of the book, whether it is good or not.
func (s *Server) redeem(q url.Values) (ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tickets[q.Get("ticket")]
	delete(s.tickets, q.Get("ticket"))
	ok = ok && s.now().Before(t.expires) &&
		q.Get("device_id") == t.device && q.Get("service_id") == strconv.Itoa(int(t.service))
	return t, ok
}

func refuseHandshake(w http.ResponseWriter, status, handshake int, msg string, autherr int) {
	for key, values := range handshakeHeader(handshake, msg, autherr) {
		w.Header()[key] = values
	}
	writeJSON(w, status, map[string]any{"code": handshake, "msg": msg})
}

// handshakeHeader is how a refused upgrade says why; 0 leaves a header out.
func handshakeHeader(status int, msg string, autherr int) http.Header {
	h := http.Header{}
	if status != 0 {
		h.Set(handshakeStatus, strconv.Itoa(status))
	}
	h.Set(handshakeMsg, msg)
	if autherr != 0 {
		h.Set(handshakeAutherr, strconv.Itoa(autherr))
	}
	return h
}
