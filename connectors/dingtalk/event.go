package dingtalk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"longwire/connectors"
)

// message is the data of a robot message, as far as it is used. The JSON types
// follow what was seen on the wire, which is not always what is documented.
type message struct {
	MsgID             connectors.LooseString `json:"msgId"`
	MsgType           connectors.LooseString `json:"msgtype"`
	RobotCode         connectors.LooseString `json:"robotCode"`
	ChatbotUserID     connectors.LooseString `json:"chatbotUserId"`
	ConversationID    connectors.LooseString `json:"conversationId"`
	ConversationType  connectors.LooseString `json:"conversationType"` // "1" one-to-one, "2" group
	ConversationTitle connectors.LooseString `json:"conversationTitle"`
	ThreadID          connectors.LooseString `json:"openThreadId"`
	IsInAtList        connectors.LooseString `json:"isInAtList"`
	AtUsers           several[atUser]        `json:"atUsers"`
	SenderID          connectors.LooseString `json:"senderId"`
	SenderStaffID     connectors.LooseString `json:"senderStaffId"` // empty for people outside the organisation
	SenderNick        connectors.LooseString `json:"senderNick"`
	CreateAt          connectors.LooseMillis `json:"createAt"`
	Webhook           connectors.LooseString `json:"sessionWebhook"`
	WebhookExpires    connectors.LooseMillis `json:"sessionWebhookExpiredTime"`
	Text              json.RawMessage        `json:"text"`    // msgtype text: content.go
	Content           json.RawMessage        `json:"content"` // all others
	ErrorCode         word                   `json:"errorCode"`
	ErrCode           word                   `json:"errCode"` // the same, on another page of the documentation

	// What the message quotes: quote.go.
	OriginalMsgID word            `json:"originalMsgId"`
	OriginalKey   word            `json:"originalProcessQueryKey"` // the carrierId of a card that is quoted
	QuoteMessage  json.RawMessage `json:"quoteMessage"`            // the oldest form
}

// atUser is somebody whom a message mentions; the robot is among them.
type atUser struct {
	DingtalkID word `json:"dingtalkId"`
}

// address is where a reply to one message goes, and what else the platform asks
// about it.
type address struct {
	Webhook   string    `json:"webhook,omitempty"`
	Expires   time.Time `json:"expires"`
	RobotCode string    `json:"robot_code"`
	Chat      string    `json:"chat"`
	Group     bool      `json:"group,omitempty"`
	StaffID   string    `json:"staff_id,omitempty"`

	Message  string `json:"message,omitempty"`   // its msgId; empty where nobody wrote one
	Card     bool   `json:"card,omitempty"`      // the message is a card, which takes no reaction
	Thread   string `json:"thread,omitempty"`    // openThreadId
	SenderID string `json:"sender_id,omitempty"` // $:LWCP_v1:$…, also of people outside the organisation
	CoolApp  string `json:"cool_app,omitempty"`  // the group's cool app that brought the robot in (hello.go)
}

// errNotForUs says that a message is none of the bot's business: it is acked and
// nothing else.
var errNotForUs = errors.New("not for the bot")

// Bounds of what a message says about itself, in bytes. The longest ids seen are
// below 100, the longest webhooks below 200; a name is cut, the others are not
// usable in part.
const (
	maxID      = 512
	maxName    = 256
	maxWebhook = 4096
)

// parseEvent reads a robot message.
func parseEvent(f frame, connection string) (connectors.Event, error) {
	var m message
	if err := json.Unmarshal([]byte(f.Data), &m); err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	if err := m.check(); err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	if err := m.forUs(); err != nil {
		return connectors.Event{}, err
	}
	var with attached
	kind, text, err := m.said(&with)
	if err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	quote := m.quote(&with)
	to, err := json.Marshal(m.address())
	if err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	return connectors.Event{
		// A message that mentions two robots has the same msgId for both.
		ID:         string(m.RobotCode + "/" + m.MsgID),
		Connection: connection,
		Kind:       kind,
		Chat: connectors.Chat{
			ID:     string(m.ConversationID),
			Group:  m.group(),
			Thread: string(m.ThreadID),
			Title:  clip(string(m.ConversationTitle), maxName),
		},
		Sender:   m.sender(),
		Text:     text,
		Quote:    quote,
		Files:    with.files,
		Sent:     m.CreateAt.Time,
		Received: time.Now(),
		Address:  to,
	}, nil
}

// check says what a message lacks, or has too much of.
func (m message) check() error {
	if m.MsgID == "" {
		return errors.New("no msgId")
	}
	if m.SenderID == "" && m.SenderStaffID == "" {
		return errors.New("no sender")
	}
	for _, id := range []connectors.LooseString{m.MsgID, m.RobotCode, m.ConversationID, m.ThreadID, m.SenderID, m.SenderStaffID} {
		if len(id) > maxID {
			return fmt.Errorf("an id has %d bytes, more than %d", len(id), maxID)
		}
	}
	return nil
}

func (m message) group() bool { return m.ConversationType == "2" }

func (m message) address() address {
	to := address{
		Webhook:   string(m.Webhook),
		Expires:   m.WebhookExpires.Time,
		RobotCode: string(m.RobotCode),
		Chat:      string(m.ConversationID),
		Group:     m.group(),
		StaffID:   string(m.SenderStaffID),
		Message:   string(m.MsgID),
		Card:      m.MsgType == "interactiveCard",
		Thread:    string(m.ThreadID),
		SenderID:  string(m.SenderID),
	}
	if len(to.Webhook) > maxWebhook {
		to.Webhook = "" // the robot API takes its place
	}
	return to
}

// sender prefers the staff id: it is the person's everywhere, while senderId is
// made for this robot.
func (m message) sender() connectors.Person {
	id := m.SenderStaffID
	if id == "" {
		id = m.SenderID
	}
	return connectors.Person{ID: string(id), Name: clip(string(m.SenderNick), maxName)}
}

// forUs tells messages of people to the bot from all others. In a group DingTalk
// pushes only what mentions the robot, so a missing isInAtList counts as a
// mention. A card or a markdown text is another bot's unless a colleague has
// forwarded it: two bots that answer each other would never stop.
func (m message) forUs() error {
	switch {
	case m.SenderID != "" && m.SenderID == m.ChatbotUserID:
		return fmt.Errorf("%w: our own message", errNotForUs)
	case m.SenderStaffID == "" && (m.MsgType == "interactiveCard" || m.MsgType == "actionCard" || m.MsgType == "markdown"):
		return fmt.Errorf("%w: another bot's card", errNotForUs)
	case m.group() && m.IsInAtList == "false":
		return fmt.Errorf("%w: not mentioned", errNotForUs)
	}
	return nil
}

// clip is text of at most most bytes, cut between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return strings.TrimSpace(text[:most])
}
