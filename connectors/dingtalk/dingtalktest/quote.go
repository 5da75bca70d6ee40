package dingtalktest

import (
	"encoding/json"
	"time"
)

// Quote is the message that another one answers ("引用"). There is no official page
// about quotes; all of this is from payloads logged in the field and from clients.
// The functions below make the shapes seen; a test may change what they return.
type Quote struct {
	MsgID    string    // default a fresh one
	At       time.Time // repliedMsg.createdAt; default a minute before the message
	From     Person    // who wrote it
	Own      bool      // the robot wrote it: senderId is chatbotUserId
	MsgType  string    // repliedMsg.msgType; default that of Content, or text
	Content  any       // nil: there is none
	QueryKey string    // originalProcessQueryKey: the carrierId of the robot's card
	Form     QuoteForm

	// Quoting is what the quoted message itself quotes; up to three deep (field).
	// It is put into the content, as for a message; Beside puts it next to the
	// content (which of them is right is UNVERIFIED).
	Quoting *Quote
	Beside  bool
}

// QuoteForm is how the platform tells of a quote.
type QuoteForm int

// The forms.
const (
	QuoteWhole    QuoteForm = iota // repliedMsg with its content as an object
	QuoteAsString                  // repliedMsg with its content as a JSON string
	QuoteIDOnly                    // isReplyMsg and originalMsgId, no repliedMsg
	QuoteOld                       // the legacy quoteMessage; texts only
)

// QuoteText quotes a text in the older form, {"text":"..."}.
func QuoteText(text string) *Quote {
	return &Quote{MsgType: "text", Content: map[string]any{"text": text}}
}

// QuoteTextContent quotes a text in the newer form, {"content":"..."}.
func QuoteTextContent(text string) *Quote {
	return &Quote{MsgType: "text", Content: map[string]any{"content": text}}
}

// QuotePicture quotes a picture.
func QuotePicture(downloadCode string) *Quote {
	return &Quote{Content: Picture{DownloadCode: downloadCode}}
}

// QuoteRichText quotes a rich text, whose pieces have other names in a quote:
// msgType and content. A Quote with a RichText as its Content has them in the form
// of a message, which is seen as well.
func QuoteRichText(items ...RichItem) *Quote {
	list := make([]map[string]any, 0, len(items))
	for _, item := range items {
		switch item.Type {
		case "picture":
			list = append(list, map[string]any{"msgType": "picture", "downloadCode": item.DownloadCode})
		case "at":
			list = append(list, map[string]any{"msgType": "at", "atName": item.AtName})
		default:
			list = append(list, map[string]any{"msgType": "text", "content": item.Text})
		}
	}
	return &Quote{MsgType: "richText", Content: map[string]any{"richText": list}}
}

// QuoteFile quotes a file of a 1:1 chat. In groups it is often a QuoteUnknown.
func QuoteFile(downloadCode, name string) *Quote {
	return &Quote{Content: File{DownloadCode: downloadCode, FileName: name}}
}

// QuoteAudio quotes a voice message.
func QuoteAudio(downloadCode string) *Quote {
	return &Quote{Content: Audio{Duration: "1", DownloadCode: downloadCode}}
}

// QuoteVideo quotes a video.
func QuoteVideo(downloadCode string) *Quote {
	return &Quote{Content: Video{Duration: "1", VideoType: "mp4", DownloadCode: downloadCode}}
}

// QuoteUnknown quotes what the platform does not show, without a download code.
func QuoteUnknown() *Quote { return &Quote{MsgType: "unknownMsgType"} }

// QuoteCard quotes a card of the robot: no content, and the card's carrierId beside
// the message. Some payloads have Content {"text":"..."}.
func QuoteCard(c Card) *Quote {
	return &Quote{MsgType: "interactiveCard", Own: true, QueryKey: c.CarrierID()}
}

// QuoteDocument quotes a document that somebody shared as a card. An empty url is a
// card without content.
func QuoteDocument(url string) *Quote {
	if url == "" {
		return &Quote{MsgType: "interactiveCard"}
	}
	return &Quote{Content: InteractiveCard{ActionURL: url}}
}

// QuoteMarkdown quotes a markdown message of the robot.
func QuoteMarkdown(text string) *Quote {
	return &Quote{Own: true, Content: Markdown{Text: text}}
}

// QuoteChatRecord quotes a forwarded chat record.
func QuoteChatRecord(title, summary string) *Quote {
	return &Quote{Content: ChatRecord{Title: title, Summary: summary}}
}

// QuoteID quotes a message of which only the id is told.
func QuoteID(msgID string) *Quote { return &Quote{MsgID: msgID, Form: QuoteIDOnly} }

// QuoteLegacy quotes a text in the oldest form, quoteMessage.
func QuoteLegacy(text string) *Quote {
	return &Quote{MsgType: "text", Content: text, Form: QuoteOld}
}

// repliedMsg is a quote on the wire.
type repliedMsg struct {
	CreatedAt  int64       `json:"createdAt"`
	SenderID   string      `json:"senderId"`
	MsgType    string      `json:"msgType"`
	MsgID      string      `json:"msgId"`
	Content    any         `json:"content,omitempty"`
	IsReplyMsg bool        `json:"isReplyMsg,omitempty"`
	RepliedMsg *repliedMsg `json:"repliedMsg,omitempty"`
}

// quoteMessage is the legacy form.
type quoteMessage struct {
	MsgID      string       `json:"msgId"`
	MsgType    string       `json:"msgtype"`
	Text       callbackText `json:"text"`
	SenderNick string       `json:"senderNick"`
	SenderID   string       `json:"senderId"`
}

// wire is the quote as repliedMsg, in a message to app a written at.
func (q Quote) wire(a *app, at time.Time) *repliedMsg {
	q = q.withDefaults(at)
	msg := &repliedMsg{
		CreatedAt: q.At.UnixMilli(),
		SenderID:  q.From.SenderID,
		MsgType:   kindOf(q.MsgType, q.Content),
		MsgID:     q.MsgID,
		Content:   q.Content,
	}
	if q.Own {
		msg.SenderID = a.robotUserID
	}
	if q.Quoting != nil {
		inner := q.Quoting.wire(a, q.At)
		if q.Beside {
			msg.IsReplyMsg, msg.RepliedMsg = true, inner
		} else {
			msg.Content = quoting(msg.Content, inner)
		}
	}
	if q.Form == QuoteAsString && msg.Content != nil {
		msg.Content = string(encode(msg.Content))
	}
	return msg
}

// legacy is the quote as quoteMessage.
func (q Quote) legacy(at time.Time) *quoteMessage {
	q = q.withDefaults(at)
	text, _ := q.Content.(string)
	return &quoteMessage{
		MsgID: q.MsgID, MsgType: kindOf(q.MsgType, nil), Text: callbackText{Content: text},
		SenderNick: q.From.Nick, SenderID: q.From.SenderID,
	}
}

// withDefaults fills in what was not said; at is when the quoting was written.
func (q Quote) withDefaults(at time.Time) Quote {
	if q.MsgID == "" {
		q.MsgID = newMsgID()
	}
	if q.At.IsZero() {
		q.At = at.Add(-time.Minute)
	}
	q.From = q.From.withDefaults()
	return q
}

// quoting is a content with a quote in it.
func quoting(content any, replied *repliedMsg) any {
	fields := make(map[string]json.RawMessage)
	if content != nil {
		if err := json.Unmarshal(encode(content), &fields); err != nil {
			panic("dingtalktest: only an object can quote: " + err.Error())
		}
	}
	fields["isReplyMsg"] = encode(true)
	if replied != nil {
		fields["repliedMsg"] = encode(replied)
	}
	return fields
}

// quote puts a message's quote into its callback.
func (c *callback) quote(a *app, q Quote, at time.Time) {
	q = q.withDefaults(at) // once, so that all places tell the same id
	c.OriginalProcessQueryKey = q.QueryKey
	var replied *repliedMsg
	switch q.Form {
	case QuoteOld:
		c.QuoteMessage = q.legacy(at)
		return
	case QuoteIDOnly:
	default:
		replied = q.wire(a, at)
	}
	c.OriginalMsgID = q.MsgID
	if c.Text != nil {
		c.Text.IsReplyMsg, c.Text.RepliedMsg = true, replied
		return
	}
	c.Content = quoting(c.Content, replied)
}
