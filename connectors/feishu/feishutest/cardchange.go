package feishutest

import (
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"
)

// inRange says whether a member has from 1 to limit characters.
func inRange(o object, key string, limit int) (string, *refusal) {
	text, _ := o.text(key)
	if n := utf8.RuneCountInString(text); n < 1 || n > limit {
		return "", cardParameter(key + " is required, as a string, and within its limit")
	}
	return text, nil
}

// readContent reads a new full text of an element.
func readContent(c call, op *operation) (no *refusal) {
	op.streams = true
	op.content, no = inRange(c.body, "content", 100000)
	op.apply = func(tree node) (bool, *refusal) {
		n := findElement(tree, op.element)
		switch {
		case n == nil:
			return false, noElement(codeElementFailed, op.element)
		case n["tag"] != "markdown" && n["tag"] != "plain_text":
			return false, refuse(codeOnlyText, "Only update text")
		}
		n["content"] = op.content
		return false, nil
	}
	return no
}

// readSettings reads changes to config and card_link.
func (s *Server) readSettings(c call, op *operation) *refusal {
	text, no := inRange(c.body, "settings", 100000)
	op.apply = func(tree node) (bool, *refusal) {
		settings, ok := decodeNode(text)
		if !ok {
			return false, refuse(codeSettingsFailed, "Failed to update card configuration")
		}
		return s.applySettings(tree, settings)
	}
	return no
}

// applySettings merges settings into tree.
func (s *Server) applySettings(tree, settings node) (setsMode bool, no *refusal) {
	config, hasConfig := settings["config"].(node)
	link, hasLink := settings["card_link"].(node)
	if !hasConfig && !hasLink && s.opts.Doubts.FlatSettings {
		config, hasConfig = settings, true
	}
	if !hasConfig && !hasLink {
		return false, refuse(codeSettingsFailed, "Failed to update card configuration")
	}
	if hasLink {
		tree["card_link"] = link
	}
	old, _ := tree["config"].(node)
	if old == nil {
		old = node{}
	}
	maps.Copy(old, config)
	tree["config"] = old
	_, setsMode = config["streaming_mode"]
	return setsMode, nil
}

// readReplacement reads a whole new card.
func (s *Server) readReplacement(c call, op *operation) *refusal {
	var o object
	_ = json.Unmarshal(c.body["card"], &o) // without one type and data are missing
	fresh, no := readCard(o, s.opts.Doubts.MarkdownTables)
	op.apply = func(tree node) (bool, *refusal) {
		clear(tree)
		maps.Copy(tree, fresh)
		return true, nil
	}
	return no
}

// readAddition reads new elements.
func readAddition(c call, op *operation) *refusal {
	where, _ := c.body.text("type")
	target, _ := c.body.text("target_element_id")
	text, no := inRange(c.body, "elements", 1000000)
	var elements []any
	if no == nil && json.Unmarshal([]byte(text), &elements) != nil {
		no = cardParameter("elements is not a list in JSON")
	}
	op.adds, op.element = true, target
	op.apply = func(tree node) (bool, *refusal) { return false, addElements(tree, where, target, elements) }
	return no
}

func addElements(tree node, where, target string, elements []any) *refusal {
	if len(elements) == 0 || slices.ContainsFunc(elements, func(v any) bool { return tagOf(v) == "" }) {
		return refuse(codeAddFailed, "Failed to add element")
	}
	switch where {
	case "append":
		owner, _ := tree["body"].(node)
		if target != "" {
			if owner = findElement(tree, target); owner == nil {
				return noElement(codeAddFailed, target)
			}
		}
		list, ok := owner["elements"].([]any)
		if !ok {
			return refuse(codeAddFailed, "Failed to add element, ErrMsg: the target is no container; ")
		}
		owner["elements"] = append(list, elements...)
		return nil
	case "insert_before", "insert_after":
		list, i, put := findPlace(tree, target)
		if put == nil {
			return noElement(codeAddFailed, target)
		}
		if where == "insert_after" {
			i++
		}
		put(slices.Insert(slices.Clone(list), i, elements...))
		return nil
	}
	return cardParameter("type must be insert_before, insert_after or append")
}

// readElement reads an element that takes another one's place.
func readElement(c call, op *operation) *refusal {
	text, no := inRange(c.body, "element", 1000000)
	op.apply = func(tree node) (bool, *refusal) {
		fresh, ok := decodeNode(text)
		if !ok {
			return false, refuse(codeReplaceFailed, "Failed to replace element")
		}
		return false, replaceElement(tree, op.element, fresh)
	}
	return no
}

func replaceElement(tree node, id string, fresh node) *refusal {
	n := findElement(tree, id)
	switch {
	case n == nil:
		return noElement(codeReplaceFailed, id)
	case tagOf(fresh) == "":
		return refuse(codeReplaceFailed, "Failed to replace element")
	}
	clear(n)
	maps.Copy(n, fresh)
	return nil
}

// readPartial reads some properties of an element.
func readPartial(c call, op *operation) *refusal {
	text, no := inRange(c.body, "partial_element", 1000000)
	op.apply = func(tree node) (bool, *refusal) {
		properties, ok := decodeNode(text)
		if !ok {
			return false, refuse(codeElementFailed, "Failed to update element properties")
		}
		return false, patchElement(tree, op.element, properties)
	}
	return no
}

func patchElement(tree node, id string, properties node) *refusal {
	n := findElement(tree, id)
	if n == nil {
		return noElement(codeElementFailed, id)
	}
	if newTag, ok := properties["tag"]; ok && newTag != n["tag"] {
		return refuse(codeTagChange, "Unable to update element tag")
	}
	maps.Copy(n, properties)
	return nil
}

// readDeletion needs nothing but the path.
func readDeletion(_ call, op *operation) *refusal {
	op.apply = func(tree node) (bool, *refusal) { return false, deleteElement(tree, op.element) }
	return nil
}

func deleteElement(tree node, id string) *refusal {
	list, i, put := findPlace(tree, id)
	if put == nil {
		return noElement(codeDeleteFailed, id)
	}
	put(slices.Delete(slices.Clone(list), i, i+1))
	return nil
}

func noElement(code int, id string) *refusal {
	return refuse(code, "ErrMsg: not find elementID : "+id+"; ")
}

func tagOf(v any) string {
	n, _ := v.(node)
	name, _ := n["tag"].(string)
	return name
}

// findElement returns the element called id, nil where there is none.
func findElement(tree node, id string) (found node) {
	walk(tree, func(n node) {
		if found == nil && id != "" && n["element_id"] == id {
			found = n
		}
	})
	return found
}

// findPlace returns the list in which the element called id stands, its place
// there, and how to put another list in; put is nil where there is none.
func findPlace(v any, id string) (list []any, i int, put func([]any)) {
	n, _ := v.(node)
	for _, key := range sortedKeys(n) {
		each, ok := n[key].([]any)
		if !ok {
			if list, i, put = findPlace(n[key], id); put != nil {
				return list, i, put
			}
			continue
		}
		for i, v := range each {
			if inside, _ := v.(node); id != "" && inside["element_id"] == id {
				return each, i, func(list []any) { n[key] = list }
			}
			if list, i, put := findPlace(v, id); put != nil {
				return list, i, put
			}
		}
	}
	return nil, 0, nil
}
