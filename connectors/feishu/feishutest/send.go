package feishutest

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// The scopes of which one is needed to create or reply, to change, to recall and
// to read.
var (
	sendScopes   = []string{"im:message:send_as_bot", "im:message"}
	editScopes   = []string{"im:message:update", "im:message:send_as_bot", "im:message"}
	recallScopes = []string{"im:message:recall", "im:message:send_as_bot", "im:message"}
	readScopes   = []string{"im:message:readonly", "im:message"}
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

// createMessage sends a message to a chat or a person.
func (s *Server) createMessage(c call) (any, *refusal) {
	idType := c.r.URL.Query().Get("receive_id_type")
	if !slices.Contains([]string{"open_id", "union_id", "user_id", "email", "chat_id"}, idType) {
		return nil, invalidField("receive_id_type", "must be one of open_id, union_id, user_id, email, chat_id")
	}
	receiver, _ := c.body.text("receive_id")
	if receiver == "" {
		return nil, invalidField("receive_id", "receive_id is required")
	}
	d, no := s.readDraft(c)
	if no != nil {
		return nil, no
	}
	return s.send(c.app, "create", "", d, func() (*message, *refusal) {
		return s.placeForReceiver(c.app, idType, receiver)
	})
}

// placeForReceiver finds the chat of a receive_id. Only chats and people that
// have been seen exist, and of a person only the open_id leads to them. mu is
// held.
func (s *Server) placeForReceiver(a *app, idType, receiver string) (*message, *refusal) {
	to := s.chats[receiver]
	switch {
	case idType == "open_id":
		if to = s.chats[directChat(a, receiver)]; to == nil {
			return nil, refuse(codeNoSuchOpenID, "The request you send is not a valid {open_id} or not exists") // UNVERIFIED
		}
	case idType != "chat_id" || to == nil:
		return nil, invalidContent("invalid receive_id")
	}
	return &message{chat: to}, to.refuses(a)
}

// replyMessage sends a message in reply to another one.
func (s *Server) replyMessage(c call) (any, *refusal) {
	d, no := s.readDraft(c)
	if no != nil {
		return nil, no
	}
	var inThread bool
	if raw, ok := c.body["reply_in_thread"]; ok && json.Unmarshal(raw, &inThread) != nil {
		return nil, invalidField("reply_in_thread", "must be a boolean")
	}
	to := c.r.PathValue("message_id")
	return s.send(c.app, "reply", to, d, func() (*message, *refusal) {
		return s.placeForReply(c.app, to, inThread)
	})
}

// placeForReply finds where a reply to the message called to belongs. mu is held.
func (s *Server) placeForReply(a *app, to string, inThread bool) (*message, *refusal) {
	target, no := s.findIn(a, to)
	if no != nil {
		return nil, no
	}
	reply := &message{chat: target.chat, thread: target.thread, parent: to, root: firstOf(target.root, to)}
	if reply.thread == "" && inThread {
		if target.chat.NoThreads {
			return nil, refuse(codeNoThreads, "The group to which the message belongs does not support reply in thread.")
		}
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

// readDraft checks what create, reply and edit have in common.
func (s *Server) readDraft(c call) (draft, *refusal) {
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
		return d, tooLong()
	}
	var no *refusal
	d.shown, no = checkContent(d.msgType, d.content, s.opts.Doubts.MarkdownTables)
	return d, no
}

func tooLong() *refusal {
	return refuse(codeTooLong, "The length of the message content reaches its limit.")
}

// send carries a draft out, once per uuid. place finds where it belongs; it is
// called with mu held.
func (s *Server) send(a *app, via, to string, d draft, place func() (*message, *refusal)) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := a.AppID + "/" + via + "/" + d.uuid
	if s.opts.Doubts.SharedUUID {
		key = a.AppID + "//" + d.uuid
	}
	if first := s.uuids.get(key); d.uuid != "" && first != nil && s.now().Sub(first.at) < uuidLife {
		if !first.done || s.opts.Doubts.RepeatRefused {
			return nil, refuse(codeSending, "The message is being sent.")
		}
		again := first.sent
		again.At, again.Duplicate = s.now(), true
		s.record(again)
		return first.answer, nil
	}
	msg, no := place()
	if no == nil {
		no = s.write(a, msg, d)
	}
	if no != nil {
		return nil, no
	}
	sent := Sent{
		At: msg.created, AppID: a.AppID, MessageID: msg.id, Via: via, InReplyTo: to, ChatID: msg.chat.ID,
		ThreadID: msg.thread, MsgType: d.msgType, Content: d.content, Text: msg.text, UUID: d.uuid,
		CardID: d.shown.cardID,
	}
	first := &sending{at: msg.created, sent: sent, answer: success(s.object(msg, reading{}))}
	if d.uuid != "" {
		s.uuids.put(key, first)
	}
	s.record(sent)
	first.done = true
	return first.answer, nil
}

// write makes msg, whose place is found, a message of a's bot. mu is held.
func (s *Server) write(a *app, msg *message, d draft) *refusal {
	var entity *card
	if d.shown.cardID != "" {
		var no *refusal
		if entity, no = s.entityToSend(a, d.shown.cardID); no != nil {
			return no
		}
	}
	if no := s.takeFromChat(msg.chat); no != nil {
		return no
	}
	now := s.now()
	msg.id, msg.app, msg.created, msg.updated = hexID("om_", 32), a, now, now
	msg.show(d)
	if msg.thread == "" && msg.chat.topical() {
		msg.thread = hexID("omt_", 12)
		s.threads[msg.thread] = msg.id
	}
	if entity != nil {
		msg.card, entity.message = entity, msg
		msg.text = readableCard(entity.tree)
		s.cardChanged(entity)
	}
	msg.chat.last = msg
	s.messages.put(msg.id, msg)
	return nil
}

// show makes d what m says.
func (m *message) show(d draft) {
	m.msgType, m.source, m.content = d.msgType, d.content, d.shown.received
	m.text, m.mentions = d.shown.text, d.shown.mentions
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
