package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Client asks a running program, as the command line does. It works whatever the
// store is: an embedded file belongs to the program that runs.
type Client struct {
	scheme string
	addr   string
	token  string
	http   http.Client
}

// NewClient is a client of the program that listens on listen.
func NewClient(listen, token string) *Client {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		listen = net.JoinHostPort("127.0.0.1", port) // it listens everywhere, here too
	}
	// Without a proxy, whatever HTTP_PROXY says: it would read the token.
	return &Client{scheme: "http", addr: listen, token: token, http: http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}}
}

// Trust has the client speak TLS, with whoever has the key of the certificate in file
// and nobody else. The names in it do not matter: it is asked by address.
func (c *Client) Trust(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return fmt.Errorf("certificate: %s is not PEM", file)
	}
	want, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	c.scheme = "https"
	c.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the key itself is compared, below
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].RawSubjectPublicKeyInfo, want.RawSubjectPublicKeyInfo) {
				return errors.New("not the certificate of admin.tls.cert")
			}
			return nil
		},
	}}
	return nil
}

// ErrNotFound is returned when the program knows nothing under an id.
var ErrNotFound = errors.New("nothing is known under this id")

// Inbox lists what is not done, of one connection or of all ("").
func (c *Client) Inbox(ctx context.Context, connection string, limit int) (entries []Entry, err error) {
	query := url.Values{"connection": {connection}, "limit": {fmt.Sprint(limit)}}
	raw, err := c.ask(ctx, http.MethodGet, "/api/inbox", query, nil)
	if err == nil {
		err = parse(raw, &entries)
	}
	return entries, err
}

// Trace tells what happened to an event.
func (c *Client) Trace(ctx context.Context, id string) (life Life, err error) {
	raw, err := c.ask(ctx, http.MethodGet, "/api/trace", url.Values{"id": {id}}, nil)
	if err == nil {
		err = parse(raw, &life)
	}
	return life, err
}

// Retry puts a dead letter back.
func (c *Client) Retry(ctx context.Context, id string) error {
	_, err := c.ask(ctx, http.MethodPost, "/api/inbox/retry", nil, order{id})
	return err
}

// Drop removes a dead letter.
func (c *Client) Drop(ctx context.Context, id string) error {
	_, err := c.ask(ctx, http.MethodPost, "/api/inbox/drop", nil, order{id})
	return err
}

// Health is how the program does. It is no error that it is not well.
func (c *Client) Health(ctx context.Context) (report Report, err error) {
	raw, err := c.ask(ctx, http.MethodGet, "/api/health", nil, nil)
	if unwell := new(answerError); errors.As(err, &unwell) && unwell.status == http.StatusServiceUnavailable {
		raw, err = unwell.body, nil
	}
	if err == nil {
		err = parse(raw, &report)
	}
	if err == nil && report.Status == "" {
		err = errors.New("the program does not say how it does")
	}
	return report, err
}

// Live is an error when the program should be started anew, or does not answer.
func (c *Client) Live(ctx context.Context) error {
	_, err := c.ask(ctx, http.MethodGet, "/healthz", nil, nil)
	return err
}

// PrintHealth writes how the program does, in a line for each thing that is amiss, and
// reports whether everybody is answered.
func (c *Client) PrintHealth(ctx context.Context, out io.Writer) (healthy bool, err error) {
	report, err := c.Health(ctx)
	if err != nil {
		return false, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s: longwire %s, up for %s, %d connection(s)\n", report.Status, report.Version, time.Duration(report.Uptime)*time.Second, len(report.Connections))
	for _, p := range append(report.Problems, report.Warnings...) {
		fmt.Fprintf(&text, "  %s\n", p)
	}
	_, err = text.WriteTo(out)
	return report.Status != Unhealthy, err
}

func parse(raw []byte, answer any) error {
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("parse answer: %w", err)
	}
	return nil
}

// maxAnswer is more than any answer.
const maxAnswer = 64 << 20

// ask asks, with body as JSON unless it is nil, and returns the answer.
func (c *Client) ask(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	address := url.URL{Scheme: c.scheme, Host: c.addr, Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	req.Header.Set(commandHeader, "1")
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no running program answers at admin.listen (%s://%s): %w", c.scheme, c.addr, errors.Unwrap(err))
	}
	defer c.http.CloseIdleConnections()
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return raw, nil
	case http.StatusNotFound:
		return nil, ErrNotFound
	}
	return nil, &answerError{resp.StatusCode, raw}
}

// answerError is an answer that is none.
type answerError struct {
	status int
	body   []byte
}

func (e *answerError) Error() string {
	text := string(e.body[:min(len(e.body), 200)])
	var p problem
	if json.Unmarshal(e.body, &p) == nil && p.Error != "" {
		text = p.Error
	}
	return fmt.Sprintf("the program answers HTTP %d: %s", e.status, text)
}
