package feishu

import (
	"testing"
	"time"

	"longwire/connectors"
)

// As the budget is used up, answers become cards that are filled once, and then
// messages; every one arrives.
func TestBudget(t *testing.T) {
	t.Parallel()
	const budget = 1_000_000
	for name, test := range map[string]struct {
		reply string
		left  int64 // of what may be spent today
		want  string
		calls int64 // what is spent, at most
	}{
		"enough":             {ReplyAuto, 1000, "grown", 20},
		"for a card":         {ReplyAuto, 4, "once", 3},
		"for nothing":        {ReplyAuto, 0, "post", 1},
		"nothing, but cards": {ReplyCard, 0, "once", 3},
		"enough, but text":   {ReplyText, 1000, "post", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			config.Budget, config.Reply = budget, test.reply
			shelf := newMemory()
			config.Shelf = shelf
			c, ev := meet(t, s, config)
			noon := time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)
			c.budget.Now = func() time.Time { return noon }
			// Find out what may be spent by now, and spend all but what is left.
			may := c.budget.Reserve(t.Context(), budget, 1)
			c.budget.Return(t.Context(), test.left)
			before := shelf.calls()
			noError(t, c.Reply(soon(t), ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				if test.want == "grown" {
					growingIn(soon(t), s, "one", " two")(yield)
					return
				}
				if test.want == "once" && test.left > 0 {
					until(t, "calls are reserved", func() bool { return shelf.calls() > before })
				}
				yield(connectors.Say("one two"), nil)
			}))
			sent, cards := visible(s), sentCards(s)
			got := "post"
			if len(cards) == 1 {
				got = "once"
				for _, update := range cards[0].Updates {
					if update.Op == "content" {
						got = "grown"
					}
				}
				if cards[0].Content(answerElement) != "one two" || cards[0].Streaming {
					t.Errorf("the card shows %q", cards[0].Text)
				}
			} else if len(sent) == 1 && sent[0].Text != "one two" {
				t.Errorf("sent %+v", sent)
			}
			if got != test.want || len(sent) != 1 {
				t.Errorf("%s, want %s (%d of %d calls may be spent)", got, test.want, may, budget)
			}
			if spent := shelf.calls() - before; spent > test.calls || spent < 0 {
				t.Errorf("%d calls are counted, want at most %d", spent, test.calls)
			}
			noTyping(t, s)
		})
	}
}

// What is reserved and not needed goes back, and what is counted is what is called.
func TestBudgetIsSettled(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	config.Budget = 1_000_000
	shelf := newMemory()
	config.Shelf = shelf
	c, ev := meet(t, s, config)
	noError(t, c.Reply(soon(t), ev, bookOf(ev), growingIn(soon(t), s, "one", " two", " three")))
	made := 0
	for _, route := range []string{
		"POST /open-apis/cardkit/v1/cards", "POST /open-apis/im/v1/messages/{message_id}/reply",
		"PUT /open-apis/cardkit/v1/cards/{card_id}", "PATCH /open-apis/cardkit/v1/cards/{card_id}/settings",
		"PUT /open-apis/cardkit/v1/cards/{card_id}/elements/{element_id}/content",
		"POST /open-apis/im/v1/messages/{message_id}/reactions", "DELETE /open-apis/im/v1/messages/{message_id}/reactions/{reaction_id}",
	} {
		n := s.Calls(route)
		if n == 0 {
			t.Errorf("no call of %s", route)
		}
		made += n
	}
	if n := shelf.calls(); n != int64(made) {
		t.Errorf("%d calls are counted, %d were made", n, made)
	}
}

// However long the answer, growing leaves the calls for the end.
func TestBudgetLeavesTheEnd(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	config.Budget = 1_000_000
	c, ev := meet(t, s, config)
	r, err := c.newReply(ev, bookOf(ev))
	noError(t, err)
	if !r.calls.reserve(t.Context(), callsForGrow, callsForGrow) {
		t.Fatal("nothing is granted")
	}
	r.way, r.begun = growing, true
	for _, text := range []string{"a", "ab", "abc", "abcd", "abcde", "abcdef"} {
		if _, err := r.show(soon(t), connectors.View{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	noError(t, r.finish(soon(t), connectors.Grown{View: connectors.View{Text: "abcdefg"}}))
	r.end(soon(t))
	card := finished(t, s, "abcdefg")
	if n := len(card.Updates); n != callsForGrow-2 {
		t.Errorf("%d updates: %+v", n, card.Updates)
	}
}
