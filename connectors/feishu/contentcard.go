package feishu

import (
	"bytes"
	"encoding/json"
	"strings"

	"longwire/connectors"
)

// maxDepth bounds how deep elements of a card are looked for; five levels are
// allowed.
const maxDepth = 12

// seenCard is a card as others read it, which is a title and rows of elements, or as it
// was sent.
type seenCard struct {
	Title    json.RawMessage `json:"title"`
	Elements json.RawMessage `json:"elements"`

	Header    json.RawMessage            `json:"header"`
	Body      json.RawMessage            `json:"body"`
	Languages map[string]json.RawMessage `json:"i18n_elements"`
}

// seenElement is an element of either form. Which members it has, and of which type,
// depends on its tag.
type seenElement struct {
	Tag      json.RawMessage `json:"tag"`
	Text     json.RawMessage `json:"text"` // a text, or an element
	Content  json.RawMessage `json:"content"`
	Href     json.RawMessage `json:"href"`
	UserID   json.RawMessage `json:"user_id"`
	UserName json.RawMessage `json:"user_name"`

	Title    json.RawMessage `json:"title"`
	Header   json.RawMessage `json:"header"`
	Fields   json.RawMessage `json:"fields"`
	Columns  json.RawMessage `json:"columns"`
	Elements json.RawMessage `json:"elements"`
}

// upgradeTexts stand in place of a card that is read in a form too old for it.
var upgradeTexts = []string{"请升级至最新版本客户端", "upgrade to the latest version", "upgrade your client"}

// sayCard reads the words of a card, but none of its buttons and lists. Its pictures
// cannot be fetched. A card without words is of KindCard.
func sayCard(raw []byte, as reading) said {
	as.message = ""
	p := newProse(as)
	var c seenCard
	if json.Unmarshal(raw, &c) == nil {
		p.say(str(c.Title))
		p.newline()
		for _, part := range []json.RawMessage{c.Header, c.Body, c.Elements, c.Languages["zh_cn"], c.Languages["en_us"]} {
			p.card(part, 0)
		}
	}
	says := p.said()
	says.files = nil
	if !p.words || upgrade(says.text) {
		return said{kind: connectors.KindCard, text: "[card]"}
	}
	return says
}

func upgrade(text string) bool {
	for _, notice := range upgradeTexts {
		if len(text) < 200 && strings.Contains(strings.ToLower(text), notice) {
			return true
		}
	}
	return false
}

// card adds the words of an element, of a row of them, or of rows: a line for each
// row and for each element that is in none.
func (p *prose) card(raw json.RawMessage, depth int) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || depth > maxDepth || p.over {
		return
	}
	switch raw[0] {
	case '[':
		for _, part := range list[json.RawMessage](raw, p.left) {
			row := bytes.HasPrefix(part, []byte("["))
			p.card(part, depth+1)
			if row || depth == 0 {
				p.newline()
			}
		}
	case '{':
		p.left--
		var e seenElement
		if p.left >= 0 && json.Unmarshal(raw, &e) == nil {
			p.cardElement(e, depth+1)
		}
	}
}

func (p *prose) cardElement(e seenElement, depth int) {
	switch str(e.Tag) {
	case "button", "select_static", "multi_select_static", "overflow", "date_picker", "picker_time", "picker_datetime",
		"select_person", "multi_select_person", "input", "checker", "select_img", "action":
		return
	case "a":
		p.say(linkTo(str(e.Text), str(e.Href)))
		return
	case "at":
		p.say(p.mention(str(e.UserID), str(e.UserName)))
		return
	case "img":
		p.write("[picture]")
		return
	case "hr":
		p.newline()
		p.write("---\n")
		return
	case "text":
		p.say(str(e.Text))
		return
	}
	if text := str(e.Content); text != "" { // markdown, lark_md, plain_text
		p.named(text)
		p.newline()
	}
	for _, part := range []json.RawMessage{e.Title, e.Text, e.Header, e.Fields, e.Columns, e.Elements} {
		p.card(part, depth)
	}
}
