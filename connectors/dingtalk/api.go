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
	petty  *purse // pays for calls that belong to no answer
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
			Transport: connectors.NewTransport(config.Proxy),
			// No API redirects, and the token goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	a.token = connectors.NewToken(a.fetchToken)
	return a
}

// fetchToken asks for the app's access token, which lives two hours.
func (a *api) fetchToken(ctx context.Context) (string, time.Duration, error) {
	var answer tokenAnswer
	body := map[string]string{"appKey": a.config.ClientID, "appSecret": a.config.ClientSecret}
	if err := a.send(ctx, http.MethodPost, "get token", a.config.Endpoint+"/v1.0/oauth2/accessToken", "", body, &answer); err != nil {
		return "", 0, err
	}
	return answer.AccessToken, time.Duration(answer.ExpireIn) * time.Second, nil
}

type tokenAnswer struct {
	AccessToken string `json:"accessToken"`
	ExpireIn    int64  `json:"expireIn"` // seconds
}

func (t *tokenAnswer) check(op string) error {
	if t.AccessToken == "" {
		return &connectors.Error{Op: op, Message: "the answer holds no token"}
	}
	return nil
}

// call posts to an API that needs the token.
func (a *api) call(ctx context.Context, op, path string, body, answer any) error {
	return a.request(ctx, a.petty, http.MethodPost, op, path, body, answer)
}

// request calls an API that needs the token, and is paid for from the purse.
func (a *api) request(ctx context.Context, purse *purse, method, op, path string, body, answer any) error {
	return a.withToken(ctx, op, func(token string) error {
		purse.spend(ctx)
		err := a.send(ctx, method, op, a.config.Endpoint+path, token, body, answer)
		if tooOften(err) {
			purse.unspend()
		}
		return err
	})
}

// withToken makes a call with the token. One that DingTalk no longer knows is replaced
// once.
func (a *api) withToken(ctx context.Context, op string, call func(token string) error) error {
	for fresh := false; ; fresh = true {
		token, err := a.token.Value(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		err = call(token)
		if fresh || !tokenRefused(err) {
			return err
		}
		a.token.Drop(token)
	}
}

// judged is an answer that tells inside a 200 whether anything was done.
type judged interface {
	check(op string) error
}

// send sends body as JSON, reads the answer as JSON, and has it judged if it is judged.
// Every call to DingTalk's APIs goes through here.
func (a *api) send(ctx context.Context, method, op, to, token string, body, answer any) error {
	began := time.Now()
	answered, err := a.exchange(ctx, method, op, to, token, body, answer)
	a.measure(op, began, answered, err)
	return err
}

// exchange is send; answered reports whether anybody answered.
func (a *api) exchange(ctx context.Context, method, op, to, token string, body, answer any) (answered bool, err error) {
	out, err := encode(body)
	if err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(out))
	if err != nil {
		return false, &connectors.Error{Op: op, Fatal: true, Err: connectors.WithoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("x-acs-dingtalk-access-token", token)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return false, &connectors.Error{Op: op, Err: connectors.WithoutURL(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return false, &connectors.Error{Op: op, Err: fmt.Errorf("read answer: %w", err)}
	}
	return true, understand(op, resp.StatusCode, raw, answer)
}

// understand reads an answer.
func understand(op string, status int, raw []byte, answer any) error {
	if status != http.StatusOK {
		return refused(op, status, raw)
	}
	if err := banOf(op, raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return &connectors.Error{Op: op, Err: fmt.Errorf("parse answer: %w", err)}
	}
	if j, ok := answer.(judged); ok {
		return j.check(op)
	}
	return nil
}

// measure tells the meter about a call.
func (a *api) measure(op string, began time.Time, answered bool, err error) {
	a.config.Meter.Called(op, result(answered, err), time.Since(began))
}

// result is how a call ended, for the meter. Only what is answered with 200 has no
// code of its own.
func result(answered bool, err error) string {
	var e *connectors.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e) && e.Code != "":
		return strings.Replace(e.Code, "HTTP ", "http ", 1)
	case answered:
		return "http 200"
	}
	return "none"
}

// banOf reads the answer that an address gets which has called too often:
// {"status":1111,"wait":5,"punish":"deny",…} (documented). Its other form is a page.
func banOf(op string, raw []byte) error {
	var body struct {
		Status connectors.LooseString `json:"status"`
		Wait   json.Number            `json:"wait"` // seconds
	}
	if json.Unmarshal(raw, &body) != nil || body.Status != "1111" {
		return nil
	}
	wait, err := body.Wait.Float64()
	if err != nil || !(wait >= 1 && wait <= 300) { // a ban lasts five minutes
		wait = 5
	}
	return &connectors.Error{Op: op, Code: "1111", Message: "our address is banned for a while", RetryAfter: time.Duration(wait * float64(time.Second))}
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
	_ = json.Unmarshal(raw, &body) // a gateway's HTML page has no code
	e := &connectors.Error{Op: op, Code: string(body.Code), Message: string(body.Message)}
	if e.Code == "" {
		e.Code = "HTTP " + strconv.Itoa(status)
	}
	if len(body.Detail.Scopes) > 0 {
		e.Message += lacks(body.Detail.Scopes...)
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
		e.Fatal = body.Code != "" // nor without a code: a gateway or a proxy may let the next call pass
	}
	return e
}

// lacks tells the operator which permissions to switch on.
func lacks(scopes ...string) string {
	return " (the app lacks the permission " + strings.Join(scopes, ", ") + ")"
}

// tooOften reports whether a call was refused because there were too many. It had
// no effect, and DingTalk does not count it (documented).
func tooOften(err error) bool {
	var e *connectors.Error
	return errors.As(err, &e) && (strings.Contains(e.Code, "QpsLimit") || strings.Contains(e.Code, "QpmLimit"))
}

const tokenInvalid = "InvalidAuthentication" // HTTP 400: the token has ended or was never one

func tokenRefused(err error) bool {
	var e *connectors.Error
	return errors.As(err, &e) && (e.Code == tokenInvalid || e.Code == "HTTP 401" || oldTokenInvalid(e.Code))
}
