package feishutest_test

import (
	"strings"
	"testing"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors/feishu/feishutest"
)

// messages speaks im/v1 through the official client.
type messages struct {
	t     *testing.T
	s     *feishutest.Server
	api   *larkim.V1
	token larkcore.RequestOptionFunc
}

func newMessages(t *testing.T, change func(*feishutest.Options)) *messages {
	t.Helper()
	s := start(t, func(o *feishutest.Options) {
		o.Unlimited, o.GroupMsgScope = true, true
		if change != nil {
			change(o)
		}
	})
	api, token := officialAPI(t, s)
	return &messages{t, s, api, token}
}

// reply sends a reply to a new message of a person and returns both ids.
func (m *messages) reply(msgType, content string) (question, id string) {
	m.t.Helper()
	question = m.s.Say(feishutest.Message{Chat: group, Text: "question", Mention: true})
	resp, err := m.api.Message.Reply(m.t.Context(), larkim.NewReplyMessageReqBuilder().MessageId(question).
		Body(larkim.NewReplyMessageReqBodyBuilder().MsgType(msgType).Content(content).Build()).Build(), m.token)
	if err != nil || !resp.Success() {
		m.t.Fatalf("reply: %v, %s", err, larkcore.Prettify(resp))
	}
	return question, *resp.Data.MessageId
}

func (m *messages) edit(id, msgType, content string) *larkim.UpdateMessageResp {
	m.t.Helper()
	resp, err := m.api.Message.Update(m.t.Context(), larkim.NewUpdateMessageReqBuilder().MessageId(id).
		Body(larkim.NewUpdateMessageReqBodyBuilder().MsgType(msgType).Content(content).Build()).Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp
}

func (m *messages) patch(id, content string) int {
	m.t.Helper()
	resp, err := m.api.Message.Patch(m.t.Context(), larkim.NewPatchMessageReqBuilder().MessageId(id).
		Body(larkim.NewPatchMessageReqBodyBuilder().Content(content).Build()).Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp.Code
}

func (m *messages) recall(id string) int {
	m.t.Helper()
	resp, err := m.api.Message.Delete(m.t.Context(), larkim.NewDeleteMessageReqBuilder().MessageId(id).Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp.Code
}

func (m *messages) get(id string, change func(*larkim.GetMessageReqBuilder)) *larkim.GetMessageResp {
	m.t.Helper()
	b := larkim.NewGetMessageReqBuilder().MessageId(id)
	if change != nil {
		change(b)
	}
	resp, err := m.api.Message.Get(m.t.Context(), b.Build(), m.token)
	if err != nil {
		m.t.Fatal(err)
	}
	return resp
}

func TestEditMessage(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) { o.EditWindow = time.Hour })
	question, id := m.reply("text", textHi)
	for i := range 20 {
		resp := m.edit(id, "post", `{"zh_cn":{"content":[[{"tag":"md","text":"**b** <at user_id=\"ou_9\">Tom</at>"}]]}}`)
		if !resp.Success() || !*resp.Data.Updated || *resp.Data.MsgType != "post" || len(resp.Data.Mentions) != 1 ||
			strings.Contains(*resp.Data.Body.Content, `"md"`) {
			t.Fatalf("edit %d: %s", i, larkcore.Prettify(resp))
		}
	}
	want(t, "21st", m.edit(id, "text", textHi).Code, 230072)
	if look, _ := m.s.Look(id); look.Edits != 20 || look.Text != "**b** <at user_id=\"ou_9\">Tom</at>" {
		t.Errorf("look %+v", look)
	}
	want(t, "a person's", m.edit(question, "text", textHi).Code, 230071)
	want(t, "to a card", m.edit(id, "interactive", streamingCard).Code, 230001)
	want(t, "too long", m.edit(id, "post", `{"zh_cn":{"title":"`+strings.Repeat("x", 31<<10)+`"}}`).Code, 230025)
	_, card := m.reply("interactive", streamingCard)
	want(t, "of a card", m.edit(card, "text", textHi).Code, 230054)
	_, late := m.reply("text", textHi)
	m.s.Skip(61 * time.Minute)
	want(t, "late", m.edit(late, "text", textHi).Code, 230075)
	m.s.Recall(late)
	want(t, "recalled", m.edit(late, "text", textHi).Code, 230011)
	m.s.Delete(late)
	want(t, "deleted", m.edit(late, "text", textHi).Code, 230110)
	want(t, "unknown", m.edit("om_0", "text", textHi).Code, 231003)
}

func TestPatchCard(t *testing.T) {
	m := newMessages(t, nil)
	question, id := m.reply("interactive", `{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"a"}]}}`)
	next := `{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"b"}]}}`
	want(t, "patch", m.patch(id, next), 0)
	look, err := m.s.WaitLook(soon(t), id, func(l feishutest.Look) bool { return l.Edits == 1 })
	if err != nil || look.Text != "b" || look.Source != next {
		t.Errorf("look %+v, %v", look, err)
	}
	want(t, "unshared", m.patch(id, `{"elements":[{"tag":"hr"}]}`), 230099)
	want(t, "not a card", m.patch(id, `{}`), 230099)
	want(t, "too long", m.patch(id, `{"schema":"2.0","x":"`+strings.Repeat("x", 31<<10)+`"}`), 230025)
	_, text := m.reply("text", textHi)
	want(t, "a text", m.patch(text, next), 230001)
	want(t, "a person's", m.patch(question, next), 230027)
	_, unshared := m.reply("interactive", `{"elements":[{"tag":"hr"}]}`)
	want(t, "was unshared", m.patch(unshared, next), 230099)
	_, old := m.reply("interactive", `{"config":{"update_multi":true},"elements":[{"tag":"hr"}]}`)
	want(t, "old schema, shared", m.patch(old, `{"config":{"update_multi":true},"elements":[{"tag":"hr"}]}`), 0)
	m.s.Skip(14*24*time.Hour + time.Second)
	m.token = larkcore.WithTenantAccessToken(fetchToken(t, m.s))
	want(t, "after 14 days", m.patch(id, next), 230031)
}

func TestPatchLimit(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) { o.Unlimited, o.Limits.MessagePerSecond = false, 1 })
	card := `{"schema":"2.0","body":{"elements":[{"tag":"hr"}]}}`
	_, id := m.reply("interactive", card)
	codes := map[int]int{}
	for range 20 {
		codes[m.patch(id, card)]++
	}
	if codes[0] == 0 || codes[230020] == 0 {
		t.Errorf("codes %v", codes)
	}
}

func TestPatchOfEntity(t *testing.T) {
	for _, reaches := range []bool{false, true} {
		k := newCardkit(t, func(o *feishutest.Options) { o.Doubts.PatchReachesEntity = reaches })
		sent, _ := k.send()
		api, token := officialAPI(t, k.s)
		m := &messages{t, k.s, api, token}
		want(t, "patch", m.patch(sent.MessageID, `{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"new"}]}}`), 0)
		if look, _ := k.s.Look(sent.MessageID); (look.Text == "new") != reaches {
			t.Errorf("reaches %v: look %+v", reaches, look)
		}
	}
}

func TestRecallMessage(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) { o.RecallWindow = time.Hour })
	question, id := m.reply("text", textHi)
	want(t, "a person's", m.recall(question), 230026)
	want(t, "recall", m.recall(id), 0)
	want(t, "again", m.recall(id), 230011)
	if look, _ := m.s.Look(id); !look.Recalled {
		t.Errorf("look %+v", look)
	}
	_, late := m.reply("text", textHi)
	m.s.Skip(61 * time.Minute)
	want(t, "late", m.recall(late), 230009)
}
