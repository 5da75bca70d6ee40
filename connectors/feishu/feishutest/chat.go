package feishutest

import "strconv"

// Group is a group chat that PutGroup describes. A group that is only ever spoken
// in is a plain one.
type Group struct {
	ID        string // "oc_..."
	Name      string
	Topics    bool // a topic group: every message that is no reply begins a thread
	Threads   bool // a plain group whose messages have the form of topics
	NoThreads bool // a group in which reply_in_thread is refused with 230071
	External  bool
}

// chat is a group or the dialogue of one person with one bot.
type chat struct {
	Group                     // of a dialogue only the ID is set
	direct    string          // a dialogue's person, by open_id; empty: a group
	apps      map[*app]bool   // whose bots are in it
	people    map[string]bool // who has been seen in it, by open_id
	dissolved bool
	sends     window
	last      *message
}

// PutGroup describes a group, which need not exist yet. Who is in it does not
// change.
func (s *Server) PutGroup(g Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chat(g.ID, "").Group = g
}

// chat returns the chat called id, a new one if need be. mu is held.
func (s *Server) chat(id, direct string) *chat {
	c := s.chats[id]
	if c == nil {
		c = &chat{Group: Group{ID: id}, direct: direct, apps: make(map[*app]bool), people: make(map[string]bool)}
		s.chats[id] = c
	}
	return c
}

// topical says whether every message that is no reply begins a thread in c.
func (c *chat) topical() bool { return c.Topics || c.Threads }

// openChat returns the chat of m, in which a's bot then is. mu is held.
func (s *Server) openChat(a *app, m Message) *chat {
	id, direct := m.Chat, ""
	if id == "" {
		id, direct = directChat(a, m.From.OpenID), m.From.OpenID
	}
	c := s.chat(id, direct)
	c.apps[a] = true
	c.people[m.From.OpenID] = true
	return c
}

// directChat is the id of the dialogue of a person with a's bot.
func directChat(a *app, openID string) string { return derivedID("oc_", a.AppID+"/"+openID) }

// refuses says why a's bot cannot do anything here.
func (c *chat) refuses(a *app) *refusal {
	switch {
	case c.dissolved:
		return refuse(codeDissolved, textDissolved)
	case !c.apps[a]:
		return refuse(codeNotInChat, textNotInChat)
	default:
		return nil
	}
}

// Disband dissolves a chat: sending to it fails with 232009 from now on. It
// reports whether the chat is known.
func (s *Server) Disband(chatID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[chatID]
	if c != nil {
		c.dissolved = true
	}
	return c != nil
}

// ChatOf returns the id of the chat in which the message was written, "" for an
// unknown message.
func (s *Server) ChatOf(messageID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.messages.get(messageID); m != nil {
		return m.chat.ID
	}
	return ""
}

// The codes of im/v1/chats.
const (
	codeBadChatID     = 232006
	codeChatNotJoined = 232011
)

// readChat answers what kind of chat a chat is.
func (s *Server) readChat(c call) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.chats[c.r.PathValue("chat_id")]
	switch {
	case to == nil:
		return nil, refuse(codeBadChatID, "Your request contains an invalid chat_id.")
	case !to.apps[c.app]:
		return nil, refuse(codeChatNotJoined, "Operator can NOT be out of the chat.")
	}
	data := map[string]any{
		"name": to.Name, "description": "", "chat_mode": "group", "external": to.External, "tenant_key": tenant,
		"user_count": strconv.Itoa(len(to.people)), "bot_count": strconv.Itoa(len(to.apps)), "chat_status": "normal",
	}
	if to.dissolved {
		data["chat_status"] = "dissolved"
	}
	switch {
	case to.direct != "":
		data["chat_mode"] = "p2p"
		return success(data), nil
	case to.Topics:
		data["chat_mode"] = "topic" // and no group_message_type
	case to.Threads:
		data["group_message_type"] = "thread"
	default:
		data["group_message_type"] = "chat"
	}
	data["chat_type"] = "private"
	return success(data), nil
}
