package dingtalk

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"longwire/connectors"
)

// content is what a message or a quote of any msgtype may say; most fields are of
// one type only. What is in it was seen in the field more often than documented, so
// it is read as far as it can be: a message is not lost over its form.
type content struct {
	Text        phrase            `json:"text"`    // markdown, actionCard, a quoted text or card
	Content     phrase            `json:"content"` // a quoted text, in newer payloads
	Title       word              `json:"title"`
	Code        word              `json:"downloadCode"`
	PictureCode word              `json:"pictureDownloadCode"` // beside downloadCode; the picture in small
	Recognition word              `json:"recognition"`         // audio: the words, where the platform understood them
	Duration    json.RawMessage   `json:"duration"`
	FileName    word              `json:"fileName"`
	FileSize    word              `json:"fileSize"` // not documented
	RichText    several[richItem] `json:"richText"`
	Buttons     several[cardLink] `json:"actionUrlItemList"`
	Card        json.RawMessage   `json:"cardContent"`
	Link        word              `json:"biz_custom_action_url"` // a document that was shared as a card
	Summary     word              `json:"summary"`               // chatRecord
	Record      json.RawMessage   `json:"chatRecord"`
	Replied     json.RawMessage   `json:"repliedMsg"` // what this one quotes: quote.go
	IsReply     word              `json:"isReplyMsg"`
}

// maxContent bounds a content in bytes before it is looked into. People cannot write
// a tenth of it.
const maxContent = 1 << 20

// parseContent reads a content: an object, an object written as a string, or a bare
// text. What cannot be read is left out.
func parseContent(raw json.RawMessage) content {
	var c content
	if len(raw) > maxContent {
		return c
	}
	if text, bare := unwrap(&raw); bare {
		c.Text = phrase(text)
		return c
	}
	_ = json.Unmarshal(raw, &c) // fields of another type stay empty
	return c
}

// unwrap makes of an object or a list written as a string what it says. It returns
// the text if the string is nothing but a text.
func unwrap(raw *json.RawMessage) (text string, bare bool) {
	if json.Unmarshal(*raw, &text) != nil {
		return "", false
	}
	inner := json.RawMessage(strings.TrimSpace(text))
	if len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') && json.Valid(inner) {
		*raw = inner
		return "", false
	}
	return text, true
}

// attached is what comes with a message, and with what it quotes.
type attached struct {
	files    []connectors.File
	pictures int // how many of files
}

// maxCode bounds a download code in bytes. Those seen have some hundreds.
const maxCode = 4096

// add keeps a file, unless it cannot be had or there are too many.
func (a *attached) add(f connectors.File) bool {
	if f.Ref == "" || len(f.Ref) > maxCode || len(a.files) >= connectors.MaxFiles {
		return false
	}
	a.files = append(a.files, f)
	return true
}

// picture keeps a picture and returns what stands in the text in its place: the
// number says which of the pictures it is.
func (a *attached) picture(code string) (marker string) {
	if !a.add(connectors.File{Kind: connectors.KindPicture, Ref: code}) {
		return "[picture]"
	}
	a.pictures++
	return "[picture " + strconv.Itoa(a.pictures) + "]"
}

// said is what the person wrote, or what kind of message it was. A text of a kind
// other than KindText is not for people to read.
func (m message) said(with *attached) (connectors.Kind, string, error) {
	if m.withheld() {
		return connectors.KindQuota, "", nil
	}
	kind, text := connectors.KindText, ""
	switch {
	case m.MsgType == "text" || m.MsgType == "reply":
		var err error
		if text, err = m.text(); err != nil {
			return "", "", err
		}
		if text == "" {
			text = parseContent(m.Content).words()
		}
	case len(m.Content) > maxContent && wordy[string(m.MsgType)]:
		kind = connectors.KindTooLong
	default:
		c := parseContent(m.Content)
		if c.words() == "" {
			_ = c.Text.UnmarshalJSON(m.Text) // a card's text is in the other place at times
		}
		if m.MsgType == "richText" {
			c.RichText = m.withoutMention(c.RichText)
		}
		kind, text = c.said(string(m.MsgType), with)
	}
	if kind == connectors.KindText {
		kind = connectors.KindOf(text)
	}
	if kind != connectors.KindText {
		text = ""
	}
	return kind, text, nil
}

// wordy are the types whose size is that of their text.
var wordy = map[string]bool{"richText": true, "markdown": true, "actionCard": true, "interactiveCard": true, "chatRecord": true}

// text reads {"content":"…"}, and a bare text where a client sends one. DingTalk has
// taken the mention of the robot out of the text and left a space; mentions of other
// people stay as @name.
func (m message) text() (string, error) {
	var body struct {
		Content connectors.LooseString `json:"content"`
	}
	if len(m.Text) == 0 {
		return "", nil
	}
	var into any = &body
	if m.Text[0] != '{' {
		into = &body.Content
	}
	if err := json.Unmarshal(m.Text, into); err != nil {
		return "", fmt.Errorf("text: %w", err)
	}
	return strings.TrimSpace(string(body.Content)), nil
}

// said is what a content of a msgtype says, and which files came with it.
func (c content) said(msgType string, with *attached) (connectors.Kind, string) {
	switch msgType {
	case "text", "reply":
		return connectors.KindText, c.words()
	case "richText":
		return c.rich(with)
	case "picture", "image":
		return connectors.KindPicture, with.picture(c.picture())
	case "audio":
		with.add(connectors.File{Kind: connectors.KindAudio, Duration: c.duration(), Ref: string(c.Code)})
		if heard := strings.TrimSpace(string(c.Recognition)); heard != "" {
			return connectors.KindText, heard
		}
		return connectors.KindAudio, ""
	case "video":
		with.add(connectors.File{Kind: connectors.KindVideo, Duration: c.duration(), Ref: string(c.Code)})
		return connectors.KindVideo, ""
	case "file":
		f := connectors.File{Kind: connectors.KindFile, Name: c.fileName(), Size: c.size(), Ref: string(c.Code)}
		with.add(f)
		return connectors.KindFile, f.Name
	case "markdown", "actionCard", "interactiveCard":
		return textOr(connectors.KindCard, c.card())
	case "chatRecord":
		return textOr(connectors.KindForward, c.forward())
	}
	return connectors.KindOther, c.fileName() // a quoted file of a group comes as unknownMsgType, at times with its name
}

// textOr is KindText, or kind where there is no text.
func textOr(kind connectors.Kind, text string) (connectors.Kind, string) {
	if text == "" {
		return kind, ""
	}
	return connectors.KindText, text
}

func (c content) words() string {
	if text := strings.TrimSpace(string(c.Text)); text != "" {
		return text
	}
	return strings.TrimSpace(string(c.Content))
}

func (c content) picture() string {
	if c.Code != "" {
		return string(c.Code)
	}
	return string(c.PictureCode)
}

// fileName is the last element of the name without what cannot be shown: the name is
// somebody else's, and goes to the model and perhaps to a disk.
func (c content) fileName() string {
	name := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, strings.ReplaceAll(string(c.FileName), `\`, "/"))
	name = strings.TrimSpace(path.Base(name))
	if name == "." || name == ".." || name == "/" {
		return ""
	}
	return clip(name, maxName)
}

func (c content) size() int64 {
	n, err := strconv.ParseInt(string(c.FileSize), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// duration reads how long a sound or a film is: the documentation has a number of
// milliseconds, other official pages a string of seconds. Nobody records a day.
func (c content) duration() time.Duration {
	const most = 24 * time.Hour
	unit := time.Millisecond
	if len(c.Duration) > 0 && c.Duration[0] == '"' {
		unit = time.Second
	}
	var text word
	_ = json.Unmarshal(c.Duration, &text)
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(n > 0 && n <= float64(most/unit)) { // NaN is neither
		return 0
	}
	return time.Duration(n * float64(unit))
}
