package feishu

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"longwire/connectors"
)

// said is what a message says.
type said struct {
	kind connectors.Kind
	// text is the message in words, whatever kind it is of: what cannot be said in
	// words has a mark in its place, like [picture 1].
	text  string
	files []connectors.File
	over  bool // there is more than fits into the limit
}

// reading says how to read a message.
type reading struct {
	message string            // whose files are named; empty: no files, because they cannot be fetched
	self    string            // the bot's own open_id, empty where mentions of it are kept
	names   names             // who is mentioned
	limit   int               // bytes of text
	before  []connectors.File // files that there are already: marks count on after them
}

// maxContent bounds a message's content in bytes, but for a text's, which is bounded
// by what becomes of it. What people send is far smaller: a post has at most 150 KB.
const maxContent = 1 << 20

// maxElements bounds the elements that are read of a post or a card.
const maxElements = 5000

// say reads the content of a message: JSON whose form depends on its type. An error
// says that it is none.
func say(msgType, content string, as reading) (said, error) {
	raw := []byte(content)
	switch {
	case msgType == "text":
		return sayText(raw, as)
	case len(raw) > maxContent:
		return said{kind: connectors.KindTooLong, text: "[message too long]"}, nil
	case msgType == "post":
		return sayPost(raw, as)
	case msgType == "interactive":
		return sayCard(raw, as), nil
	}
	var c simple
	if json.Unmarshal(raw, &c) != nil {
		c = simple{} // the kind is known, which is all that most of these tell
	}
	switch msgType {
	case "image":
		return lone(connectors.KindPicture, "picture", "image", c.ImageKey, c, as), nil
	case "audio":
		return lone(connectors.KindAudio, "audio", "file", c.FileKey, c, as), nil
	case "media":
		return lone(connectors.KindVideo, "video", "file", c.FileKey, c, as), nil
	case "file":
		return lone(connectors.KindFile, "file", "file", c.FileKey, c, as), nil
	case "folder": // cannot be fetched
		return said{kind: connectors.KindFile, text: mark("folder", c.FileName)}, nil
	case "sticker": // nor can this
		return said{kind: connectors.KindSticker, text: "[sticker]"}, nil
	case "merge_forward": // only Read tells what is in it
		return said{kind: connectors.KindForward, text: forwardMark}, nil
	case "location":
		return within(as.limit, connectors.KindText, c.place()), nil
	}
	return within(as.limit, connectors.KindOther, c.words(msgType)), nil
}

// forwardMark stands for messages that are forwarded together.
const forwardMark = "[forwarded messages]"

// simple is the content of all types that have no elements; each has some of these.
type simple struct {
	ImageKey  connectors.LooseString `json:"image_key"`
	FileKey   connectors.LooseString `json:"file_key"`
	FileName  connectors.LooseString `json:"file_name"`
	Duration  json.RawMessage        `json:"duration"` // ms
	Name      connectors.LooseString `json:"name"`
	Longitude connectors.LooseString `json:"longitude"`
	Latitude  connectors.LooseString `json:"latitude"`
	Text      connectors.LooseString `json:"text"`
	Topic     connectors.LooseString `json:"topic"`
	Summary   json.RawMessage        `json:"summary"` // of a todo a post, else a text
	Start     connectors.LooseMillis `json:"start_time"`
	Due       connectors.LooseMillis `json:"due_time"`
	Options   json.RawMessage        `json:"options"`
}

// place is a location in words.
func (c simple) place() string {
	text := "[location] " + string(c.Name)
	if c.Longitude != "" && c.Latitude != "" {
		text += fmt.Sprintf(" (longitude %s, latitude %s)", c.Longitude, c.Latitude)
	}
	return text
}

// words are what a message says that is of none of the kinds there are.
func (c simple) words(msgType string) string {
	switch msgType {
	case "hongbao":
		return "[red packet]"
	case "share_chat":
		return "[group card]"
	case "share_user":
		return "[contact card]"
	case "share_calendar_event", "calendar", "general_calendar":
		return joined("[calendar]", str(c.Summary), moment(c.Start))
	case "video_chat":
		return joined("[video call]", string(c.Topic), moment(c.Start))
	case "todo":
		summary, _ := sayPost(c.Summary, reading{limit: connectors.MaxQuote})
		return joined("[task]", summary.text, moment(c.Due))
	case "vote":
		var options []string
		for _, option := range list[connectors.LooseString](c.Options, 50) {
			options = append(options, string(option))
		}
		return joined("[vote]", string(c.Topic), strings.Join(options, " / "))
	case "system":
		return "[system message]"
	}
	return "[message]"
}

// joined joins what there is of words.
func joined(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

func moment(at connectors.LooseMillis) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

// str reads a JSON text, or number, and nothing else.
func str(raw json.RawMessage) string {
	var s connectors.LooseString
	if len(raw) == 0 || s.UnmarshalJSON(raw) != nil {
		return ""
	}
	return string(s)
}

// lone is a message that is one file.
func lone(kind connectors.Kind, word, resource string, key connectors.LooseString, c simple, as reading) said {
	says := said{kind: kind, text: mark(word, c.FileName)}
	file := connectors.File{Kind: kind, Ref: refOf(as.message, resource, string(key))}
	if len(c.FileName) <= maxID {
		file.Name = string(c.FileName)
	}
	var ms float64
	if json.Unmarshal([]byte(str(c.Duration)), &ms) == nil && ms > 0 && ms < float64(24*time.Hour/time.Millisecond) {
		file.Duration = time.Duration(ms) * time.Millisecond
	}
	if file.Ref == "" || len(as.before) >= connectors.MaxFiles {
		return says
	}
	says.files = []connectors.File{file}
	if kind == connectors.KindPicture || kind == connectors.KindVideo && file.Name == "" {
		says.text = numbered(word, kind, append(as.before[:len(as.before):len(as.before)], file))
	}
	return says
}

// mark stands in a text for something that is no text, with its name if it has one.
func mark(word string, name connectors.LooseString) string {
	if name == "" || len(name) > maxID {
		return "[" + word + "]"
	}
	return "[" + word + " " + strings.Join(strings.Fields(string(name)), " ") + "]"
}

// numbered is the mark of the last of files, which is of kind.
func numbered(word string, kind connectors.Kind, files []connectors.File) string {
	number := 0
	for _, f := range files {
		if f.Kind == kind {
			number++
		}
	}
	return fmt.Sprintf("[%s %d]", word, number)
}

// safe is what an id or key looks like that may stand in a URL's path. The platform's
// own are all of this form.
var safe = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.=-]*$`)

// refOf names a resource of a message for Fetch: its type in the API, the message
// and the key. It is empty where there is nothing to fetch.
func refOf(message, resource, key string) string {
	if message == "" || len(message)+len(key) > 2*maxID || !safe.MatchString(message) || !safe.MatchString(key) {
		return ""
	}
	return resource + "/" + message + "/" + key
}

// sayText reads a text message.
func sayText(raw []byte, as reading) (said, error) {
	var body struct {
		Text connectors.LooseString `json:"text"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return said{}, err
	}
	text, over := truncate(string(body.Text), as.limit) // before names make it longer
	says := within(as.limit, connectors.KindText, as.names.readable(text))
	says.over = says.over || over
	return says, nil
}

// within is a text of at most limit bytes.
func within(limit int, kind connectors.Kind, text string) said {
	text, over := truncate(strings.TrimSpace(text), limit)
	if kind == connectors.KindText && text == "" {
		kind = connectors.KindEmpty
	}
	return said{kind: kind, text: text, over: over}
}

// truncate cuts text to at most limit bytes, between two characters.
func truncate(text string, limit int) (cut string, over bool) {
	if len(text) <= limit {
		return text, false
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], true
}

var errNoObject = errors.New("an object was expected")
