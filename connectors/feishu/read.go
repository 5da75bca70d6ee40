package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
)

const (
	readTime  = 10 * time.Second // for all that Read asks
	readTries = 3
	maxItems  = 500 // messages that are looked at in one answer
)

// groupScope is the scope without which no message of a group can be read.
const groupScope = "im:message.group_msg"

// Read completes what only the platform can tell of ev: the words of a quote, whose
// pictures and files come after ev's own, the messages in a forward, which then is a
// text, and who asks where several people share a conversation. What the platform does
// not tell is left as it is, and the log says why.
func (c *Connector) Read(ctx context.Context, ev connectors.Event) connectors.Event {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	log := c.log.With("event", ev.Trace())
	ev = c.withName(ctx, ev)
	if ev.Kind == connectors.KindForward && ev.Text == "" {
		if text, err := c.readForward(ctx, ev); err != nil {
			log.Warn("forwarded messages cannot be read", "err", err)
		} else if text != "" {
			ev.Kind, ev.Text = connectors.KindText, text
		}
	}
	if ev.Quote != nil && ev.Quote.Text == "" && ev.Quote.Ref != "" {
		if quote, files, err := c.readQuote(ctx, ev); err != nil {
			log.Warn("quoted message cannot be read", "err", err)
		} else {
			ev.Quote = &quote
			ev.Files = append(ev.Files[:len(ev.Files):len(ev.Files)], files...)
		}
	}
	return ev
}

// readQuote reads the message that ev quotes.
func (c *Connector) readQuote(ctx context.Context, ev connectors.Event) (connectors.Quote, []connectors.File, error) {
	quote := *ev.Quote
	items, err := c.readMessage(ctx, quote.Ref, false)
	if err != nil {
		return connectors.Quote{}, nil, err
	}
	it := items[0]
	known := called(items)
	quote.Ours = it.ours(c.config.AppID, c.identity.openID())
	quote.From = known[it.author()]
	if it.author() == ev.Sender.ID && quote.From == "" {
		quote.From = ev.Sender.Name
	}
	if it.Deleted == "true" {
		return quote, nil, nil // it has no words any more
	}
	if it.Type == "merge_forward" {
		quote.Kind, quote.Text = connectors.KindForward, c.unfold(ctx, string(it.ID), items, known)
		return quote, nil, nil
	}
	as := reading{message: string(it.ID), names: it.names(), limit: connectors.MaxQuote, before: ev.Files}
	says, err := say(string(it.Type), string(it.Body.Content), as)
	if err != nil {
		return connectors.Quote{}, nil, fmt.Errorf("parse message: %w", err)
	}
	if says.kind == connectors.KindCard {
		says = c.readCard(ctx, string(it.ID), says, as)
	}
	quote.Kind, quote.Text = says.kind, says.text
	return quote, says.files, nil
}

// readCard reads a card again whose form for others has no words: as it was sent, it
// may have some. Cards of the newer kind look to older readers like a request to
// upgrade.
func (c *Connector) readCard(ctx context.Context, id string, says said, as reading) said {
	items, err := c.readMessage(ctx, id, true)
	if err != nil {
		c.log.Debug("card cannot be read as it was sent", "err", err)
		return says
	}
	again, err := say("interactive", string(items[0].Body.Content), as)
	if err != nil {
		return says
	}
	return again
}

// item is a message as the API shows it. It differs from an event's.
type item struct {
	ID      connectors.LooseString `json:"message_id"`
	Type    connectors.LooseString `json:"msg_type"`
	Upper   connectors.LooseString `json:"upper_message_id"` // the forward that it is in
	Deleted connectors.LooseString `json:"deleted"`          // true also of a recalled one
	Sender  struct {
		ID   connectors.LooseString `json:"id"` // an open_id, or of a bot its app_id
		Type connectors.LooseString `json:"sender_type"`
	} `json:"sender"`
	Body struct {
		Content connectors.LooseString `json:"content"`
	} `json:"body"`
	Mentions json.RawMessage `json:"mentions"`
}

// itemMention is a mention in an item.
type itemMention struct {
	Key  connectors.LooseString `json:"key"`
	ID   connectors.LooseString `json:"id"` // an open_id
	Name connectors.LooseString `json:"name"`
}

// author is who wrote the message, by an id that is only good for comparing.
func (i item) author() string { return clip(string(i.Sender.ID), maxID) }

// ours reports whether the bot wrote the message.
func (i item) ours(appID, self string) bool {
	return i.Sender.ID != "" && (string(i.Sender.ID) == appID || string(i.Sender.ID) == self)
}

// names are who is mentioned in the message, the bot as well.
func (i item) names() names {
	shown := names{everybody: "@all"}
	for _, who := range list[itemMention](i.Mentions, maxMentions) {
		shown.add(string(who.Key), string(who.Name))
	}
	return shown
}

// called are the names of people by their id, as far as somebody mentions them.
func called(items []item) map[string]string {
	known := make(map[string]string)
	for _, it := range items {
		for _, who := range list[itemMention](it.Mentions, maxMentions) {
			if who.ID != "" && who.Name != "" && len(who.Name) <= maxID {
				known[string(who.ID)] = string(who.Name)
			}
		}
	}
	return known
}

// readMessage reads a message. Those in it, when it is a forward, come after it.
// asSent asks for a card as it was sent.
func (c *Connector) readMessage(ctx context.Context, id string, asSent bool) ([]item, error) {
	c.spend(ctx)
	return c.api.readMessage(ctx, id, asSent)
}

// spend takes a call from the month's budget that is made also when that is used up:
// without it an answer would be about something else.
func (c *Connector) spend(ctx context.Context) { c.budget.Spend(ctx, 1) }

// readMessage makes the call.
func (a *api) readMessage(ctx context.Context, id string, asSent bool) ([]item, error) {
	const op = "read message"
	if len(id) > maxID || !safe.MatchString(id) {
		return nil, &connectors.Error{Op: op, Message: "its id is not one", Fatal: true}
	}
	query := larkcore.QueryParams{"user_id_type": {"open_id"}}
	if asSent {
		query.Set("card_msg_content_type", "user_card_content")
	}
	var data struct {
		Items json.RawMessage `json:"items"`
	}
	err := a.get(ctx, op, "/open-apis/im/v1/messages/"+id, query, &data)
	if coded(err, "230027") {
		a.scopes.lacks(op, groupScope)
		err = clearer(err, "the app lacks the scope "+groupScope)
	}
	if err != nil {
		return nil, err
	}
	items := list[item](data.Items, maxItems)
	at := slices.IndexFunc(items, func(it item) bool { return string(it.ID) == id })
	if at < 0 {
		return nil, &connectors.Error{Op: op, Message: "the answer does not hold the message"}
	}
	return items[at:], nil
}

// get makes a call that changes nothing, more than once if need be, and reads the
// answer's data.
func (a *api) get(ctx context.Context, op, path string, query larkcore.QueryParams, data any) error {
	return connectors.Retry(ctx, readTries, func() error { return a.once(ctx, op, path, query, data) })
}

// once is one try of get.
func (a *api) once(ctx context.Context, op, path string, query larkcore.QueryParams, data any) error {
	return a.paced(ctx, op, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := larkcore.Request(ctx, &larkcore.ApiReq{
			HttpMethod: http.MethodGet, ApiPath: path, QueryParams: query,
			SupportedAccessTokenTypes: []larkcore.AccessTokenType{larkcore.AccessTokenTypeTenant},
		}, a.config, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		var answer struct {
			larkcore.CodeError
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(resp.RawBody, &answer); err != nil {
			return nil, larkcore.CodeError{}, fmt.Errorf("HTTP %d: parse answer: %w", resp.StatusCode, err)
		}
		if answer.Code == 0 && resp.StatusCode == http.StatusOK && json.Unmarshal(answer.Data, data) != nil {
			return nil, larkcore.CodeError{}, errors.New("parse answer: its data are not as they should be")
		}
		return resp, answer.CodeError, nil
	})
}
