package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

func TestCardGrows(t *testing.T) {
	group := inGroup
	group.From = dingtalktest.Person{StaffID: "u7", Nick: "Ann"}
	for name, m := range map[string]dingtalktest.Message{"one-to-one": {}, "group": group} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev := carded(t, dingtalktest.Options{}, m, func(c *Config) { c.Mention = true })
			notes := newBook(ev)
			must(t, r.Reply(t.Context(), ev, notes, growing(cloud, "# One", " two", " three")))
			card := onlyCard(t, cloud)
			if card.OutTrackID != notes.key || card.TemplateID != DefaultTemplate || card.State != dingtalktest.CardFinished ||
				card.Params["flowStatus"] != flowFinished || card.Content() != "# One two three" || card.Broken {
				t.Errorf("%+v", card)
			}
			shown := ""
			for _, f := range card.Frames {
				shown += f.Content + "|"
			}
			if shown != "# One|# One two|# One two three|" {
				t.Errorf("frames %s", shown)
			}
			if n := len(messages(cloud)); n != 0 {
				t.Errorf("%d messages besides the card", n)
			}
			kept := r.config.Shelf.(*shelf)
			if got := kept.value("carrier/" + card.CarrierID()); got != "# One two three" {
				t.Errorf("kept for quotes: %q", got)
			}
			wanted := "map[]"
			if name == "group" {
				wanted = "map[u7:Ann]"
			}
			if got := fmt.Sprint(card.Places[0].AtUsers); got != wanted {
				t.Errorf("mentions %s, want %s", got, wanted)
			}
		})
	}
}

// A template of one's own is told nothing that it does not know.
func TestCardOfOwnTemplate(t *testing.T) {
	own := map[string]dingtalktest.Template{"own": {Key: "text"}}
	cloud, r, ev := carded(t, dingtalktest.Options{Templates: own}, dingtalktest.Message{}, func(c *Config) {
		c.Card.Template, c.Card.Key = "own", "text"
		c.Act = func(context.Context, connectors.Action) (string, error) { return "", nil }
	})
	must(t, answerTo(t.Context(), r, ev, growing(cloud, "a", "b")))
	if card := onlyCard(t, cloud); card.Content() != "ab" || !card.Done() || card.Updates != 0 || len(card.Params) != 1 {
		t.Errorf("%+v", card)
	}
}

// What was shown of an answer that failed stays, with the words of the failure.
func TestCardOfAFailure(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	must(t, answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("half"), nil) && yield(connectors.Delta{}, &connectors.Failure{Text: "sorry", Err: errors.New("model is away")})
	}))
	if card := onlyCard(t, cloud); card.State != dingtalktest.CardFailed || card.Params["flowStatus"] != flowFailed || card.Content() != "half  \n\nsorry" {
		t.Errorf("%+v", card)
	}
}

// An answer that was given up for now leaves a card that the next attempt finishes.
func TestCardGivenUp(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	given, notes := errors.New("given back"), newBook(ev)
	err := r.Reply(t.Context(), ev, notes, func(yield func(connectors.Delta, error) bool) {
		_ = yield(connectors.Say("half"), nil) && !errors.Is(cardSays(cloud, "half"), context.DeadlineExceeded) && yield(connectors.Delta{}, given)
	})
	if card := onlyCard(t, cloud); !errors.Is(err, given) || card.Done() {
		t.Fatalf("%v, %+v", err, card)
	}
	must(t, r.Reply(t.Context(), ev, notes, words("the whole of it")))
	if card := onlyCard(t, cloud); !card.Final() || card.Content() != "the whole of it" || len(messages(cloud)) != 0 {
		t.Errorf("%+v", card)
	}
}

func cardSays(cloud *dingtalktest.Server, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := cloud.WaitCard(ctx, func(c dingtalktest.Card) bool { return c.Content() == text })
	return err
}

// What is there at once, such as a command's answer, costs no API call; with
// ReplyCard it is a card all the same.
func TestQuickAnswersAreMessages(t *testing.T) {
	for reply, cards := range map[string]int{"": 0, ReplyAuto: 0, ReplyText: 0, ReplyCard: 1} {
		cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) {
			c.Reply, c.Card.Quick = reply, time.Minute
		})
		must(t, answerTo(t.Context(), r, ev, words("pong")))
		if n, hooks := len(cloud.Cards()), cloud.Calls(dingtalktest.PathWebhook); n != cards || hooks != 1-cards {
			t.Errorf("%q: %d cards, %d calls of the webhook", reply, n, hooks)
		}
		if calls := cloud.Quota().Calls; cards == 0 && calls != 0 {
			t.Errorf("%q: %d API calls", reply, calls)
		}
	}
}

// Where there can be no card the answer is a message.
func TestNoCardForEverybody(t *testing.T) {
	stranger := dingtalktest.Message{From: dingtalktest.Person{SenderID: "$x"}}
	for name, row := range map[string]struct {
		m      dingtalktest.Message
		change func(*Config, *connectors.Event)
	}{
		"stranger":   {stranger, nil},
		"text":       {dingtalktest.Message{}, func(c *Config, _ *connectors.Event) { c.Reply = ReplyText }},
		"put back":   {dingtalktest.Message{}, func(_ *Config, ev *connectors.Event) { ev.Retries = 1 }},
		"no shelf":   {dingtalktest.Message{}, func(c *Config, _ *connectors.Event) { c.Shelf, c.Reply = nil, ReplyCard }},
		"no budget":  {dingtalktest.Message{}, func(c *Config, _ *connectors.Event) { c.Budget = 1 }},
		"shelf away": {dingtalktest.Message{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var after connectors.Event
			cloud, r, ev := carded(t, dingtalktest.Options{}, row.m, func(c *Config) {
				if row.change != nil {
					row.change(c, &after)
				}
				if name == "shelf away" {
					c.Shelf.(*shelf).away = errors.New("away")
				}
			})
			ev.Retries = after.Retries
			must(t, answerTo(t.Context(), r, ev, words("answer")))
			if name == "shelf away" { // cards are not for the shelf's sake
				if card := onlyCard(t, cloud); card.Content() != "answer" || !card.Done() {
					t.Errorf("%+v", card)
				}
				return
			}
			if sent := only(t, cloud); sent.Via != dingtalktest.ViaWebhook || sent.Text != "answer" {
				t.Errorf("%+v", sent)
			}
		})
	}
}

// whole is the answer put together again from the card and the messages behind it, of
// which one that comes twice in a row is read once.
func whole(t *testing.T, cloud *dingtalktest.Server) string {
	t.Helper()
	text, cut := strings.CutSuffix(onlyCard(t, cloud).Content(), "\n\ncontinued")
	rest := messages(cloud)
	if cut != (len(rest) > 0) {
		t.Errorf("the card goes on: %t, in %d messages", cut, len(rest))
	}
	for i, sent := range rest {
		if i == 0 || sent.Text != rest[i-1].Text {
			text += sent.Text
		}
	}
	return letters(text)
}

func letters(text string) string { return strings.Join(strings.Fields(text), "") }

// Of a long answer the card has the beginning and messages the rest, whether it is
// too long for us or for the platform.
func TestLongAnswerOnACard(t *testing.T) {
	var long strings.Builder
	for n := range 1500 {
		fmt.Fprintf(&long, "line %d\n\n", n)
	}
	for name, row := range map[string]struct{ ours, theirs, cards int }{
		"ours":               {4000, 0, 1},
		"theirs":             {20_000, 3000, 1},
		"no room worth it":   {20_000, 100, 1},
		"all of it has room": {50_000, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, r, ev := carded(t, dingtalktest.Options{CardBytes: row.theirs}, dingtalktest.Message{}, func(c *Config) {
				c.Card.MaxBytes = row.ours
			})
			must(t, r.Reply(t.Context(), ev, newBook(ev), words("%s", long.String())))
			if name == "no room worth it" { // the whole of it as messages, and a card that does not go on for ever
				text := ""
				for _, sent := range messages(cloud) {
					text += sent.Text
				}
				if card := onlyCard(t, cloud); letters(text) != letters(long.String()) || !card.Done() {
					t.Errorf("%+v", card)
				}
				return
			}
			card := onlyCard(t, cloud)
			if got := whole(t, cloud); got != letters(long.String()) || !card.Final() || len(card.Content()) > row.ours {
				t.Errorf("%d letters of %d, card %s with %d bytes", len(got), len(letters(long.String())), card.State, len(card.Content()))
			}
		})
	}
}

// The first message mentions who asked, where that can be seen.
func TestMention(t *testing.T) {
	m := inGroup
	m.From = dingtalktest.Person{StaffID: "u7", Nick: "Ann"}
	for name, row := range map[string]struct {
		m    dingtalktest.Message
		want string
	}{
		"group":      {m, "[u7]"},
		"one-to-one": {dingtalktest.Message{}, "[]"},
		"stranger":   {dingtalktest.Message{Chat: "cidGroup==", Mention: true, From: dingtalktest.Person{SenderID: "$x"}}, "[]"},
	} {
		cloud, r, ev := carded(t, dingtalktest.Options{}, row.m, func(c *Config) { c.Reply, c.Mention = ReplyText, true })
		must(t, answerTo(t.Context(), r, ev, words("# T\n%s", strings.Repeat("long ", 2000))))
		all := cloud.Sent()
		if got := fmt.Sprint(all[0].Highlighted); got != row.want || len(all) != 2 || len(all[1].Mentions) != 0 {
			t.Errorf("%s: mentions %s, %v in %d messages", name, got, all[len(all)-1].Mentions, len(all))
		}
		if row.want != "[]" && !strings.HasPrefix(all[0].Text, "@u7\n\n# T") {
			t.Errorf("%s: %.20q", name, all[0].Text)
		}
	}
}

func TestButtonsOfTheDefaultTemplate(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, func(c *Config) {
		c.Act = func(context.Context, connectors.Action) (string, error) { return "", nil }
	})
	ids := func(c dingtalktest.Card) (list string) {
		var layout struct {
			Buttons []struct{ ID, Text string } `json:"msgButtons"`
		}
		must(t, json.Unmarshal([]byte(c.Params["sys_full_json_obj"]), &layout))
		for _, b := range layout.Buttons {
			list += b.ID + "=" + b.Text + " "
		}
		return list
	}
	must(t, answerTo(t.Context(), r, ev, func(yield func(connectors.Delta, error) bool) {
		if yield(connectors.Say("a"), nil) && cardSays(cloud, "a") == nil {
			if got := ids(onlyCard(t, cloud)); got != "stop=Stop " {
				t.Errorf("while it grows: %s", got)
			}
			yield(connectors.Say("b"), nil)
		}
	}))
	if got := ids(onlyCard(t, cloud)); got != "again=Again good=Good bad=Bad " {
		t.Errorf("at the end: %s", got)
	}
}

// A card that ends while the clients still fetch it looks broken to them.
func TestCardWaitsToBeFetched(t *testing.T) {
	t.Parallel()
	cloud, r, ev := carded(t, dingtalktest.Options{CardFetch: 500 * time.Millisecond}, dingtalktest.Message{}, func(c *Config) {
		c.Card.fetch = 0
		c.Card.Template = dingtalktest.TemplateClaw // so that the last frame is the last change
	})
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	if card := onlyCard(t, cloud); card.Broken || !card.Final() {
		t.Errorf("%+v", card)
	}
}

// A reply that began as messages goes on as messages.
func TestMessagesGoOn(t *testing.T) {
	cloud, r, ev := carded(t, dingtalktest.Options{}, dingtalktest.Message{}, nil)
	notes := newBook(ev)
	notes.sent = json.RawMessage(`{"next":1,"unsent":true}`)
	must(t, r.Reply(t.Context(), ev, notes, words("%s", strings.Repeat("word ", 2000))))
	if n := len(messages(cloud)); n != 1 || len(cloud.Cards()) != 0 {
		t.Errorf("%d messages, %d cards", n, len(cloud.Cards()))
	}
}

func FuzzDelivered(f *testing.F) {
	for _, seed := range []string{
		`{"outTrackId":"o","deliverResults":[{"success":true,"carrierId":"c"}]}`, `[{"success":false,"errorMsg":"no"}]`,
		`[{"success":true},{"success":"true","carrierId":"d"}]`, `{}`, `null`, `"o"`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		carrier, err := delivered("op", json.RawMessage(raw), false)
		if err == nil && !strings.ContainsAny(raw, `t\`) || err != nil && carrier != "" {
			t.Errorf("%q: %q, %v", raw, carrier, err)
		}
		if _, lenient := delivered("op", json.RawMessage(raw), true); err == nil && lenient != nil {
			t.Errorf("%q: taken at once and not when repeated", raw)
		}
	})
}
