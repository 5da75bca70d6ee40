package dingtalktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
)

func TestWaitSent(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := hear(t, s, Message{Text: "hello"})
	var waits sync.WaitGroup
	for i := range 4 {
		waits.Go(func() {
			want := fmt.Sprint("reply ", i)
			sent, err := s.WaitSent(patient(t), func(x Sent) bool {
				_ = s.Sent() // match may use the server
				return x.Text == want
			})
			if err != nil || sent.Text != want {
				t.Errorf("%q: %+v, %v", want, sent, err)
			}
		})
	}
	for i := range 4 {
		mustPost(t, s, c.SessionWebhook, textReply(fmt.Sprint("reply ", i)))
	}
	waits.Wait()
	if sent, err := s.WaitSent(patient(t), nil); err != nil || sent.Text != "reply 0" {
		t.Errorf("what was sent before: %+v, %v", sent, err)
	}
	if len(s.watchers) != 0 {
		t.Errorf("%d watchers left", len(s.watchers))
	}
}

func TestWaitsObeyTheContext(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.WaitSent(ctx, nil)
	for name, err := range map[string]error{
		"sent":        err,
		"ack":         s.WaitAck(ctx, "x"),
		"connections": s.WaitConnections(ctx, 1),
		"stats":       s.WaitStats(ctx, func(Stats) bool { return false }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, s.WaitConnections(ctx, 0)) // what holds already needs no waiting
}

// TestConcurrentUse calls everything at once, for the race detector, and then
// looks whether the counts add up.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := start(t, Options{HoldOffline: true})
	p := dial(t, s)
	const writers, each = 8, 25
	var all sync.WaitGroup
	all.Go(func() {
		for range writers * each {
			p.ack(p.read(), 200, "")
		}
	})
	for range writers {
		all.Go(func() {
			for range each {
				id := s.Say(Message{Text: "hello"})
				_, _ = s.Deliveries(id), s.Acks(id)
				_, _ = s.Stats(), s.Connections()
				if err := s.WaitAck(patient(t), id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if st := s.Stats(); st.Pushed != writers*each || st.Acked != st.Pushed || st.Delivered != st.Pushed || st.Unsettled != 0 {
		t.Errorf("%+v", st)
	}
}
