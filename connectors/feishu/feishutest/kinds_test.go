package feishutest_test

import (
	"encoding/json"
	"testing"
	"time"

	"longwire/connectors/feishu/feishutest"
)

func TestEveryKindIsReceivedAsDocumented(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	at := time.UnixMilli(1608265395000)
	for _, test := range []struct {
		m             feishutest.Message
		kind, content string
	}{
		{feishutest.Image("img_1"), "image", `{"image_key":"img_1"}`},
		{feishutest.File("f", "a.txt"), "file", `{"file_key":"f","file_name":"a.txt"}`},
		{feishutest.Folder("f", "dir"), "folder", `{"file_key":"f","file_name":"dir"}`},
		{feishutest.Audio("f", 2*time.Second), "audio", `{"duration":2000,"file_key":"f"}`},
		{feishutest.Video("f", "img_1", "a.mp4", time.Second), "media", `{"duration":1000,"file_key":"f","file_name":"a.mp4","image_key":"img_1"}`},
		{feishutest.Sticker("f"), "sticker", `{"file_key":"f"}`},
		{feishutest.ShareChat("oc_1"), "share_chat", `{"chat_id":"oc_1"}`},
		{feishutest.ShareUser("ou_1"), "share_user", `{"user_id":"ou_1"}`},
		{feishutest.Location("Here", "1.5", "2.5"), "location", `{"latitude":"2.5","longitude":"1.5","name":"Here"}`},
		{feishutest.RedPacket(), "hongbao", `{"text":"[红包]"}`},
		{feishutest.Appointment("calendar", "S", at, at), "calendar", `{"end_time":"1608265395000","start_time":"1608265395000","summary":"S"}`},
		{feishutest.VideoCall("C", at), "video_chat", `{"start_time":"1608265395000","topic":"C"}`},
		{feishutest.Task("t1", "do", at), "todo",
			`{"due_time":"1608265395000","summary":{"content":[[{"style":[],"tag":"text","text":"do"}]],"title":""},"task_id":"t1"}`},
		{feishutest.Vote("V", "a", "b"), "vote", `{"options":["a","b"],"topic":"V"}`},
		{feishutest.Forward(), "merge_forward", `{"content":"Merged and Forwarded Message"}`},
		{feishutest.CardSeen("C", []feishutest.Element{feishutest.PostText("x")}), "interactive",
			`{"elements":[[{"style":[],"tag":"text","text":"x"}]],"title":"C"}`},
		{feishutest.CardSeen("C"), "interactive", `{"elements":[],"title":"C"}`},
		{feishutest.Post(""), "post", `{"content":[],"title":""}`},
		{feishutest.Post("T",
			[]feishutest.Element{feishutest.PostText("x", "bold"), feishutest.PostLink("l", "http://h"), feishutest.PostAt(1)},
			[]feishutest.Element{feishutest.PostImage("img_1")}, []feishutest.Element{feishutest.PostVideo("f", "img_1")},
			[]feishutest.Element{feishutest.PostEmotion("SMILE")}, []feishutest.Element{feishutest.PostRule()},
			[]feishutest.Element{feishutest.PostCode("GO", "f()")}), "post",
			`{"content":[[{"style":["bold"],"tag":"text","text":"x"},{"href":"http://h","style":[],"tag":"a","text":"l"},` +
				`{"style":[],"tag":"at","user_id":"@_user_1","user_name":""}],[{"image_key":"img_1","tag":"img"}],` +
				`[{"file_key":"f","image_key":"img_1","tag":"media"}],[{"emoji_type":"SMILE","tag":"emotion"}],[{"tag":"hr"}],` +
				`[{"language":"GO","tag":"code_block","text":"f()"}]],"title":"T"}`},
	} {
		test.m.Mention = test.kind == "post"
		s.Say(test.m)
		m := decode(t, b.read().Payload).Event.Message
		var got, want any
		if json.Unmarshal([]byte(m.Content), &got) != nil || json.Unmarshal([]byte(test.content), &want) != nil {
			t.Fatalf("%s: no JSON: %s", test.kind, m.Content)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if m.Type != test.kind || string(a) != string(b) || test.m.Mention != (len(m.Mentions) == 1) {
			t.Errorf("%s %s, want %s %s; mentions %v", m.Type, a, test.kind, b, m.Mentions)
		}
	}
}

func TestTopicGroups(t *testing.T) {
	for _, doubts := range []feishutest.Doubts{{}, {TopicChatType: true, TopicReplyWithoutThread: true}} {
		s := start(t, func(o *feishutest.Options) { o.Unlimited, o.Doubts = true, doubts })
		s.PutGroup(feishutest.Group{ID: group, Topics: true})
		b := dial(t, s)
		one := s.Say(feishutest.Message{Chat: group, Text: "x", Mention: true})
		first := decode(t, b.read().Payload).Event.Message
		s.Say(feishutest.Message{Chat: group, Text: "y", Mention: true, ParentID: one})
		second := decode(t, b.read().Payload).Event.Message
		want, chatType := first.ThreadID, "group"
		if doubts.TopicChatType {
			want, chatType = "", "topic_group"
		}
		if first.ThreadID == "" || first.RootID != "" || first.ChatType != chatType ||
			second.RootID != one || second.ParentID != one || second.ThreadID != want {
			t.Errorf("first %+v, second %+v", first, second)
		}
		token := fetchToken(t, s)
		reply := objectOf(t, sendReply(t, s, token, second.ID, map[string]any{"msg_type": "text", "content": textHi}))
		if reply.ThreadID != first.ThreadID || reply.RootID != one {
			t.Errorf("reply %+v", reply)
		}
		created := objectOf(t, sendCreate(t, s, token, "chat_id", map[string]any{"receive_id": group, "msg_type": "text", "content": textHi}))
		if created.ThreadID == "" || created.ThreadID == first.ThreadID {
			t.Errorf("created %+v", created)
		}
	}
}

func TestGroupWithoutThreads(t *testing.T) {
	s, token, id := said(t)
	s.PutGroup(feishutest.Group{ID: group, NoThreads: true})
	body := map[string]any{"msg_type": "text", "content": textHi, "reply_in_thread": true}
	checkRefusal(t, "in a thread", sendReply(t, s, token, id, body), 230071)
	body["reply_in_thread"] = false
	objectOf(t, sendReply(t, s, token, id, body))
}

func TestDoubtsAboutMentions(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Doubts.AllHasEntry, o.Doubts.NoMentionedType = true, true })
	b := dial(t, s)
	s.Say(feishutest.Message{Chat: group, Text: "x", Mention: true, MentionAll: true})
	m := decode(t, b.read().Payload).Event.Message
	if len(m.Mentions) != 2 || m.Mentions[1].Key != "@_all" || m.Mentions[0].Type != "" || m.Content != `{"text":"@_user_1 @_all x"}` {
		t.Errorf("message %+v", m)
	}
}

func TestEdit(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Doubts.EditPushesAgain = true })
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "x"})
	b.read()
	if !s.Edit(id, "y") || s.Edit("om_unknown", "y") {
		t.Error("Edit")
	}
	if m := decode(t, b.read().Payload).Event.Message; m.ID != id || m.Content != `{"text":"y"}` {
		t.Errorf("message %+v", m)
	}
	if look, ok := s.Look(id); !ok || look.Edits != 1 || look.Content != `{"text":"y"}` || look.AppID != "" {
		t.Errorf("look %+v", look)
	}
}
