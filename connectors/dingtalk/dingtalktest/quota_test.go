package dingtalktest

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWithheld(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	const text = "受调用量超量影响，当前我的消息服务已经暂停。请联系你所在的组织管理员并予以处理"
	for _, row := range []struct {
		form      Withheld
		code, msg string
		want      any
	}{
		{WithheldNumber, "errorCode", "errorMessage", 20001.0},
		{WithheldString, "errorCode", "errorMessage", "20001"},
		{WithheldShortNumber, "errCode", "errMsg", 20001.0},
		{WithheldShortString, "errCode", "errMsg", "20001"},
	} {
		for _, m := range []Message{{Text: "hi"}, {Content: Picture{DownloadCode: "d"}}} {
			m.Withheld = row.form
			_, body := s.Callback(m)
			var fields map[string]any
			must(t, json.Unmarshal(body, &fields))
			_, hasText := fields["text"]
			_, hasContent := fields["content"]
			if hasText || hasContent || fields[row.code] != row.want || fields[row.msg] != text || fields["sessionWebhook"] == "" || fields["msgId"] == "" {
				t.Errorf("form %d: %s", row.form, body)
			}
		}
	}
}

func TestMonthlyPushes(t *testing.T) {
	t.Parallel()
	s := start(t, Options{MonthlyPushes: 3, WithheldAs: WithheldString})
	p := dial(t, s)
	s.Say(Message{Text: "one"})
	first := callbackOf(t, p.read())
	mustPost(t, s, first.SessionWebhook, textReply("two"))
	s.Say(Message{Text: "three"})
	if c := callbackOf(t, p.read()); c.Text == nil || c.Text.Content != "three" {
		t.Errorf("within the count: %+v", c)
	}
	s.Say(Message{Text: "four"})
	f := p.read()
	if c := callbackOf(t, f); c.Text != nil || !strings.Contains(f.Data, `"errorCode":"20001"`) || c.SenderID == "" {
		t.Errorf("beyond it: %s", f.Data)
	}
	s.Event(Event{Type: "chat_quit", Data: map[string]string{"chatId": "c"}})
	if f := p.read(); !strings.Contains(f.Data, `"errCode":20001`) || strings.Contains(f.Data, "chatId") {
		t.Errorf("an event beyond it: %s", f.Data)
	}
	s.Event(Event{Type: "user_add_org", Data: map[string]string{"userId": "u"}})
	if f := p.read(); f.Data != `{"userId":"u"}` {
		t.Errorf("the contact book is counted: %s", f.Data)
	}
	s.PushData("", []byte("not JSON"))
	if f := p.read(); f.Data != "not JSON" {
		t.Errorf("%s", f.Data)
	}
	if a := mustPost(t, s, first.SessionWebhook, textReply("still goes")); a.field(t, "errcode") != 0.0 {
		t.Errorf("%s", a.body)
	}
	if q := s.Quota(); q.Pushes != 3 || q.PushLimit != 3 || q.Withheld != 3 {
		t.Errorf("%+v", q)
	}
	s.NewMonth()
	s.Say(Message{Text: "a month later"})
	if c := callbackOf(t, p.read()); c.Text == nil || s.Quota().Pushes != 1 {
		t.Errorf("%+v, %+v", c, s.Quota())
	}
}

func TestMonthlyPushesStopWebhooks(t *testing.T) {
	t.Parallel()
	s := start(t, Options{MonthlyPushes: 1, OutOfPushesErrcode: 90020})
	c := hear(t, s, Message{Text: "hello"})
	if a := mustPost(t, s, c.SessionWebhook, textReply("x")); a.field(t, "errcode") != 0.0 {
		t.Errorf("%s", a.body)
	}
	if a := mustPost(t, s, c.SessionWebhook, textReply("y")); a.status != 200 || a.field(t, "errcode") != 90020.0 || len(s.Sent()) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestMonthlyCalls(t *testing.T) {
	t.Parallel()
	s := start(t, Options{MonthlyCalls: 2, CallsPerSecond: -1})
	tok := token(t, s)
	token(t, s) // not counted
	mustPost(t, s, PathOTO, oto(), tokenHeader, "wrong")
	for range 2 {
		if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	a := mustPost(t, s, PathGroup, group(), tokenHeader, tok)
	if a.status != 403 || a.field(t, "code") != "Forbidden.AccessDenied.ApiCountLimitForOrg" || a.field(t, "requestid") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if q := s.Quota(); q.Calls != 2 || q.CallLimit != 2 || q.Denied != 1 || q.ByPath[PathOTO] != 2 {
		t.Errorf("%+v", q)
	}
	s.SetQuota(3, 0)
	if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestThrottledCallsAreNotCounted(t *testing.T) {
	t.Parallel()
	s := start(t, Options{CallsPerSecond: 1})
	tok := token(t, s)
	good, bad := 0, 0
	for bad == 0 { // two calls may fall into two seconds, but not for ever
		if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status == 200 {
			good++
		} else {
			bad++
		}
	}
	if q, st := s.Quota(), s.Stats(); q.Calls != good || st.Throttled != bad {
		t.Errorf("%d good, %d throttled: %+v, %+v", good, bad, q, st)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	s.Revoke("", ScopeStreaming, ScopeRobot)
	a := call(t, s, "PUT", PathStreaming, map[string]any{}, tok)
	const want = `"accessdenieddetail":{"requiredScopes":["Card.Streaming.Write"]}`
	if a.status != 403 || a.field(t, "code") != "Forbidden.AccessDenied.AccessTokenPermissionDenied" || !strings.Contains(a.body, want) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status != 403 || s.Quota().Calls != 0 {
		t.Errorf("%d %s, %+v", a.status, a.body, s.Quota())
	}
	s.Grant("", ScopeRobot)
	if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status != 200 || strings.Contains(a.body, "accessdenied") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
