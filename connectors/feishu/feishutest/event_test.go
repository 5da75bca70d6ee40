package feishutest_test

import (
	"testing"

	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

func TestSayInGroup(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	s.Say(feishutest.Message{
		Chat: group, Text: "hello", Mention: true, MentionAll: true,
		OtherMentions: []feishutest.Person{{OpenID: "ou_2", Name: "Ann"}},
	})
	m := decode(t, b.read().Payload).Event.Message
	if m.ChatID != group || m.ChatType != "group" || m.Content != `{"text":"@_user_1 @_user_2 @_all hello"}` {
		t.Errorf("message %+v", m)
	}
	if len(m.Mentions) != 2 || m.Mentions[0].Name != "Longwire" || m.Mentions[0].Type != "bot" ||
		m.Mentions[0].Key != "@_user_1" || m.Mentions[1].ID.OpenID != "ou_2" || m.Mentions[1].Key != "@_user_2" {
		t.Errorf("mentions %+v", m.Mentions)
	}
	token := fetchToken(t, s)
	info := do(t, s, "GET", "/open-apis/bot/v3/info", token, nil)
	if info.Bot.OpenID == "" || info.Bot.OpenID != m.Mentions[0].ID.OpenID || info.Bot.Name != "Longwire" {
		t.Errorf("bot info %s, mention of %s", info.raw, m.Mentions[0].ID.OpenID)
	}
}

func TestPlaceholdersStayWhereTheyAre(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	s.Say(feishutest.Message{Chat: group, Text: "ask @_user_1 now", Mention: true})
	if m := decode(t, b.read().Payload).Event.Message; m.Content != `{"text":"ask @_user_1 now"}` {
		t.Errorf("content %s", m.Content)
	}
}

func TestWhatTheBotHears(t *testing.T) {
	mention := feishutest.Message{Chat: group, Text: "x", Mention: true}
	quiet := feishutest.Message{Chat: group, Text: "x"}
	direct := feishutest.Message{Text: "x"}
	fromBot := feishutest.Message{Chat: group, Text: "x", Mention: true, From: feishutest.Person{OpenID: "ou_b", Type: "bot"}}
	quietBot := feishutest.Message{Chat: group, Text: "x", From: feishutest.Person{OpenID: "ou_b", Type: "bot"}}
	for _, test := range []struct {
		name    string
		scopes  []string
		all     bool
		message feishutest.Message
		want    bool
	}{
		{"mention", nil, false, mention, true},
		{"no mention", nil, false, quiet, false},
		{"no mention, sensitive scope", nil, true, quiet, true},
		{"no mention, scope listed", []string{"im:message.group_msg"}, false, quiet, true},
		{"one-to-one", nil, false, direct, true},
		{"one-to-one without scope", []string{"im:message"}, false, direct, false},
		{"mention without scope", []string{"im:message"}, false, mention, false},
		{"mention with scope", []string{"im:message.group_at_msg:readonly"}, false, mention, true},
		{"bot", nil, false, fromBot, true},
		{"bot that does not mention", nil, true, quietBot, false},
		{"bot without scope", []string{"im:message.group_at_msg"}, false, fromBot, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, func(o *feishutest.Options) { o.Apps[0].Scopes, o.GroupMsgScope = test.scopes, test.all })
			b := dial(t, s)
			s.Say(test.message)
			b.ping()
			if got := b.read().Method == pbbp2.MethodData; got != test.want {
				t.Errorf("heard %v, want %v", got, test.want)
			}
		})
	}
}

func TestThreadsAndQuotes(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	say := func(m feishutest.Message) (root, parent, thread string) {
		m.Text = "x"
		s.Say(m)
		got := decode(t, b.read().Payload).Event.Message
		return got.RootID, got.ParentID, got.ThreadID
	}
	for _, test := range []struct {
		say                  feishutest.Message
		root, parent, thread string
	}{
		{feishutest.Message{MessageID: "om_1"}, "", "", ""},
		{feishutest.Message{MessageID: "om_2", ParentID: "om_1"}, "om_1", "om_1", ""},
		{feishutest.Message{MessageID: "om_3", ParentID: "om_2"}, "om_1", "om_2", ""},
		{feishutest.Message{MessageID: "om_4", ThreadID: "omt_1"}, "", "", "omt_1"},
		{feishutest.Message{MessageID: "om_5", ThreadID: "omt_1"}, "om_4", "om_4", "omt_1"},
		{feishutest.Message{MessageID: "om_6", ThreadID: "omt_1", ParentID: "om_5"}, "om_4", "om_4", "omt_1"},
		{feishutest.Message{MessageID: "om_7", ThreadID: "omt_2", RootID: "om_1"}, "om_1", "om_1", "omt_2"},
	} {
		root, parent, thread := say(test.say)
		if root != test.root || parent != test.parent || thread != test.thread {
			t.Errorf("%s: root %q, parent %q, thread %q", test.say.MessageID, root, parent, thread)
		}
	}
}

func TestOtherKinds(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	s.Say(feishutest.Message{MsgType: "image", Content: `{"image_key":"img_1"}`})
	m := decode(t, b.read().Payload).Event.Message
	if m.Type != "image" || m.Content != `{"image_key":"img_1"}` {
		t.Errorf("message %+v", m)
	}
}

func TestSayLeavesItsArgumentAlone(t *testing.T) {
	s := start(t, nil)
	people := []feishutest.Person{{OpenID: "ou_2"}}
	s.Say(feishutest.Message{Chat: group, Mention: true, OtherMentions: people})
	if people[0] != (feishutest.Person{OpenID: "ou_2"}) {
		t.Errorf("people = %+v", people)
	}
}
