package dingtalktest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestMessageOneToOne(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	at := time.UnixMilli(1_700_000_000_123)
	id := s.Say(Message{From: Person{StaffID: "042", Nick: "李四", Admin: true}, Text: "你好", At: at})
	f := p.read()
	c := callbackOf(t, f)
	if c.MsgID != id || !strings.HasPrefix(id, "msg") || c.ConversationType != "1" || !strings.HasPrefix(c.ConversationID, "cid") ||
		c.SenderStaffID != "042" || c.SenderNick != "李四" || !c.IsAdmin || c.SenderCorpID == "" || c.RobotCode != clientID ||
		c.MsgType != "text" || c.Text.Content != "你好" || !strings.HasPrefix(c.SenderID, "$:LWCP_v1:$") {
		t.Errorf("%s", f.Data)
	}
	if c.CreateAt != at.UnixMilli() || c.SessionWebhookExpiredTime-c.CreateAt != 5_400_200 {
		t.Errorf("createAt %d, expires %d", c.CreateAt, c.SessionWebhookExpiredTime)
	}
	for _, absent := range []string{"conversationTitle", "isInAtList", "atUsers", `"content":{`} {
		if strings.Contains(f.Data, absent) {
			t.Errorf("1:1 message has %s: %s", absent, f.Data)
		}
	}
	if !strings.HasPrefix(c.SessionWebhook, s.URL()+"/robot/sendBySession?session=") || len(c.SessionWebhook)-strings.Index(c.SessionWebhook, "=") != 33 {
		t.Errorf("webhook %s", c.SessionWebhook)
	}
	s.Say(Message{From: Person{StaffID: "042"}, Text: "again"})
	s.Say(Message{From: Person{StaffID: "043"}, Text: "somebody else"})
	if again, other := callbackOf(t, p.read()), callbackOf(t, p.read()); again.ConversationID != c.ConversationID || other.ConversationID == c.ConversationID {
		t.Errorf("chats %s, %s, %s", c.ConversationID, again.ConversationID, other.ConversationID)
	}
}

func TestMessageInGroup(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	group := Message{Chat: "cidG==", Title: "测试群", Text: "测试数据 @王五", OtherMentions: []Person{{StaffID: "wang"}}}
	unheard := s.Say(group)
	group.Mention = true
	group.MsgType, group.Content = "audio", map[string]any{"duration": 1}
	unheard2 := s.Say(group)
	group.MsgType, group.Content = "", nil
	s.Say(group)
	c := callbackOf(t, p.read())
	if c.ConversationType != "2" || c.ConversationID != "cidG==" || c.ConversationTitle != "测试群" || !c.IsInAtList || c.Text.Content != " 测试数据 @王五" {
		t.Errorf("%+v", c)
	}
	if len(c.AtUsers) != 2 || c.AtUsers[0] != (atUser{DingtalkID: c.ChatbotUserID}) || c.AtUsers[1].StaffID != "wang" {
		t.Errorf("atUsers %+v", c.AtUsers)
	}
	if s.Deliveries(unheard)+s.Deliveries(unheard2) != 0 || s.Stats().Pushed != 1 {
		t.Error("what a robot cannot hear was pushed")
	}
}

func TestMessageFromOutside(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	s.Say(Message{From: Person{SenderID: "$:LWCP_v1:$ext", Nick: "guest"}, Text: "hi"})
	f := p.read()
	if c := callbackOf(t, f); c.SenderID != "$:LWCP_v1:$ext" || strings.Contains(f.Data, "senderStaffId") {
		t.Errorf("%s", f.Data)
	}
	s.Say(Message{Text: "hi"})
	if c := callbackOf(t, p.read()); c.SenderStaffID != "staff-1" || c.SenderNick != "张三" {
		t.Errorf("%+v", c)
	}
}

func TestMessageOtherKinds(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	s.Say(Message{MsgType: "picture", Content: map[string]string{"downloadCode": "a<b"}})
	f := p.read()
	if !strings.Contains(f.Data, `"msgtype":"picture","content":{"downloadCode":"a<b"}`) || strings.Contains(f.Data, `"text"`) {
		t.Errorf("%s", f.Data)
	}
	s.Say(Message{Text: "gone", Extra: map[string]any{"text": nil, "errorCode": 20001}})
	var fields map[string]any
	must(t, json.Unmarshal([]byte(p.read().Data), &fields))
	if _, has := fields["text"]; has || fields["errorCode"] != 20001.0 {
		t.Errorf("%v", fields)
	}
}

func TestPushData(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	id, body := s.Callback(Message{Text: "hello"})
	changed := []byte(strings.Replace(string(body), "hello", "other", 1))
	if got := s.PushData("", changed); got != id {
		t.Errorf("id %q, want %q", got, id)
	}
	f := p.read()
	if f.Data != string(changed) {
		t.Errorf("data %s", f.Data)
	}
	if a := mustPost(t, s, callbackOf(t, f).SessionWebhook, textReply("x")); a.field(t, "errcode") != 0.0 {
		t.Errorf("the webhook does not work: %s", a.body)
	}
	id = s.PushData(clientID, []byte("not JSON"))
	f = p.read()
	if f.Data != "not JSON" || id == "" {
		t.Errorf("id %q, data %s", id, f.Data)
	}
	p.ack(f, 200, "")
	must(t, s.WaitAck(patient(t), id))
}
