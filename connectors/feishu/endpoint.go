package feishu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/pbbp2"
	"longwire/connectors/socket"
)

// Dial asks the platform for a URL and dials it. The URL carries its own ticket
// and serves one connection, so every attempt asks for a new one.
func (c *Connector) Dial(ctx context.Context) (*socket.Conn, error) {
	endpoint, err := c.openEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	where, err := url.Parse(endpoint.URL)
	if err != nil || where.Host == "" {
		return nil, &connectors.Error{Op: "open endpoint", Message: "the answer holds no URL"}
	}
	service, err := strconv.ParseInt(where.Query().Get("service_id"), 10, 32)
	if err != nil {
		return nil, &connectors.Error{Op: "open endpoint", Message: "the answer's URL holds no service_id"}
	}
	conn, err := socket.Dial(ctx, endpoint.URL, socket.Options{
		Keepalive: endpoint.keepalive(c.config.Keepalive),
		Ping:      ping(int32(service)),
		Proxy:     c.config.Proxy,
	})
	if refused := (*socket.HandshakeError)(nil); errors.As(err, &refused) {
		return nil, handshakeRefused(refused)
	}
	return conn, err
}

// endpoint is where to dial, and how the platform wants the socket to be kept.
type endpoint struct {
	URL          string `json:"URL"`
	ClientConfig struct {
		PingInterval int `json:"PingInterval"` // seconds; 120 where it is known
	} `json:"ClientConfig"`
}

const defaultKeepalive = 30 * time.Second

// keepalive is how often to ping: as configured, but not less often than the
// platform asks. A missing or absurd interval is not obeyed.
func (e endpoint) keepalive(configured time.Duration) time.Duration {
	if configured <= 0 {
		configured = defaultKeepalive
	}
	asked := e.ClientConfig.PingInterval
	if asked <= 0 || time.Duration(asked) > configured/time.Second {
		return configured
	}
	return time.Duration(asked) * time.Second
}

func ping(service int32) []byte {
	return pbbp2.Frame{
		Method:  pbbp2.MethodControl,
		Service: service,
		Headers: []pbbp2.Header{{Key: pbbp2.HeaderType, Value: "ping"}},
	}.Marshal()
}

// openEndpoint is the bootstrap call. Its errors come as HTTP 200 with a code.
func (c *Connector) openEndpoint(ctx context.Context) (_ endpoint, err error) {
	const op = "open endpoint"
	defer c.api.measure(op, time.Now(), &err)
	body, err := json.Marshal(map[string]string{"AppID": c.config.AppID, "AppSecret": c.config.AppSecret})
	if err != nil {
		return endpoint{}, fmt.Errorf("%s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoint+"/callback/ws/endpoint", bytes.NewReader(body))
	if err != nil {
		return endpoint{}, &connectors.Error{Op: op, Fatal: true, Err: connectors.WithoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("locale", "zh")
	resp, err := c.api.http.Do(req)
	if err != nil {
		return endpoint{}, &connectors.Error{Op: op, Code: gatewayCode(err), Err: connectors.WithoutURL(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return endpoint{}, &connectors.Error{Op: op, Err: fmt.Errorf("read answer: %w", err)}
	}
	var answer struct {
		Code int      `json:"code"`
		Msg  string   `json:"msg"`
		Data endpoint `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return endpoint{}, &connectors.Error{Op: op, Code: "HTTP " + strconv.Itoa(resp.StatusCode), Err: fmt.Errorf("parse answer: %w", err)}
	}
	if answer.Code != 0 || resp.StatusCode != http.StatusOK {
		return endpoint{}, bootstrapRefused(answer.Code, resp.StatusCode, answer.Msg)
	}
	return answer.Data, nil
}

// The bootstrap's codes that an operator has to mend. All others, known and
// unknown, are seen in transient trouble too and are tried again at the usual
// pace.
const (
	codeForbidden    = 403
	codeAuthFailed   = 514
	codeNoCredential = 1000040344
	codeBadSecret    = 1000040345 // app id or secret is wrong, or the app is not published
	codeTooMany      = 1000040350 // more than 50 connections of this app
)

// What the operator can do about them.
const (
	checkApp   = " (check app_id and app_secret, and that the app is published with its bot switched on)"
	stopOthers = " (the app has more than 50 connections: stop the other programs that use this app_id)"
)

func bootstrapRefused(code, status int, msg string) error {
	e := &connectors.Error{Op: "open endpoint", Code: strconv.Itoa(code), Message: msg}
	switch code {
	case codeForbidden, codeAuthFailed, codeNoCredential, codeBadSecret:
		e.Fatal = true
		e.Message += checkApp
	case codeTooMany:
		e.Fatal = true
		e.Message += stopOthers
	case 0:
		e.Code = "HTTP " + strconv.Itoa(status)
	}
	return e
}

// handshakeRefused reads why an upgrade was refused: the reason is in headers of
// the platform's own.
func handshakeRefused(refused *socket.HandshakeError) error {
	e := &connectors.Error{
		Op:      "dial",
		Code:    refused.Header.Get("Handshake-Status"),
		Message: refused.Header.Get("Handshake-Msg"),
		Err:     refused,
	}
	if code := refused.Header.Get("Handshake-Autherrcode"); code != "" {
		e.Code = code
	}
	switch e.Code {
	case strconv.Itoa(codeForbidden):
		e.Fatal = true
		e.Message += checkApp
	case strconv.Itoa(codeTooMany):
		e.Fatal = true
		e.Message += stopOthers
	}
	return e
}
