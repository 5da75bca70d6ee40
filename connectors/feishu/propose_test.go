package feishu

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// proposalTo is a proposal to whoever wrote ev.
func proposalTo(ev connectors.Event) connectors.Proposal {
	return connectors.Proposal{
		Event: ev, Key: connectors.ReplyKey(ev, "tool 1"),
		Text: "Delete **all**? <at id=all></at>", Plain: "Delete all? Answer yes or no.",
	}
}

// proposed checks that the one message on s is a card that shows want, with the buttons
// Yes and No or with none.
func proposed(t testing.TB, s *feishutest.Server, want string, buttons bool) feishutest.Card {
	t.Helper()
	cards, sent := sentCards(s), visible(s)
	if len(cards) != 1 || len(sent) != 1 {
		t.Fatalf("%d cards, sent %+v", len(cards), sent)
	}
	card := cards[0]
	has := 0
	for _, element := range card.Elements {
		if element.ID == string(connectors.PressYes) || element.ID == string(connectors.PressNo) {
			has++
		}
	}
	if card.Content(answerElement) != want || card.Streaming || has != 0 != buttons || len(card.Elements) != 1+has {
		t.Errorf("the card is %s", card.JSON)
	}
	return card
}

// A proposal is a card of its own, a press on it finds its event and says which
// proposal it was, and it is concluded without buttons.
func TestPropose(t *testing.T) {
	t.Parallel()
	for _, press := range []connectors.Press{connectors.PressYes, connectors.PressNo} {
		t.Run(string(press), func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			var done acts
			config := withCards(s)
			config.Act = done.act
			c, ev := meet(t, s, config)
			p := proposalTo(ev)
			for range 2 {
				noError(t, c.Propose(soon(t), p))
			}
			shown := "Delete **all**? ＜at id=all>＜/at>"
			card := proposed(t, s, shown, true)
			if card.ParentID != ev.ID || card.Summary == "" {
				t.Errorf("%+v", card)
			}
			pressed, err := s.Press(soon(t), feishutest.Press{MessageID: card.MessageID, Button: string(press)})
			noError(t, err)
			a := done.last(t)
			if pressed.Code != 0 || a.Press != press || a.Reply != p.Key || a.Event.ID != ev.ID || a.Event.Text != ev.Text {
				t.Errorf("%+v: %+v", pressed, a)
			}
			for range 2 {
				noError(t, c.Conclude(soon(t), p, "Done."))
			}
			if card := proposed(t, s, shown+"\n\nDone.", false); !strings.HasSuffix(card.Summary, "Done.") {
				t.Errorf("summary %q", card.Summary)
			}
		})
	}
}

// frail is the shelf of a process that may die.
type frail struct {
	connectors.Shelf
	life *life
}

func (f frail) Put(ctx context.Context, name string, value []byte, keep time.Duration) error {
	what, _, _ := strings.Cut(name, "/")
	if f.life.ends(f.life.before, "put "+what) {
		return errDead
	}
	err := f.Shelf.Put(ctx, name, value, keep)
	if f.life.ends(f.life.after, "put "+what) {
		return errDead
	}
	return err
}

// Whenever the process that proposes dies, the next one shows no second proposal, and
// concludes the one that there is.
func TestProposalAfterACrash(t *testing.T) {
	t.Parallel()
	type step struct {
		what string
		n    int
	}
	for _, at := range []step{{"put card", 1}, {"put proposal", 1}, {"create", 1}, {"put proposal", 2}, {"reply", 1}, {"put proposal", 3}} {
		for _, when := range []string{"before", "after"} {
			t.Run(fmt.Sprintf("%s %s %d", when, at.what, at.n), func(t *testing.T) {
				t.Parallel()
				s := cloud(t, nil)
				config := withCards(s)
				c, ev := meet(t, s, config)
				before, after := nth(at.n, at.what), func(string) bool { return false }
				if when == "after" {
					before, after = after, before
				}
				ctx, process := live(t, c, bookOf(ev), before, after)
				c.config.Shelf = frail{config.Shelf, process}
				p := proposalTo(ev)
				if err := c.Propose(ctx, p); err == nil || connectors.Permanent(err) {
					t.Errorf("a dead process has proposed: %v", err)
				}
				if ctx.Err() == nil {
					t.Fatal("the process lives")
				}
				next := writer(t, config)
				noError(t, next.Propose(soon(t), p))
				card := proposed(t, s, cardMarkdown(p.Text), true)
				if _, err := s.Press(soon(t), feishutest.Press{MessageID: card.MessageID, Button: string(connectors.PressYes)}); err != nil {
					t.Error(err)
				}
				noError(t, next.Conclude(soon(t), p, "Done."))
				proposed(t, s, cardMarkdown(p.Text)+"\n\nDone.", false)
			})
		}
	}
}

// Where there can be no card, the proposal is a message that says what to write; it is
// sent once, and nothing concludes it.
func TestProposalInAMessage(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *Config, p *connectors.Proposal, s *feishutest.Server){
		"text":       func(c *Config, _ *connectors.Proposal, _ *feishutest.Server) { c.Reply = ReplyText },
		"no buttons": func(c *Config, _ *connectors.Proposal, _ *feishutest.Server) { c.Act = nil },
		"no shelf":   func(c *Config, _ *connectors.Proposal, _ *feishutest.Server) { c.Shelf = nil },
		"no budget":  func(c *Config, _ *connectors.Proposal, _ *feishutest.Server) { c.Budget = 1 },
		"too long":   func(_ *Config, p *connectors.Proposal, _ *feishutest.Server) { p.Text = longAnswer(30_000) },
		"no scope": func(_ *Config, _ *connectors.Proposal, s *feishutest.Server) {
			s.FailRoute("POST /open-apis/cardkit/v1/cards", feishutest.MissingScope("cardkit:card:write"))
		},
		"refused": func(_ *Config, _ *connectors.Proposal, s *feishutest.Server) {
			s.FailRoute(replies, feishutest.CardFailed(200621, "no"))
		},
		"unusual key": func(c *Config, p *connectors.Proposal, _ *feishutest.Server) {
			c.Act, p.Key = nil, strings.Repeat("k/", 100)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cloud(t, nil)
			config := withCards(s)
			_, ev := meet(t, s, config)
			p := proposalTo(ev)
			change(&config, &p, s)
			for range 2 {
				c := writer(t, config)
				noError(t, c.Propose(soon(t), p))
				noError(t, c.Conclude(soon(t), p, "Done."))
			}
			if n := s.Calls("PUT /open-apis/cardkit/v1/cards/{card_id}"); n != 0 {
				t.Errorf("a card that nobody sees was concluded %d times", n)
			}
			if sent := visible(s); len(sent) != 1 || sent[0].MsgType != "post" || sent[0].Text != p.Plain || sent[0].InReplyTo != ev.ID {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}

// A proposal waits for what passes, tells what does not, and says nothing while it
// cannot be noted.
func TestProposalInTrouble(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	shelf := newMemory()
	config.Shelf = shelf
	c, ev := meet(t, s, config)
	p := proposalTo(ev)
	if err := c.Conclude(soon(t), p, "Done."); err != nil || len(visible(s)) != 0 {
		t.Errorf("what was not proposed is concluded: %v", err)
	}
	shelf.goAway()
	if err := c.Propose(soon(t), p); err == nil || connectors.Permanent(err) || len(visible(s)) != 0 {
		t.Errorf("without the store: %v", err)
	}
	shelf.mu.Lock()
	shelf.away = nil
	shelf.mu.Unlock()
	for _, route := range []string{"POST /open-apis/cardkit/v1/cards", replies, "PUT /open-apis/cardkit/v1/cards/*"} {
		s.FailRoute(route, feishutest.Lost())
		s.FailRoute(route, feishutest.BadGateway())
	}
	s.FailRoute("PUT /open-apis/cardkit/v1/cards/*", feishutest.APIError(200810, "interaction"))
	noError(t, c.Propose(soon(t), p))
	noError(t, c.Conclude(soon(t), p, "Done."))
	proposed(t, s, cardMarkdown(p.Text)+"\n\nDone.", false)

	for name, wrong := range map[string]connectors.Proposal{
		"no key":     {Event: ev, Text: "x", Plain: "x"},
		"no address": {Event: connectors.Event{}, Key: "k", Text: "x", Plain: "x"},
	} {
		if err := c.Propose(soon(t), wrong); !connectors.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Recall(ev.ID)
	p.Key = "another"
	if err := c.Propose(soon(t), p); !connectors.Permanent(err) || !withdrawn(err) {
		t.Errorf("of a question that was withdrawn: %v", err)
	}
	if len(visible(s)) != 1 {
		t.Errorf("sent %+v", visible(s))
	}
}

// What a proposal calls is counted: it is made, sent, and concluded.
func TestProposalsBudget(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	config.Budget = 1_000_000
	shelf := newMemory()
	config.Shelf = shelf
	c, ev := meet(t, s, config)
	p := proposalTo(ev)
	noError(t, c.Propose(soon(t), p))
	if n := shelf.calls(); n != 2 {
		t.Errorf("%d calls for the proposal", n)
	}
	noError(t, c.Conclude(soon(t), p, "Done."))
	if n := shelf.calls(); n != 3 {
		t.Errorf("%d calls with its conclusion", n)
	}
}
