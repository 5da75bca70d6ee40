package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"longwire/connectors"
)

// api makes calls to one platform.
type api struct {
	base   string
	proxy  connectors.Proxy
	token  string // sent along once it is known; set by the credentials' check
	header string // what the token is sent in
	prefix string // what stands before it there
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// call sends body as JSON, unless it is nil, and returns what was answered.
func (a *api) call(ctx context.Context, method, path string, body any) (status int, raw []byte, err error) {
	var out io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		out = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, out)
	if err != nil {
		return 0, nil, connectors.WithoutURL(err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set(a.header, a.prefix+a.token)
	}
	transport := connectors.NewTransport(a.proxy)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, connectors.WithoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return resp.StatusCode, nil, fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, raw, nil
}

// refusal is a platform's no.
type refusal struct {
	status  int
	code    string // "" where a gateway answered in the platform's place
	message string
	scopes  string // the permissions that are missing, where it says so
}

func (r refusal) String() string {
	text := fmt.Sprintf("HTTP %d", r.status)
	if r.code != "" {
		text += ", code " + r.code
	}
	if r.message != "" {
		text += ": " + r.message
	}
	return text
}
