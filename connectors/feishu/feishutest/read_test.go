package feishutest_test

import (
	"strings"
	"testing"
	"time"

	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors/feishu/feishutest"
)

func TestReadMessage(t *testing.T) {
	m := newMessages(t, nil)
	id := m.s.Say(feishutest.Message{Chat: group, Text: "hi", Mention: true, From: feishutest.Person{OpenID: "ou_7"}})
	item := m.get(id, nil).Data.Items[0]
	if *item.MessageId != id || *item.Body.Content != `{"text":"@_user_1 hi"}` || *item.Sender.Id != "ou_7" ||
		*item.Sender.IdType != "open_id" || *item.Sender.SenderType != "user" || *item.Mentions[0].IdType != "open_id" ||
		*item.Deleted || *item.Updated || *item.ChatId != group || item.UpperMessageId != nil {
		t.Errorf("item %+v", item)
	}
	item = m.get(id, func(b *larkim.GetMessageReqBuilder) { b.UserIdType("union_id") }).Data.Items[0]
	if !strings.HasPrefix(*item.Sender.Id, "on_") || *item.Mentions[0].Id != appID || *item.Mentions[0].IdType != "app_id" {
		t.Errorf("item with union ids %+v", item)
	}
	m.s.Edit(id, "edited")
	if item := m.get(id, nil).Data.Items[0]; !*item.Updated || *item.UpdateTime <= *item.CreateTime {
		t.Errorf("edited item %+v", item)
	}
	m.s.Recall(id)
	if item := m.get(id, nil).Data.Items[0]; !*item.Deleted || item.Body.Content != nil {
		t.Errorf("recalled item %+v", item)
	}
	m.s.Delete(id)
	want(t, "deleted", m.get(id, nil).Code, 230110)
	want(t, "unknown", m.get("om_0", nil).Code, 231003)
	want(t, "no id", m.get("x", nil).Code, 99992354)
	want(t, "id type", m.get(id, func(b *larkim.GetMessageReqBuilder) { b.UserIdType("email") }).Code, 99992402)
}

func TestReadForward(t *testing.T) {
	forward := feishutest.Forward(
		feishutest.Message{Text: "one", From: feishutest.Person{OpenID: "ou_1"}},
		feishutest.Forward(feishutest.Message{Text: "deep"}),
		feishutest.Image("img_1"),
	)
	for _, shallow := range []bool{false, true} {
		m := newMessages(t, func(o *feishutest.Options) { o.Doubts.ShallowForwards = shallow })
		id := m.s.Say(forward)
		items := m.get(id, nil).Data.Items
		var kinds []string
		for _, item := range items {
			kinds = append(kinds, *item.MsgType)
		}
		wanted := "merge_forward text merge_forward text image"
		if shallow {
			wanted = "merge_forward text merge_forward image"
		}
		if got := strings.Join(kinds, " "); got != wanted {
			t.Fatalf("kinds %s, want %s", got, wanted)
		}
		if *items[1].UpperMessageId != id || *items[1].Sender.Id != "ou_1" || items[0].UpperMessageId != nil ||
			!shallow && *items[3].UpperMessageId != *items[2].MessageId {
			t.Errorf("items %+v", items)
		}
	}
}

func TestReadCard(t *testing.T) {
	card := `{"schema":"2.0","header":{"title":{"tag":"plain_text","content":"T"}},"body":{"elements":[` +
		`{"tag":"markdown","content":"**see** [l](http://h) <at id=ou_1></at>"},{"tag":"hr"},` +
		`{"tag":"column_set","columns":[{"tag":"column","elements":[{"tag":"button","type":"primary","text":{"tag":"plain_text","content":"B"}}]}]}]}}`
	for _, upgrade := range []bool{false, true} {
		m := newMessages(t, func(o *feishutest.Options) { o.Doubts.UpgradeText = upgrade })
		_, id := m.reply("interactive", card)
		wanted := `{"elements":[[{"style":[],"tag":"text","text":"see "},{"href":"http://h","style":[],"tag":"a","text":"l"},` +
			`{"style":[],"tag":"text","text":" "},{"style":[],"tag":"at","user_id":"@_user_1","user_name":""}],` +
			`[{"tag":"hr"}],[{"tag":"button","text":"B","type":"primary"}]],"title":"T"}`
		if upgrade {
			wanted = `{"elements":[[{"tag":"text","text":"请升级至最新版本客户端，以查看内容"}]],"title":"T"}`
		}
		if got := *m.get(id, nil).Data.Items[0].Body.Content; got != wanted {
			t.Errorf("card reads %s, want %s", got, wanted)
		}
		resp := m.get(id, func(b *larkim.GetMessageReqBuilder) { b.CardMsgContentType("user_card_content") })
		if got := *resp.Data.Items[0].Body.Content; got != card {
			t.Errorf("whole card %s", got)
		}
	}
}

func TestReadOldCard(t *testing.T) {
	m := newMessages(t, nil)
	_, id := m.reply("interactive", `{"header":{"title":{"tag":"plain_text","content":"T"}},"elements":[`+
		`{"tag":"div","text":{"tag":"plain_text","content":"d"},"fields":[{"text":{"tag":"lark_md","content":"f"}}]},`+
		`{"tag":"img","img_key":"img_1"},{"tag":"note","elements":[{"tag":"plain_text","content":"n"}]},`+
		`{"tag":"action","actions":[{"tag":"select_static","placeholder":{"tag":"plain_text","content":"p"},`+
		`"options":[{"text":{"tag":"plain_text","content":"o"},"value":"1"}]},`+
		`{"tag":"overflow","options":[{"text":{"tag":"plain_text","content":"v"}}]}]}]}`)
	want := `{"elements":[[{"tag":"text","text":"d"}],[{"style":[],"tag":"text","text":"f"}],[{"image_key":"img_1","tag":"img"}],` +
		`[{"elements":[{"tag":"text","text":"n"}],"tag":"note"}],[{"options":["o"],"placeholder":"p","tag":"select_static"}],` +
		`[{"options":["v"],"tag":"overflow"}]],"title":"T"}`
	if got := *m.get(id, nil).Data.Items[0].Body.Content; got != want {
		t.Errorf("card reads %s, want %s", got, want)
	}
}

func TestReadNeedsGroupScope(t *testing.T) {
	for _, mentioned := range []bool{false, true} {
		m := newMessages(t, func(o *feishutest.Options) {
			o.GroupMsgScope, o.Doubts.ReadMentioned = false, mentioned
		})
		code := 230027
		if mentioned {
			code = 0
		}
		want(t, "mention", m.get(m.s.Say(feishutest.Message{Chat: group, Text: "x", Mention: true}), nil).Code, code)
		want(t, "no mention", m.get(m.s.Say(feishutest.Message{Chat: group, Text: "x"}), nil).Code, 230027)
		want(t, "one-to-one", m.get(m.s.Say(feishutest.Message{Text: "x"}), nil).Code, 0)
	}
}

func TestDirectory(t *testing.T) {
	m := newMessages(t, nil)
	m.s.PutGroup(feishutest.Group{ID: "oc_t", Name: "Topics", Topics: true})
	m.s.PutGroup(feishutest.Group{ID: "oc_f", Threads: true})
	m.s.PutGroup(feishutest.Group{ID: "oc_o"})
	m.s.Say(feishutest.Message{Chat: "oc_t", Text: "x", From: feishutest.Person{OpenID: "ou_7", Name: "Ann"}})
	m.s.Say(feishutest.Message{Chat: "oc_f", Text: "x"})
	direct := m.s.ChatOf(m.s.Say(feishutest.Message{Text: "x"}))
	chat := func(id string) *larkim.GetChatResp {
		resp, err := m.api.Chat.Get(t.Context(), larkim.NewGetChatReqBuilder().ChatId(id).Build(), m.token)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if d := chat("oc_t").Data; *d.ChatMode != "topic" || *d.Name != "Topics" || d.GroupMessageType != nil || *d.UserCount != "1" {
		t.Errorf("topic group %+v", d)
	}
	if d := chat("oc_f").Data; *d.ChatMode != "group" || *d.GroupMessageType != "thread" {
		t.Errorf("group with threads %+v", d)
	}
	if d := chat(direct).Data; *d.ChatMode != "p2p" || d.ChatType != nil {
		t.Errorf("dialogue %+v", d)
	}
	want(t, "not in it", chat("oc_o").Code, 232011)
	want(t, "unknown", chat("oc_0").Code, 232006)

	token := fetchToken(t, m.s)
	a := do(t, m.s, "GET", "/open-apis/contact/v3/users/ou_7?user_id_type=open_id", token, nil)
	if a.Code != 0 || !strings.Contains(a.raw, `"name":"Ann"`) {
		t.Errorf("user %s", a.raw)
	}
	checkRefusal(t, "unknown user", do(t, m.s, "GET", "/open-apis/contact/v3/users/ou_0", token, nil), 41050)
	checkRefusal(t, "no user", do(t, m.s, "GET", "/open-apis/contact/v3/users/x", token, nil), 41012)
}

// Departments show to an app that may see them, and everybody is in some.
func TestDepartments(t *testing.T) {
	scopes := []string{"contact:contact.base:readonly", "contact:user.department:readonly"}
	for granted, wants := range map[int]map[string]string{
		1: {"ou_7": ``, "ou_8": ``},
		2: {"ou_7": `"department_ids":["od-1","od-2"]`, "ou_8": `"department_ids":["0"]`},
	} {
		s := start(t, func(o *feishutest.Options) { o.Apps[0].Scopes = scopes[:granted] })
		s.SetDepartments("ou_7", "od-1", "od-2")
		s.SetDepartments("ou_8")
		token := fetchToken(t, s)
		for person, want := range wants {
			a := do(t, s, "GET", "/open-apis/contact/v3/users/"+person+"?department_id_type=open_department_id", token, nil)
			if a.Code != 0 || !strings.Contains(a.raw, want) || want == "" && strings.Contains(a.raw, "department") {
				t.Errorf("%d scopes: %s", granted, a.raw)
			}
		}
		checkRefusal(t, "own department ids", do(t, s, "GET", "/open-apis/contact/v3/users/ou_7?department_id_type=department_id", token, nil), 40006)
	}
}

// What is above a department is told a page at a time, the root left out.
func TestParentDepartments(t *testing.T) {
	const path = "/open-apis/contact/v3/departments/parent?department_id_type=open_department_id"
	s := start(t, func(o *feishutest.Options) { o.Apps[0].Scopes = []string{"contact:department.organize:readonly"} })
	token := fetchToken(t, s)
	s.SetDepartment("od-4", "od-3")
	s.SetDepartment("od-3", "od-2")
	s.SetDepartment("od-2", "od-1")
	s.SetDepartment("od-1", "0")
	for query, want := range map[string]string{
		"&department_id=od-4":                          `"data":{"has_more":false,"items":[{"open_department_id":"od-3"},{"open_department_id":"od-2"},{"open_department_id":"od-1"}]}`,
		"&department_id=od-4&page_size=2":              `"data":{"has_more":true,"items":[{"open_department_id":"od-3"},{"open_department_id":"od-2"}],"page_token":"2"}`,
		"&department_id=od-4&page_size=2&page_token=2": `"data":{"has_more":false,"items":[{"open_department_id":"od-1"}]}`,
		"&department_id=od-1":                          `"data":{"has_more":false}`,
		"&department_id=od-9":                          `"data":{"has_more":false}`,
		"&department_id=od-4&user_id_type=open_id":     `"has_more":false`,
	} {
		if a := do(t, s, "GET", path+query, token, nil); a.Code != 0 || !strings.Contains(a.raw, want) {
			t.Errorf("%s: %s", query, a.raw)
		}
	}
	for _, query := range []string{"", "&department_id=0", "&department_id=od-4&page_size=51", "&department_id=od-4&page_size=x", "&department_id=od-4&page_token=-1", "&department_id=od-4&page_token=4"} {
		checkRefusal(t, query, do(t, s, "GET", path+query, token, nil), 40001)
	}
	checkRefusal(t, "own ids", do(t, s, "GET", "/open-apis/contact/v3/departments/parent?department_id=4&department_id_type=department_id", token, nil), 40006)

	s.SetDepartment("od-1", "od-4") // a ring
	if a := do(t, s, "GET", path+"&department_id=od-4&page_size=50&page_token=50", token, nil); strings.Count(a.raw, "od-4") != 13 || !strings.Contains(a.raw, `"has_more":false`) {
		t.Errorf("a ring: %s", a.raw)
	}
	s = start(t, func(o *feishutest.Options) { o.Apps[0].Scopes = []string{"contact:user.department:readonly"} })
	checkRefusal(t, "no scope", do(t, s, "GET", path+"&department_id=od-4", fetchToken(t, s), nil), 99991672)
}

// A name shows to an app that may see it; without that scope the call works all the
// same.
func TestNames(t *testing.T) {
	const call, name = "contact:contact.base:readonly", "contact:user.base:readonly"
	for _, r := range []struct {
		scopes []string
		code   int
		want   string
	}{
		{[]string{call}, 0, ``},
		{[]string{call, name}, 0, `"name":"Ann"`},
		{[]string{"contact:contact:readonly_as_app"}, 0, `"name":"Ann"`},
		{[]string{name}, 99991672, ``},
	} {
		s := start(t, func(o *feishutest.Options) { o.Apps[0].Scopes = append(r.scopes, "im:message.p2p_msg:readonly") })
		s.Say(feishutest.Message{Text: "x", From: feishutest.Person{OpenID: "ou_7", Name: "Ann"}})
		a := do(t, s, "GET", "/open-apis/contact/v3/users/ou_7?user_id_type=open_id", fetchToken(t, s), nil)
		if a.Code != r.code || !strings.Contains(a.raw, r.want) || r.want == "" && strings.Contains(a.raw, "Ann") {
			t.Errorf("with %q: %s", r.scopes, a.raw)
		}
	}
}

func TestSkipEndsTokens(t *testing.T) {
	s := start(t, nil)
	token := fetchToken(t, s)
	s.Skip(time.Hour)
	if a := do(t, s, "GET", infoPath, token, nil); a.Code != 0 {
		t.Errorf("after an hour: %s", a.raw)
	}
	s.Skip(time.Hour)
	checkRefusal(t, "after two", do(t, s, "GET", infoPath, token, nil), 99991663)
}
