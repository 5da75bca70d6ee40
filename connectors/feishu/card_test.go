package feishu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

func TestCardGrows(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	ctx := soon(t)
	noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		card, err := s.WaitCard(ctx, func(card feishutest.Card) bool { return card.MessageID != "" })
		noError(t, err)
		if !card.Streaming || card.Content(answerElement) != defaultLabels.Thinking || card.ParentID != ev.ID {
			t.Errorf("before the first word: %+v", card)
		}
		_, err = s.WaitReaction(ctx, func(r feishutest.Reaction) bool { return r.MessageID == ev.ID && r.Emoji == typingEmoji })
		noError(t, err)
		growingIn(ctx, s, "one", " two", " three")(yield)
		_, err = s.WaitReaction(ctx, func(r feishutest.Reaction) bool { return !r.Removed.IsZero() })
		noError(t, err)
	}))
	card := finished(t, s, "one two three")
	if card.Summary != "one two three" {
		t.Errorf("summary %q", card.Summary)
	}
	var ops []string
	last := 0
	for _, update := range card.Updates {
		ops = append(ops, update.Op)
		if update.Sequence <= last || update.UUID == "" || len(update.UUID) > 64 || update.Code != 0 {
			t.Errorf("%+v after %d", update, last)
		}
		last = update.Sequence
	}
	if want := []string{"content", "content", "content", "update", "settings"}; !slices.Equal(ops, want) {
		t.Errorf("operations %q, want %q", ops, want)
	}
	for i, press := range []connectors.Press{connectors.PressAgain, connectors.PressGood, connectors.PressBad} {
		if button := card.Elements[i+1]; button.ID != string(press) {
			t.Errorf("button %d is %+v", i, button)
		}
	}
}

// However an answer ends, its card does.
func TestCardEnds(t *testing.T) {
	t.Parallel()
	failure := &connectors.Failure{Text: "Sorry (abcd2345)", Err: errors.New("no model")}
	for name, test := range map[string]struct {
		first, second string
		err           error
		want          string
	}{
		"failure at once":     {err: failure, want: "Sorry (abcd2345)"},
		"failure after words": {first: "so far", err: failure, want: "so far\n\nSorry (abcd2345)"},
		"nothing":             {want: blank},
		"unseen words":        {first: "so", second: " far", want: "so far"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			c, ev := meet(t, s, withCards(s))
			ctx := soon(t)
			noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				_, err := s.WaitCard(ctx, func(card feishutest.Card) bool { return card.MessageID != "" })
				noError(t, err)
				if test.first != "" {
					growingIn(ctx, s, test.first)(yield)
				}
				if test.second != "" {
					yield(connectors.Say(test.second), nil)
				}
				if test.err != nil {
					yield(connectors.Delta{}, test.err)
				}
			}))
			finished(t, s, test.want)
		})
	}
}

// An answer that is given up for now is left as it is: the next attempt goes on.
func TestCardGivenUp(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	ctx, b, gaveUp := soon(t), bookOf(ev), errors.New("given up for now")
	err := c.Reply(ctx, ev, b, func(yield func(connectors.Delta, error) bool) {
		growingIn(ctx, s, "first", " words")(yield)
		yield(connectors.Delta{}, gaveUp)
	})
	if !errors.Is(err, gaveUp) {
		t.Errorf("%v, want %v", err, gaveUp)
	}
	noTyping(t, s)
	noError(t, c.Reply(ctx, ev, b, growingIn(ctx, s, "other", " text")))
	finished(t, s, "other text")
}

// An answer that is there at once is worth no card, unless cards are demanded.
func TestInstantAnswers(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	c, ev := meet(t, s, config)
	noError(t, c.Reply(soon(t), ev, bookOf(ev), connectors.Words("help")))
	if sent := visible(s); len(sent) != 1 || sent[0].MsgType != "post" || len(s.Reactions()) != 0 {
		t.Errorf("sent %+v", sent)
	}
	config.Reply = ReplyCard
	c = writer(t, config)
	other := ev
	other.ID = "another"
	noError(t, c.Reply(soon(t), other, bookOf(other), connectors.Words("help")))
	noError(t, c.Reply(soon(t), other, connectors.Unkept(other, "busy"), connectors.Words("busy")))
	sent, cards := visible(s), sentCards(s)
	if len(sent) != 3 || sent[1].MsgType != "interactive" || sent[2].MsgType != "post" ||
		len(cards) != 1 || cards[0].Content(answerElement) != "help" || cards[0].Streaming {
		t.Errorf("sent %+v", sent)
	}
}

// Calls whose answers are lost take effect once.
func TestCardLostAnswers(t *testing.T) {
	t.Parallel()
	for _, doubts := range []feishutest.Doubts{{}, {SequenceBeforeUUID: true}, {RefusedBurnsSequence: true, SharedUUID: true}} {
		for _, route := range []string{
			"POST /open-apis/cardkit/v1/cards", replies, "PUT /open-apis/cardkit/v1/cards/*/elements/*/content",
			"PUT /open-apis/cardkit/v1/cards/*", "PATCH /open-apis/cardkit/v1/cards/*/settings",
			"POST /open-apis/im/v1/messages/*/reactions", "DELETE /open-apis/im/v1/messages/*/reactions/*",
		} {
			t.Run(fmt.Sprintf("%s %+v", route, doubts), func(t *testing.T) {
				t.Parallel()
				s := cloud(t, func(o *feishutest.Options) { o.Unlimited, o.Doubts = true, doubts })
				c, ev := meet(t, s, withCards(s))
				s.FailRoute(route, feishutest.Lost())
				noError(t, c.Reply(soon(t), ev, bookOf(ev), growingIn(soon(t), s, "one", " two", " three")))
				if sent := visible(s); len(sent) != 1 {
					t.Errorf("sent %+v", sent)
				}
				card := sentCards(s)[0]
				if card.Content(answerElement) != "one two three" || card.Streaming {
					t.Errorf("the card shows %q, streaming %v", card.Content(answerElement), card.Streaming)
				}
				noTyping(t, s)
				if n := s.SequenceFaults(); n > 1 || n == 1 && !doubts.SequenceBeforeUUID {
					t.Errorf("%d operations out of order", n)
				}
			})
		}
	}
}

// What the platform refuses for now is tried again, and what it refuses for good is
// done in another way; the answer arrives once.
func TestCardRefusals(t *testing.T) {
	t.Parallel()
	const (
		create  = "POST /open-apis/cardkit/v1/cards"
		content = "PUT /open-apis/cardkit/v1/cards/*/elements/*/content"
		replace = "PUT /open-apis/cardkit/v1/cards/*"
		set     = "PATCH /open-apis/cardkit/v1/cards/*/settings"
	)
	always := func(f feishutest.Failure) feishutest.Failure {
		f.Times = -1
		return f
	}
	for name, test := range map[string]struct {
		route   string
		failure feishutest.Failure
		post    bool // it ends in a post
		sign    bool // and a card says so
	}{
		"create: no scope":      {create, always(feishutest.MissingScope("cardkit:card:write")), true, false},
		"create: not rendered":  {create, feishutest.APIError(200220, "no"), true, false},
		"create: internal":      {create, feishutest.CardInternal(), false, false},
		"create: gateway":       {create, feishutest.BadGateway(), false, false},
		"create: gateway stays": {create, always(feishutest.BadGateway()), true, false},
		"create: too often":     {create, feishutest.RateLimited(time.Second), false, false},
		"send: card refused":    {replies, feishutest.CardFailed(200621, "parse card json err"), true, false},
		"send: chat is busy":    {replies, feishutest.ChatRateLimited(), false, false},
		"send: under way":       {replies, feishutest.MessageInFlight(), false, false},
		"grow: closed":          {content, feishutest.StreamingClosed(), false, false},
		"grow: timed out":       {content, feishutest.StreamingTimedOut(), false, false},
		"grow: out of order":    {content, feishutest.SequenceRefused(), false, false},
		"grow: too often":       {content, feishutest.RateLimited(time.Second), false, false},
		"grow: pressed":         {content, feishutest.APIError(200810, "interaction"), false, false},
		"grow: token":           {content, feishutest.TokenExpired(), false, false},
		"replace: internal":     {replace, feishutest.CardInternal(), false, false},
		"replace: order":        {replace, feishutest.SequenceRefused(), false, false},
		"replace: pressed":      {replace, feishutest.APIError(200810, "interaction"), false, false},
		"replace: expired":      {replace, feishutest.APIError(200750, "expired"), true, true},
		"replace: too large":    {replace, feishutest.APIError(200860, "too large"), true, true},
		"replace: gone":         {replace, feishutest.APIError(200740, "gone"), true, true},
		"set: refused":          {set, feishutest.APIError(300122, "no"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
			c, ev := meet(t, s, withCards(s))
			s.FailRoute(test.route, test.failure)
			ctx, cardTried := soon(t), tried(c, "create")
			noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				if test.post && !test.sign {
					until(t, "a card is tried", cardTried)
					yield(connectors.Say("one two"), nil)
					return
				}
				growingIn(ctx, s, "one", " two")(yield)
			}))
			noTyping(t, s)
			if !test.post {
				finishedIn(t, s, "one two")
				return
			}
			sent := visible(s)
			if last := sent[len(sent)-1]; last.MsgType != "post" || last.Text != "one two" {
				t.Errorf("sent %+v", sent)
			}
			if cards := sentCards(s); test.sign != (len(cards) == 1) {
				t.Errorf("%d cards", len(cards))
			} else if test.sign && (cards[0].Content(answerElement) != defaultLabels.Continued || cards[0].Streaming) {
				t.Errorf("the card shows %q", cards[0].Text)
			}
		})
	}
}

// finishedIn checks that the one card on s shows want, whatever was refused meanwhile.
func finishedIn(t testing.TB, s *feishutest.Server, want string) {
	t.Helper()
	cards := sentCards(s)
	if len(cards) != 1 || len(visible(s)) != 1 || cards[0].Content(answerElement) != want || cards[0].Streaming {
		t.Errorf("%d cards: %+v", len(cards), cards)
	}
}

// While nobody knows whether the card shows the answer it goes out in no other way:
// the next attempt finishes the card.
func TestCardInDoubt(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	f := feishutest.BadGateway()
	f.Times = -1
	s.FailRoute("PUT /open-apis/cardkit/v1/cards/*", f)
	b := bookOf(ev)
	err := c.Reply(soon(t), ev, b, growingIn(soon(t), s, "one", " two"))
	if err == nil || connectors.Permanent(err) {
		t.Errorf("%v", err)
	}
	s.ClearFailures()
	noError(t, c.Reply(soon(t), ev, b, connectors.Words("one two")))
	finished(t, s, "one two")
}

// Without the scope no card is tried again within the hour.
func TestCardWithoutScope(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) {
		o.Apps[0].Scopes = []string{"im:message.p2p_msg:readonly", "im:message"}
	})
	config := withCards(s)
	config.Reply = ReplyCard
	c, ev := meet(t, s, config)
	for range 3 {
		noError(t, c.Reply(soon(t), ev, bookOf(ev), connectors.Words("answer")))
		ev.ID += "x"
	}
	if n := s.Calls("POST /open-apis/cardkit/v1/cards"); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	if sent := visible(s); len(sent) != 3 || sent[2].Text != "answer" {
		t.Errorf("sent %+v", sent)
	}
}

// Nobody is answered who has withdrawn the question, and no card goes on growing.
func TestCardForAWithdrawnQuestion(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	s.Recall(ev.ID)
	noError(t, c.Reply(soon(t), ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		until(t, "the reply is refused", func() bool { return s.Calls("POST /open-apis/im/v1/messages/{message_id}/reply") > 0 })
		yield(connectors.Say("words"), nil)
	}))
	if sent := visible(s); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
	noTyping(t, s)
}

func TestCardWhereTheBotMayNotSpeak(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	f := feishutest.BotNotInChat()
	f.Times = -1
	s.FailRoute(replies, f)
	replyTried := tried(c, "reply")
	err := c.Reply(soon(t), ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		until(t, "a card is sent", replyTried)
		yield(connectors.Say("words"), nil)
	})
	if !connectors.Permanent(err) {
		t.Errorf("%v is not permanent", err)
	}
}

// While nothing can be noted nothing is shown.
func TestCardWithoutALedger(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	b := bookOf(ev)
	b.fail = errors.New("the lease is lost")
	err := c.Reply(soon(t), ev, b, func(yield func(connectors.Delta, error) bool) {
		until(t, "a note is tried", func() bool { return b.refusals() > 0 })
		yield(connectors.Say("words"), nil)
	})
	if !errors.Is(err, b.fail) || connectors.Permanent(err) {
		t.Errorf("%v", err)
	}
	if sent := visible(s); len(sent) != 0 || len(s.Reactions()) != 0 {
		t.Errorf("sent %+v", sent)
	}
}

// The store may be away: the paces, the budget and the buttons are, too.
func TestCardWithoutAShelf(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	shelf := newMemory()
	shelf.goAway()
	config.Shelf = shelf
	c, ev := meet(t, s, config)
	noError(t, c.Reply(soon(t), ev, bookOf(ev), growingIn(soon(t), s, "one", " two")))
	finished(t, s, "one two")
}

// An attempt goes on in the way in which the one before has begun.
func TestModeOfTheNextAttempt(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	b := bookOf(ev)
	b.sent = []byte(`{"next":1}`)
	text := strings.Repeat("some words ", 1500)
	noError(t, c.Reply(soon(t), ev, b, func(yield func(connectors.Delta, error) bool) {
		_, err := s.WaitReaction(soon(t), func(r feishutest.Reaction) bool { return r.MessageID == ev.ID })
		noError(t, err)
		yield(connectors.Say(text), nil)
	}))
	if sent := visible(s); len(sent) != 1 || sent[0].MsgType != "post" {
		t.Errorf("sent %+v", sent)
	}
	b.sent = []byte(`{"next":"x"}`)
	if err := c.Reply(context.Background(), ev, b, connectors.Words("x")); !connectors.Permanent(err) {
		t.Errorf("a ledger that cannot be read: %v", err)
	}
}
