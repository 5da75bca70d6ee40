package feishu

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// The ledger's note tells the two ways apart, and knows the notes of before.
func TestNote(t *testing.T) {
	now := time.Now().Round(0)
	for _, n := range []note{
		{}, {Typing: true}, {Progress: &connectors.Progress{Next: 3, Unsent: true}},
		{Cards: []sentCard{{Created: now}}},
		{Cards: []sentCard{{ID: "1", Created: now, Sent: true}, {ID: "2", Created: now}}, Progress: &connectors.Progress{}},
	} {
		raw, err := json.Marshal(n)
		noError(t, err)
		again, err := readNote(&book{sent: raw})
		noError(t, err)
		if len(again.Cards) != len(n.Cards) || again.Typing != n.Typing || (again.Progress == nil) != (n.Progress == nil) {
			t.Errorf("%s became %+v", raw, again)
		}
		for i := range n.Cards {
			if c := again.Cards[i]; c.ID != n.Cards[i].ID || c.Sent != n.Cards[i].Sent || !c.Created.Equal(now) {
				t.Errorf("%s became %+v", raw, c)
			}
		}
	}
	old, err := readNote(&book{sent: []byte(`{"next":2}`)})
	if err != nil || old.Progress == nil || old.Next != 2 || old.Cards != nil {
		t.Errorf("%+v, %v", old, err)
	}
}

func FuzzNote(f *testing.F) {
	f.Add([]byte(`{"next":2,"unsent":true}`))
	f.Add([]byte(`{"typing":true,"cards":[{"id":"1","created":"2026-01-02T03:04:05Z","sent":true}]}`))
	f.Add([]byte(`{"cards":[null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := readNote(&book{sent: raw})
		if err != nil {
			if !connectors.Permanent(err) {
				t.Errorf("%v is not permanent", err)
			}
			return
		}
		for i := range n.Cards {
			(&reply{c: new(Connector), note: n}).card(i).next(time.Now())
		}
	})
}

// Where nobody has written there is nothing to reply to: the answer goes into the
// chat, or to the person, once.
func TestReplyToNoMessage(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, ev := meet(t, s, withCards(s))
	chat := s.ChatOf(ev.ID)
	for i, to := range []address{{Chat: chat}, {OpenID: ev.Sender.ID}} {
		for _, grows := range []bool{false, true} {
			ev.ID += "x"
			raw, err := json.Marshal(to)
			noError(t, err)
			ev.Address = raw
			before, b := len(visible(s)), bookOf(ev)
			answer := connectors.Words("hello")
			if grows {
				answer = growingIn(soon(t), s, "hello", strings.Repeat("!", i+1))
			}
			s.FailRoute("POST /open-apis/im/v1/messages", feishutest.Lost())
			noError(t, c.Reply(soon(t), ev, b, answer))
			sent := visible(s)[before:]
			if len(sent) != 1 || sent[0].Via != "create" || sent[0].ChatID != chat || (sent[0].MsgType == "interactive") != grows {
				t.Errorf("to %+v: sent %+v", to, sent)
			}
		}
	}
	noTyping(t, s)
}

// An answer stays in its thread, and where there can be none it is a plain reply.
func TestReplyStaysInItsThread(t *testing.T) {
	t.Parallel()
	const plain, topics = "oc_11111111111111111111111111111111", "oc_22222222222222222222222222222222"
	s := cloud(t, nil)
	s.PutGroup(feishutest.Group{ID: topics, Topics: true})
	s.PutGroup(feishutest.Group{ID: plain, NoThreads: true})
	in := newInbox()
	c, _ := run(t, withCards(s), in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	s.Say(feishutest.Message{Chat: topics, Mention: true, Text: "a topic"})
	topic := in.next(t)
	noError(t, c.Reply(soon(t), topic, bookOf(topic), growingIn(soon(t), s, "in", " thread")))
	s.Say(feishutest.Message{Chat: plain, Mention: true, Text: "none"})
	none := in.next(t)
	none.Chat.Thread = "omt_0000000000000000" // as if it had been one
	noError(t, c.Reply(soon(t), none, bookOf(none), connectors.Words("plain")))
	sent := visible(s)
	if len(sent) != 2 || sent[0].ThreadID == "" || sent[0].ThreadID != topic.Chat.Thread || sent[1].ThreadID != "" || sent[1].Text != "plain" {
		t.Errorf("sent %+v; asked in %q", sent, topic.Chat.Thread)
	}
}
