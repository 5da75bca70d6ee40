package dingtalk

import (
	"encoding/json"
	"maps"

	"longwire/connectors"
)

// button is one of the buttons below an answer.
type button struct {
	press connectors.Press
	text  string
}

// variables are what a card gets to know when it changes its state: flowStatus, and
// in DefaultTemplate the order of its parts and its buttons.
//
// A template of one's own has its own buttons. What they have to send is in press.go.
// That DefaultTemplate shows msgButtons while it is written to is UNVERIFIED; their
// fields are those of the official SDK's other template with buttons.
func (k *card) variables(flow string, buttons ...button) map[string]string {
	params := map[string]string{"flowStatus": flow}
	if k.c.config.Card.Template != DefaultTemplate {
		return params
	}
	layout := map[string]any{"order": []string{"msgContent", "staticMsgContent", "msgButtons"}}
	if k.c.config.Act != nil {
		var list []map[string]any
		for _, b := range buttons {
			list = append(list, map[string]any{"text": b.text, "color": "gray", "id": string(b.press), "request": true})
		}
		layout["msgButtons"] = list
	}
	raw, err := json.Marshal(layout)
	if err == nil { // it always is
		maps.Copy(params, map[string]string{"sys_full_json_obj": string(raw)})
	}
	return params
}
