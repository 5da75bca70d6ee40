package dingtalk

import "longwire/connectors"

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
		layout["msgButtons"] = buttonList(buttons)
	}
	params["sys_full_json_obj"] = object(layout)
	return params
}

// buttonList is how templates know buttons.
func buttonList(buttons []button) []map[string]any {
	list := []map[string]any{}
	for _, b := range buttons {
		list = append(list, map[string]any{"text": b.text, "color": "gray", "id": string(b.press), "request": true})
	}
	return list
}

// object is an object as the value of a variable.
func object(v map[string]any) string {
	raw, err := encode(v)
	if err != nil {
		return "{}" // it never is: v is made of texts
	}
	return string(raw)
}
