package feishu

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"longwire/connectors"
)

// The event types that mean something to the bot (eventnotice.go has those that are
// no message). All others are answered and forgotten, for instance
// im.message.message_read_v1 and the reactions, the bot's own among them.
const (
	messageEvent = "im.message.receive_v1"                        // somebody wrote
	recallEvent  = "im.message.recalled_v1"                       // somebody took a message back
	enteredEvent = "im.chat.access_event.bot_p2p_chat_entered_v1" // somebody opened the dialogue with the bot
	addedEvent   = "im.chat.member.bot.added_v1"                  // a group took the bot in
	menuEvent    = "application.bot.menu_v6"                      // somebody chose an entry of the bot's menu
)

// address is where a reply to an event goes: to the message with MessageID, as a
// reply. An event that is no message has none: then into Chat (receive_id_type
// chat_id), or where the platform names no chat, to OpenID (receive_id_type
// open_id).
type address struct {
	MessageID string `json:"message_id,omitempty"`
	Chat      string `json:"chat,omitempty"`
	OpenID    string `json:"open_id,omitempty"` // of the person who wrote, entered or chose
	Root      string `json:"root,omitempty"`    // the message that began the chain of replies; empty for the first
	Topics    bool   `json:"topics,omitempty"`  // the platform says that the group is one of topics
}

var (
	// errNotForUs says that an event is none of the bot's business: it is
	// answered with success and nothing else.
	errNotForUs = errors.New("not for the bot")

	// errWhoAmI says that nobody can tell yet whether the bot is mentioned. The
	// event is refused, so that the platform sends it again.
	errWhoAmI = errors.New("the bot does not know its own open_id yet")
)

const (
	maxID       = 512  // bytes of every id, and of a name; the documented ids are below 64
	maxMentions = 1000 // of one message; those after them are not looked at
)

// envelope is what every event comes in.
type envelope struct {
	Header struct {
		ID      connectors.LooseString `json:"event_id"`
		Type    connectors.LooseString `json:"event_type"`
		Created connectors.LooseMillis `json:"create_time"`
	} `json:"header"`
	Event json.RawMessage `json:"event"`
}

// parseEnvelope reads the payload of a data frame.
func parseEnvelope(payload []byte) (envelope, error) {
	var e envelope
	if err := json.Unmarshal(payload, &e); err != nil {
		return envelope{}, fmt.Errorf("parse event: %w", err)
	}
	if e.Header.Type == "" {
		return envelope{}, errors.New("parse event: no event_type")
	}
	return e, nil
}

// event is what e means to us. self is the bot's own open_id, empty while it is not
// known.
func (e envelope) event(connection, self string) (connectors.Event, error) {
	var ev connectors.Event
	var to address
	var err error
	switch e.Header.Type {
	case messageEvent:
		ev, to, err = e.message(self)
	case recallEvent:
		ev, to, err = e.recall()
	case enteredEvent:
		ev, to, err = e.entered()
	case addedEvent:
		ev, to, err = e.added()
	case menuEvent:
		ev, to, err = e.menu()
	default:
		err = fmt.Errorf("%w: event type %s", errNotForUs, clip(string(e.Header.Type), 40))
	}
	if err != nil {
		return connectors.Event{}, err
	}
	ev.Connection, ev.Received = connection, time.Now()
	ev.Address, err = json.Marshal(to)
	if err != nil {
		return connectors.Event{}, fmt.Errorf("parse event: %w", err)
	}
	return ev, nil
}

// message is the event of im.message.receive_v1, as far as it is used.
type message struct {
	Sender struct {
		ID   person                 `json:"sender_id"`
		Type connectors.LooseString `json:"sender_type"` // "user"; of others "bot", "app"
	} `json:"sender"`
	Message struct {
		ID       connectors.LooseString `json:"message_id"`
		Root     connectors.LooseString `json:"root_id"`   // the first message of a chain of replies
		Parent   connectors.LooseString `json:"parent_id"` // the message that is replied to; in a thread the root
		Created  connectors.LooseMillis `json:"create_time"`
		Updated  connectors.LooseMillis `json:"update_time"` // later than Created once it was edited
		Chat     connectors.LooseString `json:"chat_id"`
		Thread   connectors.LooseString `json:"thread_id"`
		ChatType connectors.LooseString `json:"chat_type"` // "p2p", "group"; of some "topic_group"
		Type     connectors.LooseString `json:"message_type"`
		Content  connectors.LooseString `json:"content"` // JSON, by message_type
		Mentions mentions               `json:"mentions"`
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

// mentions are the first maxMentions mentions of a message.
type mentions []mention

// UnmarshalJSON implements json.Unmarshaler. What is no list is an error, because
// then nobody can tell whether the bot is mentioned.
func (all *mentions) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] != '[' && !bytes.Equal(raw, []byte("null")) {
		return errors.New("mentions: a list was expected")
	}
	*all = list[mention](raw, maxMentions)
	return nil
}

// list reads the first most elements of a JSON array and leaves out those that are
// not as they should be: a message is not lost over one of them. Of what is no
// array there are none.
func list[T any](raw []byte, most int) []T {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if first, err := decoder.Token(); err != nil || first != json.Delim('[') {
		return nil
	}
	var all []T
	for range most {
		if !decoder.More() {
			break
		}
		var one T
		if decoder.Decode(&one) == nil {
			all = append(all, one)
		}
	}
	return all
}

// message is the event of somebody having written.
func (e envelope) message(self string) (connectors.Event, address, error) {
	var m message
	if err := json.Unmarshal(e.Event, &m); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse message: %w", err)
	}
	group := m.Message.ChatType != "p2p" // whatever kinds of groups there are besides "group"
	if err := m.forUs(group, self); err != nil {
		return connectors.Event{}, address{}, err
	}
	ev := connectors.Event{
		ID:     string(m.Message.ID),
		Chat:   connectors.Chat{ID: string(m.Message.Chat), Group: group, Thread: string(m.Message.Thread)},
		Sender: connectors.Person{ID: string(m.Sender.ID.OpenID)},
		Sent:   m.Message.Created.Time,
	}
	if m.edited() {
		ev.ID += "/" + strconv.FormatInt(m.Message.Updated.UnixMilli(), 10)
		ev.Sent = m.Message.Updated.Time
	}
	says, err := m.says(self)
	if err != nil {
		return connectors.Event{}, address{}, err
	}
	ev.Kind, ev.Files = says.kind, says.files
	if ev.Kind == connectors.KindText {
		ev.Text = says.text
	}
	if quoted := cmp.Or(m.Message.Parent, m.Message.Root); quoted != "" && quoted != m.Message.ID {
		ev.Quote = &connectors.Quote{Kind: connectors.KindOther, Ref: string(quoted)} // Read tells the rest
	}
	to := address{
		MessageID: string(m.Message.ID), Chat: ev.Chat.ID, OpenID: ev.Sender.ID,
		Root: string(m.Message.Root), Topics: m.Message.ChatType == "topic_group",
	}
	return ev, to, nil
}

// edited reports whether m is a message that its person has changed. That is a new
// question, with an ID of its own. The ID of any other is the message's and not the
// event_id: the documentation says that duplicates of a message may differ in that.
func (m message) edited() bool {
	return !m.Message.Created.IsZero() && m.Message.Updated.After(m.Message.Created.Time)
}

// says is what the person wrote, without the mention of the bot.
func (m message) says(self string) (said, error) {
	says, err := say(string(m.Message.Type), string(m.Message.Content), reading{
		message: string(m.Message.ID), self: self, names: m.names(self), limit: connectors.MaxText,
	})
	if err != nil {
		return said{}, fmt.Errorf("parse message: content: %w", err)
	}
	if says.over {
		return said{kind: connectors.KindTooLong}, nil
	}
	return says, nil
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
	if err := ids(m.Message.ID, m.Message.Chat, sender); err != nil {
		return fmt.Errorf("parse message: %w", err)
	}
	for _, id := range []connectors.LooseString{m.Message.Thread, m.Message.Root, m.Message.Parent} {
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

// ids says what is wrong with ids that all have to be there.
func ids(all ...connectors.LooseString) error {
	for _, id := range all {
		switch {
		case id == "":
			return errors.New("an id is missing: of the event, the message, the chat or the person")
		case len(id) > maxID:
			return fmt.Errorf("an id has %d bytes, more than %d", len(id), maxID)
		}
	}
	return nil
}

// mentions reports whether m mentions the bot, by its id and never by its name.
// @all is not a mention of the bot.
func (m message) mentions(self string) bool {
	return slices.ContainsFunc(m.Message.Mentions, func(who mention) bool { return string(who.ID.OpenID) == self })
}

// names are what stands for the placeholders in m: names where people are
// mentioned, and nothing where the bot is.
func (m message) names(self string) names {
	called := names{everybody: "@all"}
	for _, who := range m.Message.Mentions {
		if who.ID.OpenID != "" && string(who.ID.OpenID) == self {
			called[string(who.Key)] = ""
		} else {
			called.add(string(who.Key), string(who.Name))
		}
	}
	return called
}

// everybody is the placeholder of a mention of the whole group.
const everybody = "@_all"

// placeholder stands in a text where somebody is mentioned; the number counts
// from 1, and _all means everybody.
var placeholder = regexp.MustCompile(`@_(user_\d+|all)`)

// names are what is shown for each placeholder.
type names map[string]string

// add notes who is behind a placeholder.
func (n names) add(key, name string) {
	if name != "" && len(name) <= maxID {
		n[key] = "@" + name
	}
}

// readable puts names where people are mentioned. A placeholder without a name
// stays.
func (n names) readable(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(key string) string {
		if name, known := n[key]; known {
			return name
		}
		return key
	})
}
