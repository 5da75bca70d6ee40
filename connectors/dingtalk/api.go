package dingtalk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"longwire/connectors"
)

// api calls DingTalk over HTTP for one robot.
type api struct {
	config Config
	http   *http.Client
	token  *connectors.Token
}

const (
	callTime = 10 * time.Second // one HTTP call; DingTalk's own gateway gives up after 3 s
	maxBody  = 1 << 20          // bytes of an answer that are read
)

func newAPI(config Config) *api {
	a := &api{
		config: config,
		http: &http.Client{
			Timeout:   callTime,
			Transport: connectors.NewTransport(),
			// No API redirects, and the token goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	a.token = connectors.NewToken(a.fetchToken)
	return a
}

// fetchToken asks for the app's access token, which lives two hours.
func (a *api) fetchToken(ctx context.Context) (string, time.Duration, error) {
	var answer struct {
		AccessToken string `json:"accessToken"`
		ExpireIn    int64  `json:"expireIn"` // seconds
	}
	body := map[string]string{"appKey": a.config.ClientID, "appSecret": a.config.ClientSecret}
	if err := a.post(ctx, "get token", a.config.Endpoint+"/v1.0/oauth2/accessToken", "", body, &answer); err != nil {
		return "", 0, err
	}
	if answer.AccessToken == "" {
		return "", 0, &connectors.Error{Op: "get token", Message: "the answer holds no token"}
	}
	return answer.AccessToken, time.Duration(answer.ExpireIn) * time.Second, nil
}

// call posts to an API that needs the token. A token that DingTalk no longer
// knows is replaced once.
func (a *api) call(ctx context.Context, op, path string, body, answer any) error {
	for fresh := false; ; fresh = true {
		token, err := a.token.Value(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		err = a.post(ctx, op, a.config.Endpoint+path, token, body, answer)
		if fresh || !tokenRefused(err) {
			return err
		}
		a.token.Drop(token)
	}
}

// post sends body as JSON and reads the answer as JSON.
func (a *api) post(ctx context.Context, op, to, token string, body, answer any) error {
	out, err := encode(body)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(out))
	if err != nil {
		return &connectors.Error{Op: op, Fatal: true, Err: connectors.WithoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("x-acs-dingtalk-access-token", token)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return &connectors.Error{Op: op, Err: connectors.WithoutURL(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return &connectors.Error{Op: op, Err: fmt.Errorf("read answer: %w", err)}
	}
	if resp.StatusCode != http.StatusOK {
		return refused(op, resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return &connectors.Error{Op: op, Err: fmt.Errorf("parse answer: %w", err)}
	}
	return nil
}

// encode is json.Marshal without the escapes for HTML: six bytes for each < would
// count against the limits.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

// refused makes an error of an answer other than HTTP 200, and is the one place
// that decides whether trying again helps. The body is
// {"code":"…","requestid":"…","message":"…"}; all throttling comes as HTTP 403.
func refused(op string, status int, raw []byte) error {
	var body struct {
		Code    connectors.LooseString `json:"code"`
		Message connectors.LooseString `json:"message"`
		Detail  struct {
			Scopes []string `json:"requiredScopes"`
		} `json:"accessdenieddetail"`
	}
	_ = json.Unmarshal(raw, &body) // a gateway's HTML page has no code, its status says enough
	e := &connectors.Error{Op: op, Code: string(body.Code), Message: string(body.Message)}
	if e.Code == "" {
		e.Code = "HTTP " + strconv.Itoa(status)
	}
	if len(body.Detail.Scopes) > 0 {
		e.Message += " (the app lacks the permission " + strings.Join(body.Detail.Scopes, ", ") + ")"
	}
	switch {
	case strings.Contains(e.Code, "QpsLimit"):
		e.RetryAfter = time.Second
	case strings.Contains(e.Code, "QpmLimit"):
		e.RetryAfter = 20 * time.Second
	case e.Code == "send.too.fast", e.Code == "send.byToken.tooFast", e.Code == "too.many.group", e.Code == "too.many.people":
		e.RetryAfter = 2 * time.Second
	case e.Code == tokenInvalid, status == http.StatusUnauthorized, status == http.StatusRequestTimeout,
		status == http.StatusTooManyRequests, status < 400, status >= 500: // below 400 it is not DingTalk that answers
	default:
		e.Fatal = true
	}
	return e
}

const tokenInvalid = "InvalidAuthentication" // HTTP 400: the token has ended or was never one

func tokenRefused(err error) bool {
	var e *connectors.Error
	return errors.As(err, &e) && (e.Code == tokenInvalid || e.Code == "HTTP 401")
}

// byWebhook sends markdown to a message's webhook. The answer is HTTP 200 also
// for a failure; errcode tells, as a number or as a string.
func (a *api) byWebhook(ctx context.Context, webhook, title, text string) error {
	const op = "send by webhook"
	var answer struct {
		Errcode connectors.LooseString `json:"errcode"`
		Errmsg  connectors.LooseString `json:"errmsg"`
	}
	body := map[string]any{
		"msgtype":  "markdown",
		"markdown": map[string]string{"title": title, "text": text},
	}
	if err := a.post(ctx, op, webhook, "", body, &answer); err != nil {
		return err
	}
	switch answer.Errcode {
	case "0":
		return nil
	case "": // documented for a banned IP address: {"status":1111,"wait":5,"punish":"deny",…}
		return &connectors.Error{Op: op, Message: "the answer holds no errcode"}
	case "-1": // the system is busy
		return &connectors.Error{Op: op, Code: "-1", Message: string(answer.Errmsg)}
	case "410100": // too fast
		return &connectors.Error{Op: op, Code: "410100", Message: string(answer.Errmsg), RetryAfter: 3 * time.Second}
	}
	return &connectors.Error{Op: op, Code: string(answer.Errcode), Message: string(answer.Errmsg), Fatal: true}
}

// refusedContent reports whether DingTalk did not like what was to be said: an
// unsafe link, a text, a picture or other content.
func refusedContent(err error) bool {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "430101", "430102", "430103", "430104":
		return true
	}
	return strings.HasPrefix(e.Code, "contain.")
}

// byRobot sends markdown as the robot, to the group or to the person.
func (a *api) byRobot(ctx context.Context, to address, title, text string) error {
	param, err := encode(map[string]string{"title": title, "text": text})
	if err != nil {
		return fmt.Errorf("send by robot: %w", err)
	}
	robot := to.RobotCode
	if robot == "" {
		robot = a.config.RobotCode
	}
	body := map[string]any{"robotCode": robot, "msgKey": "sampleMarkdown", "msgParam": string(param)}
	if to.Group {
		return a.toGroup(ctx, to, body)
	}
	return a.toPerson(ctx, to, body)
}

// noReceipt is a 200 without processQueryKey: whoever answered, nothing was sent.
func noReceipt(op string) error {
	return &connectors.Error{Op: op, Message: "the answer holds no processQueryKey"}
}

func (a *api) toGroup(ctx context.Context, to address, body map[string]any) error {
	const op = "send to group"
	body["openConversationId"] = to.Chat
	var answer struct {
		Receipt connectors.LooseString `json:"processQueryKey"`
	}
	if err := a.call(ctx, op, "/v1.0/robot/groupMessages/send", body, &answer); err != nil {
		return err
	}
	if answer.Receipt == "" {
		return noReceipt(op)
	}
	return nil
}

// toPerson sends to one person. The answer is HTTP 200 also when nobody got the
// message.
func (a *api) toPerson(ctx context.Context, to address, body map[string]any) error {
	const op = "send to person"
	if to.StaffID == "" {
		return &connectors.Error{Op: op, Fatal: true, Message: "the person is not of this organisation, only the webhook could reach them and it has expired"}
	}
	body["userIds"] = []string{to.StaffID}
	var answer struct {
		Receipt   connectors.LooseString `json:"processQueryKey"`
		Invalid   []string               `json:"invalidStaffIdList"`
		Throttled []string               `json:"flowControlledStaffIdList"`
	}
	if err := a.call(ctx, op, "/v1.0/robot/oToMessages/batchSend", body, &answer); err != nil {
		return err
	}
	switch {
	case len(answer.Invalid) > 0:
		return &connectors.Error{Op: op, Fatal: true, Code: "invalidStaffIdList", Message: "DingTalk does not know the person"}
	case len(answer.Throttled) > 0:
		return &connectors.Error{Op: op, Code: "flowControlledStaffIdList", Message: "too many messages to the person", RetryAfter: 3 * time.Second}
	case answer.Receipt == "":
		return noReceipt(op)
	}
	return nil
}
