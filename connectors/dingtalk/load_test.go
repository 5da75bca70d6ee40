package dingtalk

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// apiCalls is how many calls of each kind there were.
func apiCalls(cloud *dingtalktest.Server) (total int, by string) {
	for _, path := range []string{
		dingtalktest.PathCreateAndDeliver, "PUT " + dingtalktest.PathCards, dingtalktest.PathStreaming,
		dingtalktest.PathEmotionReply, dingtalktest.PathEmotionRecall, dingtalktest.PathGroup, dingtalktest.PathOTO,
	} {
		n := cloud.Calls(path)
		total += n
		by += fmt.Sprintf("%s %d, ", path, n)
	}
	return total, strings.TrimSuffix(by, ", ")
}

// Two hundred answers that grow at once, at DingTalk's own limit of 20 calls a second:
// all of them get their card and its last frame, and nobody waits for ever.
func TestTwoHundredCards(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	const cards = 200
	cloud, r, ev := carded(t, dingtalktest.Options{FrameGap: 500 * time.Millisecond}, inGroup, func(c *Config) {
		c.Card = Card{}
		c.Card.Quick = -1
	})
	var answers sync.WaitGroup
	began := time.Now()
	for n := range cards {
		ev := ev
		ev.ID = fmt.Sprintf("%s%d", ev.ID, n)
		answers.Go(func() {
			if err := r.Reply(t.Context(), ev, newBook(ev), slowly(t, n, 100, 250*time.Millisecond)); err != nil {
				t.Errorf("answer %d: %v", n, err)
			}
		})
	}
	answers.Wait()
	frames, least := 0, 1000
	for _, card := range cloud.Cards() {
		frames, least = frames+card.FrameCount, min(least, card.FrameCount)
		last := card.Frames[len(card.Frames)-1]
		if card.State != dingtalktest.CardFinished || card.Params["flowStatus"] != flowFinished || !last.Final || !strings.HasSuffix(card.Content(), " 99.") {
			t.Errorf("%+v", card)
		}
	}
	if len(cloud.Cards()) != cards || len(messages(cloud)) != 0 {
		t.Errorf("%d cards, %d messages", len(cloud.Cards()), len(messages(cloud)))
	}
	total, by := apiCalls(cloud)
	t.Logf("%d cards in %s: %.1f API calls per answer, %.1f frames (at least %d), %d throttled; %s", cards,
		time.Since(began).Round(time.Second), float64(total)/cards, float64(frames)/cards, least, cloud.Stats().Throttled, by)
}

// slowly is an answer of so many words, one after the other.
func slowly(t *testing.T, name, words int, pause time.Duration) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		if !yield(connectors.Say(fmt.Sprintf("answer %d:", name)), nil) {
			return
		}
		for n := range words {
			if !connectors.Sleep(t.Context(), pause) || !yield(connectors.Say(fmt.Sprintf(" %d.", n)), nil) {
				return
			}
		}
	}
}

// The month's calls last the month: everybody is answered, most of them by cards, and
// neither our count nor DingTalk's own passes the budget.
func TestMonth(t *testing.T) {
	const answers = 400
	for name, row := range map[string]struct {
		calls int64
		least int // of cards
	}{"a usual month": {5000, answers * 3 / 4}, "a quarter of the calls": {1250, answers / 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			month := time.Date(2026, 11, 1, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60))
			var mu sync.Mutex
			now := month
			kept := newShelf()
			kept.free = true
			cloud, r, ev := carded(t, dingtalktest.Options{MonthlyCalls: int(row.calls), CallsPerSecond: -1}, dingtalktest.Message{}, func(c *Config) {
				c.Shelf, c.Budget = kept, row.calls
				c.Card.tries = 8
				c.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
			})
			cloud.FailRoute(dingtalktest.PathStreaming, dingtalktest.Failure{Status: 503, Times: 20})
			const atOnce = 8
			for n := 0; n < answers; n += atOnce {
				mu.Lock()
				now = month.Add(30 * 24 * time.Hour / time.Duration(answers) * time.Duration(n))
				mu.Unlock()
				var several sync.WaitGroup
				for i := range atOnce {
					ev := ev
					ev.ID = fmt.Sprintf("%s%d", ev.ID, n+i)
					several.Go(func() {
						if err := r.Reply(t.Context(), ev, newBook(ev), slowly(t, n+i, 12, time.Millisecond)); err != nil {
							t.Errorf("answer %d: %v", n+i, err)
						}
					})
				}
				several.Wait()
			}
			grown, filled, frames := 0, 0, 0
			for _, card := range cloud.Cards() {
				if frames += card.FrameCount; card.FrameCount > 1 {
					grown++
				} else {
					filled++
				}
				if !card.Final() || card.FrameCount > wantCalls {
					t.Errorf("%+v", card)
				}
			}
			plain, q := len(messages(cloud)), cloud.Quota()
			used, err := r.budget.Used(t.Context())
			must(t, err)
			if grown+filled+plain != answers || q.Denied != 0 || used > row.calls || int64(q.Calls) > used || grown+filled < row.least {
				t.Errorf("%d of %d answered, %d calls denied, %d used, %d reserved", grown+filled+plain, answers, q.Denied, q.Calls, used)
			}
			t.Logf("%d answers: %d cards that grew, %d filled once, %d messages; %d of %d calls used, %d reserved, %.1f frames per card",
				answers, grown, filled, plain, q.Calls, row.calls, used, float64(frames)/float64(max(grown+filled, 1)))
		})
	}
}

// A card that has been granted so many calls makes no more of them, however long its
// answer is, and what it made was counted.
func TestGrantedCalls(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) {
			c.Budget = 5000
			if own { // a template that tells its state itself
				c.Card.Template = dingtalktest.TemplateClaw
			}
		})
		cloud.FailRoute(dingtalktest.PathStreaming, dingtalktest.Failure{Commit: true, Status: 503, Times: 2})
		must(t, answerTo(t.Context(), r, ev, slowly(t, 1, 100, 10*time.Millisecond)))
		used, err := r.budget.Used(t.Context())
		must(t, err)
		if card := onlyCard(t, cloud); card.FrameCount < 4 || !card.Done() || used > wantCalls || int(used) != cloud.Quota().Calls {
			t.Errorf("%d frames, %d calls counted of %d", card.FrameCount, used, cloud.Quota().Calls)
		}
	}
}

// What is granted decides what becomes of an answer.
func TestGrantedMode(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60))
	for granted, frames := range map[int64]int{2: 0, 3: 1, 4: 1, 5: 2, 6: 3} {
		cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) {
			c.Budget, c.now = 10*granted, func() time.Time { return begin } // a tenth of it on the first day
		})
		must(t, answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
			if frames > 1 {
				growing(cloud, "a", "b")(yield)
			} else {
				slowly(t, 0, 20, 10*time.Millisecond)(yield)
			}
		}))
		used, err := r.budget.Used(t.Context())
		must(t, err)
		if frames == 0 {
			if len(cloud.Cards()) != 0 || len(messages(cloud)) != 1 || used != 0 {
				t.Errorf("%d granted: %d cards, %d calls", granted, len(cloud.Cards()), used)
			}
			continue
		}
		if n := onlyCard(t, cloud).FrameCount; n != min(frames, 2) || used > granted || cloud.Quota().Calls > int(granted) {
			t.Errorf("%d granted: %d frames, %d calls", granted, n, used)
		}
	}
}

// A budget counts what is said outside cards, too, also beyond what may be spent by
// then.
func TestBudgetCountsEverything(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60))
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{WebhookExpired: true}, func(c *Config) {
		c.Reply, c.Budget = ReplyText, 20 // two on the first day
		c.now = func() time.Time { return now }
		c.Labels = func(connectors.Event) connectors.Labels { return connectors.Labels{} }
	})
	used := func() int64 {
		n, err := r.budget.Used(t.Context())
		must(t, err)
		return n
	}
	cloud.FailRoute(dingtalktest.PathOTO, dingtalktest.Failure{Status: 503, Times: 1})
	for range 3 {
		must(t, answerTo(t.Context(), r, ev, words("answer")))
	}
	if used() != 4 {
		t.Errorf("%d used", used())
	}
	now = now.Add(15 * 24 * time.Hour)
	p := r.reserve(t.Context(), 5, 3)
	if p.holds() != 5 || used() != 9 {
		t.Errorf("%d granted, %d used", p.holds(), used())
	}
	p.spend(t.Context())
	p.close(t.Context())
	p.close(t.Context())
	if used() != 5 {
		t.Errorf("%d used after four were given back", used())
	}
}

// The frames that there are last for a long answer.
func TestCadence(t *testing.T) {
	for _, frames := range []int64{2, 10, 30, 140} {
		c := newCadence(800*time.Millisecond, frames)
		var sum, before time.Duration
		for n := range int(frames) {
			pause := c.pause(n + 1)
			if pause < before || pause < c.gap {
				t.Errorf("%d frames: %s after %s", frames, pause, before)
			}
			sum, before = sum+pause, pause
		}
		if sum < growTime-2*time.Second || sum > growTime+2*time.Second {
			t.Errorf("%d frames last %s", frames, sum)
		}
	}
	for _, frames := range []int64{0, -3, 150, noEnd} {
		if c := newCadence(800*time.Millisecond, frames); c.pause(1) != c.gap || c.pause(100) != c.gap {
			t.Errorf("%d frames: %s, %s", frames, c.pause(1), c.pause(100))
		}
	}
}
