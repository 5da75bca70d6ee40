package feishu

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"longwire/connectors"
)

// answerElement is the id of the element with the answer.
const answerElement = "answer"

// maxSummary bounds what the list of chats shows of an answer, in characters.
const maxSummary = 60

// object is a JSON object of a card.
type object = map[string]any

// buttonsOf are the buttons below a card; none without a key.
type buttonsOf struct {
	key    string // of the reply; empty: no buttons
	labels connectors.Labels
}

// growingCard is a card whose text is still to grow. It types what comes four
// characters at a time, which keeps up with any model.
func growingCard(text string, buttons buttonsOf) (string, error) {
	elements := []any{markdownElement(text)}
	if buttons.key != "" {
		elements = append(elements, button(buttons, connectors.PressStop, buttons.labels.Stop))
	}
	return cardOf(object{
		"streaming_mode": true,
		"update_multi":   true,
		"summary":        object{"content": buttons.labels.Thinking},
		"streaming_config": object{
			"print_frequency_ms": object{"default": 30},
			"print_step":         object{"default": 4},
			"print_strategy":     "fast",
		},
	}, elements)
}

// finishedCard is a card whose text is as it stays. Only the last card of a reply
// has buttons.
func finishedCard(text string, buttons buttonsOf) (string, error) {
	elements := []any{markdownElement(text)}
	if buttons.key != "" {
		row := []any{}
		for _, b := range []struct {
			press connectors.Press
			label string
		}{
			{connectors.PressAgain, buttons.labels.Again},
			{connectors.PressGood, buttons.labels.Good},
			{connectors.PressBad, buttons.labels.Bad},
		} {
			row = append(row, object{"tag": "column", "width": "auto", "elements": []any{button(buttons, b.press, b.label)}})
		}
		elements = append(elements, object{"tag": "column_set", "flex_mode": "flow", "columns": row})
	}
	return cardOf(object{
		"streaming_mode": false,
		"update_multi":   true,
		"summary":        object{"content": summary(text)},
	}, elements)
}

func cardOf(config object, elements []any) (string, error) {
	return encode(object{"schema": "2.0", "config": config, "body": object{"elements": elements}})
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
	} {
		if *each.words == "" {
			*each.words = *each.byDefault
		}
	}
	return l
}
