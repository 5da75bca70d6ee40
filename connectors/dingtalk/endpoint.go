package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/payload"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/utils"

	"longwire/connectors"
	"longwire/connectors/socket"
)

// Dial asks DingTalk for an endpoint and a ticket and dials. The ticket is good
// for one connection within 90 s, so every attempt asks for a new one
// (developer documentation, "Stream protocol").
func (c *Connector) Dial(ctx context.Context) (*socket.Conn, error) {
	endpoint, err := c.openEndpoint(ctx)
	if err != nil {
		return nil, err
	}
	where, err := url.Parse(endpoint.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("open endpoint: the answer's endpoint is not a URL: %w", connectors.WithoutURL(err))
	}
	query := where.Query()
	query.Set("ticket", endpoint.Ticket)
	where.RawQuery = query.Encode()
	return socket.Dial(ctx, where.String(), socket.Options{Keepalive: c.config.Keepalive, Proxy: c.config.Proxy})
}

// openEndpoint asks where to dial. The official SDK has the path and the models; its
// own call makes a transport each time that there is a proxy, and never closes it.
func (c *Connector) openEndpoint(ctx context.Context) (*endpointAnswer, error) {
	var answer endpointAnswer
	body := payload.ConnectionEndpointRequest{
		ClientId: c.config.ClientID, ClientSecret: c.config.ClientSecret,
		Subscriptions: c.subscriptions(), UserAgent: "longwire",
	}
	err := c.api.send(ctx, http.MethodPost, "open endpoint", c.config.Endpoint+utils.GetConnectionEndpointAPIUrl, "", body, &answer)
	if err != nil {
		return nil, refusal(err)
	}
	return &answer, nil
}

// subscriptions are what is to be pushed to us. Presses are asked for only where there
// are buttons.
func (c *Connector) subscriptions() []*payload.SubscriptionModel {
	list := []*payload.SubscriptionModel{{Type: callbackType, Topic: messageTopic}, {Type: eventType, Topic: everyTopic}}
	if c.buttons() {
		list = append(list, &payload.SubscriptionModel{Type: callbackType, Topic: cardTopic})
	}
	return list
}

// endpointAnswer is where to dial, and what lets us in.
type endpointAnswer struct {
	payload.ConnectionEndpointResponse
}

func (e *endpointAnswer) check(op string) error {
	if err := e.Valid(); err != nil {
		return &connectors.Error{Op: op, Err: err}
	}
	return nil
}

// refusal says which refusals only the operator can mend: {"code":"authFailed"}, which
// comes with HTTP 401 for a wrong client id or secret. All others may pass.
func refusal(err error) error {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Fatal = e.Code == "authFailed"; e.Fatal {
		e.Message += " (check client_id and client_secret, and that the app is published with its robot in Stream mode)"
	}
	return err
}
