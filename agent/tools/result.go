package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// render makes what the model reads of what a tool returned: its texts, and a note
// for everything that is none. At most max bytes, which is not less than a note.
func render(res *mcp.CallToolResult, max int) Result {
	var parts []string
	texts := false
	for _, content := range res.Content {
		part, isText := textOf(content)
		if part = strings.ToValidUTF8(part, "\uFFFD"); part != "" {
			parts = append(parts, part)
			texts = texts || isText
		}
	}
	if !texts && res.StructuredContent != nil {
		if structured, err := json.Marshal(res.StructuredContent); err == nil {
			parts = append(parts, strings.ToValidUTF8(string(structured), "\uFFFD"))
		}
	}
	text := strings.Join(parts, "\n")
	if text == "" {
		text = "[the tool returned nothing]"
	}
	result := Result{Text: text, Failed: res.IsError}
	if len(text) > max {
		note := fmt.Sprintf("\n[cut here: this is the beginning of %s that the tool returned]", size(int64(len(text))))
		result.Text, result.Cut = cut(text, max-len(note))+note, true
	}
	return result
}

// textOf is one content as text, and whether it was text to begin with.
func textOf(content mcp.Content) (text string, isText bool) {
	switch c := content.(type) {
	case *mcp.TextContent:
		return c.Text, true
	case *mcp.ImageContent:
		return fmt.Sprintf("[image, %s]", size(int64(len(c.Data)))), false
	case *mcp.AudioContent:
		return fmt.Sprintf("[audio, %s]", size(int64(len(c.Data)))), false
	case *mcp.ResourceLink:
		return strings.TrimSpace(fmt.Sprintf("[link: %s %s]", oneLine(c.Name), oneLine(c.URI))), false
	case *mcp.EmbeddedResource:
		switch {
		case c.Resource == nil:
			return "", false
		case len(c.Resource.Blob) > 0:
			return fmt.Sprintf("[file, %s]", size(int64(len(c.Resource.Blob)))), false
		}
		return c.Resource.Text, true
	}
	return "[something that cannot be shown]", false
}

// size says how much that is: 512 B, 12 KB, 3.4 MB.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%d KB", (n+1<<9)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// cut is the beginning of text, at most n bytes, and ends with a whole rune.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// oneLine is text without anything that breaks or hides a line.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // Cf: marks that turn the direction, or have no width
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}
