package feishutest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// sendScopes are the scopes of which one is needed to create or reply.
var sendScopes = []string{"im:message:send_as_bot", "im:message"}

// The codes of im/v1.
const (
	codeInvalidRequest = 230001
	codeNotInChat      = 230002
	codeRecalled       = 230011
	codeChatRate       = 230020
	codeTooLong        = 230025
	codeSending        = 230049
	codeCardFailed     = 230099
	codeDeleted        = 230110
	codeNotFound       = 231003
	codeDissolved      = 232009
)

// The sizes a request body may have.
const (
	maxTextBody = 150 << 10
	maxRichBody = 30 << 10 // of a post or a card
)

// An idempotency key has at most maxUUID characters and is remembered for
// uuidLife.
const (
	maxUUID  = 50
	uuidLife = time.Hour
)

// chat is a group or the dialogue of one person with one bot.
type chat struct {
	id        string
	apps      map[*app]bool // whose bots are in it
	dissolved bool
	sends     window
}

// message is what the cloud knows about a message, a person's or a bot's.
type message struct {
	id                   string
	chat                 *chat
	thread, root, parent string
	gone                 int // the code with which a reply to it is refused; 0: none
}

// sending is what became of an idempotency key.
type sending struct {
	at     time.Time
	done   bool // false while the first request is under way
	sent   Sent
	answer any
}

// draft is a checked message that is to be sent.
type draft struct {
	msgType, content, uuid string
	shown                  shown
}

// openChat returns the chat of m, in which a's bot then is. mu is held.
func (s *Server) openChat(a *app, m Message) *chat {
	id := m.Chat
	if id == "" {
		id = directChat(a, m.From.OpenID)
	}
	c := s.chats[id]
	if c == nil {
		c = &chat{id: id, apps: make(map[*app]bool)}
		s.chats[id] = c
	}
	c.apps[a] = true
	return c
}

// directChat is the id of the dialogue of a person with a's bot.
func directChat(a *app, openID string) string { return derivedID("oc_", a.AppID+"/"+openID) }

// createMessage sends a message to a chat or a person.
func (s *Server) createMessage(c call) (any, *refusal) {
	idType := c.r.URL.Query().Get("receive_id_type")
	switch idType {
	case "open_id", "union_id", "user_id", "email", "chat_id":
	default:
		return nil, invalidField("receive_id_type", "must be one of open_id, union_id, user_id, email, chat_id")
	}
	receiver, _ := c.body.text("receive_id")
	if receiver == "" {
		return nil, invalidField("receive_id", "receive_id is required")
	}
	d, no := readDraft(c)
	if no != nil {
		return nil, no
	}
	return s.send(c.app, "create", "", d, func() (*message, *refusal) {
		return s.placeForReceiver(c.app, idType, receiver)
	})
}

// placeForReceiver finds the chat of a receive_id. Only chats and people that
// have been seen in Say exist, and of a person only the open_id leads to them.
// mu is held.
func (s *Server) placeForReceiver(a *app, idType, receiver string) (*message, *refusal) {
	switch idType {
	case "chat_id":
		to := s.chats[receiver]
		if to == nil {
			return nil, refuse(codeInvalidRequest, "Your request contains an invalid request parameter, ext=invalid receive_id")
		}
		return &message{chat: to}, to.refuses(a)
	case "open_id":
		to := s.chats[directChat(a, receiver)]
		if to == nil {
			return nil, refuse(codeNoSuchOpenID, "The request you send is not a valid {open_id} or not exists") // UNVERIFIED
		}
		return &message{chat: to}, to.refuses(a)
	default:
		return nil, refuse(codeInvalidRequest, "Your request contains an invalid request parameter, ext=invalid receive_id")
	}
}

// refuses says why a's bot cannot write here.
func (c *chat) refuses(a *app) *refusal {
	switch {
	case c.dissolved:
		return refuse(codeDissolved, "The chat has been dissolved")
	case !c.apps[a]:
		return refuse(codeNotInChat, "Bot/User can NOT be out of the chat.")
	default:
		return nil
	}
}

// replyMessage sends a message in reply to another one.
func (s *Server) replyMessage(c call) (any, *refusal) {
	to := c.r.PathValue("message_id")
	if !strings.HasPrefix(to, "om_") {
		return nil, refuse(codeNoSuchMessageID, "The request you send is not a valid {message_id} or not exists") // UNVERIFIED
	}
	d, no := readDraft(c)
	if no != nil {
		return nil, no
	}
	var inThread bool
	if raw, ok := c.body["reply_in_thread"]; ok && json.Unmarshal(raw, &inThread) != nil {
		return nil, invalidField("reply_in_thread", "must be a boolean")
	}
	return s.send(c.app, "reply", to, d, func() (*message, *refusal) {
		return s.placeForReply(c.app, to, inThread)
	})
}

// placeForReply finds where a reply to the message called to belongs. mu is held.
func (s *Server) placeForReply(a *app, to string, inThread bool) (*message, *refusal) {
	target := s.messages.get(to)
	switch {
	case target == nil:
		return nil, refuse(codeNotFound, "The message is not found") // which of 231003 and 230110: UNVERIFIED
	case target.gone != 0:
		return nil, refuse(target.gone, goneTexts[target.gone])
	}
	if no := target.chat.refuses(a); no != nil {
		return nil, no
	}
	reply := &message{chat: target.chat, thread: target.thread, parent: to, root: target.root}
	if reply.root == "" {
		reply.root = to
	}
	if reply.thread == "" && inThread {
		reply.thread = hexID("omt_", 12)
		s.threads[reply.thread] = to
		target.thread = reply.thread
		reply.root = to
	}
	if reply.thread != "" {
		reply.parent = reply.root // as it is for everything inside a thread
	}
	return reply, nil
}

var goneTexts = map[int]string{
	codeRecalled: "The message was withdrawn.",
	codeDeleted:  "This message has been deleted.",
}

// readDraft checks what create and reply have in common.
func readDraft(c call) (draft, *refusal) {
	var d draft
	d.msgType, _ = c.body.text("msg_type")
	d.content, _ = c.body.text("content")
	d.uuid, _ = c.body.text("uuid")
	switch {
	case d.msgType == "":
		return d, invalidField("msg_type", "msg_type is required")
	case d.content == "":
		return d, invalidField("content", "content is required, as a string")
	case utf8.RuneCountInString(d.uuid) > maxUUID:
		return d, invalidField("uuid", "the length of uuid exceeds "+strconv.Itoa(maxUUID))
	case d.msgType == "text" && c.size > maxTextBody,
		(d.msgType == "post" || d.msgType == "interactive") && c.size > maxRichBody:
		return d, refuse(codeTooLong, "The length of the message content reaches its limit.")
	}
	var no *refusal
	d.shown, no = checkContent(d.msgType, d.content)
	return d, no
}

// send carries a draft out, once per uuid. place finds where it belongs; it is
// called with mu held.
func (s *Server) send(a *app, via, to string, d draft, place func() (*message, *refusal)) (any, *refusal) {
	// That create and reply do not share their keys is UNVERIFIED.
	key := a.AppID + "/" + via + "/" + d.uuid
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.uuids.get(key); d.uuid != "" && first != nil && time.Since(first.at) < uuidLife {
		if !first.done {
			return nil, refuse(codeSending, "The message is being sent.")
		}
		// That the first message's answer comes again is UNVERIFIED; that
		// nothing is sent is not.
		again := first.sent
		again.At, again.Duplicate = time.Now(), true
		s.record(again)
		return first.answer, nil
	}
	msg, no := place()
	if no == nil {
		no = s.takeFromChat(msg.chat)
	}
	if no != nil {
		return nil, no
	}
	msg.id = hexID("om_", 32)
	s.messages.put(msg.id, msg)
	now := time.Now()
	sent := Sent{
		At: now, AppID: a.AppID, MessageID: msg.id, Via: via, InReplyTo: to, ChatID: msg.chat.id,
		ThreadID: msg.thread, MsgType: d.msgType, Content: d.content, Text: d.shown.text, UUID: d.uuid,
	}
	first := &sending{at: now, sent: sent, answer: success(answerOf(a, msg, d, now))}
	if d.uuid != "" {
		s.uuids.put(key, first)
	}
	s.record(sent)
	first.done = true
	return first.answer, nil
}

// record keeps sent and calls the hook. mu is held, but not during the call, so
// that the hook may use the Server: a request with the same uuid that comes in
// meanwhile finds the first one under way.
func (s *Server) record(sent Sent) {
	if !s.opts.NoHistory {
		s.sent = append(s.sent, sent)
		s.notify()
	}
	if s.opts.OnSend != nil {
		s.mu.Unlock()
		defer s.mu.Lock()
		s.opts.OnSend(sent)
	}
}

// answerOf is the message object of the API.
func answerOf(a *app, m *message, d draft, now time.Time) any {
	at := strconv.FormatInt(now.UnixMilli(), 10)
	answer := map[string]any{
		"message_id":  m.id,
		"msg_type":    d.msgType,
		"create_time": at,
		"update_time": at,
		"deleted":     false,
		"updated":     false,
		"chat_id":     m.chat.id,
		"sender":      map[string]any{"id": a.AppID, "id_type": "app_id", "sender_type": "app", "tenant_key": tenant},
		"body":        map[string]any{"content": d.shown.received},
	}
	for key, value := range map[string]string{"root_id": m.root, "parent_id": m.parent, "thread_id": m.thread} {
		if value != "" {
			answer[key] = value
		}
	}
	if len(d.shown.mentions) > 0 {
		answer["mentions"] = d.shown.mentions
	}
	return answer
}

// Recall withdraws a message: replies to it fail with 230011 from now on. It
// reports whether the message is known.
func (s *Server) Recall(messageID string) bool { return s.remove(messageID, codeRecalled) }

// Delete deletes a message: replies to it fail with 230110 from now on. It
// reports whether the message is known.
func (s *Server) Delete(messageID string) bool { return s.remove(messageID, codeDeleted) }

func (s *Server) remove(messageID string, code int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages.get(messageID)
	if m != nil {
		m.gone = code
	}
	return m != nil
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
