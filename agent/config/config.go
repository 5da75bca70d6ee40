// Package config reads the one YAML file that Longwire is set up with.
//
// The whole schema is in this file: the structs below, with unit, default and
// range beside every field. Nothing lists the keys a second time; decoding,
// "did you mean" and the checks of config.example.yaml walk these structs.
//
// A file goes through five steps:
//
//	parse     bytes to YAML nodes, which know their line and column (load.go)
//	expand    ${NAME} and ${file:PATH} in values take what stands outside (expand.go)
//	decode    nodes to the structs, over the defaults, strictly (decode.go)
//	scalar    one text to one field: type, range, choice (scalar.go)
//	validate  what spans several keys, or is more than a range (validate.go)
//
// # What it promises
//
//   - All problems come at once, sorted by position, each with file, line,
//     column, YAML path and what to write instead.
//   - No secret shows. A Secret and a StoreURL print as [redacted] everywhere,
//     and a problem never contains a value that was substituted, nor the value
//     of a secret field that was written out.
//   - A hostile file costs little: size, number of values and aliases are bounded.
//
// Left to others: whether the credentials work (the connectors), what go-redis
// makes of a store URL (conversation/redisstore).
package config

import (
	"log/slog"
	"strings"
	"time"
)

// Config is the whole file. The tags of its fields, and of those below, are read
// by the decoder:
//
//	yaml   the key
//	need   "yes": the key has to be there and must not be empty
//	range  lowest and highest value, both allowed
//	oneof  the words to choose from
//	env    the environment variable that speaks where the file says nothing
//	only   the platform whose connections know the key
//	twin   the key that plays the same part on the other platform
//	hint   what to write, added to a problem with this key
type Config struct {
	// Connections are the bot accounts to answer for, one or more.
	Connections []Connection `yaml:"connections" need:"yes" hint:"write at least one connection, as in config.example.yaml"`
	// Model is who answers.
	Model Model `yaml:"model"`
	// Conversation is what is remembered of a chat.
	Conversation Conversation `yaml:"conversation"`
	// Store is where events and conversations are kept. Default
	// file:./data/longwire.db.
	Store StoreURL `yaml:"store" hint:"write file:./data/longwire.db or redis://host:6379/0; percent-encode special characters in a password"`
	// Spool is the file, as file:PATH, that takes messages while a Redis store is
	// away, or off. Default file:./data/spool.db. Without Redis it is not used.
	Spool string `yaml:"spool" hint:"write file:./data/spool.db, or off"`
	// Inbox bounds what the store keeps of each connection's events.
	Inbox Inbox `yaml:"inbox"`
	// Shutdown is how long running turns may finish after SIGTERM. Default
	// 30s, range 0s to 10m.
	Shutdown time.Duration `yaml:"shutdown" range:"0s..10m"`
	// Admin is the listener for health, the inbox and traces.
	Admin Admin `yaml:"admin"`
	// Log is how the program logs.
	Log Log `yaml:"log"`

	// Warnings are what works but should not stay as it is. Not a key.
	Warnings Problems `yaml:"-" json:"-"`
}

// Platform is a chat platform that a connection can be on.
type Platform string

// The platforms. Lark is Feishu with another endpoint.
const (
	DingTalk Platform = "dingtalk"
	Feishu   Platform = "feishu"
)

// Connection is one bot account. Which of the keys it has depends on Platform;
// the fields of the other platform are empty.
type Connection struct {
	// Name appears in logs and metrics and is part of what the store keeps, so
	// renaming a connection leaves its conversations behind. Unique; a–z, 0–9,
	// dot, dash and underscore, at most 63 characters, first a letter or digit.
	Name string `yaml:"name" need:"yes" hint:"write a short name such as helpdesk-dingtalk; it appears in logs and metrics"`
	// Platform is dingtalk or feishu.
	Platform Platform `yaml:"platform" need:"yes" oneof:"dingtalk feishu" hint:"for Lark write feishu, with endpoint: https://open.larksuite.com"`
	// Endpoint is the base URL of the platform. Default
	// https://api.dingtalk.com or https://open.feishu.cn; another one for Lark,
	// a private gateway or a test. No trailing slash.
	Endpoint string `yaml:"endpoint"`
	// Workers is how many turns run at the same time. Default 64, range 1 to 1024.
	Workers int `yaml:"workers" range:"1..1024"`
	// Keepalive is how often the link is checked; it counts as dead after two
	// and a half times as long. Default 30s, range 1s to 10m. Feishu may ask for
	// a shorter time.
	Keepalive time.Duration `yaml:"keepalive" range:"1s..10m"`

	// Reply is how answers are shown: in a card that grows (card), as plain messages
	// (text), or as the budget allows (auto). Default auto.
	Reply string `yaml:"reply" oneof:"auto card text"`
	// Budget bounds what the platform charges for.
	Budget Budget `yaml:"budget"`
	// Rate is how often the platform lets the application call one API. Four fifths
	// of it are used.
	Rate Rate `yaml:"rate"`
	// Welcome is what somebody reads who comes for the first time, or a group that
	// takes the bot in: on for a built-in text, off for nothing, or a text. Default on.
	Welcome string `yaml:"welcome"`
	// Admins are the platform's ids of those who may press the buttons below
	// everybody's answers: staff ids on DingTalk, open_ids on Feishu.
	Admins []string `yaml:"admins" hint:"write a list of the platform's ids, or remove the key"`

	// ClientID and ClientSecret are DingTalk's credentials of the application.
	ClientID     string `yaml:"client_id" need:"yes" only:"dingtalk" twin:"app_id" hint:"copy it from the application's page, as in client_id: ${DINGTALK_CLIENT_ID}"`
	ClientSecret Secret `yaml:"client_secret" need:"yes" only:"dingtalk" twin:"app_secret" hint:"keep it out of the file, as in client_secret: ${DINGTALK_CLIENT_SECRET}"`
	// RobotCode names the robot to DingTalk. Default ClientID, which is right
	// for robots of internal applications.
	RobotCode string `yaml:"robot_code" only:"dingtalk"`
	// Card is the template of DingTalk's cards.
	Card Card `yaml:"card" only:"dingtalk"`
	// Mention mentions whoever asked in a group, above the answer. Default off.
	Mention Switch `yaml:"mention" only:"dingtalk"`

	// AppID and AppSecret are Feishu's credentials of the application.
	AppID     string `yaml:"app_id" need:"yes" only:"feishu" twin:"client_id" hint:"copy it from the application's page, as in app_id: ${FEISHU_APP_ID}"`
	AppSecret Secret `yaml:"app_secret" need:"yes" only:"feishu" twin:"client_secret" hint:"keep it out of the file, as in app_secret: ${FEISHU_APP_SECRET}"`
}

// Budget bounds what the platform charges for.
type Budget struct {
	// APICalls is how many API calls may be made in a calendar month, or unlimited.
	// Default 5000 on DingTalk, its standard edition, and unlimited on Feishu.
	APICalls Calls `yaml:"api_calls" hint:"write a number such as 5000, or unlimited"`
}

// Rate is how often an API may be called.
type Rate struct {
	// PerSecond is a number or unlimited. Default 20 on DingTalk, 50 on Feishu.
	PerSecond Calls `yaml:"per_second" hint:"write a number such as 20, or unlimited"`
	// PerMinute is a number or unlimited. Default unlimited on DingTalk, 1000 on
	// Feishu.
	PerMinute Calls `yaml:"per_minute" hint:"write a number such as 1000, or unlimited"`
}

// Card is a template of DingTalk's card platform.
type Card struct {
	// Template is its id, and Key the variable that the answer streams into. The
	// default is a public template of DingTalk's own.
	Template string `yaml:"template"`
	Key      string `yaml:"key"`
	// FlowStatus says that the template shows the variable flowStatus and not the
	// state that the platform keeps: two more calls per card. Default off; the default
	// template has it.
	FlowStatus Switch `yaml:"flow_status"`
	// Words is the variable in which who has pressed a button reads what came of it.
	// Default words.
	Words string `yaml:"words"`
}

// Model is an OpenAI-compatible endpoint and how long to wait for it.
type Model struct {
	// Endpoint is the base URL, usually ending in /v1. MODEL_ENDPOINT sets it
	// where the file does not. No trailing slash.
	Endpoint string `yaml:"endpoint" need:"yes" env:"MODEL_ENDPOINT" hint:"write a base URL such as https://dashscope.aliyuncs.com/compatible-mode/v1, or set MODEL_ENDPOINT"`
	// APIKey may be empty for local endpoints. MODEL_API_KEY sets it where the
	// file does not.
	APIKey Secret `yaml:"api_key" env:"MODEL_API_KEY"`
	// Name is the model's name as the endpoint knows it.
	Name string `yaml:"name" need:"yes" hint:"write the model's name as the endpoint knows it, such as qwen-plus"`
	// MaxTokens bounds one answer. MAX_TOKEN_LIMIT sets it where the file does
	// not. Default 2048, range 1 to 1000000.
	MaxTokens int `yaml:"max_tokens" env:"MAX_TOKEN_LIMIT" range:"1..1000000"`
	// SystemPrompt is the first message of every prompt. Empty: none.
	SystemPrompt string `yaml:"system_prompt"`
	// Transcription is the model that makes text of voice messages, at the same
	// endpoint, where the platform has no words for them. Empty: none.
	Transcription string `yaml:"transcription"`
	// FirstTokenTimeout bounds the wait for the first delta of an attempt.
	// Default 60s, range 1s to 10m.
	FirstTokenTimeout time.Duration `yaml:"first_token_timeout" range:"1s..10m"`
	// IdleTimeout bounds the wait between deltas. Default 30s, range 1s to 10m.
	IdleTimeout time.Duration `yaml:"idle_timeout" range:"1s..10m"`
	// TurnTimeout bounds a whole turn, all attempts included. Default 5m, range
	// 1s to 1h.
	TurnTimeout time.Duration `yaml:"turn_timeout" range:"1s..1h"`
	// Attempts is how often the model is asked before the first visible word.
	// Default 4, range 1 to 10.
	Attempts int `yaml:"attempts" range:"1..10"`
}

// Conversation is what is remembered of a chat, and the language spoken there.
type Conversation struct {
	// TTL is how long a conversation is remembered after its last turn. Default
	// 30m, range 0s to 3650d; 0 keeps it for ever.
	TTL time.Duration `yaml:"ttl" range:"0s..3650d"`
	// Turns is how many turns are remembered. Default 20, range 1 to 1000.
	Turns int `yaml:"turns" range:"1..1000"`
	// Late is how old a question may be until its answer says that it had to
	// wait. Default 5m, range 1m to 3650d.
	Late time.Duration `yaml:"late" range:"1m..3650d"`
	// MaxAge is how old a question may be until it is not answered any more,
	// but logged. Default 24h, range 1m to 3650d.
	MaxAge time.Duration `yaml:"max_age" range:"1m..3650d"`
	// Burst is what becomes of questions that wait in one conversation: each has
	// an answer of its own (each), or they are joined into one (join). Default each.
	Burst string `yaml:"burst" oneof:"each join"`
	// Language is that of the bot's own texts: auto, zh or en. Default auto,
	// the language of the person, Chinese where it cannot be told.
	Language string `yaml:"language" oneof:"auto zh en"`
}

// Inbox bounds what the store keeps of each connection's events.
type Inbox struct {
	// Waiting is how many events may wait on a connection; past that people are
	// asked to write again later. Default 10000, range 1 to 1000000.
	Waiting int `yaml:"waiting" range:"1..1000000"`
	// PerConversation is the same for one conversation, so that one person does
	// not fill the inbox. Default 20, range 1 to 10000.
	PerConversation int `yaml:"per_conversation" range:"1..10000"`
	// Remember is how long the ID of an event is known, so that a redelivery is
	// not answered again. Default 24h, range 1m to 30d.
	Remember time.Duration `yaml:"remember" range:"1m..30d"`
	// Lease is how long a conversation stays in the hands of a worker that
	// shows no life. Default 30s, range 1s to 10m.
	Lease time.Duration `yaml:"lease" range:"1s..10m"`
}

// Admin is the listener for health, the inbox and traces.
type Admin struct {
	// Listen is host:port. Default 127.0.0.1:18789. An address that others can
	// reach is refused unless Token is set.
	Listen string `yaml:"listen"`
	// Token is asked of everybody who asks there. Default empty: nobody is
	// asked.
	Token Secret `yaml:"token"`
}

// Log is how the program logs.
type Log struct {
	// Level is the lowest level that is logged: debug, info, warn or error.
	// Default info.
	Level slog.Level `yaml:"level" oneof:"debug info warn error"`
	// Format is auto, text or json. Default auto: text on a terminal, JSON
	// elsewhere.
	Format string `yaml:"format" oneof:"auto text json"`
}

// defaultPrompt is the system prompt of a file that has none.
const defaultPrompt = "You are a helpful assistant in a team chat. Answer briefly and precisely, in the language of the question. Say so when you do not know."

// Default is the configuration of a file that says nothing: everything but the
// connections, the model's endpoint and its name.
func Default() *Config {
	return &Config{
		Model: Model{
			MaxTokens:         2048,
			SystemPrompt:      defaultPrompt,
			FirstTokenTimeout: time.Minute,
			IdleTimeout:       30 * time.Second,
			TurnTimeout:       5 * time.Minute,
			Attempts:          4,
		},
		Conversation: Conversation{TTL: 30 * time.Minute, Turns: 20, Late: 5 * time.Minute, MaxAge: 24 * time.Hour, Burst: "each", Language: "auto"},
		Store:        StoreURL{NewSecret("file:./data/longwire.db")},
		Spool:        "file:./data/spool.db",
		Inbox:        Inbox{Waiting: 10_000, PerConversation: 20, Remember: 24 * time.Hour, Lease: 30 * time.Second},
		Shutdown:     30 * time.Second,
		Admin:        Admin{Listen: "127.0.0.1:18789"},
		Log:          Log{Level: slog.LevelInfo, Format: "auto"},
	}
}

// DefaultConnection is a connection on p of which the file says nothing more: all
// but its name and its credentials.
func DefaultConnection(p Platform) Connection {
	c := Connection{Platform: p, Workers: 64, Keepalive: 30 * time.Second, Reply: "auto", Welcome: On}
	switch p {
	case DingTalk:
		c.Endpoint = "https://api.dingtalk.com"
		c.Budget.APICalls = 5000
		c.Rate.PerSecond = 20
		c.Card = Card{Template: "382e4302-551d-4880-bf29-a30acfab2e71.schema", Key: "msgContent"}
	case Feishu:
		c.Endpoint = "https://open.feishu.cn"
		c.Rate = Rate{PerSecond: 50, PerMinute: 1000}
	}
	return c
}

// SpoolFile is the path of the spool; ok is false where there is none: it is off, or
// the store is a file itself.
func (c *Config) SpoolFile() (path string, ok bool) {
	if _, embedded := c.Store.File(); embedded || c.Spool == spoolOff {
		return "", false
	}
	return filePath(strings.TrimPrefix(c.Spool, "file:")), true
}

const spoolOff = "off"

// CredentialID is the public half of the credentials: the client ID on DingTalk,
// the app ID on Feishu.
func (c Connection) CredentialID() string {
	if c.Platform == Feishu {
		return c.AppID
	}
	return c.ClientID
}
