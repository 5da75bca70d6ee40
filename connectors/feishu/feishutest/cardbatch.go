package feishutest

import (
	"encoding/json"
	"strings"
)

// action is one step of a batch.
type action struct {
	Name   string          `json:"action"`
	Params json.RawMessage `json:"params"`
}

// readBatch reads a list of changes that are made together or not at all.
func (s *Server) readBatch(c call, op *operation) *refusal {
	text, no := inRange(c.body, "actions", 1000000)
	if no != nil {
		return no
	}
	var actions []action
	if json.Unmarshal([]byte(text), &actions) != nil || len(actions) == 0 {
		return cardParameter("actions is not a list in JSON")
	}
	op.apply = func(tree node) (setsMode bool, no *refusal) {
		for _, step := range actions {
			params, ok := decodeNode(string(step.Params))
			if !ok {
				return false, cardParameter("params of " + step.Name + " is not an object")
			}
			sets, no := s.act(tree, step.Name, params)
			if no != nil {
				return false, no
			}
			setsMode = setsMode || sets
		}
		return setsMode, nil
	}
	return nil
}

// act takes one step. Unlike in the requests of their own, settings and elements
// are objects here, not strings.
func (s *Server) act(tree node, name string, params node) (setsMode bool, no *refusal) {
	id, _ := params["element_id"].(string)
	switch name {
	case "partial_update_setting":
		settings, _ := params["settings"].(node)
		return s.applySettings(tree, settings)
	case "add_elements":
		where, _ := params["type"].(string)
		target, _ := params["target_element_id"].(string)
		elements, _ := params["elements"].([]any)
		return false, addElements(tree, where, target, elements)
	case "delete_elements":
		ids, _ := params["element_ids"].([]any)
		if len(ids) == 0 {
			return false, refuse(codeDeleteFailed, "Failed to delete element")
		}
		for _, each := range ids {
			id, _ := each.(string)
			if no := deleteElement(tree, id); no != nil {
				return false, no
			}
		}
		return false, nil
	case "partial_update_element":
		properties, _ := params["partial_element"].(node)
		return false, patchElement(tree, id, properties)
	case "update_element":
		element, _ := params["element"].(node)
		return false, replaceElement(tree, id, element)
	}
	return false, cardParameter(strings.TrimSpace("unknown action " + name))
}
