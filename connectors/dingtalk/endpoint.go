package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/client"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/logger"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/payload"

	"longwire/connectors"
	"longwire/connectors/socket"
)

// Dial asks DingTalk for an endpoint and a ticket and dials. The ticket is good
// for one connection within 90 s, so every attempt asks for a new one
// (developer documentation, "Stream protocol").
func (c *Connector) Dial(ctx context.Context) (*socket.Conn, error) {
	endpoint, err := c.sdk().GetConnectionEndpoint(ctx)
	if err != nil {
		return nil, refusal(err)
	}
	where, err := url.Parse(endpoint.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("open endpoint: the answer's endpoint is not a URL: %w", connectors.WithoutURL(err))
	}
	query := where.Query()
	query.Set("ticket", endpoint.Ticket)
	where.RawQuery = query.Encode()
	return socket.Dial(ctx, where.String(), socket.Options{Keepalive: c.config.Keepalive})
}

// sdk is the official client, used for nothing but its endpoint call.
func (c *Connector) sdk() *client.StreamClient {
	options := []client.ClientOption{
		client.WithAppCredential(client.NewAppCredentialConfig(c.config.ClientID, c.config.ClientSecret)),
		client.WithOpenApiHost(c.config.Endpoint),
		client.WithSubscription(callbackType, messageTopic, unused),
		client.WithSubscription(eventType, everyTopic, unused),
	}
	if c.buttons() {
		options = append(options, client.WithSubscription(callbackType, cardTopic, unused))
	}
	return client.NewStreamClient(options...)
}

// unused stands for the handler that a subscription of the SDK needs. Frames come
// on our own socket, so it is never called.
func unused(context.Context, *payload.DataFrame) (*payload.DataFrameResponse, error) { return nil, nil }

func init() {
	// The SDK makes its global logger on first use without a lock; set once here
	// it is no race, and its debug lines, which hold the secret, go nowhere.
	logger.SetLogger(silent{})
}

type silent struct{}

func (silent) Debugf(string, ...any)   {}
func (silent) Infof(string, ...any)    {}
func (silent) Warningf(string, ...any) {}
func (silent) Errorf(string, ...any)   {}
func (silent) Fatalf(string, ...any)   {}

// refusal makes an error of what the SDK returns for an answer that is not HTTP
// 200: the bare body. {"code":"authFailed"} comes with HTTP 401 for a wrong
// client id or secret.
func refusal(err error) error {
	var body struct {
		Code    connectors.LooseString `json:"code"`
		Message connectors.LooseString `json:"message"`
	}
	var transport *url.Error
	switch {
	case errors.As(err, &transport):
		return &connectors.Error{Op: "open endpoint", Err: connectors.WithoutURL(err)}
	case err.Error() == "":
		return &connectors.Error{Op: "open endpoint", Message: "refused without a reason"}
	case json.Unmarshal([]byte(err.Error()), &body) != nil || body.Code == "":
		return &connectors.Error{Op: "open endpoint", Message: fmt.Sprintf("%.200s", err.Error())} // perhaps a whole page of HTML
	}
	e := &connectors.Error{Op: "open endpoint", Code: string(body.Code), Message: string(body.Message)}
	if body.Code == "authFailed" {
		e.Fatal = true
		e.Message += " (check client_id and client_secret, and that the app is published with its robot in Stream mode)"
	}
	return e
}
