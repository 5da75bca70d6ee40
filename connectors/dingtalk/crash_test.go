package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

var errCrash = errors.New("crashed")

// mortal is a program that dies at its n-th step, a call or a note: before it, or
// after it has taken effect. What it does from then on has none.
type mortal struct {
	at    int
	after bool
	below http.RoundTripper
	kill  context.CancelFunc

	mu   sync.Mutex
	step int
	dead bool
	name string // of the step it died at
}

// next is one step; it returns whether it has no effect, and whether it is the last.
func (m *mortal) next(name string) (void, last bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.step++
	if m.dead {
		return true, false
	}
	if m.step == m.at {
		m.dead, m.name = true, name
		m.kill()
		return !m.after, true
	}
	return false, false
}

func (m *mortal) RoundTrip(req *http.Request) (*http.Response, error) {
	void, last := m.next(req.Method + " " + req.URL.Path)
	if void {
		return nil, errCrash
	}
	resp, err := m.below.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
	if last && err == nil {
		_ = resp.Body.Close()
		return nil, errCrash
	}
	return resp, err
}

// ledger is a book that the program writes to while it lives.
type mortalLedger struct {
	*book
	*mortal
}

func (l mortalLedger) Note(_ context.Context, sent any) error {
	void, last := l.next(fmt.Sprintf("note %+v", sent))
	if void {
		return errCrash
	}
	err := l.book.Note(context.Background(), sent)
	if last {
		return errCrash
	}
	return err
}

// Wherever the program dies, the next attempt finishes the same card, and there is no
// second message.
func TestCrashAtEveryStep(t *testing.T) {
	never := crashAt(t, 0, false)
	if never.step < 11 { // two notes, a token, a card, an update, three frames, the last one, an update, a note
		t.Errorf("%d steps", never.step)
	}
	t.Logf("%d steps", never.step)
	for at := range never.step {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d, after %t", at+1, after), func(t *testing.T) {
				t.Parallel()
				crashAt(t, at+1, after)
			})
		}
	}
}

// crashAt answers by a program that dies at a step, and then by another one.
func crashAt(t *testing.T, at int, after bool) *mortal {
	t.Helper()
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	m := &mortal{at: at, after: after, below: r.api.http.Transport, kill: kill}
	r.api.http.Transport = m
	notes := newBook(ev)
	err := r.Reply(ctx, ev, mortalLedger{notes, m}, crashing(ctx, cloud, "one", " two", " three"))
	if !m.dead {
		must(t, err)
	} else {
		next := newRobot(r.config, nil)
		defer next.api.http.CloseIdleConnections()
		must(t, next.Reply(t.Context(), ev, notes, words("one two three")))
	}
	card := onlyCard(t, cloud)
	if card.Content() != "one two three" || card.State != dingtalktest.CardFinished || card.Params["flowStatus"] != flowFinished || len(card.Places) != 1 {
		t.Errorf("died at %s: %+v", m.name, card)
	}
	if n := len(cloud.Sent()); n != 1 {
		t.Errorf("died at %s: %d messages", m.name, n)
	}
	if set := cloud.Emotions(ev.ID[len(clientID)+1:]); len(set) != 0 {
		t.Errorf("died at %s: %q stays", m.name, set)
	}
	return m
}

// crashing is growing, and ends with the program.
func crashing(ctx context.Context, cloud *dingtalktest.Server, deltas ...string) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		text := ""
		for _, delta := range deltas {
			if text += delta; !yield(connectors.Say(delta), nil) {
				return
			}
			if _, err := cloud.WaitCard(ctx, func(c dingtalktest.Card) bool { return c.Content() == text }); err != nil {
				yield(connectors.Delta{}, errCrash)
				return
			}
		}
	}
}

// Of a card with messages behind it nothing is lost, and no part that was known to be
// taken is sent again.
func TestCrashBehindACard(t *testing.T) {
	for name, row := range map[string]struct{ ours, theirs int }{"ours": {800, 0}, "theirs": {1600, 800}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 1; crashBehind(t, at, row.ours, row.theirs); at++ {
			}
		})
	}
}

// crashBehind answers by a card and messages, by a program that dies at a step and then
// by another one. It reports whether it died.
func crashBehind(t *testing.T, at, ours, theirs int) bool {
	t.Helper()
	long := ""
	for n := range 300 {
		long += fmt.Sprintf("paragraph %d of an answer\n\n", n)
	}
	cloud, r, ev := carded(t, dingtalktest.Options{CardBytes: theirs}, dingtalktest.Message{}, func(c *Config) { c.Card.MaxBytes, c.Card.Quick, c.Reply = ours, 0, ReplyCard })
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	m := &mortal{at: at, below: r.api.http.Transport, kill: kill}
	r.api.http.Transport = m
	notes := newBook(ev)
	err := r.Reply(ctx, ev, mortalLedger{notes, m}, words("%s", long))
	if !m.dead {
		must(t, err)
		return false
	}
	next := newRobot(r.config, nil)
	defer next.api.http.CloseIdleConnections()
	frames, behind := cloud.Calls(dingtalktest.PathStreaming), strings.Contains(string(notes.Sent()), `"parts"`)
	must(t, next.Reply(t.Context(), ev, notes, words("%s", long)))
	if more := cloud.Calls(dingtalktest.PathStreaming) - frames; behind && more != 0 {
		t.Errorf("died at %s: %d frames more of a card that was closed", m.name, more)
	}
	if got := whole(t, cloud); got != letters(long) {
		t.Errorf("died at %s: %d letters of %d", m.name, len(got), len(letters(long)))
	}
	parts := len(connectors.Split(face(long), 800-len("continued\n\n"))) - 1
	if again := len(messages(cloud)) - parts; again < 0 || again > int(next.Counts().Repeats) {
		t.Errorf("died at %s: %d messages of %d, %d repeats counted", m.name, len(messages(cloud)), parts, next.Counts().Repeats)
	}
	return true
}

// An answer of the platform that is lost costs nothing, whichever it is.
func TestLostAnswers(t *testing.T) {
	for _, path := range []string{dingtalktest.PathToken, dingtalktest.PathCreateAndDeliver, "PUT " + dingtalktest.PathCards, dingtalktest.PathStreaming} {
		for _, reuse := range []bool{false, true} {
			for nth := range 4 {
				cloud, r, ev := carded(t, dingtalktest.Options{RefuseCardReuse: reuse}, dingtalktest.Message{}, nil)
				if nth > 0 {
					cloud.FailRoute(path, dingtalktest.Failure{Times: nth})
				}
				cloud.FailRoute(path, dingtalktest.Failure{Commit: true, Cut: true, Times: 1})
				must(t, r.Reply(t.Context(), ev, newBook(ev), growing(cloud, "one", " two", " three")))
				card := onlyCard(t, cloud)
				if card.Content() != "one two three" || card.State != dingtalktest.CardFinished || card.Params["flowStatus"] != flowFinished || len(cloud.Sent()) != 1 {
					t.Errorf("answer %d of %s: %+v", nth, path, card)
				}
			}
		}
	}
}

// A turn that is given up finishes its card with an apology, in the attempt that failed.
func TestCardOfATurnGivenUp(t *testing.T) {
	t.Parallel()
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	b := newBook(ev)
	if r.InCard(b) {
		t.Error("a reply that was not begun is in a card")
	}
	ctx, kill := context.WithCancel(t.Context())
	err := r.Reply(ctx, ev, b, func(yield func(connectors.Delta, error) bool) {
		if yield(connectors.Say("first words"), nil) {
			_ = cardSays(cloud, "first words")
			kill()
			yield(connectors.Delta{}, errCrash)
		}
	})
	if err == nil || !r.InCard(b) {
		t.Fatalf("%v, and a card that was begun is none", err)
	}
	must(t, r.Reply(t.Context(), ev, b, func(yield func(connectors.Delta, error) bool) {
		if yield(connectors.Say("first words"), nil) {
			yield(connectors.Delta{}, &connectors.Failure{Text: "sorry", Err: errCrash})
		}
	}))
	card := onlyCard(t, cloud)
	if text := card.Content(); !card.Done() || !strings.Contains(text, "first words") || !strings.Contains(text, "sorry") || len(messages(cloud)) != 0 {
		t.Errorf("the card shows %q, done: %t; messages %+v", text, card.Done(), messages(cloud))
	}
	if r.InCard(b) {
		t.Error("a card that is finished is not")
	}
}
