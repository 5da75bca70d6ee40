package feishutest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// node is a JSON object of a card.
type node = map[string]any

// schema2 is the only schema that card entities know.
const schema2 = "2.0"

// The limits of a card.
const (
	maxCardSize  = 30 << 10
	maxElements  = 200
	maxTables    = 5 // table elements; Markdown tables are Doubts.MarkdownTables
	maxElementID = 20
)

const (
	codeNotShared = 300302
	textNotShared = "update_multi property is false"
)

// cardFault is what is wrong with a card: the code that CardKit gives, and the
// one inside a 230099 of im/v1. Where a document has only one of them the other
// is UNVERIFIED.
type cardFault struct {
	kit, sub int
	msg      string
}

func (f *cardFault) forKit() *refusal { return refuse(f.kit, "ErrMsg: "+f.msg+"; ") }

// elementTags are the tags of schema 2.0.
var elementTags = []string{
	"audio", "button", "chart", "checker", "collapsible_panel", "column", "column_set", "custom_icon", "date_picker",
	"div", "form", "hr", "img", "img_combination", "input", "interactive_container", "lark_md", "markdown",
	"multi_select_person", "multi_select_static", "overflow", "person", "person_list", "picker_datetime",
	"picker_time", "plain_text", "select_img", "select_person", "select_static", "standard_icon", "table", "text_tag",
}

// oldTags are the tags that schema 2.0 has given up.
var oldTags = []string{"action", "note"}

var (
	elementIDShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	badImage       = regexp.MustCompile(`!\[[^\]]*\]\(([^)]*)\)`)
	tableRule      = regexp.MustCompile(`(?m)^\s*\|?(\s*:?-+:?\s*\|)+\s*:?-*:?\s*$`)
	fencedCode     = regexp.MustCompile("(?s)```.*?(```|$)")
)

// foreign are the members of a node that do not hold elements.
var foreign = []string{"value", "chart_spec", "behaviors", "rows"}

// walk calls visit for every element in v, outer ones first.
func walk(v any, visit func(node)) {
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			walk(each, visit)
		}
	case node:
		if _, ok := v["tag"].(string); ok {
			visit(v)
		}
		for _, key := range sortedKeys(v) {
			if !slices.Contains(foreign, key) {
				walk(v[key], visit)
			}
		}
	}
}

// sortedKeys makes the order of a walk the same every time.
func sortedKeys(n node) []string {
	keys := make([]string, 0, len(n))
	for key := range n {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// decodeNode reads a JSON object and nothing after it. Numbers stay as they are
// written.
func decodeNode(text string) (node, bool) {
	var n node
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&n) != nil || n == nil || d.More() {
		return nil, false
	}
	return n, true
}

// encode is v as compact JSON that keeps <, > and &.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // came from JSON
	return strings.TrimSuffix(b.String(), "\n")
}

// checkCardJSON checks a card of schema 2.0. markdownTables is how many are
// allowed.
func checkCardJSON(tree node, markdownTables int) *cardFault {
	if config, _ := tree["config"].(node); config["update_multi"] == false {
		return &cardFault{codeNotShared, codeNotShared, textNotShared}
	}
	body, _ := tree["body"].(node)
	if _, ok := body["elements"].([]any); !ok {
		return &cardFault{300307, 200621, "The card DSL is empty"}
	}
	var fault *cardFault
	seen := make(map[string]bool)
	elements, tables, inMarkdown := 0, 0, 0
	walk(tree, func(n node) {
		elements++
		if fault == nil {
			fault = checkElement(n, seen)
		}
		if n["tag"] == "table" {
			tables++
		}
		if content, ok := n["content"].(string); ok && n["tag"] == "markdown" {
			inMarkdown += len(tableRule.FindAllString(fencedCode.ReplaceAllString(content, ""), -1))
		}
	})
	switch {
	case fault != nil:
		return fault
	case elements > maxElements:
		return &cardFault{300305, 11310, "element exceeds the limit"}
	case tables > maxTables || inMarkdown > markdownTables:
		return &cardFault{200220, 11310, "card table number over limit; ErrorValue: table"}
	}
	return nil
}

// checkElement checks one element; seen are the ids so far.
func checkElement(n node, seen map[string]bool) *cardFault {
	name, _ := n["tag"].(string)
	content, isText := n["content"].(string)
	id, hasID := n["element_id"].(string)
	image := badImage.FindStringSubmatch(fencedCode.ReplaceAllString(content, ""))
	switch {
	case slices.Contains(oldTags, name):
		return &cardFault{200220, 200861,
			"cards of schema V2 no longer support this capability; ErrorValue: unsupported tag " + name}
	case !slices.Contains(elementTags, name):
		return &cardFault{200220, 200621, "parse card json err, please check whether the card json is correct; " +
			"ErrorValue: unknown tag " + name}
	case !isText && (name == "markdown" || name == "plain_text" || name == "lark_md"):
		return &cardFault{200220, 200621, "parse card json err, please check whether the card json is correct; " +
			"ErrorValue: " + name + " without content"}
	case name == "collapsible_panel" && !foldable(n):
		return &cardFault{200220, 200621, "parse card json err, please check whether the card json is correct; " +
			"ErrorValue: collapsible_panel without header or elements, or with a form"}
	case name == "markdown" && image != nil && !strings.HasPrefix(image[1], "img_"):
		return &cardFault{200220, 200570, "card contains invalid image keys; ErrorValue: image key " + image[1]}
	case !hasID:
		return nil
	case seen[id]:
		return &cardFault{300301, 300301, "Duplicate element_id in card component; ErrorValue: " + id}
	case len(id) > maxElementID || !elementIDShape.MatchString(id):
		return &cardFault{200220, 200621, "element_id is invalid; ErrorValue: " + id}
	}
	seen[id] = true
	return nil
}

// foldable reports whether n has what a collapsible_panel has to have: a title, and
// elements of which none is a form. That the first two are looked at is UNVERIFIED.
func foldable(n node) bool {
	header, _ := n["header"].(node)
	title, _ := header["title"].(node)
	elements, _ := n["elements"].([]any)
	form := slices.ContainsFunc(elements, func(v any) bool { return tagOf(v) == "form" })
	return (title["tag"] == "plain_text" || title["tag"] == "markdown") && len(elements) > 0 && !form
}

// checkCard checks an interactive message: a card, or a reference to an entity or
// a template, of which there are none here.
func checkCard(o object, content string, markdownTables int) (shown, *refusal) {
	switch kind, _ := o.text("type"); {
	case kind == "card":
		var data object
		_ = json.Unmarshal(o["data"], &data) // without one there is no id
		id, _ := data.text("card_id")
		if id == "" {
			return shown{}, cardFailed(200621, "parse card json err")
		}
		return shown{received: emptyCard, cardID: id}, nil
	case kind == "template":
		return shown{}, cardFailed(200380, "template does not exist, please confirm whether this template has been released")
	case o["card_id"] != nil:
		return shown{}, cardFailed(200621, "parse card json err")
	}
	tree, _ := decodeNode(content) // o has been decoded from it
	if schema, _ := o.text("schema"); schema != schema2 {
		if list, _ := tree["elements"].([]any); len(list) == 0 {
			return shown{}, cardFailed(200621, "parse card json err")
		}
	} else if body, _ := tree["body"].(node); body["elements"] == nil || len(elementsOf(tree)) == 0 {
		return shown{}, cardFailed(200621, "parse card json err")
	} else if fault := checkCardJSON(tree, markdownTables); fault != nil {
		return shown{}, cardFailed(fault.sub, fault.msg)
	}
	return shown{text: readableCard(tree), received: emptyCard}, nil
}

// elementsOf are the outermost elements of a card of either schema.
func elementsOf(tree node) []any {
	if body, ok := tree["body"].(node); ok {
		tree = body
	}
	list, _ := tree["elements"].([]any)
	return list
}

func cardFailed(code int, msg string) *refusal {
	return refuse(codeCardFailed, fmt.Sprintf(textCardFailed, code, msg))
}
