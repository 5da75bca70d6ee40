package dingtalktest

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// conn is one websocket of a client. Three goroutines serve it: read (which is the
// request's own), write and watch; run waits for the other two.
type conn struct {
	server *Server
	app    *app
	id     string                    // headers.connectionId; whether the platform uses the ticket is UNVERIFIED, so it differs
	topics map[subscription]struct{} // never changes
	ws     *websocket.Conn
	wire   *wire
	gone   chan struct{} // closed when the reader has ended
	ready  chan struct{} // has an element when queue may have some
	retire chan struct{} // closed when the disconnect frame is queued

	// guarded by Server.mu
	retired bool              // it was sent disconnect: nothing is pushed to it any more
	stalled bool              // Stall: the server does not know, so pushes still go here
	asked   map[string]string // SYSTEM frames without answer: messageId to the opaque expected, "" for disconnect
	misses  int               // pings in a row that were not answered

	mu    sync.Mutex
	queue []outgoing // guarded by mu; not bounded, as the sender must never wait for a socket
}

// outgoing is one websocket message to write.
type outgoing struct {
	kind  int    // websocket.TextMessage, BinaryMessage or PongMessage
	body  []byte // what to write, unless frame is set
	frame *frame // encoded by the writer, so that nobody encodes under Server.mu
	cut   bool   // write half of it, then reset the connection
}

// newConn prepares a connection; run serves it.
func newConn(s *Server, t ticket, ws *websocket.Conn, line *wire) *conn {
	c := &conn{
		server: s,
		app:    t.app,
		id:     newUUID(),
		topics: t.topics,
		ws:     ws,
		wire:   line,
		gone:   make(chan struct{}),
		ready:  make(chan struct{}, 1),
		retire: make(chan struct{}),
		asked:  make(map[string]string),
	}
	ws.SetReadLimit(maxBody)
	ws.SetPingHandler(func(text string) error {
		c.enqueue(outgoing{kind: websocket.PongMessage, body: []byte(text)})
		s.count(func(st *Stats) { st.ClientPings++ }) // last, so that who sees it knows the pong is queued
		return nil
	})
	return c
}

// run serves the connection until it ends. An end without a Close frame is
// ordinary: the Go SDK never sends one.
func (c *conn) run() {
	var loops sync.WaitGroup
	loops.Go(c.write)
	loops.Go(c.watch)
	c.read()
	_ = c.wire.Close()
	close(c.gone)
	c.server.mu.Lock()
	c.server.unlink(c)
	c.server.mu.Unlock()
	loops.Wait()
}

// read takes what the client sends: acks, and pings which the ping handler answers.
func (c *conn) read() {
	for {
		kind, body, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		c.server.receive(c, kind, body)
	}
}

// enqueue hands a message to the writer. It never blocks.
func (c *conn) enqueue(out outgoing) {
	c.mu.Lock()
	c.queue = append(c.queue, out)
	c.mu.Unlock()
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// write is the only goroutine that writes to the websocket. It sets no deadline: a
// client that does not read is the client's business, and the end of the
// connection ends the write.
func (c *conn) write() {
	var batch []outgoing
	for {
		select {
		case <-c.gone:
			return
		case <-c.ready:
		}
		c.mu.Lock()
		batch, c.queue = c.queue, batch[:0]
		c.mu.Unlock()
		for i, out := range batch {
			if err := c.put(out); err != nil {
				_ = c.wire.Close() // ends the reader, and with it the connection
				return
			}
			batch[i] = outgoing{} // the backing array is used again: let go of the body
		}
	}
}

// put writes one message.
func (c *conn) put(out outgoing) error {
	if out.frame != nil {
		out.body = out.frame.encode()
	}
	switch {
	case out.cut:
		return c.putHalf(out.body)
	case out.kind == websocket.PongMessage:
		return c.ws.WriteControl(out.kind, out.body, time.Time{})
	default:
		return c.ws.WriteMessage(out.kind, out.body)
	}
}

// putHalf writes the first half of a text frame (RFC 6455, section 5.2) and resets
// the connection in the middle of it.
func (c *conn) putHalf(body []byte) error {
	const finText = 0x81
	raw := []byte{finText, 126}
	raw = binary.BigEndian.AppendUint16(raw, uint16(len(body)))
	raw = append(raw, body[:len(body)/2]...)
	_, err := c.wire.Write(raw)
	c.wire.reset()
	return err
}

// watch does what time asks for: pings, and the end after a disconnect frame.
func (c *conn) watch() {
	var pings <-chan time.Time
	if every := c.server.opts.PingEvery; every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		pings = ticker.C
	}
	var end <-chan time.Time
	retire := c.retire
	for {
		select {
		case <-c.gone:
			return
		case <-pings:
			c.server.ping(c)
		case <-retire:
			retire, pings = nil, nil
			end = time.After(c.server.opts.DisconnectGrace)
		case <-end:
			c.wire.pass() // a stalled connection is not closed either
			_ = c.wire.Close()
			return
		}
	}
}

// ping asks a connection whether it is there. PingMisses unanswered in a row take
// it out of the choice.
func (s *Server) ping(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.retired {
		return
	}
	opaque := newUUID()
	f := newSystemFrame("ping", map[string]string{"opaque": opaque})
	c.misses++
	c.asked[f.messageID()] = opaque
	s.stats.Pings++
	c.enqueue(outgoing{kind: websocket.TextMessage, frame: f})
	s.wake()
}

// alive reports whether the server believes that pushes reach the client. The
// latest ping is always unanswered for a moment, so it is not a miss yet.
func (c *conn) alive() bool {
	most := c.server.opts.PingMisses
	return !c.retired && (most < 0 || c.misses <= most)
}
