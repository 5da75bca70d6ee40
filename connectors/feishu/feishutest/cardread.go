package feishutest

import "strings"

// emptyCard is the simplified form of a card with nothing in it.
const emptyCard = `{"title":"","elements":[]}`

// upgradeText is how clients that are too old show a card.
const upgradeText = "请升级至最新版本客户端，以查看内容"

// simplify is a card as others read it: a title and rows of elements. The form is
// documented; what becomes of each element of schema 2.0 is UNVERIFIED.
func (s *Server) simplify(source string) string {
	tree, _ := decodeNode(source)
	var seen shown
	rows := [][]map[string]any{}
	if s.opts.Doubts.UpgradeText && tree["schema"] == schema2 {
		rows = append(rows, []map[string]any{{"tag": "text", "text": upgradeText}})
	} else {
		for _, element := range elementsOf(tree) {
			rows = append(rows, seen.row(element)...)
		}
	}
	return encode(map[string]any{"title": titleOf(tree), "elements": rows})
}

func titleOf(tree node) string {
	header, _ := tree["header"].(node)
	return textOf(header["title"])
}

// textOf is the text of a plain_text or the like.
func textOf(v any) string {
	n, _ := v.(node)
	text, _ := n["content"].(string)
	return text
}

// row is what is left of one element, with what is nested in it: usually one row,
// for a Markdown element one per line.
func (s *shown) row(v any) [][]map[string]any {
	n, _ := v.(node)
	name, _ := n["tag"].(string)
	switch name {
	case "markdown", "lark_md":
		return s.plain(textOf(n))
	case "plain_text":
		return [][]map[string]any{{{"tag": "text", "text": textOf(n)}}}
	case "hr":
		return [][]map[string]any{{{"tag": "hr"}}}
	case "img":
		return [][]map[string]any{{{"tag": "img", "image_key": n["img_key"]}}}
	case "button":
		return [][]map[string]any{{{"tag": "button", "text": textOf(n["text"]), "type": n["type"]}}}
	case "select_static", "overflow":
		options := []string{}
		list, _ := n["options"].([]any)
		for _, option := range list {
			o, _ := option.(node)
			options = append(options, textOf(o["text"]))
		}
		row := map[string]any{"tag": name, "options": options}
		if name == "select_static" {
			row["placeholder"] = textOf(n["placeholder"])
		}
		return [][]map[string]any{{row}}
	case "note":
		var inside []map[string]any
		for _, row := range s.rows(n["elements"]) {
			inside = append(inside, row...)
		}
		return [][]map[string]any{{{"tag": "note", "elements": inside}}}
	}
	var rows [][]map[string]any
	for _, key := range []string{"text", "fields", "elements", "columns", "actions"} {
		rows = append(rows, s.rows(n[key])...)
	}
	return rows
}

// rows is row for an element or a list of them.
func (s *shown) rows(v any) [][]map[string]any {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil
		}
		list = []any{v}
	}
	var rows [][]map[string]any
	for _, each := range list {
		rows = append(rows, s.row(each)...)
	}
	return rows
}

// readableCard is what one reads of a card: its title and texts, a line each.
func readableCard(tree node) string {
	var lines []string
	if title := titleOf(tree); title != "" {
		lines = append(lines, title)
	}
	walk(elementsOf(tree), func(n node) {
		switch n["tag"] {
		case "markdown", "lark_md", "plain_text":
			if text := textOf(n); text != "" {
				lines = append(lines, text)
			}
		}
	})
	return strings.Join(lines, "\n")
}
