package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"longwire/agent/admin"
	"longwire/agent/model/modeltest"
	"longwire/agent/turn"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// seenCard is a card as people see it.
type seenCard struct {
	id, text string
	ended    bool // nothing more comes, as far as the card shows
	updates  int
}

// cardChat is a platform with cards.
type cardChat interface {
	chat
	cards() []seenCard
	waitCard(ctx context.Context, match func(seenCard) bool) (seenCard, error)
	// press presses a button as a person, and returns what they read.
	press(ctx context.Context, id, person, button string) (string, error)
	sent() int // messages, cards among them
}

func (c dingtalkChat) see(card dingtalktest.Card) seenCard {
	return seenCard{card.OutTrackID, plainBreaks(card.Content()), card.Done(), card.FrameCount}
}

func (c dingtalkChat) cards() (all []seenCard) {
	for _, card := range c.Cards() {
		all = append(all, c.see(card))
	}
	return all
}

func (c dingtalkChat) waitCard(ctx context.Context, match func(seenCard) bool) (seenCard, error) {
	card, err := c.WaitCard(ctx, func(card dingtalktest.Card) bool { return match(c.see(card)) })
	return c.see(card), err
}

func (c dingtalkChat) press(_ context.Context, id, person, button string) (string, error) {
	for _, card := range c.Cards() {
		if card.OutTrackID != id {
			continue
		}
		answer, err := c.Press(card, person, button, map[string]any{"action": button})
		var words strings.Builder
		for _, text := range answer.Card.Private[person] {
			words.WriteString(text)
		}
		return words.String(), err
	}
	return "", fmt.Errorf("there is no card %s", id)
}

func (c dingtalkChat) sent() int { return len(c.Sent()) }

func (c feishuChat) see(card feishutest.Card) seenCard {
	return seenCard{card.MessageID, card.Text, !card.Streaming, len(card.Updates)}
}

func (c feishuChat) cards() (all []seenCard) {
	for _, card := range c.Cards() {
		all = append(all, c.see(card))
	}
	return all
}

func (c feishuChat) waitCard(ctx context.Context, match func(seenCard) bool) (seenCard, error) {
	card, err := c.WaitCard(ctx, func(card feishutest.Card) bool { return card.MessageID != "" && match(c.see(card)) })
	return c.see(card), err
}

// feishuButtons are the labels in English.
var feishuButtons = map[string]string{"stop": "Stop", "again": "Answer again", "good": "👍 Helpful", "bad": "👎 Not helpful", "yes": "Allow", "no": "Refuse"}

func (c feishuChat) press(ctx context.Context, id, person, button string) (string, error) {
	pressed, err := c.Press(ctx, feishutest.Press{MessageID: id, From: feishutest.Person{OpenID: "ou_" + person}, Button: feishuButtons[button]})
	switch {
	case err != nil:
		return "", err
	case pressed.Code != 0:
		return "", fmt.Errorf("the platform shows error %d", pressed.Code)
	case pressed.Toast == nil:
		return "", nil
	}
	return pressed.Toast.Content, nil
}

func (c feishuChat) sent() (n int) {
	for _, sent := range c.Sent() {
		if !sent.Duplicate {
			n++
		}
	}
	return n
}

// withCards is everywhere, with answers in cards.
func withCards(t *testing.T, test func(t *testing.T, w *world, c cardChat)) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cfg.Connections[0].Reply = "card"
		w.cfg.Connections[0].Budget.APICalls = 0
		test(t, w, w.chat.(cardChat))
	})
}

// growing is an answer that takes about five seconds.
func growing(text string) modeltest.Response {
	return modeltest.Response{Deltas: strings.SplitAfter(text, " "), Pause: 5 * time.Second / time.Duration(strings.Count(text, " ")+1)}
}

const longAnswer = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"

func TestCardGrows(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		w.answer(func(modeltest.Request) modeltest.Response { return growing(longAnswer) })
		w.start()
		for _, l := range []line{{person: "ann", text: "count"}, {person: "bob", group: "cidGroup==", mention: true, text: "count"}} {
			known := fmt.Sprint(c.cards())
			w.chat.say(l)
			partly := false
			card, err := c.waitCard(w.within(), func(card seenCard) bool {
				if strings.Contains(known, card.id) {
					return false
				}
				partly = partly || strings.Contains(card.text, "one") && !strings.Contains(card.text, "twenty")
				return card.ended && strings.Contains(card.text, "twenty")
			})
			if err != nil {
				t.Fatalf("%+v: %v; cards %+v", l, err, c.cards())
			}
			if !strings.Contains(card.text, longAnswer) || card.updates < 2 || !partly {
				t.Errorf("the card shows %q after %d updates, seen growing: %t", card.text, card.updates, partly)
			}
		}
		if n := c.sent(); n != 2 {
			t.Errorf("%d messages for two answers", n)
		}
	})
}

func TestButtons(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		w.answer(func(modeltest.Request) modeltest.Response {
			r := growing(longAnswer)
			r.Hang = true
			return r
		})
		app, _ := w.start()
		w.chat.say(line{person: "ann", text: "count"})
		card, err := c.waitCard(w.within(), func(card seenCard) bool { return strings.Contains(card.text, "three") })
		if err != nil {
			t.Fatal(err)
		}
		if words, err := c.press(w.within(), card.id, "eve", "stop"); err != nil || words != "" && !strings.Contains(words, "Only whoever asked") {
			t.Errorf("somebody else stops it: %q, %v", words, err)
		}
		if _, err := c.press(w.within(), card.id, "ann", "stop"); err != nil {
			t.Errorf("stop: %v", err)
		}
		stopped, err := c.waitCard(w.within(), func(s seenCard) bool { return s.id == card.id && s.ended })
		if err != nil || !strings.Contains(stopped.text, "(stopped)") {
			t.Fatalf("after stop the card shows %q, %v", stopped.text, err)
		}

		w.answer(func(modeltest.Request) modeltest.Response { return modeltest.Words("better") })
		if _, err := c.press(w.within(), card.id, "ann", "again"); err != nil {
			t.Errorf("again: %v", err)
		}
		next, err := c.waitCard(w.within(), func(s seenCard) bool { return s.id != card.id && s.ended && strings.Contains(s.text, "better") })
		if err != nil {
			t.Fatalf("asked again: %v; cards %+v", err, c.cards())
		}
		if _, err := c.press(w.within(), next.id, "eve", "good"); err != nil {
			t.Errorf("good: %v", err)
		}
		var out strings.Builder
		if err := admin.NewClient(app.Addr(), "").Feedback(w.within(), "", 10, &out); err != nil {
			t.Fatal(err)
		}
		var f turn.Feedback
		if err := json.Unmarshal([]byte(out.String()), &f); err != nil || !f.Good || f.Question != "count" || !strings.HasSuffix(f.By, "eve") {
			t.Errorf("exported %q: %+v, %v", out.String(), f, err)
		}
		report, err := http.Get("http://" + app.Addr() + "/api/health")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = report.Body.Close() }()
		if body, err := io.ReadAll(report.Body); err != nil || !strings.Contains(string(body), `"good": 1`) {
			t.Errorf("health says %s, %v", body, err)
		}
	})
}

// The program dies while a card grows. The one that comes after it finishes that
// card.
func TestKilledInMidCard(t *testing.T) {
	withCards(t, func(t *testing.T, w *world, c cardChat) {
		w.answer(func(modeltest.Request) modeltest.Response { return growing(longAnswer) })
		p := w.spawn()
		w.chat.say(line{person: "ann", text: "count"})
		card, err := c.waitCard(w.within(), func(card seenCard) bool { return strings.Contains(card.text, "three") })
		if err != nil {
			t.Fatal(err)
		}
		p.kill()
		w.spawn()
		got, err := c.waitCard(w.within(), func(card seenCard) bool { return card.ended && strings.Contains(card.text, "twenty") })
		if err != nil {
			t.Fatalf("%v; cards %+v", err, c.cards())
		}
		if got.id != card.id || c.sent() != 1 || len(c.cards()) != 1 {
			t.Errorf("the card begun was %s, the one finished %s; %d messages, cards %+v", card.id, got.id, c.sent(), c.cards())
		}
	})
}
