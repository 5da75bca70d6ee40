package dingtalk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"longwire/connectors"
)

// richItem is a piece of a rich text. In a message it has type and text, in a quote
// msgType and content; a text may have no type at all.
type richItem struct {
	Type        word   `json:"type"`
	MsgType     word   `json:"msgType"`
	Text        phrase `json:"text"`
	Content     phrase `json:"content"`
	Code        word   `json:"downloadCode"`
	PictureCode word   `json:"pictureDownloadCode"`
	AtName      word   `json:"atName"`
	AtUserID    word   `json:"atUserId"`
}

func (i richItem) kind() string {
	if i.Type != "" {
		return string(i.Type)
	}
	return string(i.MsgType)
}

func (i richItem) words() string {
	if i.Text != "" {
		return string(i.Text)
	}
	return string(i.Content)
}

// mention is @name, or "".
func (i richItem) mention() string {
	for _, name := range []string{string(i.AtName), strings.TrimPrefix(i.words(), "@"), string(i.AtUserID)} {
		if name = strings.TrimSpace(name); name != "" {
			return "@" + name
		}
	}
	return ""
}

// rich is a rich text in one line of reading: texts as they are, people as @name,
// pictures as markers. A rich text of nothing but pictures is KindPicture.
func (c content) rich(with *attached) (connectors.Kind, string) {
	var b richWriter
	worded := false
	for _, item := range c.RichText {
		if b.Len() > connectors.MaxText {
			break // it is too long already
		}
		switch item.kind() {
		case "picture", "image":
			b.apart(with.picture(content{Code: item.Code, PictureCode: item.PictureCode}.picture()))
		case "at":
			if who := item.mention(); who != "" {
				b.apart(who)
				worded = true
			}
		default: // text, emoji, and what nobody knows yet
			b.text(item.words())
			worded = worded || strings.TrimSpace(item.words()) != ""
		}
	}
	text := strings.TrimSpace(b.String())
	switch {
	case !worded && text != "":
		return connectors.KindPicture, text
	case text == "":
		return connectors.KindEmpty, ""
	}
	return connectors.KindText, text
}

// richWriter puts the pieces of a rich text together.
type richWriter struct {
	strings.Builder
	last  rune // the end of the words written last; 0: none yet
	alone bool // a mention or a marker was written last, which has a blank behind it
}

// text writes words that may go on in the middle of a line.
func (b *richWriter) text(words string) {
	if words == "" {
		return
	}
	first, _ := utf8.DecodeRuneInString(words)
	if b.alone && !unicode.IsSpace(first) && !unicode.IsPunct(first) {
		b.WriteByte(' ')
	}
	b.alone = false
	b.last, _ = utf8.DecodeLastRuneInString(words)
	b.WriteString(words)
}

// apart writes a mention or a marker, with a blank between it and its neighbours.
func (b *richWriter) apart(piece string) {
	if b.alone || (b.last != 0 && !unicode.IsSpace(b.last)) {
		b.WriteByte(' ')
	}
	b.alone = true
	b.WriteString(piece)
}

// withoutMention takes the mention of the robot out of a rich text's beginning.
// DingTalk does that for us, but clients on HarmonyOS say it once more, as a piece of
// text. The robot's name is not told, so the mentions are counted: the first one is
// the robot's if there are more in the text than people whom the message mentions.
func (m message) withoutMention(items []richItem) []richItem {
	for i, item := range items {
		if item.kind() == "at" && m.isRobot(item.AtUserID) {
			rest := append([]richItem{}, items[:i]...)
			return append(rest, items[i+1:]...)
		}
	}
	if !m.group() || len(items) == 0 || items[0].kind() == "at" || items[0].kind() == "picture" {
		return items
	}
	first := strings.TrimSpace(items[0].words())
	if !strings.HasPrefix(first, "@") {
		return items
	}
	others := 0
	for _, who := range m.AtUsers {
		if !m.isRobot(who.DingtalkID) {
			others++
		}
	}
	if mentions(items) <= others {
		return items
	}
	end := strings.IndexFunc(first, unicode.IsSpace)
	if end < 0 {
		end = len(first)
	}
	rest := append([]richItem{}, items...)
	rest[0].Text, rest[0].Content = phrase(strings.TrimSpace(first[end:])), ""
	return rest
}

func (m message) isRobot(id word) bool {
	return id != "" && (id == word(m.ChatbotUserID) || id == word(m.RobotCode))
}

// mentions counts the mentions in a rich text: an @ at the beginning of a word.
func mentions(items []richItem) (n int) {
	for _, item := range items {
		switch item.kind() {
		case "at":
			n++
		case "picture", "image":
		default:
			for _, field := range strings.Fields(item.words()) {
				if len(field) > 1 && field[0] == '@' {
					n++
				}
			}
		}
	}
	return n
}
