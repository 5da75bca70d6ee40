package dingtalktest

import (
	"fmt"
	"sync"
	"testing"
)

// TestConcurrentCards changes one card from everywhere at once, for the race
// detector, and then looks whether the counts add up.
func TestConcurrentCards(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{OnCard: func(Card) {}, PressTimeout: patience})
	p := dial(t, s, toCards)
	const writers, each = 4, 10
	var all sync.WaitGroup
	all.Go(func() {
		for range writers * each {
			p.ack(p.read(), 200, `{"response":{"cardUpdateOptions":{"updateCardDataByKey":true},"cardData":{"cardParamMap":{"p":"x"}}}}`)
		}
	})
	for w := range writers {
		all.Go(func() {
			for i := range each {
				call(t, s, "PUT", PathStreaming, frameBody("content", fmt.Sprint(w, i)), tok)
				call(t, s, "PUT", PathCards, map[string]any{
					"outTrackId": "track-1", "cardData": params("k", "v"), "cardUpdateOptions": map[string]bool{"updateCardDataByKey": true},
				}, tok)
				if _, err := s.Press(s.Cards()[0], "u1", "go", nil); err != nil {
					t.Error(err)
				}
				_, _ = s.Quota(), s.Sent()
			}
		})
	}
	all.Wait()
	c := theCard(t, s)
	if n := writers * each; c.FrameCount != n || c.Updates != n || c.Presses != n || c.Changes != 3*n+2 || len(c.Frames) != n {
		t.Errorf("%+v", c)
	}
}
