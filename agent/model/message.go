package model

import (
	"encoding/json"

	openai "github.com/sashabaranov/go-openai"
)

// Request is one question to the model.
type Request struct {
	Messages  []Message
	Tools     []Tool // what the model may call; only for endpoints with Config.Tools
	MaxTokens int    // of this answer; 0 is Config.MaxTokens

	// Keep is asked when an answer broke off behind its first visible word: true
	// keeps the answer going, and what was yielded will be withdrawn with an Again;
	// false ends it with the error. Nil is true.
	Keep func() bool
}

// Role says whose words a message of the prompt holds.
type Role string

// The roles of a prompt.
const (
	System     Role = openai.ChatMessageRoleSystem
	User       Role = openai.ChatMessageRoleUser
	Assistant  Role = openai.ChatMessageRoleAssistant
	ToolResult Role = openai.ChatMessageRoleTool
)

// Message is one message of the prompt.
type Message struct {
	Role     Role
	Content  string
	Pictures []Picture // of a user's message
	Calls    []Call    // that an assistant's message made
	CallID   string    // the call that a ToolResult answers
}

// Picture is an image as it goes to the model.
type Picture struct {
	Type string // MIME type; default image/jpeg
	Data []byte
}

// PictureWord stands for a picture in the text of a question. A model that cannot see is
// told so in its place.
const PictureWord = "[picture]"

// Tool is something that the model may call.
type Tool struct {
	Name        string
	Description string
	Schema      json.RawMessage // JSON schema of the arguments; nil: there are none
}

// Call is what the model calls. The arguments are as the model wrote them: they
// need not be JSON, let alone fit the schema.
type Call struct {
	ID        string
	Name      string
	Arguments json.RawMessage // {} where the model wrote nothing
}

// Delta is one piece of an answer.
type Delta struct {
	Again   bool   // first: everything yielded before is withdrawn, the answer starts over
	Text    string // for the person
	Thought string // the model thinking aloud; no part of the answer
	Calls   []Call // all calls of the answer, once, after its text
	Usage   *Usage // what a request has taken, at its end: of the answer, as its last delta, and before that of those that failed, where the endpoint told
}

// Usage is what a request took, in tokens.
type Usage struct {
	Endpoint, Model string
	Prompt          int
	Cached          int  // of Prompt, what the endpoint had read before
	Answer          int  // thoughts included
	Reasoning       int  // of Answer, the thoughts
	Reported        bool // false: the endpoint told nothing, and the counts are 0
}

// Plus is what two requests took together. It names the endpoint and the model of the
// later one.
func (u Usage) Plus(later Usage) Usage {
	later.Prompt += u.Prompt
	later.Cached += u.Cached
	later.Answer += u.Answer
	later.Reasoning += u.Reasoning
	later.Reported = later.Reported || u.Reported
	return later
}
