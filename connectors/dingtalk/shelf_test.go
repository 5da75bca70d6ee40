package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// shelf is a connectors.Shelf in memory.
type shelf struct {
	mu     sync.Mutex
	counts map[string]int64
	values map[string][]byte
	rests  map[string]time.Time
	free   bool  // every turn is given at once
	away   error // what every call returns
}

func newShelf() *shelf {
	return &shelf{counts: map[string]int64{}, values: map[string][]byte{}, rests: map[string]time.Time{}}
}

func (s *shelf) Add(_ context.Context, name string, n int64, _ time.Duration) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return 0, s.away
	}
	s.counts[name] += n
	return s.counts[name], nil
}

func (s *shelf) Pace(_ context.Context, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil || s.free {
		return 0, true, s.away
	}
	now := time.Now()
	rest := s.rests[name]
	if rest.Before(now) {
		rest = now
	}
	wait := rest.Sub(now) - time.Duration(burst-1)*period
	if wait > within {
		return wait - within, false, nil
	}
	s.rests[name] = rest.Add(period)
	return max(wait, 0), true, nil
}

func (s *shelf) Put(_ context.Context, name string, value []byte, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
	return s.away
}

func (s *shelf) Get(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name], s.away
}

func (s *shelf) value(name string) string {
	raw, _ := s.Get(context.Background(), name)
	return string(raw)
}

// book is a ledger in memory, which outlives its connector.
type book struct {
	key  string
	mu   sync.Mutex
	sent json.RawMessage
	note func(n int) error // called before the n-th note, from 1
	n    int
}

func newBook(ev connectors.Event) *book { return &book{key: connectors.ReplyKey(ev, "")} }

func (p *book) Key() string                { return p.key }
func (p *book) Held(context.Context) error { return nil }
func (p *book) Sent() json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

func (p *book) Note(ctx context.Context, sent any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if p.note != nil {
		if err := p.note(p.n); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	raw, err := json.Marshal(sent)
	p.sent = raw
	return err
}

// carded is a robot that answers by cards, and one question to it. Every frame is
// shown at once, so that a test takes no time; change may say otherwise.
func carded(t *testing.T, opts dingtalktest.Options, m dingtalktest.Message, change func(*Config)) (*dingtalktest.Server, *robot, connectors.Event) {
	t.Helper()
	cloud := newCloud(t, opts)
	r := newRobot(withCards(cloud, change), nil)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	if m.Text == "" {
		m.Text = "question"
	}
	return cloud, r, r.said(t, cloud, m)
}

func withCards(cloud *dingtalktest.Server, change func(*Config)) Config {
	config := quick(cloud)
	config.Shelf = newShelf()
	config.Labels = func(connectors.Event) connectors.Labels {
		return connectors.Labels{Thinking: "thinking", Continued: "continued", Stop: "Stop", Again: "Again", Good: "Good", Bad: "Bad", Yes: "Yes", No: "No"}
	}
	config.Card = Card{Gap: time.Millisecond, Quick: -1, tries: 3, fetch: time.Millisecond}
	if change != nil {
		change(&config)
	}
	return config
}

// growing is an answer that goes on once its card says what there is of it.
func growing(cloud *dingtalktest.Server, deltas ...string) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		text := ""
		for i, delta := range deltas {
			text += delta
			if !yield(connectors.Say(delta), nil) {
				return
			}
			if i < len(deltas)-1 {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				_, err := cloud.WaitCard(ctx, func(c dingtalktest.Card) bool { return c.Content() == text })
				cancel()
				if err != nil {
					yield(connectors.Delta{}, errors.New("the card does not grow: "+text))
					return
				}
			}
		}
	}
}

// onlyCard is the one card there is.
func onlyCard(t *testing.T, cloud *dingtalktest.Server) dingtalktest.Card {
	t.Helper()
	all := cloud.Cards()
	if len(all) != 1 {
		t.Fatalf("%d cards: %+v", len(all), all)
	}
	return all[0]
}

// messages are what was sent besides cards.
func messages(cloud *dingtalktest.Server) (list []dingtalktest.Sent) {
	for _, sent := range cloud.Sent() {
		if sent.Via != dingtalktest.ViaCard {
			list = append(list, sent)
		}
	}
	return list
}
