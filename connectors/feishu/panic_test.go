package feishu

import (
	"context"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
)

// brokenShelf panics when the pace of one API is asked for.
type brokenShelf struct {
	connectors.Shelf
	api string
}

func (s brokenShelf) Pace(ctx context.Context, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	if name == "pace/"+s.api {
		panic("boom at " + s.api)
	}
	return s.Shelf.Pace(ctx, name, period, burst, within)
}

// A panic beside an answer ends neither the process nor, where the answer can do without
// what has panicked, the answer.
func TestPanicBesideAnAnswer(t *testing.T) {
	t.Parallel()
	for _, api := range []string{opReact, opGrowCard} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			_, ev := meet(t, s, config)
			config.Shelf = brokenShelf{config.Shelf, api}
			var j journal
			c := New(config, newInbox().deliver, j.log())
			t.Cleanup(c.api.http.CloseIdleConnections)
			err := c.Reply(soon(t), ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				for !strings.Contains(j.String(), "boom at "+api) && yield(connectors.Say("word "), nil) {
					time.Sleep(20 * time.Millisecond)
				}
			})
			if wants := api == opGrowCard; connectors.Permanent(err) != wants || (err != nil) != wants {
				t.Errorf("the reply ended with %v", err)
			}
			if cards := sentCards(s); len(cards) != 1 || err == nil && cards[0].Streaming {
				t.Errorf("cards %+v", cards)
			}
			if log := j.String(); strings.Count(log, "panic contained") != 1 || !strings.Contains(log, "event="+ev.Trace()) || !strings.Contains(log, "rate.go") {
				t.Errorf("the log is\n%s", log)
			}
			noTyping(t, s)
		})
	}
}

// A panic over what the platform says about the bot is a failure to learn who it is, and
// it is asked again.
func TestPanicOverTheIdentity(t *testing.T) {
	t.Parallel()
	var j journal
	i := newIdentity(nil, configFor(cloud(t, nil)).Backoff, j.log()) // nobody to ask
	ctx, cancel := context.WithCancel(soon(t))
	ended := make(chan struct{})
	go func() { defer close(ended); i.learn(ctx) }()
	until(t, "another try", func() bool { return strings.Count(j.String(), "panic contained") > 1 })
	cancel()
	<-ended
	if !strings.Contains(i.problem(), "panic") {
		t.Errorf("the problem is %q", i.problem())
	}
}
