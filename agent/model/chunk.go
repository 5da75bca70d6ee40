package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// chunk is one event of an answer, whoever wrote it. What differs:
//
//	reasoning_content   thoughts: DeepSeek, DashScope, Moonshot, Zhipu, vLLM before 0.12
//	reasoning           thoughts: OpenRouter, Ollama, vLLM since
//	content as a list   Mistral, with thoughts among the parts
//	usage in a choice   Moonshot
//	no delta            Azure, where a filter says what it thinks
//	message             an answer that comes whole
type chunk struct {
	Choices []choice    `json:"choices"`
	Usage   *usageCount `json:"usage"`

	Error   json.RawMessage `json:"error"`
	Code    json.RawMessage `json:"code"`    // DashScope's own errors
	Message json.RawMessage `json:"message"` // and vLLM's
}

type choice struct {
	Delta   said        `json:"delta"`
	Message said        `json:"message"`
	Finish  string      `json:"finish_reason"`
	Usage   *usageCount `json:"usage"`
}

type said struct {
	Content          content   `json:"content"`
	ReasoningContent content   `json:"reasoning_content"`
	Reasoning        content   `json:"reasoning"`
	Refusal          content   `json:"refusal"` // OpenAI: why the model will not answer, in its place
	ToolCalls        fragments `json:"tool_calls"`
	FunctionCall     *function `json:"function_call"` // what calls were before tools
}

// content is text, or a list of parts of which some are text.
type content struct{ text, thought string }

// UnmarshalJSON takes what it knows and leaves the rest: what an endpoint invents
// tomorrow must not break an answer.
func (c *content) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &c.text) == nil {
		return nil
	}
	var parts []struct {
		Text     string  `json:"text"`
		Thinking content `json:"thinking"`
	}
	_ = json.Unmarshal(raw, &parts)
	for _, part := range parts {
		c.text += part.Text
		c.thought += part.Thinking.text
	}
	return nil
}

// usageCount is what an answer took, with the places where endpoints put what was
// cached: OpenAI, DeepSeek, Moonshot.
type usageCount struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`

	PromptDetails struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CacheHit int `json:"prompt_cache_hit_tokens"`
	Cached   int `json:"cached_tokens"`

	CompletionDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// parseChunk reads an event. A fault that the endpoint sends in place of an answer
// is the error.
func parseChunk(data []byte) (*chunk, error) {
	c := &chunk{}
	var odd *json.UnmarshalTypeError // one field is not what it should be; the others are read
	if err := json.Unmarshal(data, c); err != nil && !errors.As(err, &odd) {
		return nil, &fault{message: fmt.Sprintf("an event is not JSON: %s", oneLine(data))}
	}
	if present(c.Error) || len(c.Choices) == 0 && c.Usage == nil && present(c.Message) {
		return nil, parseFault(data)
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return nil, parseFault(data)
	}
	return c, nil
}

// said is what the first choice says, in a delta or whole; there are no others,
// because nobody asks for them.
func (c *chunk) said() said {
	if len(c.Choices) == 0 {
		return said{}
	}
	s, m := c.Choices[0].Delta, c.Choices[0].Message
	s.Content.text += s.Refusal.text + m.Content.text + m.Refusal.text
	s.Content.thought += m.Content.thought
	s.ReasoningContent.text += m.ReasoningContent.text
	s.Reasoning.text += m.Reasoning.text
	s.ToolCalls = append(s.ToolCalls, m.ToolCalls...)
	if s.FunctionCall == nil {
		s.FunctionCall = m.FunctionCall
	}
	return s
}

// thought is what the model thinks aloud, under whichever name: LiteLLM sends both.
func (s said) thought() string {
	switch {
	case s.ReasoningContent.text != "":
		return s.ReasoningContent.text
	case s.Reasoning.text != "":
		return s.Reasoning.text
	}
	return s.Content.thought
}

// finish is why the answer ends here, "" where it does not.
func (c *chunk) finish() string {
	if len(c.Choices) == 0 || c.Choices[0].Finish == "null" {
		return ""
	}
	return c.Choices[0].Finish
}

// usage is what the answer took so far, nil where the event does not say.
func (c *chunk) usage() *usageCount {
	if c.Usage == nil && len(c.Choices) > 0 {
		return c.Choices[0].Usage
	}
	return c.Usage
}

func (u *usageCount) of(e *endpoint) *Usage {
	usage := &Usage{Endpoint: e.host, Model: e.config.Name}
	if u != nil && u.Prompt+u.Completion > 0 { // {} tells nothing
		usage.Prompt, usage.Answer, usage.Reported = u.Prompt, u.Completion, true
		usage.Cached = max(u.PromptDetails.Cached, u.CacheHit, u.Cached)
		usage.Reasoning = u.CompletionDetails.Reasoning
	}
	return usage
}
