package dingtalktest

import (
	"net/http"
	"strings"
	"testing"
)

func TestCannedFailures(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	const denied = "Forbidden.AccessDenied."
	for _, row := range []struct {
		f      Failure
		status int
		code   string
	}{
		{FailPermission(ScopeCards, ScopeStreaming), 403, denied + "AccessTokenPermissionDenied"},
		{FailToken(), 400, "InvalidAuthentication"},
		{FailThrottled(), 403, denied + "QpsLimitForAppkeyAndApi"},
		{FailThrottledAs("QpmLimitForAppkeyAndApi"), 403, denied + "QpmLimitForAppkeyAndApi"},
		{FailOutOfCalls(), 403, denied + "ApiCountLimitForOrg"},
		{FailIP(), 403, denied + "IpNotInWhiteList"},
		{FailBusy(), 500, "system.busy"},
		{FailUnknown(), 500, "unknownError"},
		{FailSystem(), 500, "system.error"},
		{FailUnsafe(), 400, "param.contentUnsafe"},
		{FailCode(418, "a.code", "words"), 418, "a.code"},
	} {
		row.f.Times = 1
		s.FailRoute(PathOTO, row.f)
		a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok)
		if a.status != row.status || a.field(t, "code") != row.code || a.field(t, "message") == "" || a.field(t, "requestid") == "" ||
			a.header.Get("Content-Type") != "application/json;charset=utf-8" {
			t.Errorf("%s: %d %v %s", row.code, a.status, a.header, a.body)
		}
		if scopes := strings.Contains(a.body, `"requiredScopes":["Card.Instance.Write","Card.Streaming.Write"]`); scopes != (row.code == denied+"AccessTokenPermissionDenied") {
			t.Errorf("%s: %s", row.code, a.body)
		}
	}
	for _, row := range []struct {
		f      Failure
		status int
		body   string
	}{
		{FailGateway(), 504, "timeout"},
		{FailBanned(), 200, `{"status":1111,"wait":5,"source":"x5","punish":"deny"`},
		{FailHTML(), 200, "<html>"},
		{FailErrcode(430104, "含有不合适的内容"), 200, `{"errcode":430104,"errmsg":"含有不合适的内容"}`},
	} {
		row.f.Times = 1
		s.FailRoute(PathOTO, row.f)
		if a := mustPost(t, s, PathOTO, oto(), tokenHeader, tok); a.status != row.status || !strings.Contains(a.body, row.body) {
			t.Errorf("%d %s, want %s", a.status, a.body, row.body)
		}
	}
	if len(s.Sent()) != 0 || s.Quota().Calls != 0 {
		t.Errorf("what failed took effect: %+v", s.Quota())
	}
}

func TestFailRouteByMethod(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	s.FailRoute("PUT "+PathCards, FailBusy())
	if a := mustPost(t, s, PathCards, newCardBody(), tokenHeader, tok); a.status != 200 {
		t.Errorf("POST: %d %s", a.status, a.body)
	}
	if a := call(t, s, "PUT", PathCards, map[string]any{}, tok); a.status != http.StatusInternalServerError {
		t.Errorf("PUT: %d %s", a.status, a.body)
	}
	if s.Calls(PathCards) != 2 || s.Calls("PUT "+PathCards) != 1 {
		t.Errorf("%d calls, %d of them PUT", s.Calls(PathCards), s.Calls("PUT "+PathCards))
	}
	s.Heal("PUT " + PathCards)
	if a := call(t, s, "PUT", PathCards, map[string]any{}, tok); a.status != 400 {
		t.Errorf("healed: %d %s", a.status, a.body)
	}
}

func TestCensor(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	s.Censor("坏话", "worse")
	s.Join("", "cidG==")
	c := hear(t, s, Message{Text: "hello"})
	if a := mustPost(t, s, c.SessionWebhook, textReply("一句坏话")); a.status != 200 || a.body != `{"errcode":430104,"errmsg":"含有不合适的内容"}` {
		t.Errorf("webhook: %d %s", a.status, a.body)
	}
	if a := mustPost(t, s, PathGroup, group("msgParam", `{"content":"much worse"}`), tokenHeader, tok); a.status != 400 || a.field(t, "code") != "contain.notAllowed.content" {
		t.Errorf("group: %d %s", a.status, a.body)
	}
	bad := newCardBody("cardData", map[string]any{"cardParamMap": map[string]string{"msgContent": "坏话"}})
	if a := mustPost(t, s, PathCards, bad, tokenHeader, tok); a.status != 400 || a.field(t, "code") != "param.contentUnsafe" {
		t.Errorf("card: %d %s", a.status, a.body)
	}
	if len(s.Sent())+len(s.Cards()) != 0 {
		t.Error("it was said all the same")
	}
	s.Censor()
	if a := mustPost(t, s, c.SessionWebhook, textReply("坏话")); a.field(t, "errcode") != 0.0 {
		t.Errorf("%s", a.body)
	}
}
