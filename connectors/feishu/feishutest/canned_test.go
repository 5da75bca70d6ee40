package feishutest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"longwire/connectors/feishu/feishutest"
)

func TestCannedFailures(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi}
	for code, f := range map[int]feishutest.Failure{
		99991400: feishutest.RateLimited(1500 * time.Millisecond),
		99991403: feishutest.QuotaUsedUp(),
		99991672: feishutest.MissingScope("im:message", "im:message:send_as_bot"),
		99991663: feishutest.TokenExpired(),
		230020:   feishutest.ChatRateLimited(),
		230002:   feishutest.BotNotInChat(),
		230006:   feishutest.BotDisabled(),
		230013:   feishutest.UserUnavailable(),
		230018:   feishutest.Muted(),
		230011:   feishutest.MessageRecalled(),
		230110:   feishutest.MessageDeleted(),
		230049:   feishutest.MessageInFlight(),
		230028:   feishutest.Sensitive(),
		230025:   feishutest.TooLong(),
		230072:   feishutest.EditedTooOften(),
		230031:   feishutest.CardTooOld(),
		230099:   feishutest.CardFailed(11310, "card table number over limit"),
		200850:   feishutest.StreamingTimedOut(),
		300309:   feishutest.StreamingClosed(),
		300317:   feishutest.SequenceRefused(),
		300120:   feishutest.CardInternal(),
		2200:     feishutest.Internal(),
	} {
		s.FailRoute("POST /open-apis/im/v1/messages/*/reply", f)
		a := sendReply(t, s, token, id, body)
		status := map[int]int{99991400: 429, 99991403: 429, 2200: 500}[code]
		if status == 0 {
			status = http.StatusBadRequest
		}
		if a.Code != code || a.status != status || a.Msg == "" || a.Error.LogID == "" {
			t.Errorf("HTTP %d %s, want %d", a.status, a.raw, code)
		}
		switch code {
		case 99991400:
			if a.header.Get("X-Ogw-Ratelimit-Reset") != "2" || a.header.Get("X-Ogw-Ratelimit-Limit") != "50" {
				t.Errorf("headers %v", a.header)
			}
		case 99991672:
			if !strings.Contains(a.raw, `{"subject":"im:message:send_as_bot","type":"action_scope_required"}`) || !strings.Contains(a.raw, "helps") {
				t.Errorf("missing scope %s", a.raw)
			}
		case 230099:
			if a.Msg != "Failed to create card content, ext=ErrCode: 11310; ErrMsg: card table number over limit; " {
				t.Errorf("card failed: %q", a.Msg)
			}
		}
	}
	s.FailRoute("/open-apis/", feishutest.BadGateway())
	if a := sendReply(t, s, token, id, body); a.status != http.StatusBadGateway || !strings.HasPrefix(a.raw, "<html>") {
		t.Errorf("HTTP %d %s", a.status, a.raw)
	}
	s.FailRoute("/open-apis/", feishutest.Lost())
	if _, err := request(t, s, http.MethodPost, "/open-apis/im/v1/messages/"+id+"/reply", token, body); err == nil {
		t.Error("an answer that should be lost")
	}
	if len(s.Sent()) != 1 {
		t.Errorf("sent %+v", s.Sent())
	}
}

func TestFailRouteWithMethod(t *testing.T) {
	s, token, id := said(t)
	s.FailRoute("PATCH /open-apis/im/v1/messages", feishutest.Failure{Status: 503, Times: -1})
	objectOf(t, sendReply(t, s, token, id, map[string]any{"msg_type": "text", "content": textHi}))
	if a := do(t, s, http.MethodPatch, "/open-apis/im/v1/messages/"+id, token, map[string]any{}); a.status != 503 {
		t.Errorf("HTTP %d", a.status)
	}
}

func TestMonthlyQuota(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Limits.CallsPerMonth = 2 })
	token := fetchToken(t, s)
	checkRefusal(t, "a failed call is free", do(t, s, "GET", "/open-apis/im/v1/chats/oc_0", token, nil), 232006)
	for range 2 {
		if a := do(t, s, "GET", infoPath, token, nil); a.Code != 0 {
			t.Errorf("answer %s", a.raw)
		}
	}
	if a := do(t, s, "GET", infoPath, token, nil); a.status != 429 || a.Code != 99991403 {
		t.Errorf("HTTP %d %s", a.status, a.raw)
	}
	checkRefusal(t, "contact is free", do(t, s, "GET", "/open-apis/contact/v3/users/ou_0", token, nil), 41050)
	if n := s.Calls("GET /open-apis/bot/v3/info"); n != 3 {
		t.Errorf("%d calls", n)
	}
}

func TestLimitsCanBeLowered(t *testing.T) {
	s := start(t, func(o *feishutest.Options) {
		o.Limits = feishutest.Limits{ChatPerSecond: -1, APIPerSecond: -1, APIPerMinute: 3}
	})
	token := fetchToken(t, s)
	id := s.Say(feishutest.Message{Text: "x"})
	body := map[string]any{"msg_type": "text", "content": textHi}
	for range 3 {
		objectOf(t, sendReply(t, s, token, id, body))
	}
	a := sendReply(t, s, token, id, body)
	if a.status != 429 || a.header.Get("X-Ogw-Ratelimit-Limit") != "3" {
		t.Errorf("HTTP %d %v", a.status, a.header)
	}
	s.Skip(time.Minute)
	objectOf(t, sendReply(t, s, token, id, body))
}

func TestUUIDDoubts(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Doubts.RepeatRefused, o.Doubts.SharedUUID = true, true })
	token := fetchToken(t, s)
	id := s.Say(feishutest.Message{Chat: group, Text: "x"})
	body := map[string]any{"msg_type": "text", "content": textHi, "uuid": "u", "receive_id": group}
	objectOf(t, sendReply(t, s, token, id, body))
	checkRefusal(t, "repeated", sendReply(t, s, token, id, body), 230049)
	checkRefusal(t, "by create", sendCreate(t, s, token, "chat_id", body), 230049)
	s.Skip(time.Hour)
	objectOf(t, sendReply(t, s, token, id, body))
}

func TestPostsAreFlattened(t *testing.T) {
	s, token, id := said(t)
	md := "# T\n**b** [l](http://h) <at user_id=\\\"ou_1\\\">Ann</at>\n> q\n---\n```go\nf()\n```\n```\nopen"
	content := `{"zh_cn":{"title":"T","content":[[{"tag":"at","user_id":"ou_2"},{"tag":"at","user_id":"all"}],[{"tag":"md","text":"` +
		strings.ReplaceAll(md, "\n", `\n`) + `"}]]}}`
	o := objectOf(t, sendReply(t, s, token, id, map[string]any{"msg_type": "post", "content": content}))
	want := `{"content":[[{"tag":"at","user_id":"@_user_1"},{"tag":"at","user_id":"@_all"}],` +
		`[{"style":[],"tag":"text","text":"# T"}],` +
		`[{"style":[],"tag":"text","text":"b "},{"href":"http://h","style":[],"tag":"a","text":"l"},{"style":[],"tag":"text","text":" "},` +
		`{"style":[],"tag":"at","user_id":"@_user_2","user_name":""}],` +
		`[{"style":[],"tag":"text","text":"\u003e q"}],[{"tag":"hr"}],[{"language":"GO","tag":"code_block","text":"f()"}],` +
		`[{"language":"","tag":"code_block","text":"open"}]],"title":"T"}`
	if o.Body.Content != want || len(o.Mentions) != 2 || o.Mentions[1].ID != "ou_1" || o.Mentions[1].Name != "Ann" {
		t.Errorf("content %s, mentions %+v", o.Body.Content, o.Mentions)
	}
}
