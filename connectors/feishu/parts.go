package feishu

import (
	"fmt"
	"strconv"
	"time"

	"longwire/connectors/feishu/pbbp2"
)

// parts puts split events together. A frame says how many parts its event has
// (sum) and which one it is (seq), so everything here is bounded: a frame must
// not be able to make us allocate or wait for what it claims.
//
// Only the goroutine that reads the socket touches it, and it lives as long as
// the socket: an event is split over frames of one socket.
type parts struct {
	events map[string]*partial // by the frame's message_id
	bytes  int                 // of all their parts
}

type partial struct {
	parts   [][]byte // by seq; nil where it has not come
	missing int
	bytes   int
	began   time.Time
}

const (
	maxParts    = 256              // of one event
	maxPartials = 64               // incomplete events at a time
	maxHeld     = 32 << 20         // bytes of all of them together
	partialLife = 30 * time.Second // how long an incomplete event is waited for; the platform sends it again after 15 s
)

func newParts() *parts { return &parts{events: make(map[string]*partial)} }

// add takes a data frame and returns the whole event's payload once its last
// part has come. An error names what is wrong with the frame.
func (p *parts) add(f frame, now time.Time) (payload []byte, whole bool, err error) {
	sum, err := number(f, pbbp2.HeaderSum, 1)
	if err != nil {
		return nil, false, err
	}
	seq, err := number(f, pbbp2.HeaderSeq, 0)
	if err != nil {
		return nil, false, err
	}
	switch id := f.Header(pbbp2.HeaderMessageID); {
	case sum < 0 || seq < 0 || seq >= max(sum, 1):
		return nil, false, fmt.Errorf("parse frame: part %d of %d", seq, sum)
	case sum <= 1: // 0 means unsplit to every other client
		return f.Payload, true, nil
	case sum > maxParts:
		return nil, false, fmt.Errorf("parse frame: an event in %d parts, more than %d", sum, maxParts)
	case id == "" || len(id) > maxID:
		return nil, false, fmt.Errorf("parse frame: a part whose message_id has %d bytes", len(id))
	default:
		return p.join(id, sum, seq, f.Payload, now)
	}
}

// join puts one part in its place.
func (p *parts) join(id string, sum, seq int, part []byte, now time.Time) ([]byte, bool, error) {
	p.expire(now)
	event := p.events[id]
	if event == nil {
		if len(p.events) >= maxPartials {
			return nil, false, fmt.Errorf("parse frame: %d events are incomplete already", maxPartials)
		}
		event = &partial{parts: make([][]byte, sum), missing: sum, began: now}
		p.events[id] = event
	}
	if len(event.parts) != sum {
		p.drop(id)
		return nil, false, fmt.Errorf("parse frame: an event in %d parts now has %d", len(event.parts), sum)
	}
	if event.parts[seq] != nil {
		return nil, false, nil // the same part again
	}
	if p.bytes+len(part) > maxHeld {
		p.drop(id)
		return nil, false, fmt.Errorf("parse frame: incomplete events of more than %d bytes", maxHeld)
	}
	event.parts[seq] = append([]byte{}, part...) // not nil, even if empty
	event.bytes += len(part)
	p.bytes += len(part)
	if event.missing--; event.missing > 0 {
		return nil, false, nil
	}
	p.drop(id)
	payload := make([]byte, 0, event.bytes)
	for _, part := range event.parts {
		payload = append(payload, part...)
	}
	return payload, true, nil
}

// expire gives up events whose parts did not come; the platform sends them again.
func (p *parts) expire(now time.Time) {
	for id, event := range p.events {
		if now.Sub(event.began) > partialLife {
			p.drop(id)
		}
	}
}

func (p *parts) drop(id string) {
	p.bytes -= p.events[id].bytes
	delete(p.events, id)
}

// number reads a header with a whole number; missing is what an absent one means.
func number(f frame, header string, missing int) (int, error) {
	text := f.Header(header)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("parse frame: header %s: %q is not a number", header, clip(text, 40))
	}
	return n, nil
}

// clip bounds what a frame or an answer adds to a log line or an error.
func clip(text string, most int) string {
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
