package modeltest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Request is what the endpoint was asked.
type Request struct {
	At          time.Time `json:"-"`
	Key         string    `json:"-"` // the bearer token, or Azure's api-key
	Deployment  string    `json:"-"` // Azure's, from the path
	APIVersion  string    `json:"-"` // Azure's, from the query
	Model       string    `json:"model"`
	Stream      bool      `json:"stream"`
	MaxTokens   int       `json:"max_tokens"`
	MaxAnswer   int       `json:"max_completion_tokens"`
	Temperature *float64  `json:"temperature"`
	Messages    []Message `json:"messages"`
	Tools       []Tool    `json:"tools"`
	Options     *Options  `json:"stream_options"`

	Sound []byte `json:"-"` // what is to be transcribed; nil where it is a chat
}

// Options are what a request says about its stream.
type Options struct {
	Usage bool `json:"include_usage"`
}

// Message is one message of a prompt.
type Message struct {
	Role     string
	Content  string
	Pictures [][]byte   // decoded from data URLs
	Calls    []ToolCall // of an assistant's message
	CallID   string     // of a tool's message
}

// ToolCall is one call of a tool.
type ToolCall struct {
	ID, Name, Arguments string
}

// Tool is what a request offers to be called.
type Tool struct {
	Name, Description string
	Schema            json.RawMessage
}

// UnmarshalJSON reads content as text or as a list of parts.
func (m *Message) UnmarshalJSON(raw []byte) error {
	var wire struct {
		Role      string          `json:"role"`
		Content   json.RawMessage `json:"content"`
		CallID    string          `json:"tool_call_id"`
		ToolCalls []struct {
			ID       string `json:"id"`
			Function struct {
				Name      string `json:"name"`
				Arguments string `json:"arguments"`
			} `json:"function"`
		} `json:"tool_calls"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	*m = Message{Role: wire.Role, CallID: wire.CallID}
	for _, c := range wire.ToolCalls {
		m.Calls = append(m.Calls, ToolCall{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments})
	}
	if len(wire.Content) == 0 || json.Unmarshal(wire.Content, &m.Content) == nil {
		return nil
	}
	return m.readParts(wire.Content)
}

func (m *Message) readParts(raw json.RawMessage) error {
	var parts []struct {
		Text  string `json:"text"`
		Image struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	for _, part := range parts {
		m.Content += part.Text
		if part.Image.URL == "" {
			continue
		}
		_, encoded, found := strings.Cut(part.Image.URL, ";base64,")
		if !found {
			return fmt.Errorf("a picture is no data URL")
		}
		picture, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return fmt.Errorf("picture: %w", err)
		}
		m.Pictures = append(m.Pictures, picture)
	}
	return nil
}

// UnmarshalJSON takes the function out of its wrapping.
func (t *Tool) UnmarshalJSON(raw []byte) error {
	var wire struct {
		Function struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
		} `json:"function"`
	}
	err := json.Unmarshal(raw, &wire)
	*t = Tool{wire.Function.Name, wire.Function.Description, wire.Function.Parameters}
	return err
}

// Question is the last message of the user.
func (r Request) Question() string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == "user" {
			return r.Messages[i].Content
		}
	}
	return ""
}
