package dingtalk

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// A thousand chats, groups and people in turn, write at the same time; every third
// message is too old for its webhook. Every answer is in the chat of its own question.
func TestAnswersDoNotCrossChats(t *testing.T) {
	onCards := func(cloud *dingtalktest.Server) Config {
		return withCards(cloud, func(c *Config) {
			c.Reply = ReplyCard
			c.Shelf.(*shelf).free = true
		})
	}
	for name, row := range map[string]struct {
		config func(cloud *dingtalktest.Server) Config
		rounds int // how often each chat writes
	}{"messages": {quick, 3}, "cards": {onCards, 1}} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t, dingtalktest.Options{CallsPerSecond: -1, PingEvery: -1, RedeliverMax: -1})
			r := newRobot(row.config(cloud), nil)
			r.run(t)
			must(t, cloud.WaitConnections(patient(t), 1))
			c := &chorus{cloud: cloud, asked: make(map[string]asking), texts: make(map[string]string)}
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				c.answer(t, r, chats*row.rounds)
			}()
			for round := range row.rounds {
				for n := range chats {
					c.ask(n, round)
				}
			}
			<-answered
			c.check(t)
		})
	}
}

const chats = 1000

// chorus is many people who ask at the same time.
type chorus struct {
	cloud *dingtalktest.Server

	mu    sync.Mutex
	asked map[string]asking // by the question; guarded by mu
	texts map[string]string // message id: the question; guarded by mu
}

// asking is who asked a question, and where.
type asking struct{ person, chat string }

// ask asks one question in chat n, which says where it was asked and by whom.
func (c *chorus) ask(n, round int) {
	person := fmt.Sprintf("person%d", n)
	m := dingtalktest.Message{From: dingtalktest.Person{StaffID: person}, WebhookExpired: (n+round)%3 == 0}
	if n%2 == 0 {
		m.Chat, m.Mention = fmt.Sprintf("cidGroup%d==", n), true
	}
	m.Text = fmt.Sprintf("question %d of %s in %q", round, person, m.Chat)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[m.Text] = asking{person, m.Chat}
	c.texts[c.cloud.Say(m)] = m.Text
}

// answer answers n questions, many at a time. Each answer repeats its question.
func (c *chorus) answer(t *testing.T, r *robot, n int) {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var workers sync.WaitGroup
	defer workers.Wait()
	for range 48 {
		workers.Go(func() {
			for range left {
				var ev connectors.Event
				select {
				case ev = <-r.events:
				case <-ctx.Done():
					t.Error("a question did not come")
					return
				}
				c.mu.Lock()
				if where := c.asked[ev.Text]; where.chat == "" { // one-to-one: only the event tells
					c.asked[ev.Text] = asking{where.person, ev.Chat.ID}
				}
				c.mu.Unlock()
				if err := r.Reply(ctx, ev, newBook(ev), words("re: %s", ev.Text)); err != nil {
					t.Errorf("%s: %v", ev.Text, err)
				}
			}
		})
	}
}

// check looks where every answer went.
func (c *chorus) check(t *testing.T) {
	cards := make(map[string]dingtalktest.Card)
	for _, card := range c.cloud.Cards() {
		cards[card.OutTrackID] = card
	}
	times := make(map[string]int)
	for _, sent := range c.cloud.Sent() {
		text := sent.Text
		if sent.Via == dingtalktest.ViaCard {
			text = cards[sent.Card].Content()
		}
		question := strings.TrimPrefix(strings.TrimSpace(text), "re: ")
		times[question]++
		where, known := c.asked[question]
		switch {
		case !known,
			sent.ChatID == "" && len(sent.StaffIDs) == 0,
			sent.ChatID != "" && sent.ChatID != where.chat,
			len(sent.StaffIDs) > 0 && (len(sent.StaffIDs) > 1 || sent.StaffIDs[0] != where.person),
			sent.InReplyTo != "" && c.texts[sent.InReplyTo] != question:
			t.Fatalf("%q of %+v went to %+v", question, where, sent)
		}
	}
	for question := range c.asked {
		if times[question] != 1 {
			t.Fatalf("%q is answered %d times", question, times[question])
		}
	}
}
