package feishutest

import (
	"regexp"
	"strings"
)

// What the platform makes of Markdown when it is read is known in outline only:
// links and mentions become elements of their own, fenced code a code_block, and
// quotes and lists text. That it keeps the marks of lists and quotes and drops
// those of styles is UNVERIFIED.
var (
	inlineTag = regexp.MustCompile(`<at (?:user_id|id|open_id)="?([^">]*)"?>([^<]*)</at>|\[([^\]]*)\]\(([^)\s]*)\)`)
	styleMark = regexp.MustCompile(`\*\*|~~|__`)
)

// plain turns Markdown into paragraphs of elements.
func (s *shown) plain(text string) [][]map[string]any {
	var paragraphs [][]map[string]any
	var code []string
	language, inCode := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && inCode:
			paragraphs = append(paragraphs, codeBlock(language, code))
			inCode, code = false, nil
		case isFence:
			inCode, language = true, strings.ToUpper(fence)
		case inCode:
			code = append(code, line)
		case strings.TrimSpace(line) == "---":
			paragraphs = append(paragraphs, []map[string]any{{"tag": "hr"}})
		default:
			paragraphs = append(paragraphs, s.inline(line))
		}
	}
	if inCode { // a fence without end
		paragraphs = append(paragraphs, codeBlock(language, code))
	}
	return paragraphs
}

func codeBlock(language string, lines []string) []map[string]any {
	return []map[string]any{{"tag": "code_block", "language": language, "text": strings.Join(lines, "\n")}}
}

// inline turns a line of Markdown into elements.
func (s *shown) inline(line string) []map[string]any {
	elements := []map[string]any{}
	text := func(part string) {
		if part = styleMark.ReplaceAllString(part, ""); part != "" {
			elements = append(elements, map[string]any{"tag": "text", "text": part, "style": []string{}})
		}
	}
	end := 0
	for _, at := range inlineTag.FindAllStringSubmatchIndex(line, -1) {
		text(line[end:at[0]])
		end = at[1]
		if at[2] >= 0 {
			key := s.mention(line[at[2]:at[3]], line[at[4]:at[5]])
			elements = append(elements, map[string]any{"tag": "at", "user_id": key, "user_name": "", "style": []string{}})
			continue
		}
		elements = append(elements, map[string]any{
			"tag": "a", "text": line[at[6]:at[7]], "href": line[at[8]:at[9]], "style": []string{},
		})
	}
	text(line[end:])
	return elements
}
