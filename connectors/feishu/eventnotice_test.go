package feishu

import (
	"slices"
	"testing"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
	"longwire/conversation"
)

// notices are events of no message.
var notices = []string{
	`{"header":{"event_id":"n1","event_type":"im.message.recalled_v1"},"event":{"message_id":"om_1","chat_id":"oc_1","recall_time":"1615380573411"}}`,
	`{"header":{"event_id":"n2","event_type":"im.chat.access_event.bot_p2p_chat_entered_v1"},"event":{"chat_id":"oc_1","operator_id":{"open_id":"ou_1"}}}`,
	`{"header":{"event_id":"n3","event_type":"im.chat.member.bot.added_v1"},"event":{"chat_id":"oc_1","operator_id":{"open_id":"ou_1"},"name":"A group"}}`,
	`{"header":{"event_id":"n4","event_type":"application.bot.menu_v6"},"event":{"operator":{"operator_name":"Tom","operator_id":{"open_id":"ou_1"}},"event_key":"help","timestamp":1669364458}}`,
}

func TestHello(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	ann := feishutest.Person{OpenID: "ou_ann"}
	entry := s.Enter(appID, ann)
	ev := in.next(t)
	chat := ev.Chat.ID
	if ev.ID != "hello/"+chat || ev.Kind != connectors.KindHello || ev.Chat != (connectors.Chat{ID: chat}) || ev.Sender.ID != "ou_ann" ||
		ev.Text != "" || ev.Sent.IsZero() || string(ev.Address) != `{"chat":"`+chat+`","open_id":"ou_ann"}` {
		t.Errorf("one-to-one: %+v", ev)
	}
	noError(t, s.WaitAck(soon(t), entry))
	// Before anything is written it is the same meeting, and afterwards none.
	s.Enter(appID, ann)
	if again := in.next(t); again.ID != ev.ID {
		t.Errorf("again: %+v", again)
	}
	asked := s.Say(feishutest.Message{From: ann, Text: "hi"})
	if ev := in.next(t); ev.ID != asked || ev.Chat.ID != chat {
		t.Errorf("delivered %+v", ev)
	}
	noError(t, s.WaitAck(soon(t), s.Enter(appID, ann)))

	s.PutGroup(feishutest.Group{ID: groupID, Name: "A group"})
	for range 2 { // removed and taken in again
		added := s.AddBot(appID, groupID, ann)
		ev = in.next(t)
		if ev.ID != "hello/"+added || ev.Kind != connectors.KindHello || ev.Chat != (connectors.Chat{ID: groupID, Group: true, Title: "A group"}) ||
			ev.Sender.ID != "ou_ann" || string(ev.Address) != `{"chat":"`+groupID+`","open_id":"ou_ann"}` {
			t.Errorf("group: %+v", ev)
		}
		noError(t, s.WaitAck(soon(t), added))
		noError(t, s.WaitAck(soon(t), s.RemoveBot(appID, groupID, ann)))
	}
	if len(in) > 0 {
		t.Errorf("delivered besides: %+v", in.next(t))
	}
}

func TestMenu(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	for key, want := range map[string]string{
		"new": "/new", "/Help": "/help", "STOP": "/stop", " what can you do? ": "what can you do?", "/unknown": "/unknown",
	} {
		id := s.Menu(appID, feishutest.Person{OpenID: "ou_ann", Name: "Ann"}, key)
		ev := in.next(t)
		if ev.ID != "menu/"+id || ev.Kind != connectors.KindText || ev.Text != want || ev.Chat != (connectors.Chat{ID: "ou_ann"}) ||
			ev.Sender != (connectors.Person{ID: "ou_ann", Name: "Ann"}) || ev.Sent.IsZero() || string(ev.Address) != `{"open_id":"ou_ann"}` {
			t.Errorf("%q: %+v", key, ev)
		}
		noError(t, s.WaitAck(soon(t), id))
		noError(t, s.Redeliver(id))
		if again := in.next(t); again.ID != ev.ID {
			t.Errorf("%q again: %+v", key, again)
		}
	}
}

func TestRecall(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	asked := ask(t, s, in)
	s.Recall(asked.ID)
	ev := in.next(t)
	if ev.ID != "recall/"+asked.ID || ev.Kind != connectors.KindRecall || ev.Text != asked.ID || ev.Chat.ID != asked.Chat.ID || ev.Sent.IsZero() {
		t.Errorf("%+v", ev)
	}
	noError(t, s.WaitAck(soon(t), feishutest.RecallOf(asked.ID)))

	other := ask(t, s, in)
	s.Recall(other.ID)
	if two := in.next(t); conversation.KeyOf(two) == conversation.KeyOf(ev) {
		t.Errorf("two recalls in the conversation %q", conversation.KeyOf(ev))
	}
}

// What people do besides is acknowledged, so that it does not come again, and
// concerns nobody.
func TestEventsOfNoConcern(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.OwnReactions = true })
	c, in := talk(t, s)
	asked := ask(t, s, in)
	reaction := s.React(asked.ID, feishutest.Person{}, "SMILE")
	for name, id := range map[string]string{
		"read": s.Read(appID, feishutest.Person{}, "om_1"), "reaction": reaction, "removed": s.RemoveBot(appID, groupID, feishutest.Person{}),
		"updated": s.PushEvent(appID, []byte(`{"header":{"event_id":"u1","event_type":"im.chat.updated_v1"},"event":{}}`)),
	} {
		if err := s.WaitAck(soon(t), id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := c.Counts(); n.Events != 1 || n.Malformed != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestMalformedNotices(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		`{"header":{"event_type":"im.message.recalled_v1"}}`,
		`{"header":{"event_type":"im.message.recalled_v1"},"event":{"chat_id":"oc_1"}}`,
		`{"header":{"event_type":"im.message.recalled_v1"},"event":{"message_id":{},"chat_id":"oc_1"}}`,
		`{"header":{"event_type":"im.chat.access_event.bot_p2p_chat_entered_v1"},"event":{"chat_id":"oc_1"}}`,
		`{"header":{"event_type":"im.chat.access_event.bot_p2p_chat_entered_v1"},"event":[]}`,
		`{"header":{"event_type":"im.chat.member.bot.added_v1"},"event":{"operator_id":{"open_id":"ou_1"}}}`,
		`{"header":{"event_type":"im.chat.member.bot.added_v1"},"event":7}`,
		`{"header":{"event_type":"application.bot.menu_v6"},"event":{"operator":{"operator_id":{"open_id":"ou_1"}},"event_key":"new"}}`,
		`{"header":{"event_type":"application.bot.menu_v6","event_id":"m"},"event":{"event_key":"new"}}`,
		`{"header":{"event_type":"application.bot.menu_v6","event_id":"m"},"event":{"event_key":["new"]}}`,
	} {
		if ev, err := parseEvent([]byte(payload), "c", botID); err == nil {
			t.Errorf("%s became %+v", payload, ev)
		}
	}
	kinds := []connectors.Kind{connectors.KindRecall, connectors.KindHello, connectors.KindHello, connectors.KindText}
	for i, payload := range notices {
		ev, err := parseEvent([]byte(payload), "c", "") // needs nobody to know who the bot is
		if err != nil || !slices.Contains(kinds[i:i+1], ev.Kind) {
			t.Errorf("%s became %+v, %v", payload, ev, err)
		}
		checkEvent(t, ev, "")
	}
}

// An edited message is another question.
func TestEditedMessage(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Doubts.EditPushesAgain = true })
	_, in := talk(t, s)
	first := ask(t, s, in)
	if !s.Edit(first.ID, "a better question") {
		t.Fatal("not edited")
	}
	edited := in.next(t)
	if edited.ID == first.ID || edited.Text != "a better question" || !edited.Sent.After(first.Sent) ||
		string(edited.Address) != string(first.Address) || edited.Chat != first.Chat {
		t.Errorf("%+v after %+v", edited, first)
	}
	noError(t, s.Redeliver(first.ID))
	if again := in.next(t); again.ID != edited.ID {
		t.Errorf("delivered again: %+v", again)
	}
}
