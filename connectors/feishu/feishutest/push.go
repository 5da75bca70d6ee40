package feishutest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"longwire/connectors/feishu/pbbp2"
)

// interleaveWait is how long the parts of one event wait for another event's.
const interleaveWait = 50 * time.Millisecond

// push is one event on its way to an app, over all its deliveries. All fields
// are guarded by Server.mu.
type push struct {
	id      string // the header message_id. That redeliveries keep it is UNVERIFIED.
	key     string // the name of record
	trace   string
	app     *app
	payload []byte
	record  *record

	attempt  int  // deliveries tried, the ones without a connection included
	awaiting bool // a response would count now

	answer func(response) // of a callback, which is never pushed again; nil: an event
}

// record is what is known about an event under the name that Say returned. Two
// events have the same record when a message was said twice.
type record struct {
	last       *push
	open       int   // pushes not settled
	lost       bool  // one was pushed as often as it may be, in vain
	deliveries int   // times it went out on a connection
	acks       []int // codes of all responses, the late ones included
}

// startPush pushes payload to a for the first time. mu is held.
func (s *Server) startPush(a *app, key string, payload []byte) {
	rec := s.records[key]
	if rec == nil {
		rec = &record{}
		s.records[key] = rec
	}
	p := &push{id: hexID("", 32), key: key, trace: hexID("", 32), app: a, payload: payload, record: rec}
	rec.last = p
	rec.open++
	s.pending++
	s.pushes[p.id] = p
	s.deliver(p)
}

// deliver tries once more. mu is held.
func (s *Server) deliver(p *push) {
	p.attempt++
	attempt := p.attempt
	if len(p.app.conns) == 0 {
		s.miss(p)
		return
	}
	s.transmit(p)
	p.awaiting = true
	s.after(s.opts.AckTimeout, func() {
		if p.awaiting && p.attempt == attempt {
			s.miss(p)
		}
	})
}

// miss plans the next delivery, or gives p up. mu is held.
func (s *Server) miss(p *push) {
	p.awaiting = false
	if p.attempt > len(s.opts.Redeliver) {
		p.record.lost = true
		s.settle(p)
		return
	}
	s.after(s.opts.Redeliver[p.attempt-1], func() { s.deliver(p) })
}

// respond takes the response to a push. It counts when it comes in time, on
// whatever connection of the app: a client may have reconnected in between. One
// that does not repeat the push's headers cannot find its way back to the sender
// and is no response at all; that the platform is as strict is UNVERIFIED but
// for instance_id.
func (s *Server) respond(c *conn, f pbbp2.Frame, r response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pushes[f.Header(pbbp2.HeaderMessageID)]
	if p == nil || p.app != c.app || f.Header(pbbp2.HeaderInstanceID) != s.instance ||
		f.Header(pbbp2.HeaderTraceID) != p.trace || f.Header(pbbp2.HeaderType) != "event" {
		return
	}
	p.record.acks = append(p.record.acks, r.code)
	switch {
	case !p.awaiting: // late, or a second one
	case p.answer != nil:
		p.answer(r)
	case r.code == 200:
		p.awaiting = false
		s.settle(p)
	default:
		s.miss(p)
	}
	s.notify()
}

// settle ends p's way: acked or lost. mu is held.
func (s *Server) settle(p *push) {
	p.record.open--
	s.pending--
	if s.opts.NoHistory {
		delete(s.pushes, p.id)
		if p.record.open == 0 {
			delete(s.records, p.key)
		}
	}
	s.notify()
}

// transmit sends p on a random live connection, of which there is one. mu is
// held.
func (s *Server) transmit(p *push) {
	c := p.app.conns[rand.IntN(len(p.app.conns))]
	p.record.deliveries++
	frames := s.frames(c, p)
	switch {
	case len(frames) == 1 || s.opts.Fragments == InOrder:
	case s.opts.Fragments == Reversed:
		slices.Reverse(frames)
	case c.partner == nil:
		s.waitForPartner(c, frames)
		frames = nil
	default:
		frames, c.partner = interleave(c.partner, frames), nil
	}
	c.sendFrames(frames)
	s.notify()
}

// waitForPartner keeps frames back until another split event goes out on c, or
// for interleaveWait. mu is held.
func (s *Server) waitForPartner(c *conn, frames [][]byte) {
	c.partner = frames
	s.after(interleaveWait, func() {
		if len(c.partner) > 0 && &c.partner[0] == &frames[0] {
			c.sendFrames(frames)
			c.partner = nil
		}
	})
}

// interleave takes from a and b in turn.
func interleave(a, b [][]byte) [][]byte {
	mixed := make([][]byte, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			mixed = append(mixed, a[i])
		}
		if i < len(b) {
			mixed = append(mixed, b[i])
		}
	}
	return mixed
}

// frames encodes p for c, split if it is to be. mu is held.
func (s *Server) frames(c *conn, p *push) [][]byte {
	parts := [][]byte{p.payload}
	if size := s.opts.FragmentAbove; size > 0 && len(p.payload) > size {
		parts = slices.Collect(slices.Chunk(p.payload, size))
	}
	frames := make([][]byte, len(parts))
	now := millis(s.now())
	for i, part := range parts {
		s.seqID++
		frames[i] = pbbp2.Frame{
			SeqID: s.seqID, LogID: rand.Uint64(), Service: c.service, Method: pbbp2.MethodData,
			Headers: []pbbp2.Header{
				{Key: pbbp2.HeaderType, Value: "event"},
				{Key: pbbp2.HeaderMessageID, Value: p.id},
				{Key: pbbp2.HeaderSum, Value: strconv.Itoa(len(parts))},
				{Key: pbbp2.HeaderSeq, Value: strconv.Itoa(i)},
				{Key: pbbp2.HeaderTraceID, Value: p.trace},
				{Key: pbbp2.HeaderTimestamp, Value: now},
				{Key: pbbp2.HeaderInstanceID, Value: s.instance},
			},
			Payload: part,
		}.Marshal()
	}
	return frames
}

// sendFrames queues frames as binary messages, back to back.
func (c *conn) sendFrames(frames [][]byte) {
	out := make([]outgoing, len(frames))
	for i, f := range frames {
		out[i] = outgoing{websocket.BinaryMessage, f}
	}
	c.send(out...)
}

// Redeliver pushes the event again now, as the platform does at times although
// it has been acked. The schedule goes on as if nothing had happened. It returns
// an error when nothing is known under messageID or no connection is live.
func (s *Server) Redeliver(messageID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.records[messageID]
	if rec == nil {
		return fmt.Errorf("redeliver: %q was not pushed, or is forgotten", messageID)
	}
	if len(rec.last.app.conns) == 0 {
		return errors.New("redeliver: no connection")
	}
	s.transmit(rec.last)
	return nil
}
