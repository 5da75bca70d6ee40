package dingtalk

import (
	"encoding/json"
	"strings"

	"longwire/connectors"
)

// cardLink is a button of an actionCard.
type cardLink struct {
	Title word `json:"title"`
	URL   word `json:"actionUrl"`
}

// cardElement is a node of another bot's card.
type cardElement struct {
	Value    word            `json:"value"`
	Children json.RawMessage `json:"children"`
}

// maxDepth bounds how deep a card is read, and how often its children are scanned.
const maxDepth = 8

// card is the text of a markdown message or a card: what it says, its buttons, and
// the link of a document.
func (c content) card() string {
	var lines lines
	lines.add(string(c.Title))
	if body := c.words(); body != strings.TrimSpace(string(c.Title)) {
		lines.add(body)
	}
	lines.element(c.Card, maxDepth)
	for _, b := range c.Buttons {
		if b.Title != "" && b.URL != "" {
			lines.add("[" + string(b.Title) + "](" + string(b.URL) + ")")
		} else {
			lines.add(string(b.Title + b.URL))
		}
	}
	lines.add(string(c.Link))
	return lines.String()
}

// lines is a text that is put together line by line, and stops growing when it is
// too long for an event anyway.
type lines struct{ strings.Builder }

func (l *lines) add(line string) {
	if line = strings.TrimSpace(line); line == "" || l.Len() > connectors.MaxText {
		return
	}
	if l.Len() > 0 {
		l.WriteByte('\n')
	}
	l.WriteString(line)
}

// element adds the values of a card's element, or of a list of them, and of what is
// below.
func (l *lines) element(raw json.RawMessage, depth int) {
	if len(raw) == 0 || depth == 0 {
		return
	}
	var list several[cardElement]
	if raw[0] == '[' {
		_ = json.Unmarshal(raw, &list)
	} else {
		list = make(several[cardElement], 1)
		_ = json.Unmarshal(raw, &list[0])
	}
	for _, e := range list {
		l.add(string(e.Value))
		l.element(e.Children, depth-1)
	}
}

// recordItem is a message of a forwarded chat. Nothing says what it has; these are
// the names that messages have elsewhere.
type recordItem struct {
	Nick    word   `json:"senderNick"`
	Name    word   `json:"senderName"`
	Text    phrase `json:"text"`
	Content phrase `json:"content"`
}

// forward is a forwarded chat as a text that says that it is one: its messages where
// they are told, else the platform's summary of them.
func (c content) forward() string {
	head := "[forwarded chat]"
	if title := strings.TrimSpace(string(c.Title)); title != "" {
		head = "[forwarded chat: " + clip(title, maxName) + "]"
	}
	raw := c.Record
	_, _ = unwrap(&raw)
	var items several[recordItem]
	_ = json.Unmarshal(raw, &items)
	var body lines
	for _, item := range items {
		text := strings.TrimSpace(string(item.Text))
		if text == "" {
			text = strings.TrimSpace(string(item.Content))
		}
		if who := string(item.Nick + item.Name); who != "" && text != "" {
			text = clip(who, maxName) + ": " + text
		}
		body.add(text)
	}
	if summary := strings.TrimSpace(string(c.Summary)); body.Len() == 0 && summary != "[]" {
		body.add(summary)
	}
	if body.Len() == 0 && c.Title == "" {
		return ""
	}
	return strings.TrimSpace(head + "\n" + body.String())
}
