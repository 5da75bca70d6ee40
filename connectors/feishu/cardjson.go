package feishu

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"longwire/connectors"
)

// The ids of the elements with the answer, and with what was thought before it.
const (
	answerElement  = "answer"
	thoughtElement = "thought"
)

// thoughtTitle is what a folded thought is called, in both languages.
const thoughtTitle = "思考过程 Reasoning"

// maxSummary bounds what the list of chats shows of an answer, in characters.
const maxSummary = 60

// object is a JSON object of a card.
type object = map[string]any

// buttonsOf are the buttons below a card; none without a key.
type buttonsOf struct {
	key    string // of the reply, or of the proposal; empty: no buttons
	labels connectors.Labels
}

// face is what a card is to look like.
type face struct {
	text    string
	buttons buttonsOf // only the last card of a reply has them
	kind    kind      // which buttons there are, and whether the text grows
	thought string    // folded above the text of a finished card; "" for none
}

// kind is what a card is for.
type kind int

const (
	stays kind = iota // its text is as it stays
	grows             // its text is still to grow
	asks              // it asks whether something is to be done
)

// json is the card. One that grows types what comes four characters at a time, which
// keeps up with any model.
func (f face) json() (string, error) {
	var elements []any
	if f.thought != "" {
		elements = append(elements, panel(f.thought))
	}
	elements = append(elements, markdownElement(f.text))
	if f.buttons.key != "" {
		elements = append(elements, f.row()...)
	}
	config := object{"streaming_mode": false, "update_multi": true, "summary": object{"content": summary(f.text)}}
	if f.kind == grows {
		config["streaming_mode"] = true
		config["summary"] = object{"content": f.buttons.labels.Thinking}
		config["streaming_config"] = object{
			"print_frequency_ms": object{"default": 30},
			"print_step":         object{"default": 4},
			"print_strategy":     "fast",
		}
	}
	return encode(object{"schema": "2.0", "config": config, "body": object{"elements": elements}})
}

// row is the element with the buttons.
func (f face) row() []any {
	l := f.buttons.labels
	var all []object
	switch f.kind {
	case grows:
		return []any{button(f.buttons, connectors.PressStop, l.Stop)}
	case asks:
		all = []object{button(f.buttons, connectors.PressYes, l.Yes), button(f.buttons, connectors.PressNo, l.No)}
		all[0]["type"], all[1]["type"] = "primary", "default"
	default:
		all = []object{
			button(f.buttons, connectors.PressAgain, l.Again),
			button(f.buttons, connectors.PressGood, l.Good),
			button(f.buttons, connectors.PressBad, l.Bad),
		}
	}
	var columns []any
	for _, each := range all {
		columns = append(columns, object{"tag": "column", "width": "auto", "elements": []any{each}})
	}
	return []any{object{"tag": "column_set", "flex_mode": "flow", "columns": columns}}
}

// panel is a thought, folded. Plain text shows it as it is, whatever it says. The
// structure is documented (collapsible_panel of card JSON 2.0); that every client
// shows it so is UNVERIFIED.
func panel(thought string) object {
	return object{
		"tag": "collapsible_panel", "element_id": thoughtElement, "expanded": false,
		"header": object{
			"title":               object{"tag": "plain_text", "content": thoughtTitle},
			"vertical_align":      "center",
			"icon":                object{"tag": "standard_icon", "token": "down-small-ccm_outlined", "size": "16px 16px"},
			"icon_position":       "follow_text",
			"icon_expanded_angle": -180,
		},
		"border":   object{"color": "grey", "corner_radius": "5px"},
		"padding":  "8px 8px 8px 8px",
		"elements": []any{object{"tag": "div", "text": object{"tag": "plain_text", "content": thought, "text_size": "notation", "text_color": "grey"}}},
	}
}

func markdownElement(text string) object {
	return object{"tag": "markdown", "element_id": answerElement, "content": text}
}

func button(of buttonsOf, press connectors.Press, label string) object {
	return object{
		"tag": "button", "element_id": string(press), "type": "text", "size": "small",
		"text":      object{"tag": "plain_text", "content": label},
		"behaviors": []any{object{"type": "callback", "value": object{"reply": of.key, "press": string(press)}}},
	}
}

// The settings that switch a card's streaming on and off.
const (
	streaming = `{"config":{"streaming_mode":true}}`
	stopped   = `{"config":{"streaming_mode":false}}`
)

// closed are the settings of a card that shows text and does not grow any more. A
// summary that was set stays until another one is.
func closed(text string) (string, error) {
	return encode(object{"config": object{"streaming_mode": false, "summary": object{"content": summary(text)}}})
}

// summary is the beginning of text, on one line.
func summary(text string) string {
	words := strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(words) <= maxSummary {
		return words
	}
	return string([]rune(words)[:maxSummary]) + "…"
}

// encodedLen is how many bytes text takes in a card.
func encodedLen(text string) int {
	raw, err := encode(text)
	if err != nil {
		return len(text) // it is a string: it does not happen
	}
	return len(raw)
}

// cardContent is the content of a message that shows the card id.
func cardContent(id string) (string, error) {
	raw, err := json.Marshal(object{"type": "card", "data": object{"card_id": id}})
	if err != nil {
		return "", fmt.Errorf("encode content: %w", err)
	}
	return string(raw), nil
}

// defaultLabels are in both languages.
var defaultLabels = connectors.Labels{
	Thinking:  "思考中… Thinking…",
	Continued: "（未完，见下一条 · continued below）",
	Stop:      "停止 Stop",
	Again:     "重新回答 Again",
	Good:      "👍",
	Bad:       "👎",
	Yes:       "确认 Yes",
	No:        "取消 No",
}

// labelsFor are the words on a card that answers ev. The platform takes no button
// and no text without words.
func (c *Connector) labelsFor(ev connectors.Event) connectors.Labels {
	if c.config.Labels == nil {
		return defaultLabels
	}
	l := c.config.Labels(ev)
	for _, each := range []struct{ words, byDefault *string }{
		{&l.Thinking, &defaultLabels.Thinking}, {&l.Continued, &defaultLabels.Continued}, {&l.Stop, &defaultLabels.Stop},
		{&l.Again, &defaultLabels.Again}, {&l.Good, &defaultLabels.Good}, {&l.Bad, &defaultLabels.Bad},
		{&l.Yes, &defaultLabels.Yes}, {&l.No, &defaultLabels.No},
	} {
		if *each.words == "" {
			*each.words = *each.byDefault
		}
	}
	return l
}
