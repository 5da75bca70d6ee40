package feishutest_test

import (
	"net/http"
	"testing"
	"time"

	"longwire/connectors/feishu/feishutest"
)

const (
	tokenPath = "/open-apis/auth/v3/tenant_access_token/internal"
	infoPath  = "/open-apis/bot/v3/info"
)

func TestTokenEndpointRefusesWithHTTP200(t *testing.T) {
	s := start(t, nil)
	for _, test := range []struct {
		name string
		body any
		code int
		msg  string
	}{
		{"unknown app", map[string]string{"app_id": "cli_0", "app_secret": appSecret}, 10014, "app id not exists"},
		{"wrong secret", map[string]string{"app_id": appID, "app_secret": "x"}, 10014, "app secret invalid"},
		{"no secret", map[string]string{"app_id": appID}, 10003, "invalid param"},
		{"other keys", map[string]string{"App_ID": appID, "App_Secret": appSecret}, 10003, "invalid param"},
		{"no JSON", "app_id=1", 10003, "invalid param"},
	} {
		a := do(t, s, http.MethodPost, tokenPath, "", test.body)
		if a.status != http.StatusOK || a.Code != test.code || a.Msg != test.msg || a.Token != "" {
			t.Errorf("%s: HTTP %d %s", test.name, a.status, a.raw)
		}
	}
	if n := s.TokenRequests(); n != 5 {
		t.Errorf("%d token requests", n)
	}
}

func TestTokenIsTheSameWhileHalfAnHourIsLeft(t *testing.T) {
	s := start(t, nil)
	first, second := fetchToken(t, s), fetchToken(t, s)
	if first != second {
		t.Errorf("%s, then %s", first, second)
	}
	s = start(t, func(o *feishutest.Options) { o.TokenTTL = 29 * time.Minute })
	first, second = fetchToken(t, s), fetchToken(t, s)
	if first == second {
		t.Error("a token about to end was given out again")
	}
	for _, token := range []string{first, second} {
		if a := do(t, s, http.MethodGet, infoPath, token, nil); a.Code != 0 {
			t.Errorf("%s: %s", token, a.raw)
		}
	}
}

func TestExpireIsWhatIsLeft(t *testing.T) {
	s := start(t, nil)
	a := do(t, s, http.MethodPost, tokenPath, "", map[string]string{"app_id": appID, "app_secret": appSecret})
	if a.Expire < 7100 || a.Expire > 7200 {
		t.Errorf("expire %d", a.Expire)
	}
}

func TestTokenChecks(t *testing.T) {
	s := start(t, nil)
	token := fetchToken(t, s)
	for bad, code := range map[string]int{"": 99991661, "x-1": 99991671, "u-1": 99991668, "t-1": 99991663} {
		checkRefusal(t, "token "+bad, do(t, s, http.MethodGet, infoPath, bad, nil), code)
	}
	s.ExpireTokens()
	checkRefusal(t, "expired", do(t, s, http.MethodGet, infoPath, token, nil), 99991663)
	if fresh := fetchToken(t, s); fresh == token {
		t.Error("expired token given out again")
	}
}

func TestTokenEndsWithItsLife(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.TokenTTL = time.Nanosecond })
	checkRefusal(t, "ended", do(t, s, http.MethodGet, infoPath, fetchToken(t, s), nil), 99991663)
}

func TestUnknownRouteAndBadBody(t *testing.T) {
	s := start(t, nil)
	token := fetchToken(t, s)
	if a := do(t, s, http.MethodGet, "/open-apis/nowhere", token, nil); a.status != http.StatusNotFound || a.Error.LogID == "" {
		t.Errorf("HTTP %d %s", a.status, a.raw)
	}
	if a := do(t, s, http.MethodGet, "/callback/ws/endpoint", "", nil); a.status != http.StatusNotFound {
		t.Errorf("GET bootstrap: HTTP %d", a.status)
	}
	checkRefusal(t, "list", do(t, s, http.MethodPost, "/open-apis/im/v1/messages", token, "[]"), 9499)
	checkRefusal(t, "no content type", do(t, s, http.MethodPost, "/open-apis/im/v1/messages", token, nil), 9499)
}
