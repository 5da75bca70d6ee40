package feishutest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Person is somebody in the tenant. The zero Person stands for one and the same
// user everywhere.
type Person struct {
	OpenID  string // "ou_..."; as this cloud has it, the same for all apps
	UnionID string // default: derived from OpenID
	UserID  string // default: none; shown only with contact:user.employee_id:readonly
	Name    string
	Type    string // "user" (default) or "bot"
}

// Message is what a person writes in Feishu. The functions in kinds.go make one
// of every kind that is not a text.
type Message struct {
	AppID string // the bot that is spoken to; default: the first of Options.Apps
	From  Person
	Chat  string // a group's chat id ("oc_..."); empty: one-to-one with the bot

	// ThreadID puts the message into a thread: the first message of a thread is
	// its root. ParentID quotes a message; RootID is then found by itself
	// unless given. In a topic group (PutGroup) a message without either begins
	// a thread, and one that quotes joins its thread.
	ThreadID, RootID, ParentID string

	Mention       bool     // of the bot, before Text unless Text says @_user_1
	OtherMentions []Person // numbered after the bot, appended to what precedes Text unless Text has them
	MentionAll    bool     // puts @_all before Text

	Text string // of a text message
	// MsgType and Content are for the other kinds: Content is the JSON as it is
	// received, for instance {"image_key":"img_v3_..."} of an image, with the
	// placeholders of the mentions in it.
	MsgType, Content string

	// Forwarded are the messages in a merged forward. They are not pushed, but
	// are read with it.
	Forwarded []Message

	// MessageID is made up unless given. Saying a message ID again pushes the
	// same message under a new event_id, as the platform may.
	MessageID string
}

type (
	messageEvent struct {
		Sender  eventSender  `json:"sender"`
		Message messageShown `json:"message"`
	}
	eventSender struct {
		ID        eventID `json:"sender_id"`
		Type      string  `json:"sender_type"`
		TenantKey string  `json:"tenant_key"`
	}
	messageShown struct {
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
		MentionedType string  `json:"mentioned_type,omitempty"`
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
	a := s.bot(m.AppID)
	if a == nil {
		return ""
	}
	m.fill()
	known := s.remember(a, m, nil)
	if s.hears(a, known) {
		s.emit(a, eventMessage, known.id, s.event(a, known))
	}
	return known.id
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

// remember keeps what the API needs to know of m, which is in the forward upper,
// if any. mu is held.
func (s *Server) remember(a *app, m Message, upper *message) *message {
	now := s.now()
	msg := &message{
		id: m.MessageID, chat: s.openChat(a, m), from: m.From, msgType: m.MsgType,
		thread: m.ThreadID, root: m.RootID, parent: m.ParentID, created: now, updated: now,
		mentionsBot: m.Mention, upper: upper,
	}
	msg.mentions, msg.content = s.mentioned(a, m)
	msg.source = msg.content
	if upper == nil {
		s.arrange(msg)
	}
	msg.chat.last = msg
	s.people.put(m.From.OpenID, m.From)
	s.messages.put(msg.id, msg)
	for _, child := range m.Forwarded {
		child.fill()
		child.Chat = msg.chat.ID
		msg.inside = append(msg.inside, s.remember(a, child, msg))
	}
	return msg
}

// arrange finds msg's thread, root and parent. mu is held.
func (s *Server) arrange(msg *message) {
	parent := s.messages.get(msg.parent)
	if msg.thread == "" && msg.chat.topical() {
		msg.thread = hexID("omt_", 12)
		if parent != nil && parent.thread != "" {
			msg.thread = parent.thread
		}
	}
	if msg.thread != "" {
		// Inside a thread everything has the thread's root as root and parent.
		switch root := s.threads[msg.thread]; {
		case root != "" && root != msg.id:
			msg.root, msg.parent = root, root
		case root == "" && msg.root == "":
			s.threads[msg.thread] = msg.id
		case root == "":
			s.threads[msg.thread] = msg.root
			msg.parent = msg.root
		}
		return
	}
	if msg.parent != "" && msg.root == "" {
		msg.root = msg.parent
		if parent != nil && parent.root != "" {
			msg.root = parent.root
		}
	}
}

// hears says whether the platform pushes m to a. mu is held.
func (s *Server) hears(a *app, m *message) bool {
	switch {
	case m.chat.direct != "":
		return a.may("im:message.p2p_msg", "im:message.p2p_msg:readonly")
	case m.from.Type == "bot":
		return m.mentionsBot && a.may("im:message.group_at_msg.include_bot:readonly")
	case s.hearsAll(a):
		return true
	default:
		return m.mentionsBot && a.may("im:message.group_at_msg", "im:message.group_at_msg:readonly",
			"im:message.group_at_msg.include_bot:readonly")
	}
}

// hearsAll says whether a has the sensitive scope for groups. mu is held.
func (s *Server) hearsAll(a *app) bool {
	return s.opts.GroupMsgScope || a.Scopes != nil && a.may("im:message.group_msg", "im:message.group_msg:readonly")
}

// event is the event that says that m was written, or edited. mu is held.
func (s *Server) event(a *app, m *message) messageEvent {
	shown := messageShown{
		MessageID: m.id, RootID: m.root, ParentID: m.parent, ThreadID: m.thread,
		CreateTime: millis(m.created), UpdateTime: millis(m.updated),
		ChatID: m.chat.ID, ChatType: "group", MessageType: m.msgType, Content: m.content,
	}
	switch {
	case m.chat.direct != "":
		shown.ChatType = "p2p"
	case m.chat.Topics && s.opts.Doubts.TopicChatType:
		shown.ChatType = "topic_group"
	}
	if m.chat.Topics && m.root != "" && s.opts.Doubts.TopicReplyWithoutThread {
		shown.ThreadID = ""
	}
	for _, named := range m.mentions {
		entry := mention{named.key, named.idFor(a), named.Type, named.Name, tenant}
		if s.opts.Doubts.NoMentionedType {
			entry.MentionedType = ""
		}
		shown.Mentions = append(shown.Mentions, entry)
	}
	return messageEvent{
		Sender:  eventSender{ID: m.from.idFor(a), Type: m.from.Type, TenantKey: tenant},
		Message: shown,
	}
}

// mentioned returns the mentions of m, and its content with their placeholders.
// mu is held.
func (s *Server) mentioned(a *app, m Message) ([]named, string) {
	people := m.OtherMentions
	if m.Mention {
		bot := Person{OpenID: a.BotOpenID, Name: a.BotName, Type: "bot"}
		bot.fill()
		people = append([]Person{bot}, people...)
	}
	var mentions []named
	var before strings.Builder
	for i, p := range people {
		key := fmt.Sprintf("@_user_%d", i+1)
		mentions = append(mentions, named{key, p})
		if !strings.Contains(m.Text, key) {
			before.WriteString(key + " ")
		}
	}
	if m.MentionAll {
		if s.opts.Doubts.AllHasEntry {
			mentions = append(mentions, named{"@_all", Person{Name: "所有人"}})
		}
		if !strings.Contains(m.Text, "@_all") {
			before.WriteString("@_all ")
		}
	}
	if m.Content != "" {
		return mentions, m.Content
	}
	return mentions, textContent(before.String() + m.Text)
}

// Edit changes the text of a person's message, as the person does in the client.
// No document knows of an event for it; see Doubts.EditPushesAgain. It reports
// whether a person's message is known under the id.
func (s *Server) Edit(messageID, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages.get(messageID)
	if m == nil || m.app != nil {
		return false
	}
	m.content, m.msgType, m.edits = textContent(text), "text", m.edits+1
	m.source = m.content
	m.updated = later(s.now(), m.created)
	s.notify()
	if s.opts.Doubts.EditPushesAgain {
		for a := range m.chat.apps {
			if s.hears(a, m) {
				s.emit(a, eventMessage, m.id, s.event(a, m))
			}
		}
	}
	return true
}

// later is now, or the millisecond after than when that has not passed yet: an
// update must be later than what it updates.
func later(now, than time.Time) time.Time {
	if next := than.Add(time.Millisecond); now.Before(next) {
		return next
	}
	return now
}
