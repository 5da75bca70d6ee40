package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Client asks a running program, as the command line does. It works whatever the
// store is: an embedded file belongs to the program that runs.
type Client struct {
	base  string
	token string
	http  http.Client
}

// NewClient is a client of the program that listens on listen.
func NewClient(listen, token string) *Client {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		listen = net.JoinHostPort("127.0.0.1", port) // it listens everywhere, here too
	}
	return &Client{base: "http://" + listen, token: token, http: http.Client{Timeout: 30 * time.Second}}
}

// ErrNotFound is returned when the program knows nothing under an id.
var ErrNotFound = errors.New("nothing is known under this id")

// Inbox lists what is not done, of one connection or of all ("").
func (c *Client) Inbox(ctx context.Context, connection string, limit int) (entries []Entry, err error) {
	query := url.Values{"connection": {connection}, "limit": {fmt.Sprint(limit)}}
	err = c.do(ctx, http.MethodGet, "/api/inbox", query, &entries)
	return entries, err
}

// Trace tells what happened to an event.
func (c *Client) Trace(ctx context.Context, id string) (life Life, err error) {
	err = c.do(ctx, http.MethodGet, "/api/trace", url.Values{"id": {id}}, &life)
	return life, err
}

// Retry puts a dead letter back, Drop removes it.
func (c *Client) Retry(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/api/inbox/retry", url.Values{"id": {id}}, nil)
}

// Drop removes a dead letter.
func (c *Client) Drop(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/api/inbox/drop", url.Values{"id": {id}}, nil)
}

// do asks, and reads the answer into answer, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, answer any) error {
	raw, err := c.get(ctx, method, path, query)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("parse answer: %w", err)
	}
	return nil
}

// get asks, and returns the answer.
func (c *Client) get(ctx context.Context, method, path string, query url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(commandHeader, "1")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no running program answers at admin.listen (%s): %w", c.base, errors.Unwrap(err))
	}
	defer func() { _ = resp.Body.Close() }()
	defer c.http.CloseIdleConnections()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return raw, nil
	case http.StatusNotFound:
		return nil, ErrNotFound
	}
	return nil, fmt.Errorf("the program answers HTTP %d: %s", resp.StatusCode, problemOf(raw))
}

// problemOf is what an answer that is not one says.
func problemOf(raw []byte) string {
	var p problem
	if json.Unmarshal(raw, &p) == nil && p.Error != "" {
		return p.Error
	}
	return string(raw[:min(len(raw), 200)])
}
