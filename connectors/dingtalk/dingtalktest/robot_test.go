package dingtalktest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func token(t *testing.T, s *Server) string {
	t.Helper()
	a := mustPost(t, s, PathToken, map[string]string{"appKey": clientID, "appSecret": secret})
	if a.status != http.StatusOK {
		t.Fatalf("token: %d %s", a.status, a.body)
	}
	return a.field(t, "accessToken").(string)
}

func TestAccessToken(t *testing.T) {
	t.Parallel()
	s := start(t, Options{TokenTTL: time.Hour})
	a := mustPost(t, s, PathToken, map[string]string{"appKey": clientID, "appSecret": secret})
	if a.status != 200 || a.field(t, "expireIn") != 3600.0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	first := a.field(t, "accessToken").(string)
	if again := token(t, s); again != first {
		t.Error("another token while the first is good")
	}
	s.ExpireTokens()
	if a := mustPost(t, s, PathOTO, oto(), tokenHeader, first); a.status != 400 || a.field(t, "code") != "InvalidAuthentication" {
		t.Errorf("expired token: %d %s", a.status, a.body)
	}
	if token(t, s) == first {
		t.Error("the expired token again")
	}
	for _, body := range []any{
		map[string]string{"appKey": clientID, "appSecret": "wrong"},
		map[string]string{"appKey": "unknown", "appSecret": secret},
		map[string]string{},
	} {
		a := mustPost(t, s, PathToken, body)
		if a.status != 400 || a.field(t, "code") != "invalidClientIdOrSecret" || a.field(t, "message") != "无效的clientId或者clientSecret" || a.field(t, "requestid") == "" {
			t.Errorf("%v: %d %s", body, a.status, a.body)
		}
	}
	if a := mustPost(t, s, PathToken, `{"appkey":"x"}`); a.status != 400 || !strings.Contains(a.body, "appKey") {
		t.Errorf("misspelt field: %d %s", a.status, a.body)
	}
	if a := mustPost(t, s, PathToken, "{}", "Content-Type", "text/plain"); a.status != 400 {
		t.Errorf("text/plain: %d %s", a.status, a.body)
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	s := start(t, Options{TokenTTL: time.Nanosecond})
	first := token(t, s)
	if a := mustPost(t, s, PathOTO, oto(), tokenHeader, first); a.field(t, "code") != "InvalidAuthentication" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if token(t, s) == first || len(s.tokens) != 1 {
		t.Errorf("the same token, or %d tokens kept", len(s.tokens))
	}
}

// oto is a good body for PathOTO, changed by pairs of a name and a value.
func oto(changes ...any) map[string]any {
	body := map[string]any{"robotCode": clientID, "userIds": []string{"u1"}, "msgKey": "sampleText", "msgParam": `{"content":"hi"}`}
	for i := 0; i < len(changes); i += 2 {
		body[changes[i].(string)] = changes[i+1]
	}
	return body
}

// group is the same for PathGroup.
func group(changes ...any) map[string]any {
	body := oto(changes...)
	delete(body, "userIds")
	if body["openConversationId"] == nil {
		body["openConversationId"] = "cidG=="
	}
	return body
}

func TestBatchSend(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	s.SetInvalidStaff("gone")
	s.SetFlowControlled("busy", "busier")
	a := mustPost(t, s, PathOTO, oto("userIds", []string{"u1", "gone", "u2", "busy"}), tokenHeader, tok)
	if a.status != 200 || !strings.Contains(a.body, `"invalidStaffIdList":["gone"],"flowControlledStaffIdList":["busy"]`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	sent := s.Sent()
	if len(sent) != 1 || sent[0].Via != ViaOTO || !slices.Equal(sent[0].StaffIDs, []string{"u1", "u2"}) || sent[0].Text != "hi" ||
		sent[0].MsgKey != "sampleText" || sent[0].QueryKey != a.field(t, "processQueryKey") || sent[0].ClientID != clientID || len(sent[0].Raw) == 0 {
		t.Errorf("%+v", sent)
	}
	a = mustPost(t, s, PathOTO, oto("userIds", []string{"gone"}), tokenHeader, tok)
	if a.status != 200 || len(s.Sent()) != 1 {
		t.Errorf("%d %s, %d sent", a.status, a.body, len(s.Sent()))
	}
}

func TestGroupSend(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	if a := mustPost(t, s, PathGroup, group(), tokenHeader, tok); a.status != 400 || a.field(t, "code") != "invalid.openConversationId" {
		t.Errorf("unknown group: %d %s", a.status, a.body)
	}
	s.Join(clientID, "cidG==")
	s.PushData(clientID, []byte(`{"conversationType":"2","conversationId":"cidRaw"}`))
	hear(t, s, Message{Chat: "cidSaid", Mention: true})
	body := []any{"msgKey", "sampleMarkdown", "msgParam", `{"title":"T","text":"# M"}`}
	for _, chat := range []string{"cidG==", "cidRaw", "cidSaid"} {
		a := mustPost(t, s, PathGroup, group(append(body, "openConversationId", chat)...), tokenHeader, tok)
		if a.status != 200 || a.field(t, "processQueryKey") == "" {
			t.Fatalf("%s: %d %s", chat, a.status, a.body)
		}
	}
	sent := s.Sent()
	if len(sent) != 3 || sent[0].Via != ViaGroup || sent[0].ChatID != "cidG==" || sent[0].Title != "T" || sent[0].Text != "# M" || sent[0].QueryKey == "" {
		t.Errorf("%+v", sent)
	}
}

func TestRobotRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, Options{CallsPerSecond: -1})
	s.Join(clientID, "cidG==")
	tok := token(t, s)
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprint("u", i)
	}
	long := fmt.Sprintf(`{"content":%q}`, strings.Repeat("x", 15000))
	rows := []struct {
		path string
		body any
		code string
	}{
		{PathOTO, oto("robotCode", ""), "invalidParameter.robotCode.empty"},
		{PathOTO, oto("robotCode", "other"), "invalidParameter.robotCode.auth"},
		{PathOTO, oto("userIds", []string{}), "invalidParameter.userIds.empty"},
		{PathOTO, oto("userIds", many), "invalidParameter.userIds.overMax"},
		{PathOTO, oto("userIds", []string{""}), "invalidParameter.userId.empty"},
		{PathOTO, oto("userIds", "u1"), "invalidParameter.param.invalid"},
		{PathOTO, oto("userids", []string{"u1"}), "invalidParameter.param.invalid"},
		{PathOTO, oto("msgKey", ""), "invalidParameter.msgKey.empty"},
		{PathOTO, oto("msgKey", "text"), "invalidParameter.msgKey.invalid"},
		{PathOTO, oto("msgParam", ""), "invalidParameter.msgParam.invalid"},
		{PathOTO, oto("msgParam", "hi"), "invalidParameter.msgParam.invalid"},
		{PathOTO, oto("msgParam", "null"), "invalidParameter.msgParam.invalid"},
		{PathOTO, oto("msgParam", `{"content":7}`), "invalidParameter.msgParam.invalid"},
		{PathOTO, oto("msgParam", map[string]string{"content": "hi"}), "invalidParameter.param.invalid"},
		{PathOTO, oto("msgParam", `{"text":"hi"}`), "miss.param.contentOfText"},
		{PathOTO, oto("msgKey", "sampleMarkdown", "msgParam", `{"text":"hi"}`), "miss.param.markdownTotitle"},
		{PathOTO, oto("msgKey", "sampleMarkdown", "msgParam", `{"title":"hi"}`), "miss.param.markdownTotext"},
		{PathOTO, oto("msgKey", "sampleActionCard3", "msgParam", `{"title":"hi","text":"x"}`), "invalidParameter.msgParam.invalid"},
		{PathGroup, group("robotCode", ""), "invalidParameter.robotCode.empty"},
		{PathGroup, group("robotCode", "other"), "invalidParameter.robotCode.auth"},
		{PathGroup, group("openConversationId", ""), "miss.openConversationId"},
		{PathGroup, group("msgParam", long), "invalidParameter.msgParam.tooLong"},
		{PathGroup, group("msgKey", "text"), "invalidParameter.msgKey.invalid"},
		{PathGroup, "[]", "invalidParameter.param.invalid"},
	}
	for _, row := range rows {
		a := mustPost(t, s, row.path, row.body, tokenHeader, tok)
		if a.status != 400 || a.field(t, "code") != row.code || a.field(t, "requestid") == "" {
			t.Errorf("%s %v: %d %s, want %s", row.path, row.body, a.status, a.body, row.code)
		}
	}
	for _, bad := range []string{"", "unknown"} {
		a := mustPost(t, s, PathGroup, group(), tokenHeader, bad)
		if a.status != 400 || a.field(t, "code") != "InvalidAuthentication" || a.field(t, "message") != "不合法的access_token" {
			t.Errorf("token %q: %d %s", bad, a.status, a.body)
		}
	}
	if len(s.Sent()) != 0 {
		t.Errorf("sent %+v", s.Sent())
	}
	// 15000 bytes are still allowed
	longest := fmt.Sprintf(`{"content":%q}`, strings.Repeat("x", 15000-len(`{"content":""}`)))
	if a := mustPost(t, s, PathGroup, group("msgParam", longest), tokenHeader, tok); a.status != 200 {
		t.Errorf("longest msgParam: %d %s", a.status, a.body)
	}
}

func TestCallsPerSecond(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := &app{calls: make(map[string]*window)}
	for i := range 5 {
		if got := a.admit("/x", now, 3); got != (i < 3) {
			t.Errorf("call %d: %t", i, got)
		}
	}
	if !a.admit("/y", now, 3) || !a.admit("/x", now.Add(time.Second), 3) || !a.admit("/x", now, -1) {
		t.Error("another path, second or no limit is refused")
	}
	s := start(t, Options{CallsPerSecond: 1})
	tok := token(t, s)
	for {
		// Two calls may fall into two seconds, but not for ever.
		mustPost(t, s, PathOTO, oto(), tokenHeader, tok)
		a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok)
		if a.status == 200 {
			continue
		}
		if a.status != 403 || a.field(t, "code") != "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi" {
			t.Errorf("%d %s", a.status, a.body)
		}
		return
	}
}

func TestEveryMsgKeyCanBeSent(t *testing.T) {
	t.Parallel()
	for key, fields := range msgKeys {
		param := make(map[string]string)
		for _, f := range fields {
			param[f] = "v"
		}
		if sent, refusal := parseMsgParam(key, string(encode(param))); refusal != nil || sent.MsgKey != key {
			t.Errorf("%s: %+v", key, refusal)
		}
		delete(param, fields[len(fields)-1])
		if _, refusal := parseMsgParam(key, string(encode(param))); refusal == nil {
			t.Errorf("%s is sent without %s", key, fields[len(fields)-1])
		}
	}
}
