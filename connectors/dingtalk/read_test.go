package dingtalk

import (
	"context"
	"errors"
	"strings"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// gated is a shelf whose Get waits.
type gated struct {
	*shelf
	get func(ctx context.Context) error // what Get does first
}

func (g gated) Get(ctx context.Context, name string) ([]byte, error) {
	if err := g.get(ctx); err != nil {
		return nil, err
	}
	return g.shelf.Get(ctx, name)
}

// withShelf is a robot that has a Shelf.
func withShelf(t *testing.T, shelf connectors.Shelf) (*dingtalktest.Server, *robot) {
	t.Helper()
	cloud := newCloud(t, dingtalktest.Options{})
	config := quick(cloud)
	config.Shelf, config.Reply = shelf, ReplyText
	r := newRobot(config, nil)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	return cloud, r
}

func TestReadsOurQuotedCard(t *testing.T) {
	long := strings.Repeat("长", connectors.MaxQuote)
	shelf := newShelf()
	shelf.values["carrier/known=="], shelf.values["carrier/long=="] = []byte("what the card said"), []byte(long)
	shelf.values["carrier/msgQ=="] = []byte("not a carrier's")
	cloud, r := withShelf(t, shelf)
	cardOf := func(carrier string) dingtalktest.Card {
		return dingtalktest.Card{Places: []dingtalktest.Place{{CarrierID: carrier}}}
	}
	told := dingtalktest.QuoteCard(cardOf("known=="))
	told.Content = map[string]any{"text": "what the platform says"}
	rows := []struct {
		name  string
		quote *dingtalktest.Quote
		want  string
	}{
		{"known", dingtalktest.QuoteCard(cardOf("known==")), "what the card said"},
		{"long", dingtalktest.QuoteCard(cardOf("long==")), long[:connectors.MaxQuote-connectors.MaxQuote%3]},
		{"told by the platform", told, "what the platform says"},
		{"forgotten", dingtalktest.QuoteCard(cardOf("gone==")), ""},
		{"somebody else's message", dingtalktest.QuoteID("msgQ=="), ""},
	}
	for _, row := range rows {
		ev := r.said(t, cloud, dingtalktest.Message{Text: "go on", Quote: row.quote})
		before := *ev.Quote
		got := r.Read(patient(t), ev)
		if got.ID != ev.ID || got.Text != "go on" || got.Quote == nil || got.Quote.Text != row.want || got.Quote.Ref != before.Ref {
			t.Errorf("%s: %+v %.60v", row.name, got, got.Quote)
		}
		if *ev.Quote != before {
			t.Errorf("%s: the event was changed: %+v", row.name, ev.Quote)
		}
	}
	plain := r.said(t, cloud, dingtalktest.Message{Text: "no quote"})
	if got := r.Read(patient(t), plain); got.Quote != nil || got.Text != "no quote" {
		t.Errorf("%+v", got)
	}
}

// A store that is away costs the quote, and no more time than the turn has for it.
func TestReadWithoutAStore(t *testing.T) {
	card := dingtalktest.QuoteCard(dingtalktest.Card{Places: []dingtalktest.Place{{CarrierID: "known=="}}})
	for name, get := range map[string]func(ctx context.Context) error{
		"fails": func(context.Context) error { return errors.New("store is away") },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		cloud, r := withShelf(t, gated{newShelf(), get})
		ev := r.said(t, cloud, dingtalktest.Message{Text: "go on", Quote: card})
		if got := r.Read(patient(t), ev); got.Quote == nil || got.Quote.Text != "" || got.Text != "go on" {
			t.Errorf("%s: %+v", name, got)
		}
		if !strings.Contains(r.log.String(), "the quoted card cannot be looked up") {
			t.Errorf("%s: not in the log", name)
		}
	}
	cloud, r := up(t, dingtalktest.Options{}, nil) // no Shelf at all
	ev := r.said(t, cloud, dingtalktest.Message{Text: "go on", Quote: card})
	if got := r.Read(patient(t), ev); got.Quote == nil || got.Quote.Text != "" {
		t.Errorf("%+v", got)
	}
}

// From the answer to the quote of it: what stood on the card is known.
func TestReadsTheCardThatWasShown(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) { c.Reply = ReplyCard })
	must(t, r.Reply(patient(t), ev, newBook(ev), growing(cloud, "all of ", "the answer")))
	asked := r.said(t, cloud, dingtalktest.Message{Text: "go on", Quote: dingtalktest.QuoteCard(onlyCard(t, cloud))})
	if asked.Quote == nil || !asked.Quote.Ours || asked.Quote.Text != "" {
		t.Fatalf("%+v", asked.Quote)
	}
	if got := r.Read(patient(t), asked); got.Quote.Text != "all of the answer" {
		t.Errorf("%+v", got.Quote)
	}
}
