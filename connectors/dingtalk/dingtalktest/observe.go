package dingtalktest

import (
	"context"
	"slices"
	"time"
)

// Via is the way a reply took.
type Via string

// The ways.
const (
	ViaWebhook Via = "webhook" // the sessionWebhook of a message
	ViaOTO     Via = "oto"     // oToMessages/batchSend
	ViaGroup   Via = "group"   // groupMessages/send
	ViaCard    Via = "card"    // a card that was delivered; Cards has what becomes of it
)

// Sent is one message the robot has sent, as people see it.
type Sent struct {
	At        time.Time
	Via       Via
	ClientID  string
	ChatID    string   // conversationId, 1:1 or group; empty by ViaOTO
	StaffIDs  []string // who got it by ViaOTO, or by ViaCard in a 1:1 chat
	InReplyTo string   // msgId of the message whose webhook it was; ViaWebhook only
	QueryKey  string   // processQueryKey; ViaOTO, ViaGroup and ViaCard (there it is the carrierId)
	MsgType   string   // ViaWebhook
	MsgKey    string   // ViaOTO and ViaGroup
	Card      string   // outTrackId; ViaCard
	Title     string
	Text      string   // of a card: what its streaming variable held when it appeared
	Mentions  []string // at.atUserIds and at.atDingtalkIds; of a card: atUserIds
	Mobiles   []string // at.atMobiles
	AtAll     bool     // at.isAtAll
	Raw       []byte   // the request's body; not to be changed

	// Highlighted are those of Mentions and Mobiles that people see as mentioned:
	// the text has @id as well (documented). ViaWebhook only.
	Highlighted []string
}

// Ack is one answer of a client to a delivery.
type Ack struct {
	At         time.Time
	MessageID  string // headers.messageId of the delivery
	Connection string // headers.connectionId of the connection the answer came on
	Code       int
	Message    string
	Data       string
}

// Stats counts what has happened since Start. Every push ends as acked, undelivered
// or abandoned.
type Stats struct {
	Connects      int // websockets opened
	Pushed        int // messages and events, once each; also an id pushed again by hand
	Delivered     int // frames of them, with redeliveries
	Redelivered   int // deliveries for want of an ack, or by Redeliver
	Acked         int // answers that settled a delivery
	Refused       int // answers with another code than 200, or LATER
	Undelivered   int // pushes lost because nobody was connected
	Abandoned     int // pushes given up after the last redelivery
	Unsettled     int // pushes that wait for an ack or for a connection now
	MalformedAcks int // binary messages and answers that cannot be read
	StrayAcks     int // answers to no frame known
	Pings         int // SYSTEM pings sent
	PingsAnswered int // with the right opaque value
	PingsWrong    int // with another code or value
	ClientPings   int // websocket pings from clients
	Sent          int // messages the robot has sent, cards that appeared included
	Rejected      int // messages, cards and changes of cards that were refused, but not at the gateway
	Throttled     int // API calls refused because there were too many in a second
	Files         int // downloads of file bytes
	TokenLeaks    int // of them, with an access token that was not theirs to see
	Cards         int // cards made

	CardsUndelivered int // deliveries of cards that failed inside a 200
	CardUpdates      int // PUT PathCards
	CardFrames       int // PUT PathStreaming, those without effect not counted
}

// wake tells the Wait methods that something has changed. The caller holds s.mu.
func (s *Server) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// count changes the statistics.
func (s *Server) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
	s.wake()
}

// await returns when done does, which is called with s.mu held.
func (s *Server) await(ctx context.Context, done func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !done() {
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for the next change. The caller holds s.mu, and holds it again
// afterwards.
func (s *Server) pause(ctx context.Context) error {
	if s.closed {
		return ErrClosed
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watcher is a WaitSent under way.
type watcher struct {
	unseen []Sent // guarded by Server.mu
}

// record takes a message the robot has sent.
func (s *Server) record(sent Sent) {
	sent.At = time.Now()
	s.mu.Lock()
	s.stats.Sent++
	if !s.opts.Forget {
		s.sent = append(s.sent, sent)
	}
	for w := range s.watchers {
		w.unseen = append(w.unseen, sent)
	}
	s.wake()
	s.mu.Unlock()
	if s.opts.OnSend != nil {
		s.opts.OnSend(sent)
	}
}

// Sent is everything the robot has sent so far, oldest first; empty with
// Options.Forget.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// WaitSent returns the first message of the robot that matches, of those already
// sent (unless Options.Forget) and those to come. A nil match takes any.
func (s *Server) WaitSent(ctx context.Context, match func(Sent) bool) (Sent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher{unseen: slices.Clone(s.sent)}
	s.watchers[w] = struct{}{}
	defer delete(s.watchers, w)
	for {
		unseen := w.unseen
		w.unseen = nil
		if i := s.search(unseen, match); i >= 0 {
			return unseen[i], nil
		}
		if len(w.unseen) > 0 {
			continue
		}
		if err := s.pause(ctx); err != nil {
			return Sent{}, err
		}
	}
}

// search calls match without s.mu, so that it may use the server.
func (s *Server) search(list []Sent, match func(Sent) bool) int {
	s.mu.Unlock()
	defer s.mu.Lock()
	return slices.IndexFunc(list, func(sent Sent) bool { return match == nil || match(sent) })
}

// WaitAck returns when the message or event with this id is acked with code 200.
// With Options.Forget an acked message is no longer known and WaitAck waits in
// vain: use WaitStats.
func (s *Server) WaitAck(ctx context.Context, id string) error {
	return s.await(ctx, func() bool {
		for _, a := range s.apps {
			if p := a.pushes[id]; p != nil && p.acked {
				return true
			}
		}
		return false
	})
}

// Acks is every answer to the deliveries of a message or event, oldest first,
// whatever its code. The id is a msgId, an eventId or the messageId of a PushFrame.
func (s *Server) Acks(id string) []Ack {
	s.mu.Lock()
	defer s.mu.Unlock()
	var acks []Ack
	for _, a := range s.apps {
		if p := a.pushes[id]; p != nil {
			acks = append(acks, p.acks...)
		}
	}
	return acks
}

// Deliveries is how often a message or event was sent to a connection.
func (s *Server) Deliveries(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.apps {
		if p := a.pushes[id]; p != nil {
			n += p.deliveries
		}
	}
	return n
}

// Connections is how many websockets are of use: open, not stalled and not told to
// disconnect.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usable()
}

// usable counts for Connections. The caller holds s.mu.
func (s *Server) usable() int {
	n := 0
	for c := range s.conns {
		if !c.stalled && !c.retired {
			n++
		}
	}
	return n
}

// WaitConnections returns when Connections is n.
func (s *Server) WaitConnections(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return s.usable() == n })
}

// Opens is how often a client asked for an endpoint, whatever the answer.
func (s *Server) Opens() int { return s.Calls(PathOpen) }

// Calls is how many requests a path has had, whatever the answer. It may have a
// method before it, as for FailRoute.
func (s *Server) Calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

// Stats is what has happened so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

// snapshot completes the statistics. The caller holds s.mu.
func (s *Server) snapshot() Stats {
	st := s.stats
	st.Unsettled = len(s.overdue)
	for _, a := range s.apps {
		st.Unsettled += len(a.held)
	}
	return st
}

// WaitStats returns when the statistics are as done wants them. done is called
// under the server's lock and must not call it.
func (s *Server) WaitStats(ctx context.Context, done func(Stats) bool) error {
	return s.await(ctx, func() bool { return done(s.snapshot()) })
}
