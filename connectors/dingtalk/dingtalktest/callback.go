package dingtalktest

import "encoding/json"

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
	AIRobotSessionID          *string       `json:"ai_robot_sessionid,omitempty"` // unknownMsgType only
	OriginalMsgID             string        `json:"originalMsgId,omitempty"`      // of what is quoted
	OriginalProcessQueryKey   string        `json:"originalProcessQueryKey,omitempty"`
	QuoteMessage              *quoteMessage `json:"quoteMessage,omitempty"`
}

// callbackText is the body of msgtype text.
type callbackText struct {
	Content    string      `json:"content"`
	IsReplyMsg bool        `json:"isReplyMsg,omitempty"`
	RepliedMsg *repliedMsg `json:"repliedMsg,omitempty"`
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
		MsgType:          kindOf(m.MsgType, m.Content),
		Content:          m.Content,
	}
	if m.From.StaffID != "" {
		c.SenderCorpID = corpID
	}
	text := m.Text
	switch {
	case m.Chat == "":
		c.ConversationType = "1"
		c.ConversationID = dialogueID(a, m.From.SenderID)
	case m.Mention:
		text = " " + text // the mention is taken out, the blank behind it stays (documented sample)
		fallthrough
	default:
		c.group(a, m)
	}
	switch c.MsgType {
	case "text":
		c.Text = &callbackText{Content: text}
	case "unknownMsgType":
		c.AIRobotSessionID = new(string)
	}
	if m.Quote != nil {
		c.quote(a, *m.Quote, m.At)
	}
	return c
}

// group fills in what only messages from groups have.
func (c *callback) group(a *app, m Message) {
	c.ConversationTitle = m.Title
	if m.Mention {
		c.IsInAtList = true
		c.AtUsers = append(c.AtUsers, atUser{DingtalkID: a.robotUserID})
	}
	for _, p := range m.OtherMentions {
		p = p.withDefaults()
		c.AtUsers = append(c.AtUsers, atUser{DingtalkID: p.SenderID, StaffID: p.StaffID})
	}
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
