package dingtalktest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// Failure is what happens to requests instead of, or beside, being answered.
//
//	Failure{Status: 503, Times: 3}      three refusals
//	Failure{Delay: 6 * time.Second}     a slow answer; who hangs up has not been heard
//	Failure{Cut: true}                  the connection breaks before the request takes effect
//	Failure{Commit: true, Cut: true}    it takes effect and the answer is lost
type Failure struct {
	Status int         // answer with it; 0: with the real answer
	Header http.Header // of that answer
	Body   string      // of that answer
	Delay  time.Duration
	Cut    bool // reset the TCP connection instead of answering

	// Commit carries the request out first, whatever the client is told then. At
	// PathConnect it uses the ticket up and never opens the websocket.
	Commit bool

	Times int // how many requests it hits; 0: all until Heal
}

// FailRoute makes requests to a path fail. Further failures for the same path wait
// until the ones before have hit as often as they say. A path may have a method
// before it, where several methods share it: "PUT " + PathCards.
func (s *Server) FailRoute(path string, f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[path] = append(s.failures[path], f)
}

// Heal takes all failures of a path back.
func (s *Server) Heal(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failures, path)
}

// nextFailure uses up one hit of a path's failures. The caller holds s.mu.
func (s *Server) nextFailure(path string) (Failure, bool) {
	list := s.failures[path]
	if len(list) == 0 {
		return Failure{}, false
	}
	f := list[0]
	if f.Times > 0 {
		list[0].Times--
		if list[0].Times == 0 {
			s.failures[path] = list[1:]
		}
	}
	return f, true
}

// fail answers a request as the failure says.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Failure) {
	var kept *keptAnswer
	if f.Commit {
		kept = &keptAnswer{header: make(http.Header), status: http.StatusOK}
		s.mux.ServeHTTP(kept, r)
	}
	if f.Delay > 0 && !s.idle(r, f.Delay) {
		cut(w)
		return
	}
	switch {
	case f.Cut:
		cut(w)
	case f.Status != 0:
		maps.Copy(w.Header(), f.Header)
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	case f.Commit:
		maps.Copy(w.Header(), kept.header)
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes())
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// idle waits, and returns false when the client or the server has gone meanwhile.
func (s *Server) idle(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	case <-s.done:
		return false
	}
}

// cut resets the connection of a request that is not going to be answered.
func cut(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if line, ok := c.(*wire); ok {
		line.reset()
		return
	}
	_ = c.Close()
}

// keptAnswer is an answer that the client may never see.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is for http.ResponseWriter.
func (k *keptAnswer) Header() http.Header { return k.header }

// WriteHeader is for http.ResponseWriter.
func (k *keptAnswer) WriteHeader(status int) { k.status = status }

// Write is for http.ResponseWriter.
func (k *keptAnswer) Write(p []byte) (int, error) {
	if k.body.Len() > maxKept {
		return 0, io.ErrShortWrite // an endless file
	}
	return k.body.Write(p)
}

// maxKept bounds an answer that is kept.
const maxKept = 64 << 20

// reachableConns are the websockets whose line works, retired ones included. The
// caller holds s.mu.
func (s *Server) reachableConns() []*conn {
	var list []*conn
	for c := range s.conns {
		if !c.stalled {
			list = append(list, c)
		}
	}
	return list
}

// Drop resets all websockets (TCP RST) but stalled ones, which nothing reaches, and
// returns how many.
func (s *Server) Drop() int {
	s.mu.Lock()
	list := s.reachableConns()
	for _, c := range list {
		s.unlink(c)
	}
	s.mu.Unlock()
	for _, c := range list {
		c.wire.reset()
	}
	return len(list)
}

// Stall turns the line of all present websockets into a black hole, as a NAT does
// that forgot them: nothing is read, written or closed until Unstall or Close. New
// connections work. The platform does not know, so pushes still go into the hole
// until pings are missed (Options.PingMisses). It returns how many are stalled.
func (s *Server) Stall() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.reachableConns()
	for _, c := range list {
		c.stalled = true
		c.wire.stall()
	}
	s.wake()
	return len(list)
}

// Unstall lets the stalled websockets go on, with everything that waited.
func (s *Server) Unstall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.stalled {
			c.stalled = false
			c.wire.unstall()
		}
	}
	s.wake()
}

// Disconnect tells all websockets to go, as the platform does at intervals: a
// SYSTEM disconnect frame, nothing pushed from then on (field), and the end of the
// TCP connection after Options.DisconnectGrace without a Close frame (documented).
// The reason seen in the field is "persistent connection is timeout"; the
// documentation's sample has "connection is expired". It returns how many.
func (s *Server) Disconnect(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.reachableConns() {
		if c.retired {
			continue
		}
		n++
		f := newSystemFrame("disconnect", map[string]string{"reason": reason})
		c.retired = true
		c.asked[f.messageID()] = ""
		c.enqueue(outgoing{kind: websocket.TextMessage, frame: f})
		close(c.retire)
	}
	s.wake()
	return n
}

// HalfFrame sends all websockets the first half of a callback frame and resets them
// in the middle of it. It returns how many.
func (s *Server) HalfFrame() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.reachableConns()
	for _, c := range list {
		body := encode(newCallback(c.app, Message{ID: newMsgID(), At: time.Now(), Text: "half of this"}))
		c.enqueue(outgoing{frame: newFrame(typeCallback, TopicMessage, string(body)), cut: true})
		s.unlink(c)
	}
	return len(list)
}

// PushFrame writes raw as a text message on all websockets, whatever it is, and
// returns how many. When it has a headers.messageId, Acks and WaitAck know the
// answers by it. It is not pushed again.
func (s *Server) PushFrame(raw []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushRaw(raw, s.reachableConns())
}

// PushFrameOne does the same on one websocket, chosen at random, and returns
// whether there was one.
func (s *Server) PushFrameOne(raw []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.reachableConns()
	if len(list) == 0 {
		return false
	}
	i := rand.IntN(len(list))
	return s.pushRaw(raw, list[i:i+1]) == 1
}

// pushRaw is for both. The caller holds s.mu.
func (s *Server) pushRaw(raw []byte, list []*conn) int {
	var f frame
	_ = json.Unmarshal(raw, &f) // as far as it can be read
	for _, c := range list {
		if id := f.messageID(); id != "" {
			s.track(c.app, id)
		}
		c.enqueue(outgoing{kind: websocket.TextMessage, body: raw})
	}
	return len(list)
}

// track makes answers to a raw frame known. The caller holds s.mu.
func (s *Server) track(a *app, id string) {
	p := a.pushes[id]
	if p == nil {
		p = &push{app: a, id: id, place: -1}
		a.pushes[id] = p
		s.frames[id] = p
		p.frames = append(p.frames, id)
	}
	p.deliveries++
}

// PushBinary writes raw as a binary message on all websockets and returns how many.
func (s *Server) PushBinary(raw []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.reachableConns()
	for _, c := range list {
		c.enqueue(outgoing{kind: websocket.BinaryMessage, body: raw})
	}
	return len(list)
}

// ExpireTokens ends all access tokens now.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
	for _, a := range s.apps {
		a.token = ""
	}
}

// ExpireWebhooks ends all session webhooks made so far, whatever expiry their
// messages tell.
func (s *Server) ExpireWebhooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks = newWebhookTable()
}
