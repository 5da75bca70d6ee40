package feishutest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// shown is what a sent content looks like to others.
type shown struct {
	text     string // what one reads
	received string // the content as the API and events give it
	mentions []any
}

func invalidContent(why string) *refusal {
	return refuse(codeInvalidRequest, "Your request contains an invalid request parameter, ext="+why)
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

// checkContent checks the content of a message that is to be sent.
func checkContent(msgType, content string) (shown, *refusal) {
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
		return checkCard(o)
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
	var mentions []any
	received := atTag.ReplaceAllStringFunc(text, func(tag string) string {
		part := atTag.FindStringSubmatch(tag)
		if part[1] == "all" {
			return "@_all"
		}
		key := fmt.Sprintf("@_user_%d", len(mentions)+1)
		mentions = append(mentions, map[string]any{
			"key": key, "id": part[1], "id_type": "open_id", "name": part[2], "tenant_key": tenant,
		})
		return key
	})
	readable := atTag.ReplaceAllStringFunc(text, func(tag string) string {
		part := atTag.FindStringSubmatch(tag)
		return "@" + firstOf(part[2], part[1])
	})
	return shown{
		text:     styleTag.ReplaceAllString(readable, ""),
		received: textContent(styleTag.ReplaceAllString(received, "")),
		mentions: mentions,
	}, nil
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

var locale = regexp.MustCompile(`^[a-z]{2}_[a-z]{2}$`)

// post is a post in one language.
type post struct {
	Title   string             `json:"title"`
	Content [][]map[string]any `json:"content"`
}

// checkPost checks a post, which is sent by language and received in one.
func checkPost(o object) (shown, *refusal) {
	languages := make([]string, 0, len(o))
	for language := range o {
		if !locale.MatchString(language) {
			return shown{}, invalidContent(fmt.Sprintf("post: %q is not a language", language))
		}
		languages = append(languages, language)
	}
	if len(languages) == 0 {
		return shown{}, invalidContent("post: empty")
	}
	slices.Sort(languages)
	var seen post // which language others see depends on theirs; Chinese here
	for i, language := range languages {
		var p post
		if err := json.Unmarshal(o[language], &p); err != nil {
			return shown{}, invalidContent("post: " + err.Error())
		}
		if no := p.check(); no != nil {
			return shown{}, no
		}
		if i == 0 || language == "zh_cn" {
			seen = p
		}
	}
	return shown{text: seen.readable(), received: seen.received()}, nil
}

// A tag of a post: the members it must have, and whether it must be alone in its
// paragraph.
type tag struct {
	members []string
	alone   bool
}

var postTags = map[string]tag{
	"text":       {members: []string{"text"}},
	"a":          {members: []string{"text", "href"}},
	"at":         {members: []string{"user_id"}},
	"img":        {members: []string{"image_key"}, alone: true},
	"media":      {members: []string{"file_key"}, alone: true},
	"emotion":    {members: []string{"emoji_type"}},
	"hr":         {},
	"code_block": {members: []string{"text"}},
	"md":         {members: []string{"text"}, alone: true},
}

// check checks p's elements. That a post without any is refused is UNVERIFIED.
func (p post) check() *refusal {
	elements := 0
	for _, paragraph := range p.Content {
		for _, element := range paragraph {
			elements++
			name, _ := element["tag"].(string)
			rule, ok := postTags[name]
			if !ok {
				return invalidContent(fmt.Sprintf("post: unknown tag %q", name))
			}
			if rule.alone && len(paragraph) > 1 {
				return invalidContent(fmt.Sprintf("post: %s must be alone in its paragraph", name))
			}
			for _, member := range rule.members {
				if _, ok := element[member].(string); !ok {
					return invalidContent(fmt.Sprintf("post: %s without %s", name, member))
				}
			}
		}
	}
	if elements == 0 {
		return invalidContent("post: empty")
	}
	return nil
}

// readable is what one reads of p, a line per paragraph.
func (p post) readable() string {
	var lines []string
	if p.Title != "" {
		lines = append(lines, p.Title)
	}
	for _, paragraph := range p.Content {
		var line strings.Builder
		for _, element := range paragraph {
			line.WriteString(readableElement(element))
		}
		lines = append(lines, line.String())
	}
	return strings.Join(lines, "\n")
}

func readableElement(element map[string]any) string {
	text, _ := element["text"].(string)
	switch element["tag"] {
	case "at":
		name, _ := element["user_name"].(string)
		id, _ := element["user_id"].(string)
		return "@" + firstOf(name, id)
	case "emotion":
		return fmt.Sprintf("[%s]", element["emoji_type"])
	case "img", "media":
		return fmt.Sprintf("[%s]", element["tag"])
	case "hr":
		return "---"
	default:
		return text
	}
}

// received is p as others get it: without language, Markdown as plain text. What
// exactly the platform makes of Markdown is UNVERIFIED.
func (p post) received() string {
	content := make([][]map[string]any, len(p.Content))
	for i, paragraph := range p.Content {
		content[i] = slices.Clone(paragraph)
		for j, element := range paragraph {
			if element["tag"] == "md" {
				content[i][j] = map[string]any{"tag": "text", "text": element["text"], "style": []string{}}
			}
		}
	}
	b, _ := json.Marshal(map[string]any{"title": p.Title, "content": content}) // came from JSON
	return string(b)
}

// checkCard checks the shape of a card: its JSON, or a reference to a card entity
// or template. There are no entities and no templates here yet, so a reference
// leads nowhere.
func checkCard(o object) (shown, *refusal) {
	kind, _ := o.text("type")
	switch {
	case kind == "card":
		return shown{}, cardFailed(200740, "card entity not found")
	case kind == "template":
		return shown{}, cardFailed(11310, "template is not visible to app")
	case o["card_id"] != nil:
		return shown{}, cardFailed(200621, "parse card json err")
	}
	elements := o["elements"]
	if schema, _ := o.text("schema"); schema == "2.0" {
		var body object
		_ = json.Unmarshal(o["body"], &body) // without one there are no elements
		elements = body["elements"]
	}
	var list []object
	if json.Unmarshal(elements, &list) != nil || len(list) == 0 {
		return shown{}, cardFailed(200621, "parse card json err")
	}
	// The simplified rendering others get is UNVERIFIED and left empty.
	return shown{received: `{"title":"","elements":[]}`}, nil
}

func cardFailed(code int, msg string) *refusal {
	return refuse(codeCardFailed, fmt.Sprintf("Failed to create card content, ext=ErrCode: %d; ErrMsg: %s; ", code, msg))
}
