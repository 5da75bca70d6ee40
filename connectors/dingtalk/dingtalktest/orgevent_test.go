package dingtalktest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOrgEvents(t *testing.T) {
	t.Parallel()
	s := start(t, Options{EventTimeout: time.Hour})
	p := dial(t, s)
	group := []string{"timeStamp", "chatId", "corpId", "operatorUnionId", "openConversationId", "operator"}
	cool := []string{"coolAppCode", "operateTime", "openConversationCorpId", "robotCode", "openConversationId", "operator"}
	for _, row := range []struct {
		kind   string
		push   func() string
		fields []string
	}{
		{"im_cool_app_install", func() string { return s.CoolAppInstalled("", "cidG==", "u1") }, cool},
		{"im_cool_app_uninstall", func() string { return s.CoolAppUninstalled("", "cidG==", "u1") }, cool},
		{"chat_add_member", func() string { return s.MembersAdded("", "cidG==", "u1", "u2", "u3") }, append(group, "userId", "unionId", "eventType")},
		{"chat_remove_member", func() string { return s.MembersRemoved("", "cidG==", "u1", "u2") }, append(group, "userId", "unionId")},
		{"chat_update_title", func() string { return s.TitleChanged("", "cidG==", "u1", "T") }, append(group, "title")},
		{"chat_disband", func() string { return s.Disbanded("", "cidG==", "u1") }, group},
		{"robot_msg_recall", func() string { return s.Recalled("", Sent{ChatID: "cidG==", QueryKey: "k"}, "u1") },
			[]string{"unionId", "operatTime", "robotCode", "openConversationId", "userId", "processQueryKey"}},
	} {
		id := row.push()
		f := p.read()
		if f.Type != "EVENT" || f.Headers["eventType"] != row.kind || f.Headers["eventId"] != id || f.Headers["topic"] != "*" {
			t.Errorf("%s: %+v", row.kind, f)
		}
		var data map[string]any
		must(t, json.Unmarshal([]byte(f.Data), &data))
		var names []string
		for name, v := range data {
			if v == "" || v == nil {
				t.Errorf("%s: %s is empty", row.kind, name)
			}
			names = append(names, name)
		}
		slices.Sort(names)
		slices.Sort(row.fields)
		if !slices.Equal(names, row.fields) || data["openConversationId"] != "cidG==" {
			t.Errorf("%s: %s, want %v", row.kind, f.Data, row.fields)
		}
		if row.kind == "chat_add_member" && !reflect.DeepEqual(data["userId"], []any{"u2", "u3"}) {
			t.Errorf("%s", f.Data)
		}
		p.ack(f, 200, `{"status":"SUCCESS","message":"success"}`)
		must(t, s.WaitAck(patient(t), id))
	}
}

// The events change what the robot can do in the group.
func TestOrgEventsHaveConsequences(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	send := func() any {
		t.Helper()
		return mustPost(t, s, PathGroup, group(), tokenHeader, tok).field(t, "code")
	}
	if got := send(); got != "invalid.openConversationId" {
		t.Errorf("before: %v", got)
	}
	s.CoolAppInstalled("", "cidG==", "u1")
	if got := send(); got != nil {
		t.Errorf("installed: %v", got)
	}
	s.CoolAppUninstalled("", "cidG==", "u1")
	if got := send(); got != "invalid.openConversationId" {
		t.Errorf("uninstalled: %v", got)
	}
	c := hear(t, s, Message{Chat: "cidG==", Mention: true, Text: "hello"})
	s.Disbanded("", "cidG==", "u1")
	if got := send(); got != "group.disbanded" {
		t.Errorf("disbanded: %v", got)
	}
	if a := mustPost(t, s, c.SessionWebhook, textReply("x")); a.status != 200 || !strings.Contains(a.body, `"errcode":400013`) {
		t.Errorf("webhook: %d %s", a.status, a.body)
	}
}
