package dingtalk

import (
	"context"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
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
	for api, row := range map[string]struct{ err, message, card bool }{
		createPace: {message: true},
		streamPace: {err: true, card: true},
		"emotion":  {card: true},
	} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Shelf = brokenShelf{c.Shelf, api} })
			err := r.Reply(t.Context(), ev, newBook(ev), func(yield func(connectors.Delta, error) bool) {
				if yield(connectors.Say("an "), nil) {
					eventually(t, "the panic", func() bool { return strings.Contains(r.log.String(), "boom at "+api) })
					yield(connectors.Say("answer"), nil)
				}
			})
			if row.err != (err != nil) || connectors.Permanent(err) != row.err {
				t.Errorf("the reply ended with %v", err)
			}
			if sent := messages(cloud); row.message != (len(sent) == 1 && sent[0].Text == "an answer") {
				t.Errorf("messages %+v", sent)
			}
			if cards := cloud.Cards(); row.card != (len(cards) == 1) || !row.err && row.card && cards[0].Content() != "an answer" {
				t.Errorf("cards %+v", cards)
			}
			if log := r.log.String(); !strings.Contains(log, "panic contained") || !strings.Contains(log, "event="+ev.Trace()) || !strings.Contains(log, "pace.go") {
				t.Errorf("the log is\n%s", log)
			}
		})
	}
}
