package feishutest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

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
	s := shown{text: seen.readable()}
	s.received = seen.received(&s)
	return s, nil
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

// received is p as others get it: without language, Markdown in the tags of a
// post, and placeholders for those who are mentioned.
func (p post) received(s *shown) string {
	content := make([][]map[string]any, 0, len(p.Content))
	for _, paragraph := range p.Content {
		if len(paragraph) == 1 && paragraph[0]["tag"] == "md" {
			text, _ := paragraph[0]["text"].(string)
			content = append(content, s.plain(text)...)
			continue
		}
		paragraph = slices.Clone(paragraph)
		for j, element := range paragraph {
			if element["tag"] == "at" {
				element = maps.Clone(element)
				id, _ := element["user_id"].(string)
				name, _ := element["user_name"].(string)
				element["user_id"] = s.mention(id, name)
				paragraph[j] = element
			}
		}
		content = append(content, paragraph)
	}
	b, _ := json.Marshal(map[string]any{"title": p.Title, "content": content}) // came from JSON
	return string(b)
}
