package feishu

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// Two hundred cards grow at once, of two replicas that share a shelf, within the
// documented rates, ten times as fast: none is stuck, none gets its updates out of
// order, and every one shows its whole answer in the end.
func TestManyCards(t *testing.T) {
	t.Parallel()
	const (
		many = 200
		fast = 10 // a minute has six seconds
	)
	s := cloud(t, func(o *feishutest.Options) {
		o.Limits = feishutest.Limits{APIPerSecond: 50 * fast, APIPerMinute: 1000 * fast}
	})
	config := withCards(s)
	in := newInbox()
	var replicas []*Connector
	var tooOften atomic.Int64
	reader, _ := run(t, config, in.deliver)
	for range 2 {
		c := writer(t, config)
		c.api.rate.period /= fast
		c.api.rate.burst *= fast / 2 // what a busy machine holds up comes at once
		c.api.http.Transport = counted{c.api.http.Transport, &tooOften}
		replicas = append(replicas, c)
	}
	until(t, "healthy", func() bool { return reader.Status().Healthy() })
	var asked []connectors.Event
	for i := range many {
		s.Say(feishutest.Message{Text: "a question", From: feishutest.Person{OpenID: fmt.Sprintf("ou_%032x", i)}})
		asked = append(asked, in.next(t))
	}
	var all sync.WaitGroup
	errs := make(chan error, many)
	began := time.Now()
	for i, ev := range asked {
		all.Go(func() {
			errs <- replicas[i%2].Reply(soon(t), ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				tick := time.NewTicker(20 * time.Millisecond) // a model's deltas
				defer tick.Stop()
				for n := range 200 {
					<-tick.C
					if !yield(connectors.Say(fmt.Sprintf("%d:%d ", i, n)), nil) {
						return
					}
				}
			})
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d cards took %s", many, time.Since(began).Round(time.Millisecond))
	cards := sentCards(s)
	grew := 0
	for _, card := range cards {
		if card.Streaming || !strings.HasSuffix(strings.TrimSpace(card.Content(answerElement)), ":199") {
			t.Errorf("streaming %v: %.60s", card.Streaming, card.Content(answerElement))
		}
		for _, update := range card.Updates {
			if update.Op == "content" && update.Code == 0 {
				grew++
			}
		}
	}
	if len(cards) != many || len(visible(s)) != many {
		t.Errorf("%d cards, %d messages", len(cards), len(visible(s)))
	}
	if grew < many/4 || s.SequenceFaults() != 0 {
		t.Errorf("%d updates, %d out of order", grew, s.SequenceFaults())
	}
	if n := tooOften.Load(); n != 0 {
		t.Errorf("%d calls were more than the platform takes", n)
	}
	noTyping(t, s)
}

// counted counts the answers that say that there were too many calls.
type counted struct {
	http.RoundTripper
	n *atomic.Int64
}

func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		c.n.Add(1)
	}
	return resp, err
}

// CloseIdleConnections is what http.Client asks its transport for.
func (c counted) CloseIdleConnections() {
	if t, ok := c.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Many long answers into one chat keep to the chat's limit, which is never met.
func TestOneChatsRate(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	in := newInbox()
	config := withCards(s)
	var g gauge
	config.Meter = &g
	c, j := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	s.Say(feishutest.Message{Text: "a question", From: ann}) // in another chat: what the first call takes is taken now
	first := in.next(t)
	noError(t, c.Reply(soon(t), first, bookOf(first), connectors.Words("an answer")))
	var all sync.WaitGroup
	for range 6 {
		ev := ask(t, s, in)
		all.Go(func() {
			if err := c.Reply(soon(t), ev, bookOf(ev), connectors.Words("an answer")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(visible(s)); n != 7 {
		t.Errorf("%d messages", n)
	}
	if n := g.called(opReply + ": 230020"); n != 0 {
		t.Errorf("%d were refused", n)
	}
	if sent := s.Sent(); sent[6].At.Sub(sent[1].At) < 5*chatPeriod-250*time.Millisecond {
		t.Errorf("six messages within %s:\n%s", sent[6].At.Sub(sent[1].At), j)
	}
}
