package dingtalktest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// corpID is the one organisation there is.
const corpID = "ding9f50b15bc16741"

// Person is somebody who writes to the robot. The zero Person is a colleague
// named 张三.
type Person struct {
	StaffID  string // the userId; empty, with a SenderID, for somebody outside the organisation
	SenderID string // default: derived from StaffID
	Nick     string // default: StaffID
	Admin    bool
}

// withDefaults fills in what the platform always has.
func (p Person) withDefaults() Person {
	if p.StaffID == "" && p.SenderID == "" {
		p.StaffID = "staff-1"
		if p.Nick == "" {
			p.Nick = "张三"
		}
	}
	if p.SenderID == "" {
		p.SenderID = personID("staff", p.StaffID)
	}
	if p.Nick == "" {
		p.Nick = p.StaffID
	}
	return p
}

// Message is what a person writes, seen from the person's side.
type Message struct {
	ClientID string // the app whose robot is written to; may be empty when there is one
	From     Person
	Chat     string // conversationId of a group; empty for the 1:1 chat with the robot
	Title    string // the group's name

	// Mention says that the message mentions the robot. In a group a robot is
	// pushed nothing else (documented). 1:1 it has no meaning.
	Mention       bool
	OtherMentions []Person // other people mentioned; their @names are part of Text

	Text    string         // what is written, without the mention of the robot
	MsgType string         // default "text"; with another type Content says what it holds
	Content any            // the content object of other types, written as JSON
	Extra   map[string]any // further top-level fields; nil removes a field that would be there

	ID             string    // data.msgId; default a fresh one
	At             time.Time // createAt; default now
	WebhookExpired bool      // the message is so old that it cannot be replied to
}

// Say writes a message to the robot as a person does and returns its msgId. In a
// group nothing is pushed of what does not mention the robot, nor audio, video and
// files, which cannot mention anybody (documented). It panics when there is no app
// of that ClientID, as do PushData, Event, Callback and Join.
func (s *Server) Say(m Message) string {
	id, body := s.Callback(m)
	if m.Chat != "" && (!m.Mention || m.MsgType == "audio" || m.MsgType == "video" || m.MsgType == "file") {
		return id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.submit(s.appNamed(m.ClientID), push{id: id, kind: typeCallback, topic: TopicMessage, body: body})
	return id
}

// Callback is the callback data of a message, with a working sessionWebhook, as
// Say would push it: for tests that change it before PushData.
func (s *Server) Callback(m Message) (id string, body []byte) {
	if m.ID == "" {
		m.ID = newMsgID()
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	m.From = m.From.withDefaults()
	return m.ID, withExtra(encode(s.register(m)), m.Extra)
}

// register makes a message's callback and the webhook in it.
func (s *Server) register(m Message) *callback {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed(m.ClientID)
	c := newCallback(a, m)
	until := m.At.Add(s.opts.WebhookTTL)
	if m.WebhookExpired {
		until = time.Now().Add(-time.Second)
	}
	if m.Chat != "" {
		a.groups[m.Chat] = struct{}{}
	}
	key := s.webhooks.add(webhook{app: a, chat: c.ConversationID, msgID: m.ID, until: until})
	c.SessionWebhook = s.url + PathWebhook + "?session=" + hexOf(key)
	// documented samples: createAt + 5,400,2xx ms
	c.SessionWebhookExpiredTime = until.UnixMilli() + 200
	return c
}

// callback is the data of a robot message (documented samples and field; the
// documentation calls createAt a string, every sample has a number).
type callback struct {
	ConversationID            string        `json:"conversationId"`
	AtUsers                   []atUser      `json:"atUsers,omitempty"`
	ChatbotCorpID             string        `json:"chatbotCorpId"`
	ChatbotUserID             string        `json:"chatbotUserId"`
	MsgID                     string        `json:"msgId"`
	SenderNick                string        `json:"senderNick"`
	IsAdmin                   bool          `json:"isAdmin"`
	SenderStaffID             string        `json:"senderStaffId,omitempty"`
	SessionWebhookExpiredTime int64         `json:"sessionWebhookExpiredTime"`
	CreateAt                  int64         `json:"createAt"`
	SenderCorpID              string        `json:"senderCorpId,omitempty"`
	ConversationType          string        `json:"conversationType"` // "1" 1:1, "2" group
	SenderID                  string        `json:"senderId"`
	ConversationTitle         string        `json:"conversationTitle,omitempty"` // groups only
	IsInAtList                bool          `json:"isInAtList,omitempty"`        // groups only
	SessionWebhook            string        `json:"sessionWebhook"`
	RobotCode                 string        `json:"robotCode"`
	MsgType                   string        `json:"msgtype"`
	Text                      *callbackText `json:"text,omitempty"` // msgtype text only
	Content                   any           `json:"content,omitempty"`
}

// callbackText is the body of msgtype text.
type callbackText struct {
	Content string `json:"content"`
}

// atUser is somebody mentioned, the robot included. People of the organisation
// have a staffId (documented; the Stream sample shows only dingtalkId).
type atUser struct {
	DingtalkID string `json:"dingtalkId"`
	StaffID    string `json:"staffId,omitempty"`
}

// newCallback is the callback of a message, but for its webhook.
func newCallback(a *app, m Message) *callback {
	c := &callback{
		ChatbotCorpID:    corpID,
		ChatbotUserID:    a.robotUserID,
		MsgID:            m.ID,
		SenderNick:       m.From.Nick,
		IsAdmin:          m.From.Admin,
		SenderStaffID:    m.From.StaffID,
		CreateAt:         m.At.UnixMilli(),
		SenderID:         m.From.SenderID,
		ConversationID:   m.Chat,
		ConversationType: "2",
		RobotCode:        a.RobotCode,
		MsgType:          m.MsgType,
		Content:          m.Content,
	}
	if m.From.StaffID != "" {
		c.SenderCorpID = corpID
	}
	if c.MsgType == "" {
		c.MsgType = "text"
	}
	text := m.Text
	if m.Chat == "" {
		c.ConversationType = "1"
		c.ConversationID = dialogueID(a, m.From.SenderID)
	} else {
		c.ConversationTitle = m.Title
		if m.Mention {
			c.IsInAtList = true
			c.AtUsers = append(c.AtUsers, atUser{DingtalkID: a.robotUserID})
			text = " " + text // the mention is taken out, the blank behind it stays (documented sample)
		}
		for _, p := range m.OtherMentions {
			p = p.withDefaults()
			c.AtUsers = append(c.AtUsers, atUser{DingtalkID: p.SenderID, StaffID: p.StaffID})
		}
	}
	if c.MsgType == "text" {
		c.Text = &callbackText{Content: text}
	}
	return c
}

// withExtra sets further top-level fields of a JSON object; nil removes one.
func withExtra(body []byte, extra map[string]any) []byte {
	if len(extra) == 0 {
		return body
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		panic("dingtalktest: " + err.Error()) // body is our own
	}
	for name, v := range extra {
		if v == nil {
			delete(fields, name)
			continue
		}
		fields[name] = encode(v)
	}
	return encode(fields)
}

// peek reads the msgId of a callback's data, and the conversationId if it is a
// group's, as far as they are there.
func peek(body []byte) (id, group string) {
	var c struct {
		MsgID            string `json:"msgId"`
		ConversationID   string `json:"conversationId"`
		ConversationType string `json:"conversationType"`
	}
	if json.Unmarshal(body, &c) != nil {
		return "", ""
	}
	if c.ConversationType == "2" {
		group = c.ConversationID
	}
	return c.MsgID, group
}

// appNamed finds an app; "" is the only one. It panics when there is no such app,
// which only a mistake in the calling test can bring about. The caller holds s.mu.
func (s *Server) appNamed(clientID string) *app {
	if clientID == "" && len(s.apps) == 1 {
		for _, a := range s.apps {
			return a
		}
	}
	a := s.apps[clientID]
	if a == nil {
		panic(fmt.Sprintf("dingtalktest: no app with client id %q", clientID))
	}
	return a
}

// hexOf is 16 bytes as 32 hex digits, the form of sessions and event ids.
func hexOf(b [16]byte) string { return hex.EncodeToString(b[:]) }

// millis is a time as the platform writes it into headers.
func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
