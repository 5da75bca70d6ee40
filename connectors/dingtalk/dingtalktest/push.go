package dingtalktest

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// push is one robot message or event over all its deliveries. Server.mu guards it,
// and every unexported method here that takes one is called with s.mu held.
type push struct {
	app     *app
	id      string // msgId or eventId
	kind    string // typeCallback or typeEvent; empty for a raw frame, which is not pushed again
	topic   string
	headers map[string]string // what an EVENT has beside the ordinary headers
	body    []byte            // the frame's data

	frames     []string // the messageIds it was delivered under
	deliveries int
	tries      int // how often it was pushed again for want of an ack
	acks       []Ack
	acked      bool
	due        time.Time
	place      int        // in Server.overdue; -1 when it is not there
	answer     chan<- Ack // takes the first ack of a card press; nil for everything else
	held       bool       // in app.held
}

// PushData pushes body as the data of a robot message callback, whatever it is,
// and returns the id under which Acks and WaitAck know it: its msgId, or a made-up
// one when it has none.
func (s *Server) PushData(clientID string, body []byte) string {
	id, chat := peek(body)
	if id == "" {
		id = newMsgID()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed(clientID)
	if chat != "" {
		a.groups[chat] = struct{}{}
		s.remember(a, id, heard{chat: chat})
	}
	s.submit(a, push{id: id, kind: typeCallback, topic: TopicMessage, body: body})
	return id
}

// Redeliver pushes a message or event again at once, with a new messageId and the
// same data, as happens now and then in spite of an ack (documented FAQ). It
// returns false when the id is not known any more or nobody is connected. An ack
// is expected again.
func (s *Server) Redeliver(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for _, a := range s.apps {
		if p := a.pushes[id]; p != nil && p.kind != "" {
			p.acked, p.tries = false, 0
			s.stats.Redelivered++
			found = s.deliver(p) || found
		}
	}
	return found
}

// submit takes a new push and reports whether it went out. An id that is pushed
// again by hand keeps its counts. The caller holds s.mu, as for everything below but
// receive.
func (s *Server) submit(a *app, p push) bool {
	if s.closed {
		return false
	}
	s.meter(&p)
	known := a.pushes[p.id]
	if known == nil {
		known = &push{app: a, id: p.id, place: -1}
		a.pushes[p.id] = known
	}
	known.kind, known.topic, known.headers, known.body = p.kind, p.topic, p.headers, p.body
	known.acked, known.tries, known.answer = false, 0, p.answer
	s.stats.Pushed++
	return s.deliver(known)
}

// deliver sends a push to a connection and waits for its ack. Without connection
// it is held, with Options.HoldOffline, or lost, and deliver returns false.
func (s *Server) deliver(p *push) bool {
	s.settle(p)
	c := s.choose(p)
	s.wake()
	if c == nil {
		if s.opts.HoldOffline && p.answer == nil {
			s.hold(p)
			return false
		}
		s.stats.Undelivered++
		s.forget(p)
		return false
	}
	f := newFrame(p.kind, p.topic, string(p.body))
	f.Headers["appId"] = p.app.id
	f.Headers["connectionId"] = c.id
	maps.Copy(f.Headers, p.headers)
	s.frames[f.messageID()] = p
	p.frames = append(p.frames, f.messageID())
	p.deliveries++
	s.stats.Delivered++
	c.enqueue(outgoing{kind: websocket.TextMessage, frame: f})
	s.expect(p)
	return true
}

// hold keeps a push until a connection comes.
func (s *Server) hold(p *push) {
	if !p.held {
		p.held = true
		p.app.held = append(p.app.held, p)
	}
}

// release delivers what was held for an app, and holds again what its connections
// do not subscribe to.
func (s *Server) release(a *app) {
	held := a.held
	a.held = nil
	for _, p := range held {
		p.held = false
		s.deliver(p)
	}
}

// choose picks one of the app's connections that subscribe to the push, at random
// (documented FAQ: per message the server picks one connection at random; that
// only subscribers are in the choice is UNVERIFIED).
func (s *Server) choose(p *push) *conn {
	want := subscription{p.kind, p.topic}
	if p.kind == typeEvent {
		want.Topic = topicEvery
	}
	var chosen *conn
	n := 0
	for c := range s.conns {
		if _, subscribed := c.topics[want]; c.app != p.app || !subscribed || !c.alive() {
			continue
		}
		n++
		if rand.IntN(n) == 0 {
			chosen = c
		}
	}
	return chosen
}

// receive takes a client's answer. It refers to a frame by messageId only: which
// connection it comes on does not matter (UNVERIFIED).
func (s *Server) receive(c *conn, kind int, raw []byte) {
	a, err := parseAck(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	if kind != websocket.TextMessage || err != nil {
		s.stats.MalformedAcks++
		return
	}
	id := a.Headers["messageId"]
	if opaque, asked := c.asked[id]; asked {
		s.answered(c, id, opaque, a)
		return
	}
	p := s.frames[id]
	if p == nil {
		s.stats.StrayAcks++
		return
	}
	ack := Ack{At: time.Now(), MessageID: id, Connection: c.id, Code: a.Code, Message: a.Message, Data: a.Data}
	if !s.opts.Forget {
		p.acks = append(p.acks, ack)
	}
	if p.answer != nil {
		p.answer <- ack
		p.answer = nil
	}
	if a.Code != http.StatusOK || p.kind == typeEvent && later(a.Data) {
		s.stats.Refused++ // it stays due
		return
	}
	p.acked = true
	s.stats.Acked++
	s.settle(p)
	s.forget(p)
}

// answered takes the answer to a SYSTEM frame: a ping's has to give the opaque
// value back (documented), a disconnect needs none.
func (s *Server) answered(c *conn, id, opaque string, a ackFrame) {
	delete(c.asked, id)
	switch {
	case opaque == "":
	case a.Code == http.StatusOK && opaqueOf(a.Data) == opaque:
		c.misses = 0
		s.stats.PingsAnswered++
	default:
		s.stats.PingsWrong++
	}
}

// forget drops a push that is over, where no history is kept.
func (s *Server) forget(p *push) {
	if !s.opts.Forget {
		return
	}
	delete(p.app.pushes, p.id)
	for _, id := range p.frames {
		delete(s.frames, id)
	}
}
