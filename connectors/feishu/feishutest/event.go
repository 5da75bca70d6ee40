package feishutest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Person is somebody in the tenant. The zero Person stands for one and the same
// user everywhere.
type Person struct {
	OpenID  string // "ou_..."; as this cloud has it, the same for all apps
	UnionID string // default: derived from OpenID
	Name    string
	Type    string // "user" (default) or "bot"
}

// Message is what a person writes in Feishu.
type Message struct {
	AppID string // the bot that is spoken to; default: the first of Options.Apps
	From  Person
	Chat  string // a group's chat id ("oc_..."); empty: one-to-one with the bot

	// ThreadID puts the message into a thread: the first message of a thread is
	// its root. ParentID quotes a message; RootID is then found by itself
	// unless given.
	ThreadID, RootID, ParentID string

	Mention       bool     // of the bot, before Text unless Text says @_user_1
	OtherMentions []Person // numbered after the bot, appended to what precedes Text unless Text has them
	MentionAll    bool     // puts @_all before Text. It has no entry in mentions: UNVERIFIED.

	Text string // of a text message
	// MsgType and Content are for the other kinds: Content is the JSON as it is
	// received, for instance {"image_key":"img_v3_..."} of an image, with the
	// placeholders of the mentions in it.
	MsgType, Content string

	// MessageID is made up unless given. Saying a message ID again pushes the
	// same message under a new event_id, as the platform may.
	MessageID string
}

// tenant is the tenant_key of everybody here.
const tenant = "2ca1d211f64f6438"

type (
	eventBody struct {
		Schema string       `json:"schema"`
		Header eventHeader  `json:"header"`
		Event  messageEvent `json:"event"`
	}
	eventHeader struct {
		EventID    string `json:"event_id"`
		EventType  string `json:"event_type"`
		CreateTime string `json:"create_time"`
		Token      string `json:"token"`
		AppID      string `json:"app_id"`
		TenantKey  string `json:"tenant_key"`
	}
	messageEvent struct {
		Sender  eventSender  `json:"sender"`
		Message eventMessage `json:"message"`
	}
	eventSender struct {
		ID        eventID `json:"sender_id"`
		Type      string  `json:"sender_type"`
		TenantKey string  `json:"tenant_key"`
	}
	eventID struct {
		UnionID string `json:"union_id"`
		OpenID  string `json:"open_id"` // no user_id: that takes a scope of its own
	}
	eventMessage struct {
		MessageID   string    `json:"message_id"`
		RootID      string    `json:"root_id,omitempty"`
		ParentID    string    `json:"parent_id,omitempty"`
		CreateTime  string    `json:"create_time"`
		UpdateTime  string    `json:"update_time"`
		ChatID      string    `json:"chat_id"`
		ThreadID    string    `json:"thread_id,omitempty"`
		ChatType    string    `json:"chat_type"`
		MessageType string    `json:"message_type"`
		Content     string    `json:"content"`
		Mentions    []mention `json:"mentions,omitempty"`
	}
	mention struct {
		Key           string  `json:"key"`
		ID            eventID `json:"id"`
		MentionedType string  `json:"mentioned_type"`
		Name          string  `json:"name"`
		TenantKey     string  `json:"tenant_key"`
	}
)

// Say writes m and pushes it to the bot if the bot's scopes let it through. It
// returns the message's om_ id at once; WaitAck waits for the bot. It returns ""
// when the app is unknown or the cloud closed.
func (s *Server) Say(m Message) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.first
	if m.AppID != "" {
		a = s.apps[m.AppID]
	}
	if a == nil || s.closed {
		return ""
	}
	m.fill()
	known := s.remember(a, m)
	if !s.hears(a, m) {
		return m.MessageID
	}
	// Nothing in the body can fail to encode.
	payload, _ := json.Marshal(body(a, m, known))
	s.startPush(a, m.MessageID, payload)
	return m.MessageID
}

// fill sets what m leaves open.
func (m *Message) fill() {
	m.From.fill()
	m.OtherMentions = slices.Clone(m.OtherMentions)
	for i := range m.OtherMentions {
		m.OtherMentions[i].fill()
	}
	if m.MessageID == "" {
		m.MessageID = hexID("om_", 32)
	}
	if m.MsgType == "" {
		m.MsgType = "text"
	}
}

func (p *Person) fill() {
	if p.OpenID == "" {
		p.OpenID = "ou_84aad35d084aa403a838cf73ee184670"
	}
	if p.UnionID == "" {
		p.UnionID = derivedID("on_", p.OpenID)
	}
	if p.Name == "" {
		p.Name = "Tom"
	}
	if p.Type == "" {
		p.Type = "user"
	}
}

// remember keeps what the API needs to know of m. mu is held.
func (s *Server) remember(a *app, m Message) *message {
	c := s.openChat(a, m)
	msg := &message{id: m.MessageID, chat: c, thread: m.ThreadID, root: m.RootID, parent: m.ParentID}
	if m.ThreadID != "" {
		// Inside a thread everything has the thread's root as root and parent.
		switch root := s.threads[m.ThreadID]; {
		case root != "" && root != m.MessageID:
			msg.root, msg.parent = root, root
		case root == "" && m.RootID == "":
			s.threads[m.ThreadID] = m.MessageID
		case root == "":
			s.threads[m.ThreadID] = m.RootID
			msg.parent = m.RootID
		}
	} else if m.ParentID != "" && m.RootID == "" {
		msg.root = m.ParentID
		if parent := s.messages.get(m.ParentID); parent != nil && parent.root != "" {
			msg.root = parent.root
		}
	}
	s.messages.put(msg.id, msg)
	return msg
}

// hears says whether the platform pushes m to a. mu is held.
func (s *Server) hears(a *app, m Message) bool {
	switch {
	case m.Chat == "":
		return a.may("im:message.p2p_msg", "im:message.p2p_msg:readonly")
	case m.From.Type == "bot":
		return m.Mention && a.may("im:message.group_at_msg.include_bot:readonly")
	case s.opts.GroupMsgScope || a.Scopes != nil && a.may("im:message.group_msg", "im:message.group_msg:readonly"):
		return true
	default:
		return m.Mention && a.may("im:message.group_at_msg", "im:message.group_at_msg:readonly",
			"im:message.group_at_msg.include_bot:readonly")
	}
}

// may says whether one of the scopes is granted.
func (a *app) may(scopes ...string) bool {
	if a.Scopes == nil {
		return true
	}
	return slices.ContainsFunc(a.Scopes, func(granted string) bool { return slices.Contains(scopes, granted) })
}

// body is the event that says that m was written.
func body(a *app, m Message, known *message) eventBody {
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	chatType := "group"
	if m.Chat == "" {
		chatType = "p2p"
	}
	mentions, content := mentioned(a, m)
	return eventBody{
		Schema: "2.0",
		Header: eventHeader{
			EventID: hexID("", 32), EventType: "im.message.receive_v1",
			CreateTime: now, AppID: a.AppID, TenantKey: tenant,
		},
		Event: messageEvent{
			Sender: eventSender{ID: m.From.id(), Type: m.From.Type, TenantKey: tenant},
			Message: eventMessage{
				MessageID: m.MessageID, RootID: known.root, ParentID: known.parent, ThreadID: known.thread,
				CreateTime: now, UpdateTime: now, ChatID: known.chat.id, ChatType: chatType,
				MessageType: m.MsgType, Content: content, Mentions: mentions,
			},
		},
	}
}

func (p Person) id() eventID { return eventID{UnionID: p.UnionID, OpenID: p.OpenID} }

// mentioned returns the mentions of m, and its content with their placeholders.
func mentioned(a *app, m Message) ([]mention, string) {
	people := m.OtherMentions
	if m.Mention {
		bot := Person{OpenID: a.BotOpenID, Name: a.BotName, Type: "bot"}
		bot.fill()
		people = append([]Person{bot}, people...)
	}
	var mentions []mention
	var before strings.Builder
	for i, p := range people {
		key := fmt.Sprintf("@_user_%d", i+1)
		mentions = append(mentions, mention{key, p.id(), p.Type, p.Name, tenant})
		if !strings.Contains(m.Text, key) {
			before.WriteString(key + " ")
		}
	}
	if m.MentionAll && !strings.Contains(m.Text, "@_all") {
		before.WriteString("@_all ")
	}
	if m.Content != "" {
		return mentions, m.Content
	}
	content, _ := json.Marshal(map[string]string{"text": before.String() + m.Text}) // strings only
	return mentions, string(content)
}

// PushEvent pushes payload, whatever it is, and redelivers it like any event. It
// returns the name under which WaitAck, Acks, Deliveries and Redeliver know it:
// the message_id of its message, else its event_id, else a made-up one; "" when
// the app is unknown or the cloud closed.
func (s *Server) PushEvent(appID string, payload []byte) string {
	var e eventBody
	_ = json.Unmarshal(payload, &e) // a payload that is no event is named all the same
	name := e.Event.Message.MessageID
	if name == "" {
		name = e.Header.EventID
	}
	if name == "" {
		name = hexID("", 32)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil || s.closed {
		return ""
	}
	s.startPush(a, name, slices.Clone(payload))
	return name
}

// PushFrame sends raw as one binary message on every live connection and returns
// on how many. Nothing waits for a response.
func (s *Server) PushFrame(raw []byte) int {
	return s.sendAll(outgoing{websocket.BinaryMessage, slices.Clone(raw)})
}

// PushText sends a text message, which the platform never does, on every live
// connection and returns on how many.
func (s *Server) PushText(text string) int {
	return s.sendAll(outgoing{websocket.TextMessage, []byte(text)})
}

func (s *Server) sendAll(out outgoing) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := s.allConns()
	for _, c := range conns {
		c.send(out)
	}
	return len(conns)
}
