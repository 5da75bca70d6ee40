package feishutest_test

import (
	"testing"

	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors/feishu/feishutest"
)

func (m *messages) react(id, emoji string) *larkim.CreateMessageReactionResp {
	m.t.Helper()
	resp, err := m.api.MessageReaction.Create(m.t.Context(), larkim.NewCreateMessageReactionReqBuilder().MessageId(id).
		Body(larkim.NewCreateMessageReactionReqBodyBuilder().
			ReactionType(larkim.NewEmojiBuilder().EmojiType(emoji).Build()).Build()).Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp
}

func (m *messages) unreact(id, reaction string) int {
	m.t.Helper()
	resp, err := m.api.MessageReaction.Delete(m.t.Context(),
		larkim.NewDeleteMessageReactionReqBuilder().MessageId(id).ReactionId(reaction).Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp.Code
}

func TestReactions(t *testing.T) {
	m := newMessages(t, nil)
	id, other := m.s.Say(feishutest.Message{Text: "x"}), m.s.Say(feishutest.Message{Text: "y"})
	resp := m.react(id, "Typing")
	if !resp.Success() || *resp.Data.Operator.OperatorType != "app" || *resp.Data.Operator.OperatorId != appID ||
		*resp.Data.ReactionType.EmojiType != "Typing" || *resp.Data.ActionTime == "" {
		t.Fatalf("reaction %+v", resp)
	}
	reaction := *resp.Data.ReactionId
	if again := m.react(id, "Typing"); *again.Data.ReactionId != reaction {
		t.Error("the same emoji stands there twice")
	}
	if r, err := m.s.WaitReaction(soon(t), func(r feishutest.Reaction) bool { return r.MessageID == id }); err != nil ||
		r.Emoji != "Typing" || r.AppID != appID || !r.Removed.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
	theirs := m.s.React(id, feishutest.Person{}, "OK")
	list, err := m.api.MessageReaction.List(t.Context(), larkim.NewListMessageReactionReqBuilder().MessageId(id).Build(), m.token)
	if err != nil || len(list.Data.Items) != 2 || *list.Data.Items[1].Operator.OperatorType != "user" {
		t.Errorf("list %+v, %v", list, err)
	}
	list, err = m.api.MessageReaction.List(t.Context(),
		larkim.NewListMessageReactionReqBuilder().MessageId(id).ReactionType("OK").Build(), m.token)
	if err != nil || len(list.Data.Items) != 1 {
		t.Errorf("list %+v, %v", list, err)
	}
	want(t, "of another message", m.unreact(other, reaction), 231010)
	want(t, "a person's", m.unreact(id, theirs), 231007)
	want(t, "unknown", m.unreact(id, "x"), 231011)
	want(t, "delete", m.unreact(id, reaction), 0)
	want(t, "again", m.unreact(id, reaction), 231011)
	if look, _ := m.s.Look(id); len(look.Reactions) != 1 || look.Reactions[0] != "OK" {
		t.Errorf("look %+v", look)
	}
	if !m.s.Unreact(theirs) || m.s.Unreact(theirs) || m.s.React("om_0", feishutest.Person{}, "OK") != "" {
		t.Error("React and Unreact")
	}

	if all := m.s.Reactions(); len(all) != 2 || all[0].Removed.IsZero() || all[1].OpenID == "" || all[1].AppID != "" {
		t.Errorf("reactions %+v", all)
	}
	want(t, "emoji", m.react(id, "typing").Code, 231001)
	want(t, "no message", m.react("om_0", "OK").Code, 231003)
	want(t, "system message", m.react(m.s.Say(feishutest.Message{MsgType: "system", Content: "{}"}), "OK").Code, 231017)
	m.s.Recall(id)
	want(t, "recalled", m.react(id, "OK").Code, 231003)
	m.s.Delete(other)
	want(t, "deleted", m.react(other, "OK").Code, 230110)
	inGroup := m.s.Say(feishutest.Message{Chat: group, Text: "x"})
	m.s.RemoveBot("", group, feishutest.Person{})
	want(t, "not in the chat", m.react(inGroup, "OK").Code, 231002)
	a := do(t, m.s, "POST", "/open-apis/im/v1/messages/"+inGroup+"/reactions", fetchToken(t, m.s), map[string]any{})
	checkRefusal(t, "no emoji", a, 99992402)
}

func TestReactionsWithoutHistory(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) { o.NoHistory = true })
	id := m.s.Say(feishutest.Message{Text: "x"})
	r := m.react(id, "Typing")
	want(t, "delete", m.unreact(id, *r.Data.ReactionId), 0)
	if all := m.s.Reactions(); len(all) != 0 {
		t.Errorf("reactions %+v", all)
	}
}
