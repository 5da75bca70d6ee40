package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// memory is a Shelf without a store.
type memory struct {
	mu     sync.Mutex
	away   error                // guarded by mu, like the rest
	counts map[string]int64     // by name
	values map[string][]byte    // by name
	next   map[string]time.Time // when the turn after all those given would come, by name
}

func newMemory() *memory {
	return &memory{counts: map[string]int64{}, values: map[string][]byte{}, next: map[string]time.Time{}}
}

func (m *memory) Add(_ context.Context, name string, n int64, _ time.Duration) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name] += n
	return m.counts[name], m.away
}

func (m *memory) Pace(_ context.Context, name string, period time.Duration, burst int, within time.Duration) (time.Duration, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	next := m.next[name]
	if rested := now.Add(-time.Duration(burst-1) * period); next.Before(rested) {
		next = rested
	}
	wait := next.Sub(now)
	if wait > within {
		return wait - within, false, m.away
	}
	m.next[name] = next.Add(period)
	return max(wait, 0), true, m.away
}

func (m *memory) Put(_ context.Context, name string, value []byte, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[name] = value
	return m.away
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[name], m.away
}

// goAway makes everything fail from now on.
func (m *memory) goAway() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = errors.New("the store is away")
}

// calls is what is counted against the budget.
func (m *memory) calls() (n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, count := range m.counts {
		if strings.HasPrefix(name, "calls/") {
			n += count
		}
	}
	return n
}

// book is a Ledger that outlives its attempts.
type book struct {
	key   string
	mu    sync.Mutex
	sent  json.RawMessage // guarded by mu
	fail  error           // guarded by mu
	times int             // that it failed; guarded by mu
}

func bookOf(ev connectors.Event) *book { return &book{key: connectors.ReplyKey(ev, "")} }

func (b *book) Key() string { return b.key }

func (b *book) Sent() json.RawMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sent
}

func (b *book) Note(_ context.Context, sent any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		b.times++
		return b.fail
	}
	raw, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	b.sent = raw
	return nil
}

// refusals is how often nothing was noted.
func (b *book) refusals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.times
}

func (b *book) Held(context.Context) error { return nil }

// life is an attempt's process: once it is dead it sends nothing and notes nothing.
type life struct {
	*book
	transport http.RoundTripper
	die       context.CancelFunc

	mu     sync.Mutex
	before func(what string) bool // asked before each request and note: is this the end; guarded by mu
	after  func(what string) bool // and behind each; guarded by mu
	dead   bool                   // guarded by mu
}

var errDead = errors.New("the process is dead")

// live makes c's calls and b's notes go through a life that ends where before or
// after says so; ctx ends with it.
func live(t testing.TB, c *Connector, b *book, before, after func(what string) bool) (context.Context, *life) {
	t.Helper()
	ctx, die := context.WithCancel(soon(t))
	l := &life{book: b, transport: c.api.http.Transport, die: die, before: before, after: after}
	c.api.http.Transport = l
	t.Cleanup(die)
	return ctx, l
}

// ends asks whether the process ends here.
func (l *life) ends(ask func(string) bool, what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead && ask != nil && ask(what) {
		l.dead = true
		l.die()
	}
	return l.dead
}

func (l *life) RoundTrip(req *http.Request) (*http.Response, error) {
	what := routeOf(req)
	if l.ends(l.before, what) {
		return nil, errDead
	}
	resp, err := l.transport.RoundTrip(req)
	if l.ends(l.after, what) && err == nil {
		_ = resp.Body.Close()
		return nil, errDead
	}
	return resp, err
}

// CloseIdleConnections is what http.Client asks its transport for.
func (l *life) CloseIdleConnections() {
	if t, ok := l.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func (l *life) Note(ctx context.Context, sent any) error {
	if l.ends(l.before, "note") {
		return errDead
	}
	err := l.book.Note(ctx, sent)
	if l.ends(l.after, "note") {
		return errDead
	}
	return err
}

// routeOf names a request by what it does.
func routeOf(req *http.Request) string {
	path := req.URL.Path
	switch {
	case strings.HasSuffix(path, "/cardkit/v1/cards"):
		return "create"
	case strings.HasSuffix(path, "/content"):
		return "grow"
	case strings.HasSuffix(path, "/settings"):
		return "set"
	case strings.Contains(path, "/cardkit/"):
		return "replace"
	case strings.HasSuffix(path, "/reply"):
		return "reply"
	case strings.Contains(path, "/reactions"):
		return req.Method + " reaction"
	}
	return path
}

// nth counts, and is true for the nth what, from 1.
func nth(n int, what string) func(string) bool {
	return func(this string) bool {
		if this != what {
			return false
		}
		n--
		return n == 0
	}
}

// withCards is the configuration of a bot with cards and buttons.
func withCards(s *feishutest.Server) Config {
	config := configFor(s)
	config.Shelf = newMemory()
	config.Act = func(context.Context, connectors.Action) (string, error) { return "done", nil }
	return config
}

// growingIn is an answer in pieces, each of which waits until the one before is to be
// seen in a card; meanwhile nothing comes, again and again. It ends early with ctx.
func growingIn(ctx context.Context, s *feishutest.Server, pieces ...string) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		said := ""
		for _, piece := range pieces {
			said += piece
			words := strings.Fields(said)
			last := words[len(words)-1]
			for seen := false; !seen; piece = "" {
				if !yield(connectors.Say(piece), nil) {
					return
				}
				wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				_, err := s.WaitCard(wait, func(card feishutest.Card) bool {
					return card.MessageID != "" && strings.Contains(card.Text, last)
				})
				cancel()
				if seen = err == nil; ctx.Err() != nil {
					yield(connectors.Delta{}, context.Cause(ctx))
					return
				}
			}
		}
	}
}

// tried tells whether c has made a call of a kind, whatever came of it.
func tried(c *Connector, what string) func() bool {
	var n atomic.Int64
	l := &life{transport: c.api.http.Transport, before: func(this string) bool {
		if this == what {
			n.Add(1)
		}
		return false
	}}
	c.api.http.Transport = l
	return func() bool { return n.Load() > 0 }
}

// writer is a connector that only replies, so that tests may change it.
func writer(t testing.TB, config Config) *Connector {
	t.Helper()
	c := New(config, newInbox().deliver, new(journal).log())
	c.brisk = 120 * time.Millisecond // eight a second, where the platform takes ten
	t.Cleanup(c.api.http.CloseIdleConnections)
	return c
}

// meet is a bot on s that has been asked something, and the writer for its answer.
func meet(t testing.TB, s *feishutest.Server, config Config) (*Connector, connectors.Event) {
	t.Helper()
	in := newInbox()
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	return writer(t, config), ask(t, s, in)
}

// noTyping checks that no sign of life is left.
func noTyping(t testing.TB, s *feishutest.Server) {
	t.Helper()
	for _, reaction := range s.Reactions() {
		if reaction.Removed.IsZero() {
			t.Errorf("%s is left under %s", reaction.Emoji, reaction.MessageID)
		}
	}
}

// finished checks that the one message on s is a card that shows want, and does not
// grow any more.
func finished(t testing.TB, s *feishutest.Server, want string) feishutest.Card {
	t.Helper()
	sent, cards := visible(s), sentCards(s)
	if len(sent) != 1 || len(cards) != 1 || sent[0].CardID != cards[0].ID {
		t.Fatalf("%d messages, %d cards: %+v", len(sent), len(cards), sent)
	}
	card := cards[0]
	if got := card.Content(answerElement); got != want || card.Streaming {
		t.Errorf("the card shows %q, streaming %v, want %q", got, card.Streaming, want)
	}
	if n := s.SequenceFaults(); n != 0 {
		t.Errorf("%d operations out of order", n)
	}
	noTyping(t, s)
	return card
}

// sentCards are the cards that people see.
func sentCards(s *feishutest.Server) []feishutest.Card {
	var cards []feishutest.Card
	for _, card := range s.Cards() {
		if card.MessageID != "" {
			cards = append(cards, card)
		}
	}
	return cards
}
