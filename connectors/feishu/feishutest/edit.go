package feishutest

import (
	"encoding/json"
	"time"
)

// maxEdits is how often a text or post can be edited; cards know no such limit.
const maxEdits = 20

// patchLife is how long a card's message can be updated.
const patchLife = 14 * 24 * time.Hour

// editMessage changes a text or post of the bot (PUT).
func (s *Server) editMessage(c call) (any, *refusal) {
	d, no := s.readDraft(c)
	if no != nil {
		return nil, no
	}
	if d.msgType != "text" && d.msgType != "post" {
		return nil, invalidContent("invalid msg_type")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findIn(c.app, c.r.PathValue("message_id"))
	switch {
	case no != nil:
		return nil, no
	case m.app != c.app:
		return nil, refuse(codeNotSender, "The operator is not the sender of the message.")
	case m.msgType != "text" && m.msgType != "post":
		return nil, refuse(codeWrongKind, "This operation is not supported for this message type.")
	case m.edits >= maxEdits:
		return nil, refuse(codeEditedTooOften, "The message has reached the number of times it can be edited.")
	case s.now().Sub(m.created) > s.opts.EditWindow:
		return nil, refuse(codeEditTooLate, "The message has exceeded the time that can be edited.")
	}
	m.show(d)
	m.edits++
	m.updated = later(s.now(), m.created)
	s.notify()
	return success(s.object(m, reading{})), nil
}

// patchMessage changes a card of the bot (PATCH).
func (s *Server) patchMessage(c call) (any, *refusal) {
	content, _ := c.body.text("content")
	if content == "" {
		return nil, invalidField("content", "content is required, as a string")
	}
	if c.size > maxRichBody {
		return nil, tooLong()
	}
	now, no := checkContent("interactive", content, s.opts.Doubts.MarkdownTables)
	if no != nil {
		return nil, no
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.find(c.r.PathValue("message_id"))
	switch {
	case no != nil:
		return nil, no
	case m.chat.dissolved:
		return nil, refuse(codeDissolved, textDissolved)
	case m.app != c.app:
		return nil, refuse(codeNoPermission, "Lack of necessary permissions.")
	case m.msgType != "interactive":
		return nil, invalidContent("This message is NOT a card.")
	case s.now().Sub(m.created) > patchLife:
		return nil, refuse(codeCardTooOld, "Message has expired when updating message, "+
			"ext=Message can only be updated within fourteen days.")
	}
	if m.card == nil || s.opts.Doubts.PatchReachesEntity {
		// The code of a card that is not shared is UNVERIFIED.
		if !shared(m.current()) || !shared(content) {
			return nil, cardFailed(codeNotShared, textNotShared)
		}
	}
	if no := s.takeFromMessage(m); no != nil {
		return nil, no
	}
	if m.card == nil || s.opts.Doubts.PatchReachesEntity {
		m.show(draft{msgType: "interactive", content: content, shown: now})
		m.card = nil
		m.edits++
		m.updated = later(s.now(), m.created)
	}
	s.notify()
	return map[string]any{"code": 0, "msg": "ok", "data": struct{}{}}, nil
}

// current is the JSON of the card m shows.
func (m *message) current() string {
	if m.card != nil {
		return m.card.json()
	}
	return m.source
}

// shared says whether everybody sees the same of a card: a card of schema 2.0
// unless it says otherwise, another one if it says so.
func shared(content string) bool {
	var o struct {
		Schema string `json:"schema"`
		Config struct {
			Shared *bool `json:"update_multi"`
		} `json:"config"`
	}
	_ = json.Unmarshal([]byte(content), &o) // has been checked
	if o.Config.Shared == nil {
		return o.Schema == schema2
	}
	return *o.Config.Shared
}
