package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcardkit "github.com/larksuite/oapi-sdk-go/v3/service/cardkit/v1"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"

	"longwire/connectors"
)

// api calls the platform over HTTP for one app. The SDK's own token cache is not
// used: it goes on sending a token that the platform has refused.
type api struct {
	config *larkcore.Config
	http   *http.Client
	im     *larkim.V1
	cards  *larkcardkit.V1
	token  *connectors.Token
	rate   *governor
	scopes *scopes
	meter  connectors.Meter
}

const (
	callTime = 10 * time.Second // one HTTP call
	maxBody  = 4 << 20          // bytes of an answer that are read
)

func newAPI(config Config, log *slog.Logger) *api {
	a := &api{
		http: &http.Client{
			Timeout:       callTime,
			Transport:     bounded{connectors.NewTransport(config.Proxy)},
			CheckRedirect: connectors.Stay,
		},
		rate:   newGovernor(config.Shelf, config.Rate),
		scopes: newScopes(log),
		meter:  config.Meter,
	}
	a.config = &larkcore.Config{
		BaseUrl:      config.Endpoint,
		AppId:        config.AppID,
		AppSecret:    config.AppSecret,
		AppType:      larkcore.AppTypeSelfBuilt,
		HttpClient:   a.http,
		Logger:       silent{},
		Serializable: &larkcore.DefaultSerialization{},
	}
	a.im = larkim.New(a.config)
	a.cards = larkcardkit.New(a.config)
	a.token = connectors.NewToken(a.fetchToken)
	return a
}

// bounded cuts every answer at maxBody; the SDK reads without a bound. A refusal that
// is none of the platform's is an error: the SDK would keep its status to itself.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest && !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		_ = resp.Body.Close()
		return nil, gateway(resp.StatusCode)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxBody), resp.Body}
	return resp, nil
}

// gateway is the HTTP status with which somebody on the way answered in the platform's
// place. All that the platform answers is JSON.
type gateway int

func (g gateway) Error() string { return "a gateway or proxy answered in the platform's place" }

// gatewayCode is the code of a call that ended with err: the status of a gateway, else
// "".
func gatewayCode(err error) string {
	var g gateway
	if !errors.As(err, &g) {
		return ""
	}
	return "HTTP " + strconv.Itoa(int(g))
}

// silent keeps the SDK from printing to standard output; what it would say comes
// back as an error too.
type silent struct{}

func (silent) Debug(context.Context, ...any) {}
func (silent) Info(context.Context, ...any)  {}
func (silent) Warn(context.Context, ...any)  {}
func (silent) Error(context.Context, ...any) {}

// fetchToken asks for the tenant access token. Its errors are HTTP 200 with a
// code; expire is what is left of a token's two hours.
func (a *api) fetchToken(ctx context.Context) (value string, life time.Duration, err error) {
	const op = "get token"
	defer a.measure(op, time.Now(), &err)
	resp, err := larkcore.Request(ctx, &larkcore.ApiReq{
		HttpMethod:                http.MethodPost,
		ApiPath:                   "/open-apis/auth/v3/tenant_access_token/internal",
		Body:                      map[string]string{"app_id": a.config.AppId, "app_secret": a.config.AppSecret},
		SupportedAccessTokenTypes: []larkcore.AccessTokenType{larkcore.AccessTokenTypeNone},
	}, a.config)
	if err != nil {
		return "", 0, &connectors.Error{Op: op, Code: gatewayCode(err), Err: connectors.WithoutURL(err)}
	}
	var answer struct {
		larkcore.CodeError
		Token  string `json:"tenant_access_token"`
		Expire int64  `json:"expire"` // seconds
	}
	if err := json.Unmarshal(resp.RawBody, &answer); err != nil {
		return "", 0, &connectors.Error{Op: op, Code: "HTTP " + strconv.Itoa(resp.StatusCode), Err: fmt.Errorf("parse answer: %w", err)}
	}
	if answer.Code != 0 || answer.Token == "" {
		return "", 0, refusal(op, resp, answer.CodeError)
	}
	return answer.Token, time.Duration(answer.Expire) * time.Second, nil
}

// call makes a call that needs the token. A token that the platform no longer
// knows is not used again, and is replaced once.
func (a *api) call(ctx context.Context, op string, do func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error)) error {
	for fresh := false; ; fresh = true {
		token, err := a.token.Value(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		code, err := a.attempt(op, func() (*larkcore.ApiResp, larkcore.CodeError, error) {
			return do(larkcore.WithTenantAccessToken(token))
		})
		if err == nil {
			a.scopes.granted(op)
			return nil
		}
		a.scopes.refused(op, code)
		if tokenRefused(code.Code) {
			a.token.Drop(token)
			if !fresh {
				continue
			}
		}
		return err
	}
}

// attempt makes a call once, and measures it.
func (a *api) attempt(op string, do func() (*larkcore.ApiResp, larkcore.CodeError, error)) (code larkcore.CodeError, err error) {
	defer a.measure(op, time.Now(), &err)
	resp, code, err := do()
	switch {
	case err != nil:
		return larkcore.CodeError{}, &connectors.Error{Op: op, Code: gatewayCode(err), Err: brief{connectors.WithoutURL(err)}}
	case code.Code == 0 && resp.StatusCode == http.StatusOK:
		return code, nil
	}
	return code, refusal(op, resp, code)
}

// brief is an error of the SDK that may quote a whole answer, for instance a
// proxy's HTML.
type brief struct{ error }

func (b brief) Error() string { return clip(b.error.Error(), 200) }
func (b brief) Unwrap() error { return b.error }

// paced is call for what has to be done, in the platform's rate.
func (a *api) paced(ctx context.Context, op string, do func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error)) error {
	if err := a.rate.wait(ctx, op); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	err := a.call(ctx, op, do)
	a.rate.learn(op, err)
	return err
}

// whoAmI asks for the bot's own open_id.
func (a *api) whoAmI(ctx context.Context) (openID string, err error) {
	err = a.call(ctx, "get bot info", func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := larkcore.Request(ctx, &larkcore.ApiReq{
			HttpMethod:                http.MethodGet,
			ApiPath:                   "/open-apis/bot/v3/info",
			SupportedAccessTokenTypes: []larkcore.AccessTokenType{larkcore.AccessTokenTypeTenant},
		}, a.config, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		var answer struct {
			larkcore.CodeError
			Bot struct {
				OpenID string `json:"open_id"`
			} `json:"bot"`
		}
		if err := json.Unmarshal(resp.RawBody, &answer); err != nil {
			return nil, larkcore.CodeError{}, fmt.Errorf("HTTP %d: parse answer: %w", resp.StatusCode, err)
		}
		openID = answer.Bot.OpenID
		return resp, answer.CodeError, nil
	})
	switch {
	case err != nil:
		return "", err
	case openID == "":
		return "", &connectors.Error{Op: "get bot info", Message: "the answer holds no open_id"}
	}
	return openID, nil
}

// tokenRefused reports whether code says that the token is missing, has ended or
// is of the wrong kind.
func tokenRefused(code int) bool {
	switch code {
	case 99991661, 99991663, 99991664, 99991665, 99991668, 99991671, 99991677:
		return true
	}
	return false
}

// refusal makes an error of a code, and is the one place that decides whether
// trying again helps. A code that is not known is taken for final: the same call
// would meet it again. A refusal without a code is a gateway's and passes.
func refusal(op string, resp *larkcore.ApiResp, code larkcore.CodeError) error {
	e := &connectors.Error{Op: op, Code: strconv.Itoa(code.Code), Message: code.Msg, RetryAfter: limited(resp)}
	if resp.Header.Get("X-Tt-Logid") != "" {
		e.Message += " (log id " + resp.Header.Get("X-Tt-Logid") + ")"
	}
	switch code.Code {
	case 0:
		e.Code = "HTTP " + strconv.Itoa(resp.StatusCode)
	case 99991400, // frequency limit of the API
		230020, 11232, 11233, 11247, 1000004, 1000005, // frequency limits of a chat, a person, a message
		230049, 18121, 231015, // the same uuid is under way
		200810,                     // somebody's press on the card is being answered
		2200, 1500, 300000, 300120: // trouble inside
	case 99991403: // the month's quota is used up
		e.Fatal = true
	case 99991672, 99991679:
		e.Fatal = true
		e.Message += " (the app lacks the scope " + scopesIn(code) + ")"
	default:
		e.Fatal = resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && !tokenRefused(code.Code)
	}
	return e
}

// clearer is err with words that say what to do about it, and no hope that it passes.
func clearer(err error, words string) error {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return err
	}
	clear := *e
	clear.Fatal = true
	clear.Message += " (" + words + ")"
	return &clear
}

// limited is how long the platform asks to wait, 0 where it does not.
func limited(resp *larkcore.ApiResp) time.Duration {
	s, err := strconv.Atoi(resp.Header.Get("x-ogw-ratelimit-reset"))
	if err != nil || s <= 0 {
		return 0
	}
	return time.Duration(min(s, 60)) * time.Second
}

// withdrawn reports whether err says that the message to reply to is gone: it
// was recalled or deleted, so nobody waits for an answer.
func withdrawn(err error) bool { return coded(err, "230011", "231003", "230110") }
