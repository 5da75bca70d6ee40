package feishu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// A process that dies at any step of a card is followed by one that finishes the
// same card, whichever of the two said what.
func TestCardAfterACrash(t *testing.T) {
	t.Parallel()
	type step struct {
		what string
		n    int
	}
	for _, at := range []step{
		{"note", 1}, {"POST reaction", 1}, {"create", 1}, {"note", 2}, {"note", 3}, {"reply", 1}, {"note", 4},
		{"grow", 1}, {"grow", 3}, {"DELETE reaction", 1}, {"note", 5}, {"replace", 1}, {"set", 1},
	} {
		for _, when := range []string{"before", "after"} {
			t.Run(fmt.Sprintf("%s %s %d", when, at.what, at.n), func(t *testing.T) {
				t.Parallel()
				s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
				c, ev := meet(t, s, withCards(s))
				b := bookOf(ev)
				var before, after func(string) bool
				if when == "before" {
					before = nth(at.n, at.what)
				} else {
					after = nth(at.n, at.what)
				}
				ctx, process := live(t, c, b, before, after)
				if err := c.Reply(ctx, ev, process, growingIn(ctx, s, "first", " second", " third", " fourth")); err == nil && at.what != "set" && at.what != "DELETE reaction" {
					t.Error("the reply of a dead process worked")
				}
				if ctx.Err() == nil {
					t.Fatal("the process lives")
				}
				next := writer(t, withCards(s))
				noError(t, next.Reply(soon(t), ev, b, growingIn(soon(t), s, "fifth", " sixth")))
				finished(t, s, "fifth sixth")
			})
		}
	}
}

// The same words again, as the ledger of a turn keeps them, are there at once.
func TestCardAfterACrashAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"replace", "set"} {
		s := cloud(t, nil)
		c, ev := meet(t, s, withCards(s))
		b := bookOf(ev)
		ctx, process := live(t, c, b, nil, nth(1, what))
		_ = c.Reply(ctx, ev, process, growingIn(ctx, s, "some", " words"))
		next := writer(t, withCards(s))
		noError(t, next.Reply(soon(t), ev, b, connectors.Words("some words")))
		finished(t, s, "some words")
	}
}

// An attempt that comes when its card has long stopped to stream makes it stream
// again; one that comes when the platform has forgotten the card, does without.
func TestCardAfterALongTime(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{11 * time.Minute, 15 * 24 * time.Hour} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			c, ev := meet(t, s, withCards(s))
			b := bookOf(ev)
			ctx, process := live(t, c, b, nil, nth(1, "grow"))
			if err := c.Reply(ctx, ev, process, growingIn(ctx, s, "first", " words", " and", " more")); err == nil {
				t.Error("the reply of a dead process worked")
			}
			s.Skip(after)
			next := writer(t, withCards(s))
			if after < time.Hour {
				noError(t, next.Reply(soon(t), ev, b, growingIn(soon(t), s, "other", " words")))
				finished(t, s, "other words")
				return
			}
			noError(t, next.Reply(soon(t), ev, b, connectors.Words("other words")))
			if sent := visible(s); len(sent) != 2 || sent[1].MsgType != "post" || sent[1].Text != "other words" {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}

// A card that was sent, but not noted so, is not sent twice: not where the platform
// answers a repetition with a refusal, and not when it has forgotten the uuid.
func TestCardIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		doubts feishutest.Doubts
		skip   time.Duration
	}{
		"refused":   {doubts: feishutest.Doubts{RepeatRefused: true}},
		"forgotten": {skip: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.Doubts = test.doubts })
			c, ev := meet(t, s, withCards(s))
			b := bookOf(ev)
			ctx, process := live(t, c, b, nil, nth(1, "reply"))
			_ = c.Reply(ctx, ev, process, growingIn(ctx, s, "first", " words"))
			if len(sentCards(s)) != 1 {
				t.Fatal("no card was sent")
			}
			s.Skip(test.skip)
			noError(t, writer(t, withCards(s)).Reply(soon(t), ev, b, connectors.Words("other words")))
			finished(t, s, "other words")
		})
	}
}

// A process that dies while an answer goes over from a card into messages is followed
// by one that sends the messages once, and closes the card.
func TestCrashInTheFallback(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before", "after"} {
		for n, what := range map[int]string{2: "reply", 1: "set"} {
			t.Run(at+" "+what, func(t *testing.T) {
				t.Parallel()
				s := cloud(t, nil)
				c, ev := meet(t, s, withCards(s))
				s.FailRoute("PUT /open-apis/cardkit/v1/cards/*", feishutest.APIError(200860, "too large"))
				b := bookOf(ev)
				before, after := nth(n, what), func(string) bool { return false }
				if at == "after" {
					before, after = after, before
				}
				ctx, process := live(t, c, b, before, after)
				_ = c.Reply(ctx, ev, process, growingIn(ctx, s, "one", " two"))
				if ctx.Err() == nil {
					t.Fatal("the process lives")
				}
				noError(t, writer(t, withCards(s)).Reply(soon(t), ev, b, connectors.Words("one two")))
				sent, cards := visible(s), sentCards(s)
				if len(sent) != 2 || sent[1].Text != "one two" || len(cards) != 1 {
					t.Fatalf("sent %+v", sent)
				}
				if cards[0].Content(answerElement) != defaultLabels.Continued || cards[0].Streaming {
					t.Errorf("the card shows %q", cards[0].Text)
				}
				noTyping(t, s)
			})
		}
	}
}

// An attempt with less to say leaves nothing of the one before in its further cards.
func TestNextAttemptSaysLess(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
	c, ev := meet(t, s, withCards(s))
	b := bookOf(ev)
	ctx, process := live(t, c, b, nil, nth(3, "create"))
	err := c.Reply(ctx, ev, process, growingIn(ctx, s, longAnswer(15_000), longAnswer(15_000), longAnswer(30_000)))
	if err == nil || len(sentCards(s)) != 2 {
		t.Fatalf("%v, %d cards", err, len(sentCards(s)))
	}
	noError(t, writer(t, withCards(s)).Reply(soon(t), ev, b, growingIn(soon(t), s, "few", " words")))
	cards := sentCards(s)
	if len(cards) != 2 || cards[0].Content(answerElement) != "few words" || cards[1].Content(answerElement) != above {
		t.Errorf("%d cards: %.200s", len(cards), allCards(s))
	}
	for _, card := range cards {
		if card.Streaming {
			t.Error("a card streams")
		}
	}
}

// A turn that is given up finishes its card with an apology, in the attempt that failed.
func TestCardOfATurnGivenUp(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	b := bookOf(ev)
	if c.InCard(b) {
		t.Error("a reply that was not begun is in a card")
	}
	ctx, process := live(t, c, b, nil, nth(1, "grow"))
	_ = c.Reply(ctx, ev, process, growingIn(ctx, s, "first", " words"))
	next := writer(t, withCards(s))
	if !next.InCard(b) {
		t.Fatal("a card that was begun is none")
	}
	noError(t, next.Reply(soon(t), ev, b, func(yield func(connectors.Delta, error) bool) {
		if yield(connectors.Say("first words"), nil) {
			yield(connectors.Delta{}, &connectors.Failure{Text: "sorry"})
		}
	}))
	finished(t, s, "first words\n\nsorry")
}

// An operator puts a question back that was given up, and does so again, all within the
// hour in which the platform knows the uuids. Each time there is an answer, and an
// apology if that is what it comes to; an attempt after a crash does not repeat it.
func TestAnswerToARetry(t *testing.T) {
	t.Parallel()
	for _, way := range []string{ReplyCard, ReplyText} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			config.Reply = way
			c, ev := meet(t, s, config)
			for _, text := range []string{"first", "second", "third"} {
				b, before := bookOf(ev), len(visible(s))
				dying := writer(t, config)
				ctx, process := live(t, dying, b, nil, nth(1, "reply"))
				if err := dying.Reply(ctx, ev, process, connectors.Words(text)); err == nil {
					t.Fatal("the reply of a dead process worked")
				}
				noError(t, c.Reply(soon(t), ev, b, connectors.Words(text)))
				if sent := visible(s)[before:]; len(sent) != 1 {
					t.Fatalf("%s: sent %+v", text, sent)
				}
				if way == ReplyText && visible(s)[before].Text != text {
					t.Errorf("sent %+v", visible(s)[before])
				}
				noError(t, c.Reply(soon(t), ev, connectors.Unkept(ev, "sorry"), connectors.Words("sorry")))
				if sent := visible(s)[before:]; len(sent) != 2 || sent[1].Text != "sorry" {
					t.Errorf("%s, given up: sent %+v", text, sent)
				}
				ev.Retries++
			}
			var shown []string
			for _, card := range sentCards(s) {
				shown = append(shown, card.Content(answerElement))
			}
			if want := []string{"first", "second", "third"}; way == ReplyCard && !slices.Equal(shown, want) {
				t.Errorf("the cards show %q, want %q", shown, want)
			}
		})
	}
}
