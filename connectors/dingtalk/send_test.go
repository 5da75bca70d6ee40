package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"longwire/connectors"
)

// What is tried again, how often and when, is shown without a network, so that
// the waits cost no time.

// Where a call goes, in one word.
const (
	viaHook  = "hook"
	viaGroup = "group"
	viaOTO   = "oto"
	viaToken = "token"
)

// answer is one scripted answer. The zero answer breaks the connection.
type answer struct {
	status int
	body   string
	hang   bool // never answer
}

func ok(body string) answer { return answer{status: 200, body: body} }

// script is a DingTalk that answers each way as listed; the last answer stays.
type script struct {
	answers map[string][]answer
	calls   []string
	at      []time.Time
	tokens  []string // what the calls carried
	bodies  []string
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	via := map[string]string{
		"/robot/sendBySession":              viaHook,
		"/v1.0/robot/groupMessages/send":    viaGroup,
		"/v1.0/robot/oToMessages/batchSend": viaOTO,
		"/v1.0/oauth2/accessToken":          viaToken,
	}[req.URL.Path]
	raw, err := io.ReadAll(req.Body)
	if err != nil || via == "" {
		return nil, fmt.Errorf("%s: %w", req.URL, err)
	}
	n := 0
	for _, call := range s.calls {
		if call == via {
			n++
		}
	}
	s.calls, s.at, s.bodies = append(s.calls, via), append(s.at, time.Now()), append(s.bodies, string(raw))
	s.tokens = append(s.tokens, req.Header.Get("x-acs-dingtalk-access-token"))
	if via == viaToken && s.answers[via] == nil {
		return response(ok(fmt.Sprintf(`{"accessToken":"t%d","expireIn":7200}`, n+1))), nil
	}
	list := s.answers[via]
	if len(list) == 0 {
		return nil, errors.New("nothing scripted for " + via)
	}
	a := list[min(n, len(list)-1)]
	switch {
	case a.hang:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case a.status == 0:
		return nil, errors.New("connection reset by peer")
	}
	return response(a), nil
}

func response(a answer) *http.Response {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}
}

// scripted is a robot whose DingTalk is s.
func scripted(s *script) *Connector {
	c := New(Config{Name: "work", ClientID: clientID, ClientSecret: clientSecret, Endpoint: "https://api.dingtalk.com"},
		nil, slog.New(slog.DiscardHandler))
	c.api.http.Transport = s
	return c
}

// from is an event whose reply goes to the address.
func from(t *testing.T, to address) connectors.Event {
	t.Helper()
	raw, err := json.Marshal(to)
	must(t, err)
	return connectors.Event{ID: "ding1/m1", Address: raw}
}

const hook = "https://oapi.dingtalk.com/robot/sendBySession?session=S3CRET"

var (
	toHook     = address{Webhook: hook, Chat: "cid1", Group: true, StaffID: "u1"}
	toGroup    = address{Chat: "cid1", Group: true, StaffID: "u1"}
	toPerson   = address{Chat: "cid2", StaffID: "u1"}
	toStranger = address{Chat: "cid2", Webhook: hook}
)

// The answers that DingTalk gives.
var (
	taken      = ok(`{"errcode":0,"errmsg":"ok"}`)
	sent       = ok(`{"processQueryKey":"k"}`)
	noSession  = ok(`{"errcode":300001,"errmsg":"session 不存在"}`)
	busy       = ok(`{"errcode":-1,"errmsg":"系统繁忙"}`)
	tooFast    = ok(`{"errcode":410100,"errmsg":"发送速度太快而限流"}`)
	badWords   = ok(`{"errcode":430104,"errmsg":"含有不合适的内容"}`)
	banned     = ok(`{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"xxx"}`)
	page       = ok("<html><body>Welcome to this hotel's network</body></html>")
	badGateway = answer{status: 502, body: "<html>502 Bad Gateway</html>"}
	badToken   = answer{status: 400, body: `{"code":"InvalidAuthentication","requestid":"r","message":"不合法的access_token"}`}
	qps        = answer{status: 403, body: `{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","requestid":"r","message":"被暂时禁用了"}`}
	quota      = answer{status: 403, body: `{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","requestid":"r","message":"quota"}`}
	noScope    = answer{status: 403, body: `{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","message":"没有调用该接口的权限","accessdenieddetail":{"requiredScopes":["qyapi_robot_sendmsg"]}}`}
	badContent = answer{status: 400, body: `{"code":"contain.notAllowed.content","message":"no"}`}
	badStaff   = ok(`{"processQueryKey":"k","invalidStaffIdList":["u1"],"flowControlledStaffIdList":[]}`)
	throttled  = ok(`{"processQueryKey":"k","invalidStaffIdList":[],"flowControlledStaffIdList":["u1"]}`)
)

// outcome is how a reply ends.
type outcome string

const (
	shown     outcome = "shown"
	transient outcome = "transient"
	permanent outcome = "permanent"
)

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return shown
	case connectors.Permanent(err):
		return permanent
	}
	return transient
}

func TestSend(t *testing.T) {
	ways := func(hook, group, oto []answer) map[string][]answer {
		return map[string][]answer{viaHook: hook, viaGroup: group, viaOTO: oto}
	}
	list := func(a ...answer) []answer { return a }
	rows := []struct {
		name    string
		to      address
		answers map[string][]answer
		calls   string // the first letter of each
		end     outcome
		says    string // in the error
	}{
		{"webhook", toHook, ways(list(taken), nil, nil), "h", shown, ""},
		{"webhook, errcode as text", toHook, ways(list(ok(`{"errcode":"0"}`)), nil, nil), "h", shown, ""},
		{"session gone", toHook, ways(list(noSession), list(sent), nil), "htg", shown, ""},
		{"session gone, code as text", toHook, ways(list(ok(`{"errcode":"300001"}`)), list(sent), nil), "htg", shown, ""},
		{"session gone, one-to-one", address{Webhook: hook, StaffID: "u1"}, ways(list(noSession), nil, list(sent)), "hto", shown, ""},
		{"busy", toHook, ways(list(busy, busy, taken), nil, nil), "hhh", shown, ""},
		{"busy for long", toHook, ways(list(busy), list(sent), nil), "hhhhtg", shown, ""},
		{"too fast", toHook, ways(list(tooFast, taken), nil, nil), "hh", shown, ""},
		{"too fast, code as text", toHook, ways(list(ok(`{"errcode":"410100"}`), taken), nil, nil), "hh", shown, ""},
		{"gateway", toHook, ways(list(badGateway, page, answer{}, taken), nil, nil), "hhhh", shown, ""},
		{"not an answer of DingTalk", toHook, ways(list(banned, answer{status: 302}, ok(`{}`), taken), nil, nil), "hhhh", shown, ""},
		{"no answer", toHook, ways(list(answer{hang: true}, taken), nil, nil), "hh", shown, ""},
		{"content", toHook, ways(list(badWords), list(sent), nil), "h", permanent, "430104"},
		{"content, by the robot API", toGroup, ways(nil, list(badContent), nil), "tg", permanent, "contain.notAllowed.content"},
		{"to the group", toGroup, ways(nil, list(sent), nil), "tg", shown, ""},
		{"to the person", toPerson, ways(nil, nil, list(sent)), "to", shown, ""},
		{"stale token", toGroup, ways(nil, list(badToken, sent), nil), "tgtg", shown, ""},
		{"stale token as HTTP 401", toGroup, ways(nil, list(answer{status: 401}, sent), nil), "tgtg", shown, ""},
		{"no token is ever good", toGroup, ways(nil, list(badToken), nil), "tgtggtggtggtg", transient, "InvalidAuthentication"},
		{"QPS", toGroup, ways(nil, list(qps, qps, sent), nil), "tggg", shown, ""},
		{"QPS for long", toGroup, ways(nil, list(qps), nil), "tgggg", transient, "QpsLimit"},
		{"monthly quota", toGroup, ways(nil, list(quota), nil), "tg", permanent, "ApiCountLimitForOrg"},
		{"no permission", toGroup, ways(nil, list(noScope), nil), "tg", permanent, "lacks the permission qyapi_robot_sendmsg"},
		{"too many requests", toGroup, ways(nil, list(answer{status: 429}, sent), nil), "tgg", shown, ""},
		{"robot gateway", toGroup, ways(nil, list(badGateway, page, answer{}, sent), nil), "tgggg", shown, ""},
		{"robot API answers nothing", toGroup, ways(nil, list(banned, ok(`{}`), answer{hang: true}, sent), nil), "tgggg", shown, ""},
		{"person API answers nothing", toPerson, ways(nil, nil, list(banned, ok(`{}`), sent)), "tooo", shown, ""},
		{"flow control", toPerson, ways(nil, nil, list(throttled, sent)), "too", shown, ""},
		{"flow control for long", toPerson, ways(nil, nil, list(throttled)), "toooo", transient, "flowControlledStaffIdList"},
		{"unknown person", toPerson, ways(nil, nil, list(badStaff)), "to", permanent, "does not know the person"},
		{"stranger", toStranger, ways(list(taken), nil, nil), "h", shown, ""},
		{"stranger, session gone", toStranger, ways(list(noSession), nil, nil), "h", permanent, "not of this organisation"},
		{"stranger, webhook busy", toStranger, ways(list(busy), nil, nil), "hhhh", transient, "code -1"},
		{"webhook busy, no permission", toHook, ways(list(busy), list(noScope), nil), "hhhhtg", transient, "qyapi_robot_sendmsg"},
		{"session gone, robot API busy", toHook, ways(list(noSession), list(badGateway), nil), "htgggg", transient, "HTTP 502"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: row.answers}
			err := answerTo(t.Context(), scripted(s), from(t, row.to), words("hello"))
			calls := ""
			for _, call := range s.calls {
				calls += call[:1]
			}
			if calls != row.calls || outcomeOf(err) != row.end {
				t.Errorf("%s: calls %q, %v; want %q, %s", row.name, calls, err, row.calls, row.end)
			}
			if err == nil {
				return
			}
			for _, hidden := range []string{"S3CRET", clientSecret, "hello"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("%s: %q is in %q", row.name, hidden, err)
				}
			}
			if !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "reply: ") {
				t.Errorf("%s: %q does not say %q", row.name, err, row.says)
			}
		})
	}
}

func TestSendWaits(t *testing.T) {
	rows := []struct {
		name        string
		to          address
		via         string
		first       answer
		least, most time.Duration
	}{
		{"busy", toHook, viaHook, busy, 250 * time.Millisecond, 500 * time.Millisecond},
		{"banned", toHook, viaHook, banned, 5 * time.Second, 5 * time.Second},
		{"banned from the robot API", toGroup, viaGroup, banned, 5 * time.Second, 5 * time.Second},
		{"too fast", toHook, viaHook, tooFast, 3 * time.Second, 3 * time.Second},
		{"no answer", toHook, viaHook, answer{hang: true}, callTime + 250*time.Millisecond, callTime + 500*time.Millisecond},
		{"QPS", toGroup, viaGroup, qps, time.Second, time.Second},
		{"QPM", toGroup, viaGroup, answer{status: 403, body: `{"code":"X.QpmLimitForAppkeyAndApi"}`}, 20 * time.Second, 20 * time.Second},
		{"group too fast", toGroup, viaGroup, answer{status: 400, body: `{"code":"send.too.fast"}`}, 2 * time.Second, 2 * time.Second},
		{"flow control", toPerson, viaOTO, throttled, 3 * time.Second, 3 * time.Second},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			second := sent
			if row.via == viaHook {
				second = taken
			}
			s := &script{answers: map[string][]answer{row.via: {row.first, second}}}
			if err := answerTo(t.Context(), scripted(s), from(t, row.to), words("hello")); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			i := slices.Index(s.calls, row.via)
			if pause := s.at[i+1].Sub(s.at[i]); pause < row.least || pause > row.most {
				t.Errorf("%s: waited %s", row.name, pause)
			}
		})
	}
}

func TestSendUsesTheNewToken(t *testing.T) {
	s := &script{answers: map[string][]answer{viaGroup: {badToken, sent}}}
	must(t, answerTo(t.Context(), scripted(s), from(t, toGroup), words("hello")))
	if !slices.Equal(s.tokens, []string{"", "t1", "", "t2"}) {
		t.Errorf("%q", s.tokens)
	}
	if !strings.Contains(s.bodies[0], `"appKey":"`+clientID+`"`) || !strings.Contains(s.bodies[1], `"robotCode":"`+clientID+`"`) {
		t.Errorf("%q", s.bodies)
	}
}

func TestTokenIsRefused(t *testing.T) {
	for body, want := range map[answer]outcome{
		{status: 400, body: `{"code":"invalidClientIdOrSecret","message":"无效的clientId或者clientSecret"}`}: permanent,
		{status: 503}: transient,
		ok(`{}`):      transient,
		page:          transient,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: map[string][]answer{viaToken: {body}}}
			err := answerTo(t.Context(), scripted(s), from(t, toGroup), words("hello"))
			if outcomeOf(err) != want || slices.Contains(s.calls, viaGroup) || strings.Contains(fmt.Sprint(err), clientSecret) {
				t.Errorf("%v: %v after %q", body, err, s.calls)
			}
		})
	}
}

// The end of the context ends the tries and is not taken for a webhook's refusal.
func TestSendEndsWithItsContext(t *testing.T) {
	for _, first := range []answer{busy, tooFast, badGateway, {hang: true}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			s := &script{answers: map[string][]answer{viaHook: {first}, viaGroup: {sent}}}
			began := time.Now()
			err := answerTo(ctx, scripted(s), from(t, toHook), words("hello"))
			if outcomeOf(err) != transient || len(s.calls) != 1 || time.Since(began) != 100*time.Millisecond {
				t.Errorf("%v: %v after %q and %s", first, err, s.calls, time.Since(began))
			}
		})
	}
}
