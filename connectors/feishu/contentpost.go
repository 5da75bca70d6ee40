package feishu

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"longwire/connectors"
)

// prose is a text that is put together of elements, and the files in it.
type prose struct {
	as    reading
	text  strings.Builder
	words bool // something was said that is no mark of a file
	over  bool // the limit is reached, and the rest left out
	files []connectors.File
	left  int // elements that may still be read
}

func newProse(as reading) *prose { return &prose{as: as, left: maxElements} }

// write adds text as it is.
func (p *prose) write(text string) {
	fits, over := truncate(text, p.as.limit-p.text.Len())
	if p.over {
		return
	}
	p.over = over
	p.text.WriteString(fits)
}

// say adds words, which are more than a mark or a space.
func (p *prose) say(text string) {
	p.words = p.words || strings.TrimSpace(text) != ""
	p.write(text)
}

// named adds words in which people may be mentioned.
func (p *prose) named(text string) {
	text, over := truncate(text, p.as.limit) // before names make it longer
	p.say(p.as.names.readable(text))
	p.over = p.over || over
}

// newline begins a line unless that has been done.
func (p *prose) newline() {
	if text := p.text.String(); text != "" && !strings.HasSuffix(text, "\n") {
		p.write("\n")
	}
}

// file adds a file and its mark.
func (p *prose) file(kind connectors.Kind, word, resource string, key connectors.LooseString, name connectors.LooseString) {
	there := len(p.as.before) + len(p.files)
	ref := refOf(p.as.message, resource, string(key))
	if ref == "" || there >= connectors.MaxFiles || p.over {
		p.write(mark(word, name))
		return
	}
	f := connectors.File{Kind: kind, Ref: ref}
	if len(name) <= maxID {
		f.Name = string(name)
	}
	p.files = append(p.files, f)
	p.write(numbered(word, kind, slices.Concat(p.as.before, p.files)))
}

// said is what p says.
func (p *prose) said() said {
	says := said{kind: connectors.KindText, text: strings.TrimSpace(p.text.String()), files: p.files, over: p.over}
	switch {
	case says.text == "":
		says.kind = connectors.KindEmpty
	case p.words:
	case p.only(connectors.KindPicture):
		says.kind = connectors.KindPicture
	case p.only(connectors.KindVideo):
		says.kind = connectors.KindVideo
	}
	return says
}

// only reports whether all files are of kind.
func (p *prose) only(kind connectors.Kind) bool {
	return len(p.files) > 0 && !slices.ContainsFunc(p.files, func(f connectors.File) bool { return f.Kind != kind })
}

// richText is a rich text in one language.
type richText struct {
	Title   json.RawMessage `json:"title"`
	Content json.RawMessage `json:"content"`    // paragraphs, which are lists of elements
	V2      json.RawMessage `json:"content_v2"` // the same in newer clients, with md elements; never seen alone
}

// richElement is one element of a post. Which members it has depends on its tag.
type richElement struct {
	Tag      connectors.LooseString `json:"tag"`
	Text     connectors.LooseString `json:"text"`
	Href     connectors.LooseString `json:"href"`
	UserID   connectors.LooseString `json:"user_id"` // a placeholder, or an open_id
	UserName connectors.LooseString `json:"user_name"`
	ImageKey connectors.LooseString `json:"image_key"`
	FileKey  connectors.LooseString `json:"file_key"`
	FileName connectors.LooseString `json:"file_name"`
	Emoji    connectors.LooseString `json:"emoji_type"`
	Language connectors.LooseString `json:"language"`
}

// sayPost reads a post: links stay Markdown links, code is fenced, and pictures have
// a mark each. Styles are left out.
func sayPost(raw []byte, as reading) (said, error) {
	it, err := flat(raw)
	if err != nil {
		return said{}, err
	}
	p := newProse(as)
	p.say(str(it.Title))
	paragraphs := list[json.RawMessage](it.Content, maxElements)
	if len(paragraphs) == 0 {
		paragraphs = list[json.RawMessage](it.V2, maxElements)
	}
	for _, paragraph := range paragraphs {
		p.newline()
		p.paragraph(paragraph)
	}
	return p.said(), nil
}

// flat finds the post in raw. Posts are received in one language; what old clients
// forward may have several, and then Chinese and English come first.
func flat(raw []byte) (richText, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return richText{}, errNoObject
	}
	var it richText
	if err := json.Unmarshal(raw, &it); err != nil {
		return richText{}, err
	}
	if it.Content != nil || it.V2 != nil || it.Title != nil {
		return it, nil
	}
	var languages map[string]json.RawMessage
	if err := json.Unmarshal(raw, &languages); err != nil {
		return richText{}, err
	}
	if inner, wrapped := languages["post"]; wrapped {
		languages = nil
		if json.Unmarshal(inner, &languages) != nil {
			return richText{}, nil
		}
	}
	for _, language := range append([]string{"zh_cn", "en_us"}, slices.Sorted(maps.Keys(languages))...) {
		var it richText
		if json.Unmarshal(languages[language], &it) == nil && it.Content != nil {
			return it, nil
		}
	}
	return richText{}, nil
}

// paragraph adds a paragraph: elements beside each other.
func (p *prose) paragraph(raw json.RawMessage) {
	for _, e := range list[richElement](raw, p.left) {
		p.left--
		p.element(e)
	}
}

func (p *prose) element(e richElement) {
	switch e.Tag {
	case "a":
		p.say(linkTo(string(e.Text), string(e.Href)))
	case "at":
		p.say(p.mention(string(e.UserID), string(e.UserName)))
	case "img":
		p.file(connectors.KindPicture, "picture", "image", e.ImageKey, "")
	case "media":
		p.file(connectors.KindVideo, "video", "file", e.FileKey, e.FileName)
	case "emotion":
		p.say("[" + clip(string(e.Emoji), 40) + "]")
	case "hr":
		p.newline()
		p.write("---\n")
	case "code_block":
		p.newline()
		p.say(fenced(string(e.Language), string(e.Text)))
	case "md":
		p.named(string(e.Text))
	default: // "text", and what comes to be invented
		p.say(string(e.Text))
	}
}

// mention is what stands for somebody who is mentioned by a placeholder or an open_id.
func (p *prose) mention(id, name string) string {
	shown, known := p.as.names[id]
	switch {
	case known:
		return shown
	case id == "all":
		return p.as.names.readable(everybody)
	case id != "" && id == p.as.self:
		return ""
	case name != "" && len(name) <= maxID:
		return "@" + name
	}
	return clip(id, 64)
}

// linkTo is a link in Markdown.
func linkTo(text, href string) string {
	switch {
	case href == "":
		return text
	case text == "" || text == href:
		return href
	}
	return "[" + text + "](" + href + ")"
}

// fenced is a block of code in Markdown, in a fence that is not in the code.
func fenced(language, code string) string {
	fence := "```"
	for strings.Contains(code, fence) {
		fence += "`"
	}
	if len(language) > 20 || strings.ContainsAny(language, "` \n\t") {
		language = ""
	}
	return fence + strings.ToLower(language) + "\n" + strings.TrimSuffix(code, "\n") + "\n" + fence + "\n"
}
