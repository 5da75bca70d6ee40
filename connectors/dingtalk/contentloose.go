package dingtalk

import (
	"bytes"
	"encoding/json"

	"longwire/connectors"
)

// word is a text that is read like a connectors.LooseString, and is empty where an
// object or a list stands: it is not worth losing a message over.
type word string

// UnmarshalJSON implements json.Unmarshaler.
func (w *word) UnmarshalJSON(raw []byte) error {
	var text connectors.LooseString
	_ = text.UnmarshalJSON(raw)
	*w = word(text)
	return nil
}

// phrase is a text, or an object around one: {"content":"…"} or {"text":"…"}.
type phrase string

// UnmarshalJSON implements json.Unmarshaler.
func (w *phrase) UnmarshalJSON(raw []byte) error {
	var body struct {
		Text    word `json:"text"`
		Content word `json:"content"`
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return (*word)(w).UnmarshalJSON(raw)
	}
	_ = json.Unmarshal(raw, &body)
	if *w = phrase(body.Content); *w == "" {
		*w = phrase(body.Text)
	}
	return nil
}

// maxItems bounds every list in a message. Behind it nothing is read.
const maxItems = 1000

// several is a list of which the first maxItems are read, and nothing where no list
// stands.
type several[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (s *several[T]) UnmarshalJSON(raw []byte) error {
	*s = nil
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return nil //nolint:nilerr // no list, no items
	}
	for dec.More() && len(*s) < maxItems {
		var item T
		_ = dec.Decode(&item) // an item of another type counts as an empty one
		*s = append(*s, item)
	}
	return nil
}
