//go:build !race

package feishutest_test

import (
	"context"
	"testing"
	"time"

	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors/feishu/feishutest"
)

// The official client assembles parts without a lock, which the race detector
// reports: these tests run without it.
func TestOfficialClientAssemblesParts(t *testing.T) {
	for _, order := range []feishutest.Order{feishutest.InOrder, feishutest.Reversed, feishutest.Interleaved} {
		s := start(t, func(o *feishutest.Options) {
			o.FragmentAbove, o.Fragments = 300, order
			// The same race loses a whole event now and then.
			o.AckTimeout = 200 * time.Millisecond
			o.Redeliver = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
		})
		runOfficial(t, s, func(_ context.Context, e *larkim.P2MessageReceiveV1) error {
			if *e.Event.Message.Content != textHi {
				t.Errorf("content %s", *e.Event.Message.Content)
			}
			return nil
		})
		if err := s.WaitConnections(soon(t), 1); err != nil {
			t.Fatal(err)
		}
		one, two := s.Say(feishutest.Message{Text: "hi"}), s.Say(feishutest.Message{Text: "hi"})
		for _, id := range []string{one, two} {
			if err := s.WaitAck(soon(t), id); err != nil {
				t.Errorf("order %d: %v", order, err)
			}
		}
	}
}
