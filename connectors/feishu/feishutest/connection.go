package feishutest

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"longwire/connectors/feishu/pbbp2"
)

// maxResponse bounds what a client may send in one message.
const maxResponse = 1 << 20

// rawBytes marks an outgoing that is written below the websocket and is the
// connection's last.
const rawBytes = -1

// outgoing is one message to write: a websocket message type, or rawBytes.
type outgoing struct {
	kind int
	data []byte
}

// conn is one websocket. The request's goroutine reads, one more writes.
type conn struct {
	ticket
	ws   *websocket.Conn
	once sync.Once     // of close
	gone chan struct{} // closed by close

	partner [][]byte // interleaving: the parts that wait for another event's; guarded by Server.mu

	mu      sync.Mutex // guards the rest; taken inside Server.mu, never the other way round
	queue   []outgoing
	wake    chan struct{} // tells the writer of new messages, or that the stall is over
	stalled bool
	held    [][]byte // what came in while stalled
}

func newConn(t ticket, ws *websocket.Conn) *conn {
	c := &conn{ticket: t, ws: ws, gone: make(chan struct{}), wake: make(chan struct{}, 1)}
	ws.SetReadLimit(maxResponse)
	ws.SetPingHandler(func(text string) error {
		if c.isStalled() {
			return nil
		}
		_ = ws.WriteControl(websocket.PongMessage, []byte(text), time.Now().Add(time.Second))
		return nil
	})
	return c
}

// serve runs c from its first to its last frame.
func (s *Server) serve(c *conn) {
	var writer sync.WaitGroup
	defer writer.Wait()
	defer c.close()
	if !s.join(c) {
		return
	}
	defer s.leave(c)
	writer.Go(c.write)
	for {
		kind, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.BinaryMessage {
			c.refuse(websocket.CloseUnsupportedData, "binary frames only")
			return
		}
		if c.hold(b) {
			continue
		}
		if err := s.receive(c, b); err != nil {
			c.refuse(websocket.CloseInvalidFramePayloadData, err.Error())
			return
		}
	}
}

// refuse says why the connection ends. What the platform does about frames it
// cannot read is UNVERIFIED.
func (c *conn) refuse(code int, why string) {
	if len(why) > 120 { // the room in a close frame
		why = why[:120]
	}
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(time.Second))
}

// join makes c a live connection of its app, unless the cloud is closed.
func (s *Server) join(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	c.app.conns = append(c.app.conns, c)
	s.notify()
	return true
}

// leave takes c out of its app's live connections.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range c.app.conns {
		if other == c {
			c.app.conns = append(c.app.conns[:i], c.app.conns[i+1:]...)
			s.notify()
			return
		}
	}
}

// takeConns returns all live connections and makes none of them live. mu is held.
func (s *Server) takeConns() []*conn {
	conns := s.allConns()
	for _, a := range s.apps {
		a.conns = nil
	}
	s.notify()
	return conns
}

// allConns returns all live connections. mu is held.
func (s *Server) allConns() []*conn {
	var conns []*conn
	for _, a := range s.apps {
		conns = append(conns, a.conns...)
	}
	return conns
}

// receive handles one message of the client.
func (s *Server) receive(c *conn, b []byte) error {
	f, err := pbbp2.Unmarshal(b)
	if err != nil {
		return err
	}
	switch {
	case f.Method == pbbp2.MethodControl && f.Header(pbbp2.HeaderType) == "ping":
		s.mu.Lock()
		payload := s.pong
		s.pings++
		s.notify()
		s.mu.Unlock()
		pong := pbbp2.Frame{
			Service: f.Service,
			Headers: []pbbp2.Header{{Key: pbbp2.HeaderType, Value: "pong"}},
			Payload: payload,
		}
		c.send(outgoing{websocket.BinaryMessage, pong.Marshal()})
	case f.Method == pbbp2.MethodData:
		var body struct {
			Code int     `json:"code"`
			Data *string `json:"data"`
		}
		if json.Unmarshal(f.Payload, &body) != nil {
			body.Code = 0 // not 200, which is all that matters
		}
		s.respond(c, f, response{body.Code, body.Data})
	}
	return nil
}

// send queues messages for the writer; they stay together. It never blocks.
func (c *conn) send(out ...outgoing) {
	c.mu.Lock()
	c.queue = append(c.queue, out...)
	c.mu.Unlock()
	c.nudge()
}

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write writes what is queued until c is gone.
func (c *conn) write() {
	defer c.close() // lets the reader go after a failed write
	for {
		out, ok := c.next()
		if !ok {
			select {
			case <-c.wake:
				continue
			case <-c.gone:
				return
			}
		}
		if out.kind == rawBytes {
			_, _ = c.ws.NetConn().Write(out.data)
			return
		}
		if c.ws.WriteMessage(out.kind, out.data) != nil {
			return
		}
	}
}

// next takes the first queued message, none while c is stalled.
func (c *conn) next() (outgoing, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalled || len(c.queue) == 0 {
		return outgoing{}, false
	}
	out := c.queue[0]
	c.queue[0] = outgoing{}
	c.queue = c.queue[1:]
	return out, true
}

// close ends c. It does not say goodbye: the platform's connections end that way,
// too.
func (c *conn) close() {
	c.once.Do(func() {
		close(c.gone)
		_ = c.ws.Close()
	})
}

// hold keeps b for after the stall. It returns false when c is not stalled. The
// reader goes on reading so that a client that gives up is noticed, as the
// platform's idle timeout would.
func (c *conn) hold(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalled {
		c.held = append(c.held, b)
	}
	return c.stalled
}

func (c *conn) isStalled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stalled
}

// stall makes c a black hole.
func (c *conn) stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled = true
}

// unstall ends the stall and returns what came in meanwhile.
func (c *conn) unstall() [][]byte {
	c.mu.Lock()
	held := c.held
	c.stalled, c.held = false, nil
	c.mu.Unlock()
	c.nudge()
	return held
}
