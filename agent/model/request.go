package model

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"sync/atomic"

	openai "github.com/sashabaranov/go-openai"
)

// dialect is what an endpoint has taught us about what it takes.
type dialect struct {
	completionTokens atomic.Bool // max_completion_tokens for max_tokens
	noUsage          atomic.Bool // stream_options is refused
}

// learn reads a refusal and reports whether the same request is worth asking for in
// other words. It does so at most once for each word.
func (e *endpoint) learn(f *Error, asked openai.ChatCompletionRequest) bool {
	if f.Kind != Refused || f.noModel {
		return false
	}
	said := strings.ToLower(f.Message)
	//lint:ignore SA1019 see request
	tokens := asked.MaxTokens > 0 && e.config.MaxTokensField == fieldAuto
	switch {
	case asked.StreamOptions != nil && (strings.Contains(said, "stream_options") || strings.Contains(said, "include_usage")):
		e.dialect.noUsage.Store(true)
		e.log.Info("the endpoint takes no stream_options, so it tells no usage")
	case tokens && (strings.Contains(said, fieldCompletion) || strings.Contains(said, "maxcompletiontokens")): // the SDK's word for it
		e.dialect.completionTokens.Store(true)
		e.log.Info("the endpoint wants max_completion_tokens for max_tokens")
	default:
		return false
	}
	return true
}

// sdk is the SDK's client for one exchange. It is a small struct; what costs
// anything, the connections, is in e.http.
func (e *endpoint) sdk(x *exchange, k *key) *openai.Client {
	config := openai.DefaultConfig(k.value)
	if e.config.APIVersion != "" {
		config = openai.DefaultAzureConfig(k.value, e.config.Endpoint)
		config.APIVersion = e.config.APIVersion
		config.AzureModelMapperFunc = func(name string) string { return name } // it is the deployment's already
	}
	config.BaseURL = e.config.Endpoint
	config.HTTPClient = x
	return openai.NewClientWithConfig(config)
}

// request is r as the SDK has it, in the endpoint's dialect.
func (e *endpoint) request(r Request) openai.ChatCompletionRequest {
	req := openai.ChatCompletionRequest{
		Model:    e.config.Name,
		Stream:   true,
		Messages: make([]openai.ChatCompletionMessage, 0, len(r.Messages)),
	}
	tokens := e.config.MaxTokens
	if r.MaxTokens > 0 {
		tokens = r.MaxTokens
	}
	if e.config.MaxTokensField == fieldCompletion || e.dialect.completionTokens.Load() {
		req.MaxCompletionTokens = tokens
	} else {
		//lint:ignore SA1019 the name that nearly every compatible endpoint takes
		req.MaxTokens = tokens
	}
	if !e.dialect.noUsage.Load() {
		req.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	}
	if t := e.config.Temperature; t != nil {
		req.Temperature = max(float32(*t), math.SmallestNonzeroFloat32) // the SDK leaves out a 0
	}
	for _, m := range r.Messages {
		if sent, ok := e.message(m); ok {
			req.Messages = append(req.Messages, sent)
		}
	}
	if e.config.Tools {
		for _, t := range r.Tools {
			schema := t.Schema
			if len(schema) == 0 {
				schema = json.RawMessage(`{"type":"object","properties":{}}`)
			}
			req.Tools = append(req.Tools, openai.Tool{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
				Name: t.Name, Description: t.Description, Parameters: schema,
			}})
		}
	}
	return req
}

// message is m as this endpoint can take it; false leaves it out. Without tools, a
// result becomes something the user says, and a call is left out.
func (e *endpoint) message(m Message) (openai.ChatCompletionMessage, bool) {
	sent := openai.ChatCompletionMessage{Role: string(m.Role), Content: m.Content}
	if !e.config.Tools && m.Role == ToolResult {
		return openai.ChatCompletionMessage{Role: string(User), Content: "[result of a tool]\n" + m.Content}, true
	}
	if !e.config.Tools && len(m.Calls) > 0 {
		return sent, m.Content != ""
	}
	if m.Role == ToolResult {
		sent.ToolCallID = m.CallID
		if sent.Content == "" {
			sent.Content = " " // the SDK leaves out what is empty, and endpoints insist on it
		}
	}
	for _, call := range m.Calls {
		sent.ToolCalls = append(sent.ToolCalls, openai.ToolCall{
			ID: call.ID, Type: openai.ToolTypeFunction,
			Function: openai.FunctionCall{Name: call.Name, Arguments: wellFormed(call.Arguments)},
		})
	}
	if len(m.Pictures) > 0 {
		e.show(m, &sent)
	}
	return sent, true
}

// wellFormed is the arguments of a call as endpoints take them back: some refuse what is
// not JSON, though their model wrote it.
func wellFormed(arguments json.RawMessage) string {
	if !json.Valid(arguments) {
		return "{}"
	}
	return string(arguments)
}

// unseenPicture stands for a picture where the model cannot see: the person may not know,
// because it is not the model that they asked.
const unseenPicture = "[a picture that you cannot see: tell the person so]"

// show puts the pictures of m into sent, or a word for each where nobody can see.
func (e *endpoint) show(m Message, sent *openai.ChatCompletionMessage) {
	if !e.config.Vision {
		sent.Content = strings.TrimSpace(m.Content + strings.Repeat(" "+unseenPicture, len(m.Pictures)))
		return
	}
	sent.Content = ""
	if m.Content != "" {
		sent.MultiContent = append(sent.MultiContent, openai.ChatMessagePart{Type: openai.ChatMessagePartTypeText, Text: m.Content})
	}
	for _, p := range m.Pictures {
		kind := p.Type
		if kind == "" {
			kind = "image/jpeg"
		}
		url := "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(p.Data)
		sent.MultiContent = append(sent.MultiContent, openai.ChatMessagePart{
			Type: openai.ChatMessagePartTypeImageURL, ImageURL: &openai.ChatMessageImageURL{URL: url},
		})
	}
}
