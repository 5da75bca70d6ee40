package turn

import (
	"sync"

	"longwire/connectors"
	"longwire/conversation"
)

// shown are the events whose answer people have seen and whose end is not in the
// store yet: the store was away, or the process was stopped in between, and the
// lease ran out. Should such an event be taken here again, only its end is written.
// On another replica, and after a crash, the ledger is all there is.
type shown struct {
	mu     sync.Mutex
	events map[string]conversation.Outcome // by ReplyKey; guarded by mu
}

// maxShown bounds what is remembered: an event that another replica has finished
// stays here for nothing.
const maxShown = 10_000

func (s *shown) add(ev connectors.Event, out conversation.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events == nil || len(s.events) >= maxShown {
		s.events = make(map[string]conversation.Outcome)
	}
	s.events[connectors.ReplyKey(ev, "")] = out
}

func (s *shown) find(ev connectors.Event) (conversation.Outcome, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, ok := s.events[connectors.ReplyKey(ev, "")]
	return out, ok
}

func (s *shown) remove(ev connectors.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.events, connectors.ReplyKey(ev, ""))
}
