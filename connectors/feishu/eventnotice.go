package feishu

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"longwire/connectors"
)

// The events here are of no message, so an answer to them is a message of its own:
// their addresses hold a chat or a person and no message id.

// recall is the event of a message having been taken back. It does not say whose the
// message was, nor in which kind of chat: the message's own event does. So it belongs
// to no conversation of people's, and has one of its own (conversation.KeyOf). An
// edited message has several events; Text is the ID of the first, and the others' IDs
// begin with it and a slash.
func (e envelope) recall() (connectors.Event, address, error) {
	var it struct {
		Message connectors.LooseString `json:"message_id"`
		Chat    connectors.LooseString `json:"chat_id"`
		At      connectors.LooseMillis `json:"recall_time"`
	}
	if err := json.Unmarshal(e.Event, &it); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse recall: %w", err)
	}
	if err := ids(it.Message, it.Chat); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse recall: %w", err)
	}
	return connectors.Event{
		ID:   "recall/" + string(it.Message),
		Kind: connectors.KindRecall,
		Chat: connectors.Chat{ID: string(it.Chat)},
		Text: string(it.Message),
		Sent: it.At.Time,
	}, address{Chat: string(it.Chat)}, nil
}

// entered is the event of somebody opening the dialogue with the bot, which happens
// every time. Only the first time is a meeting: later there is a last message.
func (e envelope) entered() (connectors.Event, address, error) {
	var it struct {
		Chat connectors.LooseString `json:"chat_id"`
		By   person                 `json:"operator_id"`
		Last connectors.LooseString `json:"last_message_id"`
	}
	if err := json.Unmarshal(e.Event, &it); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse entry: %w", err)
	}
	if err := ids(it.Chat, it.By.OpenID); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse entry: %w", err)
	}
	if it.Last != "" {
		return connectors.Event{}, address{}, fmt.Errorf("%w: they have met before", errNotForUs)
	}
	// Not the event_id: somebody who looks in twice before writing is greeted once.
	return e.hello(string(it.Chat), connectors.Chat{ID: string(it.Chat)}, it.By)
}

// added is the event of a group taking the bot in.
func (e envelope) added() (connectors.Event, address, error) {
	var it struct {
		Chat connectors.LooseString `json:"chat_id"`
		By   person                 `json:"operator_id"`
		Name connectors.LooseString `json:"name"`
	}
	if err := json.Unmarshal(e.Event, &it); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse addition: %w", err)
	}
	if err := ids(it.Chat, it.By.OpenID, cmp.Or(e.Header.ID, it.Chat)); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse addition: %w", err)
	}
	group := connectors.Chat{ID: string(it.Chat), Group: true}
	if len(it.Name) <= maxID {
		group.Title = string(it.Name)
	}
	// A group that has removed the bot and takes it in again is greeted again.
	return e.hello(string(cmp.Or(e.Header.ID, it.Chat)), group, it.By)
}

// hello is the event of the bot being met in a chat.
func (e envelope) hello(id string, chat connectors.Chat, by person) (connectors.Event, address, error) {
	return connectors.Event{
		ID:     "hello/" + id,
		Kind:   connectors.KindHello,
		Chat:   chat,
		Sender: connectors.Person{ID: string(by.OpenID)},
		Sent:   e.Header.Created.Time,
	}, address{Chat: chat.ID, OpenID: string(by.OpenID)}, nil
}

// commands are what an operator may give an entry of the menu as its key, with or
// without a slash. Any other key is taken for what the person wants to say.
var commands = map[string]string{"new": "/new", "help": "/help", "stop": "/stop"}

// menu is the event of somebody choosing an entry of the bot's menu, which is as if
// they had written it. The platform names no chat.
func (e envelope) menu() (connectors.Event, address, error) {
	var it struct {
		Operator struct {
			ID   person                 `json:"operator_id"`
			Name connectors.LooseString `json:"operator_name"`
		} `json:"operator"`
		Key connectors.LooseString `json:"event_key"`
	}
	if err := json.Unmarshal(e.Event, &it); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse menu: %w", err)
	}
	who := it.Operator.ID.OpenID
	if err := ids(e.Header.ID, who); err != nil {
		return connectors.Event{}, address{}, fmt.Errorf("parse menu: %w", err)
	}
	text := strings.TrimSpace(string(it.Key))
	if command, known := commands[strings.ToLower(strings.TrimPrefix(text, "/"))]; known {
		text = command
	}
	ev := connectors.Event{
		ID:   "menu/" + string(e.Header.ID),
		Kind: connectors.KindOf(text),
		// In a dialogue the person stands for the chat.
		Chat:   connectors.Chat{ID: string(who)},
		Sender: connectors.Person{ID: string(who)},
		Sent:   e.Header.Created.Time,
	}
	if ev.Kind == connectors.KindText {
		ev.Text = text
	}
	if len(it.Operator.Name) <= maxID {
		ev.Sender.Name = string(it.Operator.Name)
	}
	return ev, address{OpenID: string(who)}, nil
}
