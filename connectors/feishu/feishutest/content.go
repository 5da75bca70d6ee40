package feishutest

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// shown is what a sent content looks like to others.
type shown struct {
	text     string // what one reads
	received string // the content as the API and events give it
	mentions []named
	cardID   string // of the card entity it refers to
}

// mention gives the person called id a placeholder, the same one every time.
func (s *shown) mention(id, name string) string {
	if id == "all" {
		return "@_all"
	}
	for _, known := range s.mentions {
		if known.OpenID == id {
			return known.key
		}
	}
	p := Person{OpenID: id, Name: name}
	key := fmt.Sprintf("@_user_%d", len(s.mentions)+1)
	s.mentions = append(s.mentions, named{key, p})
	return key
}

func invalidContent(why string) *refusal {
	return refuse(codeInvalidRequest, textInvalidRequest+why)
}

// keysOf are the members that the content of a simple message type must have.
// Whether what they name exists is not checked.
var keysOf = map[string][]string{
	"image":      {"image_key"},
	"file":       {"file_key"},
	"audio":      {"file_key"},
	"sticker":    {"file_key"},
	"media":      {"file_key"},
	"share_chat": {"chat_id"},
	"share_user": {"user_id"},
	"system":     {"type"},
}

// checkContent checks the content of a message that is to be sent. markdownTables
// is how many a card may have.
func checkContent(msgType, content string, markdownTables int) (shown, *refusal) {
	var o object
	if json.Unmarshal([]byte(content), &o) != nil || o == nil {
		return shown{}, invalidContent("content is not a string in json format")
	}
	switch msgType {
	case "text":
		return checkText(o)
	case "post":
		return checkPost(o)
	case "interactive":
		return checkCard(o, content, markdownTables)
	}
	keys, ok := keysOf[msgType]
	if !ok {
		return shown{}, invalidContent("invalid msg_type")
	}
	for _, key := range keys {
		if v, _ := o.text(key); v == "" {
			return shown{}, invalidContent(key + " is required")
		}
	}
	return shown{received: content}, nil
}

// The markup of a text. Anything else between angle brackets is shown as it is.
var (
	atTag    = regexp.MustCompile(`<at user_id="([^"]*)">([^<]*)</at>`)
	styleTag = regexp.MustCompile(`</?[bius]>`)
)

func checkText(o object) (shown, *refusal) {
	text, _ := o.text("text")
	if text == "" {
		return shown{}, invalidContent("text is empty")
	}
	var s shown
	received := atTag.ReplaceAllStringFunc(text, func(tag string) string {
		part := atTag.FindStringSubmatch(tag)
		return s.mention(part[1], part[2])
	})
	readable := atTag.ReplaceAllStringFunc(text, func(tag string) string {
		part := atTag.FindStringSubmatch(tag)
		return "@" + firstOf(part[2], part[1])
	})
	s.text, s.received = styleTag.ReplaceAllString(readable, ""), textContent(styleTag.ReplaceAllString(received, ""))
	return s, nil
}

func textContent(text string) string {
	b, _ := json.Marshal(map[string]string{"text": text}) // a string
	return string(b)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
