package feishu

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// step is a delta of an answer, and what is then to be seen in the card.
type step struct {
	delta connectors.Delta
	sees  string
}

// steps is an answer that goes on once each step is to be seen.
func steps(ctx context.Context, t testing.TB, s *feishutest.Server, all ...step) connectors.Answer {
	return func(yield func(connectors.Delta, error) bool) {
		for _, each := range all {
			if !yield(each.delta, nil) {
				return
			}
			_, err := s.WaitCard(ctx, func(card feishutest.Card) bool {
				return card.MessageID != "" && card.Streaming && card.Content(answerElement) == each.sees
			})
			if err != nil {
				t.Errorf("%+v is not seen: %v; the cards are %+v", each.delta, err, sentCards(s))
				return
			}
		}
	}
}

// What goes on is shown below the text, or in the place of the word for thinking, and
// not when the card is finished. What is withdrawn makes way for what comes instead.
func TestCardShowsWhatGoesOn(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	ctx := soon(t)
	noError(t, c.Reply(ctx, ev, bookOf(ev), steps(ctx, t, s,
		step{connectors.Delta{}, defaultLabels.Thinking},
		step{connectors.Delta{Thought: "What  day\nis *it*?"}, "> What day is &#42;it&#42;?"},
		step{connectors.Delta{Doing: "查询日历…"}, "> What day is &#42;it&#42;?\n\n⏳ *查询日历…*"},
		step{connectors.Delta{Text: "It is ```Monday", Doing: "[x](http://h)"}, "It is ```Monday\n\n⏳ *&#91;x&#93;&#40;http://h&#41;*"},
		step{connectors.Say("```"), "It is ```Monday```"},
		step{connectors.Delta{Again: true, Doing: "once more"}, "⏳ *once more*"},
		step{connectors.Delta{}, defaultLabels.Thinking},
		step{connectors.Say("Tuesday"), "Tuesday"},
		step{connectors.Delta{Again: true, Text: "Wednesday"}, "Wednesday"},
	)))
	card := finished(t, s, "Wednesday")
	if card.Content(thoughtElement) != "" || strings.Contains(card.JSON, thoughtTitle) {
		t.Errorf("a thought that was withdrawn is shown: %s", card.JSON)
	}
	noTyping(t, s)
}

// An earlier attempt's words stay until this one has some, whatever goes on meanwhile.
func TestEarlierWordsStay(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	b := bookOf(ev)
	ctx, process := live(t, c, b, nil, nth(1, "grow"))
	_ = c.Reply(ctx, ev, process, growingIn(ctx, s, "first", " words"))
	r, err := writer(t, withCards(s)).newReply(ev, b)
	noError(t, err)
	for _, each := range []struct {
		view connectors.View
		sees string
	}{
		{connectors.View{Thought: "hm"}, "first words"},
		{connectors.View{Thought: "hm", Doing: "searching"}, "first words"},
		{connectors.View{Thought: "hm", Doing: "searching", Text: "other"}, "other\n\n⏳ *searching*"},
	} {
		_, err := r.show(soon(t), each.view)
		noError(t, err)
		if got := sentCards(s)[0].Content(answerElement); got != each.sees {
			t.Errorf("%+v shows %q", each.view, got)
		}
	}
	noError(t, r.finish(soon(t), connectors.Grown{View: connectors.View{Text: "other"}}))
	r.end(soon(t))
	finished(t, s, "other")
}

// Where calls are counted, what is said besides leaves them to the answer.
func TestBudgetGoesToTheAnswer(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	config.Budget = 1_000_000
	c, ev := meet(t, s, config)
	r, err := c.newReply(ev, bookOf(ev))
	noError(t, err)
	r.way, r.begun = growing, true
	if !r.calls.reserve(t.Context(), callsToSay+2, callsToSay+2) {
		t.Fatal("nothing is granted")
	}
	for _, view := range []connectors.View{{Doing: "first"}, {Doing: "second"}, {Doing: "third", Text: "one"}, {Doing: "fourth", Text: "one"}} {
		_, err := r.show(soon(t), view)
		noError(t, err)
	}
	if card := sentCards(s)[0]; len(card.Updates) != 1 || card.Content(answerElement) != "one\n\n⏳ *third*" {
		t.Errorf("%+v", card.Updates)
	}
	noError(t, r.finish(soon(t), connectors.Grown{View: connectors.View{Text: "one"}}))
	r.end(soon(t))
	finished(t, s, "one")
}

// A thought is folded in the first card, once it is finished, and nowhere else.
func TestCardFoldsTheThought(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
	c, ev := meet(t, s, withCards(s))
	ctx := soon(t)
	thought := strings.Repeat("想一想 <at id=all></at> \"why\" ", 1000) + "| a |\n|---|\nthe end"
	text := longAnswer(45_000)
	noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		yield(connectors.Delta{Thought: thought}, nil)
		_, err := s.WaitCard(ctx, func(card feishutest.Card) bool { return strings.HasPrefix(card.Content(answerElement), "> …") })
		noError(t, err)
		growingIn(ctx, s, text[:3000])(yield)
		yield(connectors.Say(text[3000:]), nil)
	}))
	cards := sentCards(s)
	if len(cards) < 2 {
		t.Fatalf("%d cards", len(cards))
	}
	for i, card := range cards {
		readable(t, card)
		if n := strings.Count(card.JSON, thoughtTitle); (n == 1) != (i == 0) {
			t.Errorf("card %d has %d thoughts", i, n)
		}
	}
	if card := cards[0]; !strings.Contains(card.JSON, "the end") || strings.Contains(card.JSON, "<at") ||
		!strings.Contains(card.JSON, `"expanded":false`) || card.Elements[0].ID != thoughtElement {
		t.Errorf("the first card is %s", card.JSON)
	}
}

// Where the platform refuses a folded thought, the card is finished without it, and no
// other one is tried.
func TestCardWithoutTheThought(t *testing.T) {
	t.Parallel()
	for name, grown := range map[string]bool{"in a card that has grown": true, "in one made at the end": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			config.Reply = ReplyCard
			c, ev := meet(t, s, config)
			ctx := soon(t)
			answer := func(yield func(connectors.Delta, error) bool) {
				if grown {
					steps(ctx, t, s, step{connectors.Delta{Thought: "hm"}, "> hm"}, step{connectors.Say("one"), "one"})(yield)
					return
				}
				yield(connectors.Delta{Thought: "hm", Text: "one"}, nil)
			}
			route := "POST /open-apis/cardkit/v1/cards"
			if grown {
				route = "PUT /open-apis/cardkit/v1/cards/*"
			}
			s.FailRoute(route, feishutest.APIError(200220, "parse card json err; ErrorValue: collapsible_panel"))
			noError(t, c.Reply(ctx, ev, bookOf(ev), answer))
			if card := finished(t, s, "one"); strings.Contains(card.JSON, thoughtTitle) {
				t.Errorf("the card is %s", card.JSON)
			}
			other := ev
			other.ID += "x"
			noError(t, c.Reply(ctx, other, bookOf(other), func(yield func(connectors.Delta, error) bool) {
				yield(connectors.Delta{Thought: "hm", Text: "two"}, nil)
			}))
			cards := sentCards(s)
			if len(cards) != 2 || cards[1].Content(answerElement) != "two" || strings.Contains(cards[1].JSON, thoughtTitle) {
				t.Errorf("%d cards; another thought was tried: %s", len(cards), cards[len(cards)-1].JSON)
			}
		})
	}
}

// However old the card is: text that may still be withdrawn stays in it.
func TestWhatMayBeWithdrawnIsNotClosed(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]bool{"our clock": true, "the platform's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			c, ev := meet(t, s, withCards(s))
			if ours {
				c.cardLife = 300 * time.Millisecond
			}
			ctx := soon(t)
			noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
				for _, piece := range []string{"one.\n\nand", " two.\n\nalso", " three.\n\nthen", " four.\n\nso", " five.\n\nbut", " six.\n\nyet"} {
					growingIn(ctx, s, piece)(yield)
					if !ours {
						s.Skip(4 * time.Minute)
					}
				}
				yield(connectors.Delta{Again: true, Text: "something else"}, nil)
			}))
			finished(t, s, "something else")
		})
	}
}

// Should text be withdrawn although a card was closed for it, it is shown nowhere all
// the same.
func TestWithdrawnTooLate(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Unlimited = true })
	c, ev := meet(t, s, withCards(s))
	ctx := soon(t)
	noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		growingIn(ctx, s, longAnswer(45_000))(yield)
		if yield(connectors.Delta{Again: true, Text: "short"}, nil) {
			growingIn(ctx, s, " and", " good")(yield)
		}
	}))
	cards := sentCards(s)
	if len(cards) < 2 {
		t.Fatalf("%d cards", len(cards))
	}
	for i, card := range cards {
		want := above
		if i == 0 {
			want = "short and good"
		}
		if card.Content(answerElement) != want || card.Streaming {
			t.Errorf("card %d shows %.100q, streaming %v", i, card.Content(answerElement), card.Streaming)
		}
	}
}

func TestBesides(t *testing.T) {
	long := strings.Repeat("长", 500)
	for name, c := range map[string]struct{ got, want string }{
		"doing nothing":    {doing(" \n"), ""},
		"doing on a line":  {doing("a\n# b"), "⏳ *a &#35; b*"},
		"doing much":       {doing(long), "⏳ *" + long[:3*maxDoing] + "…*"},
		"no thought":       {quoted(" \n "), ""},
		"a short thought":  {quoted("a\n\n- b"), "> a - b"},
		"a long thought":   {quoted(long), "> …" + long[:3*maxTail]},
		"spaces cut short": {quoted("a" + strings.Repeat(" ", 2000) + "b"), "> …b"},
		"below nothing":    {with("", "x"), "x"},
		"nothing below":    {with("x", ""), "x"},
		"below":            {with("x", "y"), "x\n\ny"},
		"no room":          {with(strings.Repeat("x", maxCardJSON-10), doing(long)), strings.Repeat("x", maxCardJSON-10)},
		"nothing folded":   {folded(" ", "x"), ""},
		"folded":           {folded(" a\nb ", "x"), "a\nb"},
		"no room to fold":  {folded("a", strings.Repeat("x", maxTexts)), ""},
		"tail of all":      {tail("abc", 10), "abc"},
		"tail of broken":   {tail("\x80\x80", 2), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}

// Whatever is done and thought shows as it is written, and every card has room for it.
func FuzzBesides(f *testing.F) {
	f.Add("查询日历…", "Let me <at id=all></at> think | a |\n|---|", "# Text", 3)
	f.Add("*x* [y](z) `c` ~~d~~ <e> &#42; \\", strings.Repeat("想", 3000), strings.Repeat("\x01", 4000), 0)
	f.Add("\xff", "\xff\xfe", strings.Repeat("```\n", 1000), 30)
	f.Fuzz(func(t *testing.T, what, thought, text string, times int) {
		text = firstPart(strings.Repeat(text, max(1, min(times, 30)))).text
		for _, line := range []string{doing(what), quoted(thought)} {
			inner := strings.Trim(strings.TrimPrefix(strings.TrimPrefix(line, "⏳ "), ">"), "*")
			if strings.ContainsAny(inner, "\n\r*_`~[]()<>|\\") || harmless(inner) != inner || utf8.RuneCountInString(line) > 6*maxTail+10 {
				t.Fatalf("%q", line)
			}
		}
		if all := with(text, doing(what)); encodedLen(all) > maxCardJSON && all != text || !strings.HasPrefix(all, text) {
			t.Fatalf("%d bytes", encodedLen(all))
		}
		l := defaultLabels
		card, err := face{text: text, buttons: buttonsOf{key: strings.Repeat("0", 32), labels: l}, thought: folded(thought, text)}.json()
		if err != nil || len(card) > 30<<10 || !json.Valid([]byte(card)) {
			t.Fatalf("a card of %d bytes, %v", len(card), err)
		}
	})
}
