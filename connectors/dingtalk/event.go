package dingtalk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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
	SenderID          connectors.LooseString `json:"senderId"`
	SenderStaffID     connectors.LooseString `json:"senderStaffId"` // empty for people outside the organisation
	SenderNick        connectors.LooseString `json:"senderNick"`
	CreateAt          connectors.LooseMillis `json:"createAt"`
	Webhook           connectors.LooseString `json:"sessionWebhook"`
	WebhookExpires    connectors.LooseMillis `json:"sessionWebhookExpiredTime"`
	Text              json.RawMessage        `json:"text"`
	ErrorCode         connectors.LooseString `json:"errorCode"` // 20001: the quota is used up, there is no text
	ErrCode           connectors.LooseString `json:"errCode"`   // the same, on another page of the documentation
}

// address is where a reply to one message goes.
type address struct {
	Webhook   string    `json:"webhook,omitempty"`
	Expires   time.Time `json:"expires"`
	RobotCode string    `json:"robot_code"`
	Chat      string    `json:"chat"`
	Group     bool      `json:"group,omitempty"`
	StaffID   string    `json:"staff_id,omitempty"`
}

// errNotForUs says that a message is none of the bot's business: it is acked and
// nothing else.
var errNotForUs = errors.New("not for the bot")

// maxID bounds every id in bytes. The longest seen are below 100.
const maxID = 512

// parseEvent reads a robot message.
func parseEvent(f frame, connection string) (connectors.Event, error) {
	var m message
	if err := json.Unmarshal([]byte(f.Data), &m); err != nil {
		return connectors.Event{}, fmt.Errorf("parse message: %w", err)
	}
	if m.MsgID == "" {
		return connectors.Event{}, errors.New("parse message: no msgId")
	}
	if m.SenderID == "" && m.SenderStaffID == "" {
		return connectors.Event{}, errors.New("parse message: no sender")
	}
	for _, id := range []connectors.LooseString{m.MsgID, m.RobotCode, m.ConversationID, m.ThreadID, m.SenderID, m.SenderStaffID} {
		if len(id) > maxID {
			return connectors.Event{}, fmt.Errorf("parse message: an id has %d bytes, more than %d", len(id), maxID)
		}
	}
	if err := m.forUs(); err != nil {
		return connectors.Event{}, err
	}
	kind, text, err := m.content()
	if err != nil {
		return connectors.Event{}, err
	}
	group := m.ConversationType == "2"
	to, err := json.Marshal(address{
		Webhook:   string(m.Webhook),
		Expires:   m.WebhookExpires.Time,
		RobotCode: string(m.RobotCode),
		Chat:      string(m.ConversationID),
		Group:     group,
		StaffID:   string(m.SenderStaffID),
	})
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
			Group:  group,
			Thread: string(m.ThreadID),
			Title:  string(m.ConversationTitle),
		},
		Sender:   m.sender(),
		Text:     text,
		Sent:     m.CreateAt.Time,
		Received: time.Now(),
		Address:  to,
	}, nil
}

// sender prefers the staff id: it is the person's everywhere, while senderId is
// made for this robot.
func (m message) sender() connectors.Person {
	id := m.SenderStaffID
	if id == "" {
		id = m.SenderID
	}
	return connectors.Person{ID: string(id), Name: string(m.SenderNick)}
}

// forUs tells messages of people to the bot from all others. In a group DingTalk
// pushes only what mentions the robot, so a missing isInAtList counts as a
// mention.
func (m message) forUs() error {
	switch {
	case m.SenderID != "" && m.SenderID == m.ChatbotUserID:
		return fmt.Errorf("%w: our own message", errNotForUs)
	case m.MsgType == "interactiveCard" && m.SenderStaffID == "":
		return fmt.Errorf("%w: another bot's card", errNotForUs)
	case m.ConversationType == "2" && m.IsInAtList == "false":
		return fmt.Errorf("%w: not mentioned", errNotForUs)
	}
	return nil
}

// content is what the person wrote, or what kind of message it was. DingTalk has
// taken the mention of the robot out of the text and left a space; mentions of
// other people stay as @name.
func (m message) content() (connectors.Kind, string, error) {
	if m.ErrorCode == "20001" || m.ErrCode == "20001" {
		return connectors.KindQuota, "", nil
	}
	switch m.MsgType {
	case "text":
	case "picture", "image":
		return connectors.KindPicture, "", nil
	case "audio":
		return connectors.KindAudio, "", nil
	case "video":
		return connectors.KindVideo, "", nil
	case "file":
		return connectors.KindFile, "", nil
	case "interactiveCard", "actionCard":
		return connectors.KindCard, "", nil
	case "chatRecord":
		return connectors.KindForward, "", nil
	default:
		return connectors.KindOther, "", nil
	}
	text, err := m.text()
	if err != nil {
		return "", "", err
	}
	kind := connectors.KindOf(text)
	if kind != connectors.KindText {
		text = ""
	}
	return kind, text, nil
}

// text reads {"content":"…"}, and a bare text where a client sends one.
func (m message) text() (string, error) {
	var body struct {
		Content connectors.LooseString `json:"content"`
	}
	if len(m.Text) == 0 {
		return "", nil
	}
	var into any = &body
	if m.Text[0] != '{' {
		into = &body.Content
	}
	if err := json.Unmarshal(m.Text, into); err != nil {
		return "", fmt.Errorf("parse message: text: %w", err)
	}
	return strings.TrimSpace(string(body.Content)), nil
}
