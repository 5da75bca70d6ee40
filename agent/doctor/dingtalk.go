package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"longwire/agent/config"
	"longwire/connectors"
)

// dingtalk adds the checks of a connection to DingTalk. Its APIs look at the permission
// first and at the request then, so a request that can do nothing shows whether the
// permission is there.
func (p *planner) dingtalk(c config.Connection, reached *step) {
	a := &api{base: c.Endpoint, proxy: c.Proxy.Func(), header: "x-acs-dingtalk-access-token"}
	token := p.add(Check{Platform, "credentials", c.Name}, func(ctx context.Context) verdict { return dingtalkToken(ctx, a, c) }, reached)
	may := func(name, scope string, lacking func(*cause, ...any) verdict, method, path string, body any) {
		p.add(Check{Platform, name, c.Name}, func(ctx context.Context) verdict {
			status, raw, err := a.call(ctx, method, path, body)
			if err != nil {
				return fail(platformAway).seen(err)
			}
			return dingtalkMay(readDingTalk(status, raw), scope, lacking)
		}, token)
	}
	may("sending", "qyapi_robot_sendmsg", warn, http.MethodPost, "/v1.0/robot/oToMessages/batchSend",
		map[string]any{"robotCode": robotCode(c), "userIds": []string{}, "msgKey": "sampleText", "msgParam": `{"content":"-"}`})
	if c.Reply != "text" {
		lacking := lackingCards(c)
		card := "longwire-doctor" // no card of ours is called like this
		may("cards", "Card.Instance.Write", lacking, http.MethodPut, "/v1.0/card/instances",
			map[string]any{"outTrackId": card})
		may("card stream", "Card.Streaming.Write", lacking, http.MethodPut, "/v1.0/card/streaming",
			map[string]any{"outTrackId": card, "guid": card, "key": "-", "content": "-", "isFull": true})
	}
	p.stream(c, func(ctx context.Context) verdict { return dingtalkStream(ctx, a, c) }, token)
}

// lackingCards is how bad it is that there can be no cards: they can be done without,
// unless they are asked for.
func lackingCards(c config.Connection) func(*cause, ...any) verdict {
	if c.Reply == "card" {
		return fail
	}
	return warn
}

func robotCode(c config.Connection) string {
	if c.RobotCode != "" {
		return c.RobotCode
	}
	return c.ClientID
}

// dingtalkToken asks for the app's token.
func dingtalkToken(ctx context.Context, a *api, c config.Connection) verdict {
	status, raw, err := a.call(ctx, http.MethodPost, "/v1.0/oauth2/accessToken",
		map[string]string{"appKey": c.ClientID, "appSecret": c.ClientSecret.Reveal()})
	if err != nil {
		return fail(platformAway).seen(err)
	}
	var answer struct {
		Token string `json:"accessToken"`
	}
	if status == http.StatusOK && json.Unmarshal(raw, &answer) == nil && answer.Token != "" {
		a.token = answer.Token
		return good(credentialsGood)
	}
	r := readDingTalk(status, raw)
	switch {
	case r.code == "invalidClientIdOrSecret", r.code == "authFailed":
		return fail(dingtalkCredentials).seen(r)
	default:
		return dingtalkTrouble(r)
	}
}

// readDingTalk reads {"code":"…","message":"…"}.
func readDingTalk(status int, raw []byte) refusal {
	var body struct {
		Code    connectors.LooseString `json:"code"`
		Message connectors.LooseString `json:"message"`
		Status  connectors.LooseString `json:"status"`
		Detail  struct {
			Scopes []string `json:"requiredScopes"`
		} `json:"accessdenieddetail"`
	}
	_ = json.Unmarshal(raw, &body) // a gateway's page has no code
	r := refusal{status: status, code: string(body.Code), message: string(body.Message), scopes: strings.Join(body.Detail.Scopes, ", ")}
	if r.code == "" && body.Status == "1111" { // a ban of our address, which comes as a 200
		r.code = "1111"
	}
	return r
}

// dingtalkTrouble is what a refusal means that any call may meet.
func dingtalkTrouble(r refusal) verdict {
	v := fail(platformRefused)
	switch {
	case strings.HasSuffix(r.code, "IpNotInWhiteList"):
		v = fail(addressRefused)
	case r.code == "1111":
		v = fail(addressBanned)
	case strings.HasSuffix(r.code, "ApiCountLimitForOrg"):
		v = fail(quotaUsed)
	case strings.Contains(r.code, "QpsLimit"), strings.Contains(r.code, "QpmLimit"), r.status == http.StatusTooManyRequests:
		v = warn(platformBusy)
	case r.code == "" || r.status >= http.StatusInternalServerError:
		v = fail(platformGateway)
	}
	return v.seen(r)
}

// dingtalkMay is what the answer to a call says that could do nothing.
func dingtalkMay(r refusal, scope string, lacking func(*cause, ...any) verdict) verdict {
	switch {
	case strings.HasSuffix(r.code, "AccessTokenPermissionDenied"):
		if r.scopes != "" {
			scope = r.scopes
		}
		return lacking(dingtalkScope, scope).seen(r)
	case strings.HasPrefix(r.code, "invalidParameter.robotCode"), r.code == "robot.oto.notExist":
		return fail(robotWrong).seen(r)
	case r.status == http.StatusOK && r.code == "", strings.HasPrefix(r.code, "param."), strings.HasPrefix(r.code, "invalidParameter."),
		strings.HasPrefix(r.code, "miss.param"), r.code == "unknownError":
		return good(scopeGood, scope)
	}
	return dingtalkTrouble(r)
}

// dingtalkStream opens a stream for a moment. It subscribes to nothing but what the
// platform says about the stream itself, so no message is meant for it. The handshake
// is all that the platform says when a stream is up; a ping shows that it goes both
// ways.
func dingtalkStream(ctx context.Context, a *api, c config.Connection) verdict {
	open := &api{base: a.base, proxy: a.proxy}
	status, raw, err := open.call(ctx, http.MethodPost, "/v1.0/gateway/connections/open", map[string]any{
		"clientId": c.ClientID, "clientSecret": c.ClientSecret.Reveal(), "ua": "longwire-doctor",
		"subscriptions": []map[string]string{{"type": "SYSTEM", "topic": "ping"}},
	})
	if err != nil {
		return fail(platformAway).seen(err)
	}
	var answer struct{ Endpoint, Ticket string }
	if status != http.StatusOK || json.Unmarshal(raw, &answer) != nil || answer.Endpoint == "" {
		r := readDingTalk(status, raw)
		switch {
		case r.code == "authFailed":
			return fail(dingtalkCredentials).seen(r)
		case status == http.StatusBadRequest:
			return fail(dingtalkMode).seen(r)
		}
		return dingtalkTrouble(r)
	}
	return openStream(ctx, withTicket(answer.Endpoint, answer.Ticket), a.proxy, streamTalk{
		ping:    func(ws *websocket.Conn) error { return controlPing(ctx, ws) },
		refused: func(*websocket.Conn, []byte) (bool, error) { return false, nil }, // what is not acked comes again
	}, dingtalkStreamGood)
}
