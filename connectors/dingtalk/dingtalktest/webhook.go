package dingtalktest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

// PathWebhook is where a message's sessionWebhook leads, on oapi.dingtalk.com
// (documented). It answers HTTP 200 whatever happens; the outcome is in errcode.
const PathWebhook = "/robot/sendBySession"

// The errcodes of PathWebhook. 300001 is from the field, the others are documented
// for the sibling endpoint of custom robots.
const (
	errcodeOK            = 0
	errcodeMissing       = 40035
	errcodeContentType   = 43004
	errcodeNoWebhook     = 300001
	errcodeMsgType       = 400105
	errcodeDisbanded     = 400013
	errcodeUnsafe        = 430104
	errmsgOK             = "ok"
	errmsgMissing        = "缺少参数 json"
	errmsgContentType    = "无效的HTTP HEADER Content-Type"
	errmsgUnknownWebhook = "session 不存在"
	errmsgMsgType        = "不支持的消息类型"
	errmsgDisbanded      = "群已被解散"
	errmsgUnsafe         = "含有不合适的内容"
	errmsgOutOfPushes    = "受调用量超量影响，当前的消息服务已经暂停"
)

// errcode is an answer of oapi.dingtalk.com.
type errcode struct {
	Code int    `json:"errcode"`
	Msg  string `json:"errmsg"`
}

// webhook is where replies to one message go.
type webhook struct {
	app   *app
	chat  string
	msgID string
	until time.Time
}

// webhookTable holds webhooks until they expire. Its order is that of their making,
// which is also the order of expiry but for messages dated back; so forgetting the
// expired ones costs nothing. That they are gone is not seen from outside: an
// expired and an unknown session are answered alike (field).
type webhookTable struct {
	byKey map[[16]byte]webhook
	order [][16]byte
}

func newWebhookTable() webhookTable {
	return webhookTable{byKey: make(map[[16]byte]webhook)}
}

// add registers a webhook and returns its session key.
func (t *webhookTable) add(h webhook) [16]byte {
	now := time.Now()
	for len(t.order) > 0 && !now.Before(t.byKey[t.order[0]].until) {
		delete(t.byKey, t.order[0])
		t.order = t.order[1:]
	}
	key := randomBytes()
	t.byKey[key] = h
	t.order = append(t.order, key)
	return key
}

// find is the webhook of a session parameter, unless it has expired.
func (t *webhookTable) find(param string) (webhook, bool) {
	raw, err := hex.DecodeString(param)
	if err != nil || len(raw) != 16 {
		return webhook{}, false
	}
	h, ok := t.byKey[[16]byte(raw)]
	return h, ok && time.Now().Before(h.until)
}

// sendBySession answers PathWebhook. The order of the checks is UNVERIFIED.
func (s *Server) sendBySession(w http.ResponseWriter, r *http.Request) {
	answer := s.reply(r)
	if answer.Code != errcodeOK {
		s.count(func(st *Stats) { st.Rejected++ })
	}
	writeJSON(w, http.StatusOK, answer)
}

// reply carries a webhook call out.
func (s *Server) reply(r *http.Request) errcode {
	if !isJSON(r.Header.Get("Content-Type")) {
		return errcode{errcodeContentType, errmsgContentType}
	}
	s.mu.Lock()
	hook, ok := s.webhooks.find(r.URL.Query().Get("session"))
	disbanded := s.disbanded[hook.chat]
	s.mu.Unlock()
	if !ok {
		return errcode{errcodeNoWebhook, errmsgUnknownWebhook}
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return errcode{errcodeMissing, errmsgMissing}
	}
	sent, err := parseReply(raw)
	switch {
	case errors.Is(err, errMsgType):
		return errcode{errcodeMsgType, errmsgMsgType}
	case err != nil:
		return errcode{errcodeMissing, errmsgMissing + ": " + err.Error()}
	}
	switch {
	case disbanded:
		return errcode{errcodeDisbanded, errmsgDisbanded}
	case s.unsafe(string(raw)):
		return errcode{errcodeUnsafe, errmsgUnsafe}
	case !s.meterWebhook():
		return errcode{s.opts.OutOfPushesErrcode, errmsgOutOfPushes}
	}
	sent.Via, sent.ClientID, sent.ChatID, sent.InReplyTo = ViaWebhook, hook.app.ClientID, hook.chat, hook.msgID
	s.record(sent)
	return errcode{errcodeOK, errmsgOK}
}

// errMsgType is returned by parseReply for a msgtype that the endpoint does not know.
var errMsgType = errors.New("unknown msgtype")

// replyBody is what PathWebhook takes (documented): a msgtype and the part of that
// name.
type replyBody struct {
	MsgType  string        `json:"msgtype"`
	Text     *replyText    `json:"text"`
	Markdown *replyTitled  `json:"markdown"`
	Link     *replyLink    `json:"link"`
	Action   *replyAction  `json:"actionCard"`
	Feed     *replyFeed    `json:"feedCard"`
	At       *replyMention `json:"at"`
}

type replyText struct {
	Content string `json:"content"`
}

type replyTitled struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type replyLink struct {
	replyTitled
	PicURL     string `json:"picUrl"` // may be empty
	MessageURL string `json:"messageUrl"`
}

// replyAction leads to one place (singleTitle, singleURL) or to several (btns).
type replyAction struct {
	replyTitled
	SingleTitle string        `json:"singleTitle"`
	SingleURL   string        `json:"singleURL"`
	Orientation string        `json:"btnOrientation"`
	Buttons     []replyButton `json:"btns"`
}

type replyButton struct {
	Title string `json:"title"`
	URL   string `json:"actionURL"`
}

type replyFeed struct {
	Links []struct {
		Title      string `json:"title"`
		MessageURL string `json:"messageURL"`
		PicURL     string `json:"picURL"`
	} `json:"links"`
}

// replyMention is who to highlight. atDingtalkIds is from the field.
type replyMention struct {
	Mobiles     []string `json:"atMobiles"`
	UserIDs     []string `json:"atUserIds"`
	DingtalkIDs []string `json:"atDingtalkIds"`
	All         bool     `json:"isAtAll"`
}

// parseReply checks the body of a webhook call and reads what people would see. A
// part or field that is missing, empty or of another type is an error.
func parseReply(raw []byte) (Sent, error) {
	var body replyBody
	if err := decodeExact(bytes.NewReader(raw), &body); err != nil {
		return Sent{}, err
	}
	sent := Sent{MsgType: body.MsgType, Raw: raw}
	var err error
	switch body.MsgType {
	case "":
		err = errors.New("msgtype")
	case "empty":
	case "text":
		err = errors.New("text.content")
		if body.Text != nil && body.Text.Content != "" {
			sent.Text, err = body.Text.Content, nil
		}
	case "markdown":
		sent.Title, sent.Text, err = body.Markdown.check()
	case "link":
		sent.Title, sent.Text, err = body.Link.check()
	case "actionCard":
		sent.Title, sent.Text, err = body.Action.check()
	case "feedCard":
		sent.Title, err = body.Feed.check()
	default:
		err = errMsgType
	}
	sent.mention(body.At)
	return sent, err
}

// check returns what people see, or which field is missing.
func (t *replyTitled) check() (title, text string, err error) {
	if t == nil || t.Title == "" {
		return "", "", errors.New("title")
	}
	if t.Text == "" {
		return "", "", errors.New("text")
	}
	return t.Title, t.Text, nil
}

func (l *replyLink) check() (title, text string, err error) {
	if l == nil || l.MessageURL == "" {
		return "", "", errors.New("link.messageUrl")
	}
	return l.replyTitled.check()
}

func (a *replyAction) check() (title, text string, err error) {
	if a == nil {
		return "", "", errors.New("actionCard")
	}
	if len(a.Buttons) == 0 && (a.SingleTitle == "" || a.SingleURL == "") {
		return "", "", errors.New("actionCard.singleTitle and singleURL, or btns")
	}
	for _, b := range a.Buttons {
		if b.Title == "" || b.URL == "" {
			return "", "", errors.New("actionCard.btns title and actionURL")
		}
	}
	return a.replyTitled.check()
}

func (f *replyFeed) check() (title string, err error) {
	if f == nil || len(f.Links) == 0 {
		return "", errors.New("feedCard.links")
	}
	for _, l := range f.Links {
		if l.Title == "" || l.MessageURL == "" || l.PicURL == "" {
			return "", errors.New("feedCard.links title, messageURL and picURL")
		}
	}
	return f.Links[0].Title, nil
}

// isJSON reports whether a Content-Type is application/json, with any parameters.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}
