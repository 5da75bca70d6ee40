package config

import "time"

// DefaultLabel is the label of the main model, unless the file gives it another.
const DefaultLabel = "default"

// ModelEndpoint is one OpenAI-compatible endpoint, a model there, and how long to
// wait for it.
//
// Of a fallback, and of one of Models, only Name is needed. Without an endpoint it
// asks the one above it (a fallback: that of the model it stands in for; one of
// Models: that of the main model), and then, unless it has keys of its own, with
// that one's keys, API version and proxy. To another endpoint no keys are taken
// along. All else that is left out takes the default.
type ModelEndpoint struct {
	// Endpoint is the base URL, usually ending in /v1. MODEL_ENDPOINT sets it
	// where the file does not. No trailing slash.
	Endpoint string `yaml:"endpoint" need:"yes" heir:"yes" env:"MODEL_ENDPOINT" hint:"write a base URL such as https://dashscope.aliyuncs.com/compatible-mode/v1, or set MODEL_ENDPOINT"`
	// APIKey may be empty for local endpoints. MODEL_API_KEY sets it where the
	// file has neither it nor APIKeys nor APIKeyFile.
	APIKey Secret `yaml:"api_key" heir:"yes" env:"MODEL_API_KEY"`
	// APIKeys are keys to use in turn, with APIKey where that is set too.
	APIKeys []Secret `yaml:"api_keys" hint:"write a list of keys, as in api_keys: [\"${KEY_1}\", \"${KEY_2}\"]"`
	// APIKeyFile is a file with a key on each line, read again when it changes: a
	// path, looked up as that of ${file:PATH} is, or credential:NAME for a systemd
	// credential. Once loaded it is where the file is. Not with APIKey or APIKeys.
	APIKeyFile string `yaml:"api_key_file" hint:"write the path of a file, or credential:NAME"`
	// APIKeyExpires is the day on which the keys end; there are warnings from 14 days
	// before. Default empty: never.
	APIKeyExpires Date `yaml:"api_key_expires"`
	// Name is the model's name as the endpoint knows it.
	Name string `yaml:"name" need:"yes" hint:"write the model's name as the endpoint knows it, such as qwen-plus"`
	// MaxTokens bounds one answer. MAX_TOKEN_LIMIT sets it where the file does
	// not. Default 2048, range 1 to 1000000.
	MaxTokens int `yaml:"max_tokens" env:"MAX_TOKEN_LIMIT" range:"1..1000000"`
	// MaxTokensField is what the endpoint calls that bound: max_tokens,
	// max_completion_tokens, or auto for the one it takes. Default auto.
	MaxTokensField string `yaml:"max_tokens_field" oneof:"auto max_tokens max_completion_tokens"`
	// Temperature is how free the answers are. Nil: as the endpoint has it. Range 0
	// to 2.
	Temperature *float64 `yaml:"temperature" range:"0..2"`
	// Vision says that the model sees pictures. Default off.
	Vision Switch `yaml:"vision"`
	// Tools says that the model can use tools. Default on.
	Tools Switch `yaml:"tools"`
	// Transcription is the model that makes text of voice messages, at the same
	// endpoint, where the platform has no words for them. Empty: none.
	Transcription string `yaml:"transcription"`
	// APIVersion says that the endpoint is one of Azure, and which version of it to
	// speak, as in 2024-10-21. Empty: it is none.
	APIVersion string `yaml:"api_version"`
	// Proxy is where requests go through: a URL beginning with http:// or socks5://,
	// or off. Empty: what HTTPS_PROXY and its like say. Default empty.
	Proxy Proxy `yaml:"proxy" hint:"write a URL such as http://user:password@proxy.example:3128, or off"`
	// Concurrency is how many requests run at the same time. Default 0: no bound;
	// range 0 to 100000.
	Concurrency int `yaml:"concurrency" range:"0..100000"`
	// FirstTokenTimeout bounds the wait for the first delta of an attempt.
	// Default 60s, range 1s to 10m.
	FirstTokenTimeout time.Duration `yaml:"first_token_timeout" range:"1s..10m"`
	// IdleTimeout bounds the wait between deltas. Default 30s, range 1s to 10m.
	IdleTimeout time.Duration `yaml:"idle_timeout" range:"1s..10m"`
	// Attempts is how often the model is asked before the first visible word.
	// Default 4, range 1 to 10.
	Attempts int `yaml:"attempts" range:"1..10"`
}

// Choice is a model that can be chosen by its label, and what stands in for it.
type Choice struct {
	// Label is what people write after /model and what a connection names. Unique,
	// the main model's included; a–z, 0–9, dot, dash and underscore, at most 63
	// characters, first a letter or digit. Default of the main model: default.
	Label string `yaml:"label" need:"yes" hint:"write a short word for people to choose the model by, such as large"`
	// ModelEndpoint is whom to ask first.
	ModelEndpoint `yaml:",inline"`
	// Fallbacks are whom to ask when that one does not answer, in this order.
	Fallbacks []ModelEndpoint `yaml:"fallbacks"`
	// ContextTokens bounds a prompt, in tokens. Default 32768, range 1024 to
	// 10000000.
	ContextTokens int `yaml:"context_tokens" range:"1024..10000000"`
}

// Model is the main model, and how a turn is taken with any of them.
type Model struct {
	// Choice is the model itself.
	Choice `yaml:",inline"`
	// SystemPrompt is the first message of every prompt. Empty: none.
	SystemPrompt string `yaml:"system_prompt"`
	// TurnTimeout bounds a whole turn, all attempts included. Default 5m, range
	// 1s to 1h.
	TurnTimeout time.Duration `yaml:"turn_timeout" range:"1s..1h"`
	// ShowReasoning shows what a model thinks before it answers. Default off.
	ShowReasoning Switch `yaml:"show_reasoning"`
	// ToolRounds is how often in one turn the model may ask for tools and be told
	// what came of it. Default 8, range 1 to 50.
	ToolRounds int `yaml:"tool_rounds" range:"1..50"`
}

// Tool is a server of the Model Context Protocol: a program that is started here
// (Command), or one that is reached over HTTP (URL).
type Tool struct {
	// Name appears in logs and in the names of its tools. Unique; as a Label.
	Name string `yaml:"name" need:"yes" hint:"write a short name such as calendar"`
	// Command is the program and its arguments, to speak with over its standard input
	// and output. Exactly one of Command and URL is set.
	Command []string `yaml:"command" hint:"write the program and its arguments as a list, as in command: [calendar-mcp, --readonly]"`
	// Dir is the folder it runs in. Default empty: that of Longwire.
	Dir string `yaml:"dir"`
	// Env are environment variables for it; of Longwire's own it gets none that may
	// be secret.
	Env map[string]Secret `yaml:"env"`
	// URL is where it listens (streamable HTTP).
	URL URL `yaml:"url" hint:"write a URL such as https://tools.example/mcp"`
	// Headers are sent with every request to URL.
	Headers map[string]Secret `yaml:"headers"`
	// Allow are the tools that may be used, with * for anything. Empty: all.
	Allow []string `yaml:"allow" hint:"write a list of tools, or remove the key for all"`
	// Deny are the tools that may not, whatever Allow says.
	Deny []string `yaml:"deny" hint:"write a list of tools, or remove the key"`
	// Confirm are the tools that run only when the person has agreed.
	Confirm []string `yaml:"confirm" hint:"write a list of tools, or remove the key"`
	// Titles are what people read while a tool runs, by its name.
	Titles map[string]string `yaml:"titles"`
	// Timeout bounds one call. Default 30s, range 1s to 10m.
	Timeout time.Duration `yaml:"timeout" range:"1s..10m"`
	// MaxResult bounds what the model is told of a result. Default 16KiB, range 1KiB
	// to 1MiB.
	MaxResult Size `yaml:"max_result" range:"1KiB..1MiB"`
	// Concurrency is how many calls run at the same time. Default 8, range 1 to 1024.
	Concurrency int `yaml:"concurrency" range:"1..1024"`
}

func (e *ModelEndpoint) preset() {
	*e = ModelEndpoint{
		MaxTokens: 2048, MaxTokensField: "auto", Tools: true,
		FirstTokenTimeout: time.Minute, IdleTimeout: 30 * time.Second, Attempts: 4,
	}
}

func (c *Choice) preset() {
	c.ModelEndpoint.preset()
	c.ContextTokens = 32_768
}

func (t *Tool) preset() {
	*t = Tool{Timeout: 30 * time.Second, MaxResult: 16 << 10, Concurrency: 8}
}

// Keys are the keys that the file has for the endpoint itself, in the order in
// which it names them.
func (e ModelEndpoint) Keys() []Secret {
	var keys []Secret
	if !e.APIKey.IsZero() {
		keys = append(keys, e.APIKey)
	}
	return append(keys, e.APIKeys...)
}

// defaultPrompt is the system prompt of a file that has none.
const defaultPrompt = "You are a helpful assistant in a team chat. Answer briefly and precisely, in the language of the question. Say so when you do not know."
