package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// proposalTo is a proposal about ev.
func proposalTo(ev connectors.Event) connectors.Proposal {
	return connectors.Proposal{Event: ev, Key: connectors.ReplyKey(ev, "proposal"), Text: "Book **room 7**?", Plain: "Book room 7? Write yes or no."}
}

// proposing is a robot whose cards have buttons, a question to it, and what is pressed.
func proposing(t *testing.T, opts dingtalktest.Options, m dingtalktest.Message, change func(*Config)) (*dingtalktest.Server, *robot, connectors.Event, chan connectors.Action) {
	t.Helper()
	actions := make(chan connectors.Action, 10)
	cloud, r, ev := carded(t, opts, m, func(c *Config) {
		c.Act = func(_ context.Context, a connectors.Action) (string, error) { actions <- a; return "noted", nil }
		if change != nil {
			change(c)
		}
	})
	return cloud, r, ev, actions
}

func TestPropose(t *testing.T) {
	group := inGroup
	group.From = dingtalktest.Person{StaffID: "u7", Nick: "Ann"}
	for name, m := range map[string]dingtalktest.Message{"one-to-one": {}, "group": group} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev, actions := proposing(t, dingtalktest.Options{}, m, func(c *Config) { c.Mention = true; c.Budget = 5000 })
			p := proposalTo(ev)
			must(t, r.Propose(t.Context(), p))
			card := onlyCard(t, cloud)
			if card.OutTrackID != p.Key || card.TemplateID != dingtalktest.TemplateButtons || card.Content() != "Book **room 7**?" || card.Broken || len(card.Places) != 1 {
				t.Errorf("%+v", card)
			}
			if want := []dingtalktest.Button{{ID: "yes", Text: "Yes"}, {ID: "no", Text: "No"}}; !reflect.DeepEqual(card.Buttons(), want) {
				t.Errorf("%+v", card.Buttons())
			}
			if wanted := map[string]string{"one-to-one": "map[]", "group": "map[u7:Ann]"}; fmt.Sprint(card.Places[0].AtUsers) != wanted[name] {
				t.Errorf("mentions %v", card.Places[0].AtUsers)
			}
			if got := r.config.Shelf.(*shelf).value("carrier/" + card.CarrierID()); got != p.Text {
				t.Errorf("kept for quotes: %q", got)
			}
			for _, press := range []connectors.Press{connectors.PressYes, connectors.PressNo} {
				answer, err := cloud.Press(card, "u7", string(press), nil)
				must(t, err)
				if a := next(t, actions, "an action"); a.Press != press || a.Reply != p.Key || a.Event.ID != ev.ID || a.By.ID != "u7" {
					t.Errorf("%+v", a)
				}
				if answer.Card.Private["u7"][proposalWords] != "noted" || answer.Card.Content() != card.Content() {
					t.Errorf("%+v", answer)
				}
			}
			must(t, r.Conclude(t.Context(), p, "✅ Done."))
			after := onlyCard(t, cloud)
			if after.Content() != "Book **room 7**?  \n\n✅ Done." || len(after.Buttons()) != 0 || len(messages(cloud)) != 0 {
				t.Errorf("%+v", after)
			}
			if used, err := r.budget.Used(t.Context()); err != nil || used != 2 || cloud.Quota().Calls != 2 {
				t.Errorf("%d calls counted of %d, %v", used, cloud.Quota().Calls, err)
			}
		})
	}
}

// The same key shows nothing more, in this process and in another, before and after it
// is concluded.
func TestProposeOnce(t *testing.T) {
	for name, change := range map[string]func(*Config){"card": nil, "message": func(c *Config) { c.Reply = ReplyText }} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev, _ := proposing(t, dingtalktest.Options{}, dingtalktest.Message{}, change)
			p := proposalTo(ev)
			p.Plain = strings.Repeat(p.Plain+"\n\n", 500) // several messages
			must(t, r.Propose(t.Context(), p))
			sent, calls := len(cloud.Sent()), cloud.Quota().Calls
			other := newRobot(r.config, nil)
			defer other.api.http.CloseIdleConnections()
			must(t, other.Propose(t.Context(), p))
			must(t, r.Propose(t.Context(), p))
			if len(cloud.Sent()) != sent || cloud.Quota().Calls != calls || r.Counts().Repeats+other.Counts().Repeats != 0 {
				t.Errorf("%d messages after %d, %d calls after %d", len(cloud.Sent()), sent, cloud.Quota().Calls, calls)
			}
			must(t, other.Conclude(t.Context(), p, "done"))
			if name == "card" && !strings.HasSuffix(onlyCard(t, cloud).Content(), "done") || name != "card" && len(cloud.Sent()) != sent {
				t.Errorf("%+v", cloud.Sent())
			}
			p.Key = connectors.ReplyKey(ev, "another")
			must(t, r.Propose(t.Context(), p))
			if len(cloud.Sent()) != 2*sent {
				t.Errorf("%d messages, want %d", len(cloud.Sent()), 2*sent)
			}
		})
	}
}

// Where there can be no card a message says what to write, and nothing is concluded.
func TestProposePlain(t *testing.T) {
	stranger := dingtalktest.Message{From: dingtalktest.Person{SenderID: "$x"}}
	for name, row := range map[string]struct {
		m      dingtalktest.Message
		change func(*Config)
		fail   *dingtalktest.Failure
		text   string
	}{
		"stranger":   {m: stranger},
		"text":       {change: func(c *Config) { c.Reply = ReplyText }},
		"no buttons": {change: func(c *Config) { c.Act = nil }},
		"no shelf":   {change: func(c *Config) { c.Shelf = nil }},
		"no budget":  {change: func(c *Config) { c.Budget = 1 }},
		"shelf away": {change: func(c *Config) { c.Shelf.(*shelf).away = errors.New("away") }},
		"too long":   {text: strings.Repeat("word ", 4000)},
		"permission": {fail: new(dingtalktest.FailPermission(dingtalktest.ScopeCards))},
		"trouble":    {fail: new(dingtalktest.FailUnknown())},
		"unsafe":     {fail: new(dingtalktest.FailUnsafe())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud, r, ev, _ := proposing(t, dingtalktest.Options{}, row.m, row.change)
			if row.fail != nil {
				cloud.FailRoute(dingtalktest.PathCreateAndDeliver, *row.fail)
			}
			p := proposalTo(ev)
			if row.text != "" {
				p.Text = row.text
			}
			must(t, r.Propose(t.Context(), p))
			if sent := only(t, cloud); sent.Via != dingtalktest.ViaWebhook || sent.Text != p.Plain || len(cloud.Cards()) != 0 {
				t.Errorf("%+v", sent)
			}
			must(t, r.Conclude(t.Context(), p, "done"))
			if n := len(cloud.Sent()); n != 1 || cloud.Calls("PUT "+dingtalktest.PathCards) != 0 {
				t.Errorf("%d messages, %d updates", n, cloud.Calls("PUT "+dingtalktest.PathCards))
			}
		})
	}
}

// Cards of answers are not held for shut because those of proposals are, nor the other
// way round.
func TestProposalsHaveTheirOwnGate(t *testing.T) {
	cloud, r, ev, _ := proposing(t, dingtalktest.Options{Templates: map[string]dingtalktest.Template{"own": {Key: "text"}}},
		dingtalktest.Message{}, func(c *Config) { c.Card.Template, c.Card.Key = "own", "text" })
	must(t, r.Propose(t.Context(), proposalTo(ev))) // there is no such template
	if len(messages(cloud)) != 1 || r.asks.open() || !r.cards.open() {
		t.Errorf("%d messages; open: %t, %t", len(messages(cloud)), r.asks.open(), r.cards.open())
	}
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	if card := onlyCard(t, cloud); card.Content() != "answer" {
		t.Errorf("%+v", card)
	}
}

// Trouble that passes is waited for; what was sent and not heard of is not sent twice.
func TestProposeInTrouble(t *testing.T) {
	for name, failure := range map[string]dingtalktest.Failure{
		"gateway": dingtalktest.FailGateway(), "lost": {Commit: true, Cut: true}, "token": dingtalktest.FailToken(), "throttled": dingtalktest.FailThrottled(),
	} {
		failure.Times = 2
		for _, reuse := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", reuse), func(t *testing.T) {
				t.Parallel()
				cloud, r, ev, _ := proposing(t, dingtalktest.Options{RefuseCardReuse: reuse}, dingtalktest.Message{}, nil)
				for _, path := range []string{dingtalktest.PathCreateAndDeliver, "PUT " + dingtalktest.PathCards} {
					cloud.FailRoute(path, failure)
				}
				p := proposalTo(ev)
				must(t, r.Propose(t.Context(), p))
				must(t, r.Conclude(t.Context(), p, "done"))
				if card := onlyCard(t, cloud); !strings.HasSuffix(card.Content(), "\n\ndone") || len(card.Buttons()) != 0 || len(cloud.Sent()) != 1 {
					t.Errorf("%+v", card)
				}
			})
		}
	}
}

// A conclusion that does not get through says so, after a few tries.
func TestConcludeFails(t *testing.T) {
	t.Parallel()
	cloud, r, ev, _ := proposing(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	p := proposalTo(ev)
	must(t, r.Propose(t.Context(), p))
	cloud.FailRoute("PUT "+dingtalktest.PathCards, dingtalktest.FailGateway())
	if err := r.Conclude(t.Context(), p, "done"); err == nil || cloud.Calls("PUT "+dingtalktest.PathCards) != tries {
		t.Errorf("%v after %d tries", err, cloud.Calls("PUT "+dingtalktest.PathCards))
	}
	cloud.Heal("PUT " + dingtalktest.PathCards)
	p.Text = strings.Repeat("word ", 10_000) // longer than a card takes
	must(t, r.Conclude(t.Context(), p, "done"))
	if got := onlyCard(t, cloud).Content(); !strings.HasSuffix(got, "\n\ndone") || len(got) > r.config.Card.MaxBytes+100 {
		t.Errorf("%d bytes, ending with %q", len(got), got[len(got)-10:])
	}
	p.Event.Address = []byte("{")
	if err := r.Conclude(t.Context(), p, "done"); !connectors.Permanent(err) {
		t.Errorf("%v", err)
	}
	if err := r.Propose(t.Context(), p); !connectors.Permanent(err) {
		t.Errorf("%v", err)
	}
}

// mortalShelf is a shelf that the program writes to while it lives.
type mortalShelf struct {
	*shelf
	*mortal
}

func (s mortalShelf) Put(ctx context.Context, name string, value []byte, keep time.Duration) error {
	void, last := s.next("put " + name)
	if void {
		return errCrash
	}
	err := s.shelf.Put(ctx, name, value, keep)
	if last {
		return errCrash
	}
	return err
}

// Wherever the program dies, the next attempt shows the same card or message.
func TestCrashOfAProposal(t *testing.T) {
	for _, plain := range []bool{false, true} {
		never := proposalCrash(t, plain, 0, false)
		if never.step < 3 {
			t.Errorf("%d steps", never.step)
		}
		for at := range never.step {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("plain %t, step %d, after %t", plain, at+1, after), func(t *testing.T) {
					t.Parallel()
					proposalCrash(t, plain, at+1, after)
				})
			}
		}
	}
}

// proposalCrash proposes by a program that dies at a step, and then by another one.
func proposalCrash(t *testing.T, plain bool, at int, after bool) *mortal {
	t.Helper()
	kept := newShelf()
	cloud, r, ev, actions := proposing(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) {
		c.Shelf = kept
		if plain {
			c.Reply = ReplyText
		}
	})
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	m := &mortal{at: at, after: after, below: r.api.http.Transport, kill: kill}
	dying := newRobot(r.config, nil)
	dying.config.Shelf, dying.api.http.Transport = mortalShelf{kept, m}, m
	p := proposalTo(ev)
	err := dying.Propose(ctx, p)
	if !m.dead {
		must(t, err)
	}
	must(t, r.Propose(t.Context(), p))
	if plain {
		if n := len(messages(cloud)); n < 1 || n-1 > int(r.Counts().Repeats) || len(cloud.Cards()) != 0 {
			t.Errorf("died at %s: %d messages, %d repeats counted", m.name, n, r.Counts().Repeats)
		}
		return m
	}
	card := onlyCard(t, cloud)
	if len(cloud.Sent()) != 1 || len(card.Places) != 1 || card.Content() != p.Text || len(card.Buttons()) != 2 {
		t.Errorf("died at %s: %+v", m.name, card)
	}
	if _, err := cloud.Press(card, "u9", "yes", nil); err != nil {
		t.Errorf("died at %s: %v", m.name, err)
	} else if a := next(t, actions, "an action"); a.Reply != p.Key {
		t.Errorf("died at %s: %+v", m.name, a)
	}
	must(t, r.Conclude(t.Context(), p, "done"))
	return m
}
