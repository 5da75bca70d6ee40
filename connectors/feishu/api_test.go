package feishu

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

func TestRefusal(t *testing.T) {
	for _, row := range []struct {
		code, status int
		reset        string
		fatal, gone  bool
		wait         time.Duration
	}{
		{code: 99991400, status: 429, reset: "2", wait: 2 * time.Second},
		{code: 99991400, status: 400},
		{code: 99991400, status: 429, reset: "86400", wait: time.Minute},
		{code: 99991400, status: 429, reset: "-1"},
		{code: 99991400, status: 429, reset: "soon"},
		{code: 230020, status: 400},
		{code: 230020, status: 400, reset: "1", wait: time.Second},
		{code: 11232, status: 400}, {code: 11233, status: 400}, {code: 11247, status: 400},
		{code: 1000004, status: 400}, {code: 1000005, status: 400},
		{code: 230049, status: 400}, {code: 18121, status: 400}, {code: 231015, status: 400},
		{code: 2200, status: 200}, {code: 1500, status: 400}, {code: 300000, status: 400},
		{code: 99991663, status: 400}, {code: 99991661, status: 400},
		{code: 4711, status: 500}, {code: 4711, status: 429, reset: "3", wait: 3 * time.Second},
		{code: 0, status: 502}, {code: 0, status: 404},
		{code: 4711, status: 400, fatal: true}, {code: 4711, status: 200, fatal: true},
		{code: 99991403, status: 429, reset: "5", fatal: true, wait: 5 * time.Second},
		{code: 99991672, status: 400, fatal: true}, {code: 99991679, status: 400, fatal: true},
		{code: 230002, status: 400, fatal: true}, {code: 230099, status: 400, fatal: true}, {code: 230001, status: 400, fatal: true},
		{code: 10014, status: 200, fatal: true},
		{code: 230011, status: 400, fatal: true, gone: true}, {code: 231003, status: 400, fatal: true, gone: true},
		{code: 230110, status: 400, fatal: true, gone: true},
	} {
		resp := &larkcore.ApiResp{StatusCode: row.status, Header: http.Header{}}
		if row.reset != "" {
			resp.Header.Set("X-Ogw-Ratelimit-Reset", row.reset)
		}
		err := refusal("do", resp, larkcore.CodeError{Code: row.code, Msg: "no"})
		if connectors.Permanent(err) != row.fatal || connectors.RetryAfter(err) != row.wait || withdrawn(err) != row.gone {
			t.Errorf("%d with HTTP %d: permanent %v, wait %s, gone %v", row.code, row.status, connectors.Permanent(err), connectors.RetryAfter(err), withdrawn(err))
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := ask(t, s, in)
	noError(t, answerTo(soon(t), c, ev, connectors.Words("one")))
	if n := s.TokenRequests(); n != 1 {
		t.Fatalf("%d tokens were asked for", n)
	}
	s.ExpireTokens()
	for range 2 {
		noError(t, answerTo(soon(t), c, ask(t, s, in), connectors.Words("two")))
	}
	if n := s.TokenRequests(); n != 2 {
		t.Errorf("%d tokens were asked for after one had ended", n-1)
	}
	// The platform refuses a token and the one after it: neither is used again.
	refused := feishutest.APIError(99991663, "Invalid access token")
	refused.Times = 2
	s.FailRoute(replies, refused)
	noError(t, answerTo(soon(t), c, ask(t, s, in), connectors.Words("three")))
	if n := s.TokenRequests(); n != 4 {
		t.Errorf("%d tokens were asked for after two were refused", n-2)
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	ev := ask(t, s, in)
	s.ExpireTokens()
	s.FailRoute("/open-apis/auth", feishutest.Failure{Body: `{"code":10014,"msg":"app secret invalid"}`})
	err := answerTo(soon(t), c, ev, connectors.Words("answer"))
	if !connectors.Permanent(err) || !strings.Contains(err.Error(), "app secret invalid") || strings.Contains(err.Error(), appSecret) {
		t.Errorf("permanent %v: %v", connectors.Permanent(err), err)
	}
	for _, f := range []feishutest.Failure{
		{Body: "<html>", Status: 502}, {Body: `{"code":0}`}, {Body: `{"code":2200,"msg":"Internal Error"}`}, {LoseResponse: true},
	} {
		s.FailRoute("/open-apis/auth", f)
		if _, err := c.api.token.Value(soon(t)); err == nil || connectors.Permanent(err) {
			t.Errorf("%s: permanent %v: %v", f.Body, connectors.Permanent(err), err)
		}
	}
	noError(t, answerTo(soon(t), c, ev, connectors.Words("answer")))
}

// What stands between us and the platform may answer, too.
func TestGatewaysAnswers(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, _ := talk(t, s)
	for name, f := range map[string]feishutest.Failure{
		"empty object":  {Status: 502, Body: "{}"},
		"not found":     {Status: 404, Body: `{"error":{}}`},
		"HTML":          {Status: 502, Body: "<html>" + strings.Repeat("x", 1<<20), Header: http.Header{"Content-Type": {"text/html"}}},
		"HTML of a 403": {Status: 403, Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}}},
		"not JSON":      {Status: 200, Body: "OK"},
		"endless":       {Status: 200, Body: `{"code":0,"msg":"` + strings.Repeat("x", maxBody) + `"}`},
		"timed out":     {Status: 504, Body: "{}"},
		"cut":           {LoseResponse: true},
	} {
		s.FailRoute(replies, f)
		err := c.api.reply(soon(t), "om_1", false, outgoing{"text", `{"text":"hi"}`, "uuid-" + name})
		var e *connectors.Error
		if !errors.As(err, &e) || e.Fatal || len(err.Error()) > 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
