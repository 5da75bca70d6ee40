package feishutest

import (
	"slices"
	"strings"
	"time"
)

// The codes of im/v1.
const (
	codeInvalidRequest  = 230001
	codeNotInChat       = 230002
	codeRecallTooLate   = 230009
	codeRecalled        = 230011
	codeChatRate        = 230020
	codeTooLong         = 230025
	codeNotOwn          = 230026 // of a recall
	codeNoPermission    = 230027
	codeCardTooOld      = 230031
	codeSending         = 230049
	codeWrongKind       = 230054
	codeNoThreads       = 230071 // of a reply
	codeNotSender       = 230071 // of an edit
	codeEditedTooOften  = 230072
	codeEditTooLate     = 230075
	codeCardFailed      = 230099
	codeDeleted         = 230110
	codeNotFound        = 231003
	codeDissolved       = 232009
	textCardFailed      = "Failed to create card content, ext=ErrCode: %d; ErrMsg: %s; "
	textInvalidRequest  = "Your request contains an invalid request parameter, ext="
	textNotInChat       = "Bot/User can NOT be out of the chat."
	textNotFound        = "The message is not found, maybe not exist or deleted."
	textDissolved       = "Your request specifies a chat which has already been dissolved."
	textNoSuchMessageID = "The request you send is not a valid {message_id} or not exists" // UNVERIFIED
)

var goneTexts = map[int]string{
	codeRecalled: "The message is recalled.",
	codeDeleted:  "Action unavailable as the message has been deleted.",
}

// message is what the cloud knows about a message, a person's or a bot's.
type message struct {
	id                   string
	chat                 *chat
	thread, root, parent string
	app                  *app   // whose bot wrote it; nil: a person did
	from                 Person // who wrote it, where app is nil
	gone                 int    // the code with which it is refused; 0: it is there

	msgType  string
	source   string // content as it was sent
	content  string // the same as others read it
	text     string // what one reads of a bot's message
	mentions []named
	card     *card // the entity it shows

	created, updated time.Time
	edits            int
	updates          window // of its card by PATCH

	mentionsBot bool
	upper       *message   // the forward it is in
	inside      []*message // of a forward
}

// named is somebody who is mentioned, under the placeholder key.
type named struct {
	key string
	Person
}

// find returns the message called id, for an API in which it must be there. mu is
// held.
func (s *Server) find(id string) (*message, *refusal) {
	if !strings.HasPrefix(id, "om_") {
		return nil, refuse(codeNoSuchMessageID, textNoSuchMessageID)
	}
	m := s.messages.get(id)
	switch {
	case m == nil:
		return nil, refuse(codeNotFound, textNotFound) // for im/v1/messages the code is UNVERIFIED
	case m.gone != 0:
		return nil, refuse(m.gone, goneTexts[m.gone])
	}
	return m, nil
}

// findIn is find, for a's bot, which must be in the message's chat. mu is held.
func (s *Server) findIn(a *app, id string) (*message, *refusal) {
	m, no := s.find(id)
	if no == nil {
		no = m.chat.refuses(a)
	}
	return m, no
}

// reading says how the API is asked to show messages.
type reading struct {
	idType   string // user_id_type; empty: open_id
	wholeFor *app   // whose cards are shown as they were sent; nil: nobody's
}

// object is m as the API shows it. mu is held.
func (s *Server) object(m *message, as reading) map[string]any {
	o := map[string]any{
		"message_id":  m.id,
		"msg_type":    m.msgType,
		"create_time": millis(m.created),
		"update_time": millis(m.updated),
		"deleted":     m.gone != 0,
		"updated":     m.edits > 0,
		"chat_id":     m.chat.ID,
		"sender":      s.sender(m, as),
		"body":        map[string]any{},
	}
	for key, value := range map[string]string{"root_id": m.root, "parent_id": m.parent, "thread_id": m.thread} {
		if value != "" {
			o[key] = value
		}
	}
	if m.upper != nil {
		o["upper_message_id"] = m.upper.id
	}
	if m.gone != 0 {
		return o
	}
	o["body"] = map[string]any{"content": s.shownContent(m, as)}
	var mentions []any
	for _, p := range m.mentions {
		id, idType := s.idOf(p.Person, as)
		mentions = append(mentions, map[string]any{
			"key": p.key, "id": id, "id_type": idType, "name": p.Name, "tenant_key": tenant,
		})
	}
	if mentions != nil {
		o["mentions"] = mentions
	}
	return o
}

func (s *Server) sender(m *message, as reading) map[string]any {
	if m.app != nil {
		return map[string]any{"id": m.app.AppID, "id_type": "app_id", "sender_type": "app", "tenant_key": tenant}
	}
	id, idType := s.idOf(m.from, as)
	kind := "user"
	if idType == "app_id" {
		kind = "app"
	}
	return map[string]any{"id": id, "id_type": idType, "sender_type": kind, "tenant_key": tenant}
}

// idOf is p's id as it was asked for. A bot's is its app_id when any type was
// asked for.
func (s *Server) idOf(p Person, as reading) (id, idType string) {
	if as.idType != "" && p.Type == "bot" {
		if i := slices.IndexFunc(s.bots, func(a *app) bool { return a.BotOpenID == p.OpenID }); i >= 0 {
			return s.bots[i].AppID, "app_id"
		}
	}
	switch as.idType {
	case "union_id":
		return p.UnionID, "union_id"
	case "user_id":
		return p.UserID, "user_id"
	default:
		return p.OpenID, "open_id"
	}
}

// shownContent is m's content: as others read it, or a card as it was sent.
func (s *Server) shownContent(m *message, as reading) string {
	if m.msgType != "interactive" {
		return m.content
	}
	source := m.source
	if m.card != nil {
		source = m.card.json()
	}
	switch {
	case m.app == nil: // a person's forwarded card, of which there is only the simplified form
		return m.content
	case as.wholeFor != nil:
		return source
	default:
		return s.simplify(source)
	}
}
