package feishutest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sent is one create or reply that the cloud carried out.
type Sent struct {
	At        time.Time
	AppID     string
	MessageID string // the om_ id it got
	Via       string // "create" or "reply"
	InReplyTo string // of a reply: the message id it was sent to
	ChatID    string
	ThreadID  string
	MsgType   string
	Content   string // as it was sent
	Text      string // what one reads of a text, post or card; empty for other types
	CardID    string // of the card entity it shows
	UUID      string
	// Duplicate says that the uuid had been used before: nothing was sent, and
	// MessageID is the first one's.
	Duplicate bool
}

// Sent returns everything that was sent so far, in order.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// WaitSent returns the first Sent that match accepts, waiting for it if need be.
// match is asked once about each, in order, and may use the Server.
func (s *Server) WaitSent(ctx context.Context, match func(Sent) bool) (Sent, error) {
	if s.opts.NoHistory {
		return Sent{}, errors.New("wait for sent: there is no history")
	}
	seen := 0
	for {
		var fresh []Sent
		if err := s.await(ctx, func() (bool, error) {
			fresh = s.sent[seen:len(s.sent):len(s.sent)]
			return len(fresh) > 0, nil
		}); err != nil {
			return Sent{}, fmt.Errorf("wait for sent: %w", err)
		}
		for _, sent := range fresh {
			if match(sent) {
				return sent, nil
			}
		}
		seen += len(fresh)
	}
}

// WaitAck waits until every push of the event was acked: a response with code
// 200, in time. It returns an error at once when the event was not pushed, is
// forgotten or lost.
func (s *Server) WaitAck(ctx context.Context, messageID string) error {
	err := s.await(ctx, func() (bool, error) {
		rec := s.records[messageID]
		switch {
		case rec == nil:
			return false, errors.New("not pushed, or forgotten")
		case rec.lost:
			return false, errors.New("lost after the last redelivery")
		default:
			return rec.open == 0, nil
		}
	})
	if err != nil {
		return fmt.Errorf("wait for ack of %q: %w", messageID, err)
	}
	return nil
}

// WaitDeliveries waits until the event went out on a connection n times.
func (s *Server) WaitDeliveries(ctx context.Context, messageID string, n int) error {
	err := s.await(ctx, func() (bool, error) {
		rec := s.records[messageID]
		return rec != nil && rec.deliveries >= n, nil
	})
	if err != nil {
		return fmt.Errorf("wait for delivery %d of %q: %w", n, messageID, err)
	}
	return nil
}

// Acks returns the codes of all responses to the event, the late ones included.
func (s *Server) Acks(messageID string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec := s.records[messageID]; rec != nil {
		return slices.Clone(rec.acks)
	}
	return nil
}

// Deliveries returns how often the event went out on a connection.
func (s *Server) Deliveries(messageID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec := s.records[messageID]; rec != nil {
		return rec.deliveries
	}
	return 0
}

// Pending returns how many pushes are neither acked nor lost.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// Connections returns how many connections are live.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.allConns())
}

// WaitConnections waits until exactly n connections are live.
func (s *Server) WaitConnections(ctx context.Context, n int) error {
	if err := s.await(ctx, func() (bool, error) { return len(s.allConns()) == n, nil }); err != nil {
		return fmt.Errorf("wait for %d connections: %w", n, err)
	}
	return nil
}

// Bootstraps returns how many bootstrap requests came in, the refused ones
// included.
func (s *Server) Bootstraps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bootstraps
}

// WaitBootstraps waits until at least n bootstrap requests came in.
func (s *Server) WaitBootstraps(ctx context.Context, n int) error {
	if err := s.await(ctx, func() (bool, error) { return s.bootstraps >= n, nil }); err != nil {
		return fmt.Errorf("wait for %d bootstraps: %w", n, err)
	}
	return nil
}

// WaitPings waits until at least n pings came in, on all connections together.
func (s *Server) WaitPings(ctx context.Context, n int) error {
	if err := s.await(ctx, func() (bool, error) { return s.pings >= n, nil }); err != nil {
		return fmt.Errorf("wait for %d pings: %w", n, err)
	}
	return nil
}

// TokenRequests returns how many requests for a tenant token came in, the refused
// ones included.
func (s *Server) TokenRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokenCalls
}
