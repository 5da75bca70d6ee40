package feishu

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"longwire/connectors"
)

// messageEvent is the one event type that means "somebody wrote".
const messageEvent = "im.message.receive_v1"

// address is where a reply to one message goes.
type address struct {
	MessageID string `json:"message_id"`
}

var (
	// errNotForUs says that an event is none of the bot's business: it is
	// answered with success and nothing else.
	errNotForUs = errors.New("not for the bot")

	// errWhoAmI says that nobody can tell yet whether the bot is mentioned. The
	// event is refused, so that the platform sends it again.
	errWhoAmI = errors.New("the bot does not know its own open_id yet")
)

// maxID bounds every id, and a name, in bytes. The documented ones are below 64.
const maxID = 512

// message is the event of im.message.receive_v1, as far as it is used.
type message struct {
	Sender struct {
		ID   person                 `json:"sender_id"`
		Type connectors.LooseString `json:"sender_type"` // "user"; of others "bot", "app"
	} `json:"sender"`
	Message struct {
		ID       connectors.LooseString `json:"message_id"`
		Created  connectors.LooseMillis `json:"create_time"`
		Chat     connectors.LooseString `json:"chat_id"`
		Thread   connectors.LooseString `json:"thread_id"`
		ChatType connectors.LooseString `json:"chat_type"` // "p2p", "group"
		Type     connectors.LooseString `json:"message_type"`
		Content  connectors.LooseString `json:"content"` // JSON, by message_type
		Mentions []mention              `json:"mentions"`
	} `json:"message"`
}

// person is somebody's ids; only the open_id needs no scope of its own.
type person struct {
	OpenID connectors.LooseString `json:"open_id"`
}

// mention is one mention in a message.
type mention struct {
	Key  connectors.LooseString `json:"key"` // the placeholder in the text
	ID   person                 `json:"id"`
	Name connectors.LooseString `json:"name"`
}

// parseEvent reads the payload of a data frame. self is the bot's own open_id,
// empty while it is not known.
func parseEvent(payload []byte, connection, self string) (connectors.Event, error) {
	var envelope struct {
		Header struct {
			EventType connectors.LooseString `json:"event_type"`
		} `json:"header"`
		Event json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(payload, &envelope); err != nil {
		return connectors.Event{}, fmt.Errorf("parse event: %w", err)
	}
	switch envelope.Header.EventType {
	case messageEvent:
	case "":
		return connectors.Event{}, errors.New("parse event: no event_type")
	default:
		return connectors.Event{}, fmt.Errorf("%w: event type %s", errNotForUs, clip(string(envelope.Header.EventType), 40))
	}
	var m message
	if err := json.Unmarshal(envelope.Event, &m); err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	return m.event(connection, self)
}

// event is what m means to us.
func (m message) event(connection, self string) (connectors.Event, error) {
	group := m.Message.ChatType != "p2p" // whatever kinds of groups there are besides "group"
	if err := m.forUs(group, self); err != nil {
		return connectors.Event{}, err
	}
	kind, text, err := m.content(self)
	if err != nil {
		return connectors.Event{}, err
	}
	to, err := json.Marshal(address{MessageID: string(m.Message.ID)})
	if err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	return connectors.Event{
		// Not the event_id: the documentation says that duplicates of a message
		// may differ in it.
		ID:         string(m.Message.ID),
		Connection: connection,
		Kind:       kind,
		Chat:       connectors.Chat{ID: string(m.Message.Chat), Group: group, Thread: string(m.Message.Thread)},
		Sender:     connectors.Person{ID: string(m.Sender.ID.OpenID)},
		Text:       text,
		Sent:       m.Message.Created.Time,
		Received:   time.Now(),
		Address:    to,
	}, nil
}

// forUs tells messages of people to the bot from all others, and from those that
// are not whole.
func (m message) forUs(group bool, self string) error {
	sender := m.Sender.ID.OpenID
	switch kind := m.Sender.Type; {
	case kind != "" && kind != "user":
		return fmt.Errorf("%w: written by a %s", errNotForUs, clip(string(kind), 40))
	case sender != "" && string(sender) == self:
		return fmt.Errorf("%w: our own message", errNotForUs)
	}
	for _, id := range []connectors.LooseString{m.Message.ID, m.Message.Chat, sender} {
		if id == "" {
			return errors.New("parse message: no message_id, no chat_id or no sender")
		}
	}
	for _, id := range []connectors.LooseString{m.Message.ID, m.Message.Chat, m.Message.Thread, sender} {
		if len(id) > maxID {
			return fmt.Errorf("parse message: an id has %d bytes, more than %d", len(id), maxID)
		}
	}
	switch {
	case group && self == "":
		return errWhoAmI
	case group && !m.mentions(self):
		return fmt.Errorf("%w: not mentioned", errNotForUs)
	}
	return nil
}

// mentions reports whether m mentions the bot, by its id and never by its name.
// @all is not a mention of the bot.
func (m message) mentions(self string) bool {
	return slices.ContainsFunc(m.Message.Mentions, func(who mention) bool { return string(who.ID.OpenID) == self })
}

// kinds are the message types that cannot be read yet.
var kinds = map[string]connectors.Kind{
	"image":         connectors.KindPicture,
	"audio":         connectors.KindAudio,
	"media":         connectors.KindVideo,
	"file":          connectors.KindFile,
	"folder":        connectors.KindFile,
	"sticker":       connectors.KindSticker,
	"interactive":   connectors.KindCard,
	"merge_forward": connectors.KindForward,
}

// content is what the person wrote, or what kind of message it was.
func (m message) content(self string) (connectors.Kind, string, error) {
	if m.Message.Type != "text" {
		if kind, known := kinds[string(m.Message.Type)]; known {
			return kind, "", nil
		}
		return connectors.KindOther, "", nil
	}
	var body struct {
		Text connectors.LooseString `json:"text"`
	}
	if err := json.Unmarshal([]byte(m.Message.Content), &body); err != nil {
		return "", "", fmt.Errorf("parse message: content: %w", err)
	}
	if len(body.Text) > connectors.MaxText {
		return connectors.KindTooLong, "", nil // before names make it longer
	}
	text := strings.TrimSpace(m.readable(string(body.Text), self))
	kind := connectors.KindOf(text)
	if kind != connectors.KindText {
		text = ""
	}
	return kind, text, nil
}

// placeholder stands in a text where somebody is mentioned; the number counts
// from 1, and _all means everybody.
var placeholder = regexp.MustCompile(`@_(user_\d+|all)`)

// readable puts names where people are mentioned, and nothing where the bot is. A
// placeholder without a name stays.
func (m message) readable(text, self string) string {
	names := map[string]string{"@_all": "@all"}
	for _, who := range m.Message.Mentions {
		switch {
		case who.ID.OpenID != "" && string(who.ID.OpenID) == self:
			names[string(who.Key)] = ""
		case who.Name != "" && len(who.Name) <= maxID:
			names[string(who.Key)] = "@" + string(who.Name)
		}
	}
	return placeholder.ReplaceAllStringFunc(text, func(key string) string {
		if name, known := names[key]; known {
			return name
		}
		return key
	})
}
