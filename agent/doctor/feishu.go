package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"

	"longwire/agent/config"
	"longwire/connectors/feishu/pbbp2"
)

// nobody are ids that no message, card or chat has.
const (
	noMessage = "om_00000000000000000000000000000000"
	noChat    = "oc_00000000000000000000000000000000"
	noPerson  = "ou_00000000000000000000000000000000"
	noCard    = "0"
)

// feishuCall is a call that can do nothing, and shows whether a scope is there: the
// platform looks at the scope first.
type feishuCall struct {
	name, scope  string
	method, path string
}

// feishu adds the checks of a connection to Feishu or Lark.
func (p *planner) feishu(c config.Connection, reached *step) {
	a := &api{base: c.Endpoint, proxy: c.Proxy.Func(), header: "Authorization", prefix: "Bearer "}
	token := p.add(Check{Platform, "credentials", c.Name}, func(ctx context.Context) verdict { return feishuToken(ctx, a, c) }, reached)
	bot := p.add(Check{Platform, "bot", c.Name}, func(ctx context.Context) verdict { return feishuBot(ctx, a) }, token)
	may := func(call feishuCall, lacking func(*cause, ...any) verdict) {
		p.add(Check{Platform, call.name, c.Name}, func(ctx context.Context) verdict { return feishuMay(ctx, a, call, lacking) }, bot)
	}
	may(feishuCall{"sending", "im:message:send_as_bot", http.MethodPost, "/open-apis/im/v1/messages/" + noMessage + "/reply"}, fail)
	if c.Reply != "text" {
		may(feishuCall{"cards", "cardkit:card:write", http.MethodPut, "/open-apis/cardkit/v1/cards/" + noCard}, lackingCards(c))
	}
	may(feishuCall{"quotes", "im:message:readonly", http.MethodGet, "/open-apis/im/v1/messages/" + noMessage}, warn)
	may(feishuCall{"topics", "im:chat:read", http.MethodGet, "/open-apis/im/v1/chats/" + noChat}, warn)
	may(feishuCall{"typing sign", "im:message.reactions:write_only", http.MethodDelete, "/open-apis/im/v1/messages/" + noMessage + "/reactions/0"}, warn)
	if access := p.cfg.AccessFor(c); len(access.Allow.Departments)+len(access.Deny.Departments) > 0 {
		may(feishuCall{"departments", "contact:contact.base:readonly", http.MethodGet, "/open-apis/contact/v3/users/" + noPerson}, fail)
	}
	p.stream(c, func(ctx context.Context) verdict { return feishuStream(ctx, a, c) }, token)
}

// feishuToken asks for the tenant's token. Its errors come as HTTP 200 with a code.
func feishuToken(ctx context.Context, a *api, c config.Connection) verdict {
	status, raw, err := a.call(ctx, http.MethodPost, "/open-apis/auth/v3/tenant_access_token/internal",
		map[string]string{"app_id": c.AppID, "app_secret": c.AppSecret.Reveal()})
	if err != nil {
		return fail(platformAway).seen(err)
	}
	var answer struct {
		Token string `json:"tenant_access_token"`
	}
	r := readFeishu(status, raw)
	if r.code == "0" && json.Unmarshal(raw, &answer) == nil && answer.Token != "" {
		a.token = answer.Token
		return good(credentialsGood)
	}
	switch r.code {
	case "10003", "10014", "10015":
		return fail(feishuCredentials).seen(r)
	}
	return feishuTrouble(r)
}

// readFeishu reads {"code":…,"msg":"…"}. The code of a call that worked is 0.
func readFeishu(status int, raw []byte) refusal {
	var body struct {
		Code  *int   `json:"code"`
		Msg   string `json:"msg"`
		Error struct {
			Violations []struct {
				Subject string `json:"subject"`
			} `json:"permission_violations"`
		} `json:"error"`
	}
	r := refusal{status: status}
	if json.Unmarshal(raw, &body) != nil || body.Code == nil {
		return r
	}
	var scopes []string
	for _, v := range body.Error.Violations {
		scopes = append(scopes, v.Subject)
	}
	r.code, r.message, r.scopes = strconv.Itoa(*body.Code), body.Msg, strings.Join(scopes, " / ")
	return r
}

// feishuTrouble is what a refusal means that any call may meet.
func feishuTrouble(r refusal) verdict {
	v := fail(platformRefused)
	switch r.code {
	case "99991662", "99991673":
		v = fail(feishuDisabled)
	case "99991401":
		v = fail(addressRefused)
	case "99991403":
		v = fail(quotaUsed)
	case "99991400", "2200", "1":
		v = warn(platformBusy)
	case "11205", "230006", "232025":
		v = fail(feishuNoBot)
	case "":
		v = fail(platformGateway)
	}
	return v.seen(r)
}

// activated is bot.activate_status of a bot that works.
const activated = 2

// feishuBot asks who the bot is.
func feishuBot(ctx context.Context, a *api) verdict {
	status, raw, err := a.call(ctx, http.MethodGet, "/open-apis/bot/v3/info", nil)
	if err != nil {
		return fail(platformAway).seen(err)
	}
	r := readFeishu(status, raw)
	if r.code != "0" {
		return feishuTrouble(r)
	}
	var answer struct {
		Bot struct {
			Name   string `json:"app_name"`
			Status int    `json:"activate_status"`
			OpenID string `json:"open_id"`
		} `json:"bot"`
	}
	switch err := json.Unmarshal(raw, &answer); {
	case err != nil || answer.Bot.OpenID == "":
		return fail(feishuNoBot).seen(r)
	case answer.Bot.Status != activated:
		return fail(feishuInactive, answer.Bot.Status)
	}
	return good(feishuBotGood, oneLine(answer.Bot.Name))
}

// feishuMay makes a call that can do nothing.
func feishuMay(ctx context.Context, a *api, call feishuCall, lacking func(*cause, ...any) verdict) verdict {
	var body any
	if call.method != http.MethodGet && call.method != http.MethodDelete {
		body = struct{}{} // what is asked for is left out, so nothing can be done
	}
	status, raw, err := a.call(ctx, call.method, call.path, body)
	if err != nil {
		return fail(platformAway).seen(err)
	}
	r := readFeishu(status, raw)
	switch r.code {
	case "99991672", "99991679":
		scope := call.scope
		if r.scopes != "" {
			scope = r.scopes
		}
		return lacking(feishuScope, scope).seen(r)
	case "", "2200", "1", "11205", "230006", "232025":
		return feishuTrouble(r)
	}
	if strings.HasPrefix(r.code, "999914") || strings.HasPrefix(r.code, "999916") { // of the gateway, before the call itself
		return feishuTrouble(r)
	}
	return good(scopeGood, call.scope)
}

// feishuStream opens a stream for a moment. The platform gives each event to one of
// the app's connections, so one may come here meanwhile: it is refused, and comes
// again 15 s later.
func feishuStream(ctx context.Context, a *api, c config.Connection) verdict {
	open := &api{base: a.base, proxy: a.proxy}
	status, raw, err := open.call(ctx, http.MethodPost, "/callback/ws/endpoint",
		map[string]string{"AppID": c.AppID, "AppSecret": c.AppSecret.Reveal()})
	if err != nil {
		return fail(platformAway).seen(err)
	}
	var answer struct {
		Data struct {
			URL string `json:"URL"`
		} `json:"data"`
	}
	r := readFeishu(status, raw)
	if r.code != "0" || json.Unmarshal(raw, &answer) != nil || answer.Data.URL == "" {
		return feishuStreamRefused(r)
	}
	u, err := url.Parse(answer.Data.URL)
	if err != nil {
		return fail(platformGateway)
	}
	service, _ := strconv.ParseInt(u.Query().Get("service_id"), 10, 32) // 0 is as good as what is no number
	ping := pbbp2.Frame{
		Method: pbbp2.MethodControl, Service: int32(service),
		Headers: []pbbp2.Header{{Key: pbbp2.HeaderType, Value: "ping"}},
	}
	return openStream(ctx, answer.Data.URL, a.proxy, streamTalk{
		ping:    func(ws *websocket.Conn) error { return ws.WriteMessage(websocket.BinaryMessage, ping.Marshal()) },
		refused: refuseFeishu,
		why:     func(h http.Header) (verdict, bool) { return feishuHandshake(h) },
	}, feishuStreamGood)
}

// feishuStreamRefused is what a refusal of the bootstrap means.
func feishuStreamRefused(r refusal) verdict {
	switch r.code {
	case "403", "514", "1000040344", "1000040345":
		return fail(feishuMode).seen(r)
	case "1000040350":
		return fail(feishuTooMany).seen(r)
	case "1000040343", "1000040351":
		return warn(platformBusy).seen(r)
	}
	return feishuTrouble(r)
}

// feishuHandshake reads why an upgrade was refused from headers of the platform's own.
func feishuHandshake(h http.Header) (verdict, bool) {
	code := h.Get("Handshake-Autherrcode")
	if code == "" {
		code = h.Get("Handshake-Status")
	}
	if code == "" {
		return verdict{}, false
	}
	return feishuStreamRefused(refusal{status: http.StatusForbidden, code: code, message: h.Get("Handshake-Msg")}), true
}

var errNoFrame = errors.New("a frame cannot be read")

// refuseFeishu reads a frame. A pong is what we wait for; an event is refused.
func refuseFeishu(ws *websocket.Conn, raw []byte) (alive bool, err error) {
	f, err := pbbp2.Unmarshal(raw)
	if err != nil {
		return false, errNoFrame
	}
	if f.Method == pbbp2.MethodControl {
		return f.Header(pbbp2.HeaderType) == "pong", nil
	}
	f.Payload = []byte(`{"code":500,"headers":null,"data":null}`) // send it again
	return false, ws.WriteMessage(websocket.BinaryMessage, f.Marshal())
}
