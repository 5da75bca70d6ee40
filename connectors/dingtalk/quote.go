package dingtalk

import (
	"encoding/json"
	"strings"

	"longwire/connectors"
)

// No official page speaks of quotes. What was seen in the field:
//
//   - repliedMsg, beside isReplyMsg, within a text or within the content of any
//     other type: the quoted message with its msgType and content, the content an
//     object or a string with one, or missing
//   - isReplyMsg and an originalMsgId, and no repliedMsg
//   - for a card of the robot originalProcessQueryKey, the card's carrierId, and no
//     content
//   - quoteMessage, the oldest form, texts only
//   - a quote that quotes, up to three deep
type replied struct {
	MsgID      word            `json:"msgId"`
	MsgType    word            `json:"msgType"`
	SenderID   word            `json:"senderId"`
	SenderNick word            `json:"senderNick"` // in quoteMessage
	Content    json.RawMessage `json:"content"`
	Text       phrase          `json:"text"` // in quoteMessage, instead of content
	Replied    json.RawMessage `json:"repliedMsg"`
}

// maxQuotes is how deep quotes are followed.
const maxQuotes = 3

// quote is what a message quotes; nil when it quotes nothing. Files of the quoted
// message come behind the message's own.
func (m message) quote(with *attached) *connectors.Quote {
	raw, isReply := m.replied()
	q, sender, told := m.quoted(raw, maxQuotes, with)
	if !told && len(m.QuoteMessage) > 0 {
		q, sender, told = m.quoted(m.QuoteMessage, 1, with)
	}
	if !told {
		if !isReply && m.OriginalMsgID == "" && m.OriginalKey == "" {
			return nil
		}
		q = connectors.Quote{Kind: connectors.KindOther}
	}
	if q.Ref == "" {
		q.Ref = string(m.OriginalMsgID)
	}
	if m.OriginalKey != "" && (q.Ours || sender == "") {
		q.Ours, q.Ref = true, string(m.OriginalKey)
		if !told {
			q.Kind = connectors.KindCard
		}
	}
	if len(q.Ref) > maxID {
		q.Ref = ""
	}
	return &q
}

// replied finds the repliedMsg, and whether the message says that it answers one.
func (m message) replied() (raw json.RawMessage, isReply bool) {
	for _, body := range []json.RawMessage{m.Text, m.Content} {
		if len(body) == 0 || len(body) > 2*maxContent { // too long to be answered, whatever it quotes
			continue
		}
		_, _ = unwrap(&body)
		var reply struct {
			Is      word            `json:"isReplyMsg"`
			Replied json.RawMessage `json:"repliedMsg"`
		}
		_ = json.Unmarshal(body, &reply)
		raw, isReply = reply.Replied, isReply || reply.Is == "true"
		if isObject(raw) {
			break
		}
	}
	return raw, isReply
}

// quoted reads a quoted message, and what it quotes itself, depth deep altogether. It
// returns who wrote it as well, and false where there is none.
func (m message) quoted(raw json.RawMessage, depth int, with *attached) (q connectors.Quote, sender word, told bool) {
	_, _ = unwrap(&raw)
	if depth == 0 || !isObject(raw) {
		return q, "", false
	}
	if len(raw) > maxContent {
		return connectors.Quote{Kind: connectors.KindTooLong}, "", true
	}
	var r replied
	_ = json.Unmarshal(raw, &r)
	c := parseContent(r.Content)
	if c.words() == "" {
		c.Text = r.Text
	}
	if !isObject(r.Replied) {
		r.Replied = c.Replied
	}
	inner, _, nested := m.quoted(r.Replied, depth-1, with)

	q.Kind, q.Text = c.said(r.kind(c), with)
	if q.Kind == connectors.KindOther && q.Text != "" {
		q.Kind = connectors.KindFile
	}
	if nested {
		q.Text = beneath(inner.Text, q.Text)
	}
	q.Text = clip(q.Text, connectors.MaxQuote)
	q.Ref = string(r.MsgID)
	q.Ours = r.SenderID != "" && r.SenderID == word(m.ChatbotUserID)
	q.From = clip(string(r.SenderNick), maxName)
	if q.From == "" && r.SenderID != "" && r.SenderID == word(m.SenderID) {
		q.From = clip(string(m.SenderNick), maxName)
	}
	return q, r.SenderID, true
}

// kind is the msgtype of a quoted message; where none is told, the content shows it.
func (r replied) kind(c content) string {
	switch {
	case r.MsgType != "":
		return string(r.MsgType)
	case len(c.RichText) > 0:
		return "richText"
	}
	return "text"
}

// beneath puts a text under the one that it quotes, as markdown does it. The quoted
// one may take a quarter of the room.
func beneath(quoted, text string) string {
	if quoted == "" {
		return text
	}
	quoted = "> " + strings.ReplaceAll(clip(quoted, connectors.MaxQuote/4), "\n", "\n> ")
	return strings.TrimSpace(quoted + "\n\n" + text)
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
