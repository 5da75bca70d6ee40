// Package config reads the one YAML file that Longwire is set up with.
//
// The whole schema is in four files: config.go, connection.go, model.go and
// operate.go, structs with unit, default and range beside every field. Nothing
// lists the keys a second time; decoding, "did you mean", what a reload has to do
// and the checks of config.example.yaml walk these structs.
//
// A file goes through five steps:
//
//	parse     bytes to YAML nodes, which know their line and column (load.go)
//	expand    ${NAME} and ${file:PATH} in values take what stands outside (expand.go)
//	decode    nodes to the structs, over the defaults, strictly (decode.go, entries.go)
//	scalar    one text to one field: type, range, choice (scalar.go)
//	validate  what spans several keys, or is more than a range (validate*.go)
//
// What of it holds for one connection, its own word or the general one, is in
// resolve.go; what a changed file changes, in reload.go.
//
// # What it promises
//
//   - All problems come at once, sorted by position, each with file, line,
//     column, YAML path and what to write instead.
//   - No secret shows. A Secret, a StoreURL, a URL and a Proxy print as [redacted],
//     or without what is secret in them, everywhere, and a problem never contains a
//     value that was substituted, nor the value of a secret field that was written
//     out.
//   - A hostile file costs little: size, number of values and aliases are bounded.
//
// Left to others: whether the credentials work (the connectors), what go-redis
// makes of a store URL (conversation/redisstore), the content of an api_key_file,
// which is read again whenever it changes (agent/model).
package config

import (
	"log/slog"
	"strings"
	"time"
)

// Config is the whole file. The tags of its fields, and of those below, are read
// by the decoder:
//
//	yaml    the key; ",inline" for a struct whose keys stand among the others
//	need    "yes": the key has to be there, or have a default, and must not be empty
//	range   lowest and highest value, both allowed
//	oneof   the words to choose from
//	env     the environment variable that speaks where the file says nothing
//	heir    "yes": need and env hold for the main model only; one that stands in
//	        for it, or beside it, takes the main one's value instead
//	short   "yes": the section may be written as the value of this key alone
//	only    the platform whose connections know the key
//	twin    the key that plays the same part on the other platform
//	hint    what to write, added to a problem with this key
//	reload  "never": it takes a restart to change; "stream": it takes a new stream
//
// A field that is a pointer, a list or a map is nil where the file says nothing. A
// list that is written out and empty is not nil.
type Config struct {
	// Connections are the bot accounts to answer for, one or more.
	Connections []Connection `yaml:"connections" need:"yes" hint:"write at least one connection, as in config.example.yaml"`
	// Model is who answers where nobody says otherwise.
	Model Model `yaml:"model"`
	// Models are further models, for a connection or a person to choose.
	Models []Choice `yaml:"models"`
	// Conversation is what is remembered of a chat.
	Conversation Conversation `yaml:"conversation"`
	// Tools are servers of the Model Context Protocol, whose tools the model may use.
	Tools []Tool `yaml:"tools"`
	// Access says who is answered.
	Access Access `yaml:"access"`
	// Limits bound what a person and a connection may use.
	Limits Limits `yaml:"limits"`
	// Store is where events and conversations are kept. Default
	// file:./data/longwire.db.
	Store StoreURL `yaml:"store" reload:"never" hint:"write file:./data/longwire.db or redis://host:6379/0; percent-encode special characters in a password"`
	// StorePrefix is what every key in Redis begins with, so that several programs
	// can share one. Default longwire; a–z, 0–9, colon, dash and underscore, at most
	// 32 characters. A file has no use for it. What was kept under another prefix is
	// not found.
	StorePrefix string `yaml:"store_prefix" need:"yes" reload:"never" hint:"write a word such as longwire, or remove the key"`
	// Spool is the file, as file:PATH, that takes messages while a Redis store is
	// away, or off. Default file:./data/spool.db. Without Redis it is not used.
	Spool string `yaml:"spool" reload:"never" hint:"write file:./data/spool.db, or off"`
	// Inbox bounds what the store keeps of each connection's events.
	Inbox Inbox `yaml:"inbox" reload:"never"`
	// Record is the log of questions and answers, for audits.
	Record Record `yaml:"record" reload:"never"`
	// Shutdown is how long running turns may finish after SIGTERM. Default
	// 30s, range 0s to 10m.
	Shutdown time.Duration `yaml:"shutdown" range:"0s..10m"`
	// Reload says whether a changed file is taken up by itself: off or auto.
	// SIGHUP takes it up always. Default off.
	Reload string `yaml:"reload" oneof:"off auto"`
	// Admin is the listener for health, the inbox and traces.
	Admin Admin `yaml:"admin"`
	// Log is how the program logs.
	Log Log `yaml:"log"`
	// Trace is where spans are sent.
	Trace Trace `yaml:"trace" reload:"never"`

	// Warnings are what works but should not stay as it is. Not a key.
	Warnings Problems `yaml:"-" json:"-"`

	taken taken `yaml:"-"` // see Taken
}

// Conversation is what is remembered of a chat, and the language spoken there.
type Conversation struct {
	// Scope is whose conversation one in a group is: each person has one of their
	// own (person), or all who write there share one (chat). Default person.
	Scope string `yaml:"scope" oneof:"person chat"`
	// TTL is how long a conversation is remembered after its last turn. Default
	// 30m, range 0s to 3650d; 0 keeps it for ever.
	TTL time.Duration `yaml:"ttl" range:"0s..3650d" reload:"never"`
	// Turns is how many turns are remembered. Default 100, range 1 to 1000.
	Turns int `yaml:"turns" range:"1..1000" reload:"never"`
	// Tokens bounds the turns that are part of a prompt, in tokens. Default 0: what
	// the model's context_tokens leaves. Range 0 to 10000000.
	Tokens int `yaml:"tokens" range:"0..10000000"`
	// Overflow is what becomes of turns that do not fit any more: a summary of them
	// takes their place (summarise), or they are forgotten (drop). Default summarise.
	Overflow string `yaml:"overflow" oneof:"summarise drop"`
	// Late is how old a question may be until its answer says that it had to
	// wait. Default 5m, range 1m to 3650d.
	Late time.Duration `yaml:"late" range:"1m..3650d"`
	// MaxAge is how old a question may be until it is not answered any more,
	// but logged. Default 24h, range 1m to 3650d.
	MaxAge time.Duration `yaml:"max_age" range:"1m..3650d"`
	// Burst is what becomes of questions that wait in one conversation: each has
	// an answer of its own (each), or they are joined into one (join). Default each.
	Burst string `yaml:"burst" oneof:"each join" reload:"never"`
	// Language is that of the bot's own texts: auto, zh or en. Default auto,
	// the language of the person, Chinese where it cannot be told.
	Language string `yaml:"language" oneof:"auto zh en"`
}

// Access says who is answered. Admins of a connection always are.
type Access struct {
	// Mode is whom to answer: everybody (open), or only who is allowed (closed).
	// Default open. The section may be this word alone.
	Mode string `yaml:"mode" oneof:"open closed" short:"yes"`
	// Allow is who is answered. In an open one, a list that is not empty closes it
	// to everybody else.
	Allow Listed `yaml:"allow"`
	// Deny is who is not, whatever Allow says.
	Deny Listed `yaml:"deny"`
}

// Listed names people, one by one or many together, by the platform's ids.
type Listed struct {
	// People are staff ids on DingTalk, open_ids on Feishu.
	People []string `yaml:"people" hint:"write a list of the platform's ids, or remove the key"`
	// Groups are the ids of group chats: everybody there, while they are there.
	Groups []string `yaml:"groups" hint:"write a list of the platform's ids, or remove the key"`
	// Departments are the ids of departments, where the platform tells who is in one.
	Departments []string `yaml:"departments" hint:"write a list of the platform's ids, or remove the key"`
}

// Limits bound what a person and a connection may use. Days and months are those
// of Beijing.
type Limits struct {
	// TurnsPerMinute is how many questions a person may ask in a minute, or
	// unlimited. Default 20.
	TurnsPerMinute Limit `yaml:"turns_per_minute" hint:"write a number such as 20, or unlimited"`
	// TokensPerDay is how many tokens a person may use in a day, question and answer
	// together, or unlimited. Default unlimited.
	TokensPerDay Limit `yaml:"tokens_per_day" hint:"write a number such as 200000, or unlimited"`
	// TokensPerMonth is the same for all of a connection, in a month. Default
	// unlimited.
	TokensPerMonth Limit `yaml:"tokens_per_month" hint:"write a number such as 20000000, or unlimited"`
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

// Default is the configuration of a file that says nothing: everything but the
// connections, the model's endpoint and its name.
func Default() *Config {
	c := &Config{
		Model: Model{SystemPrompt: defaultPrompt, TurnTimeout: 5 * time.Minute, ToolRounds: 8},
		Conversation: Conversation{
			Scope: "person", TTL: 30 * time.Minute, Turns: 100, Overflow: "summarise",
			Late: 5 * time.Minute, MaxAge: 24 * time.Hour, Burst: "each", Language: "auto",
		},
		Store:       StoreURL{NewSecret("file:./data/longwire.db")},
		StorePrefix: defaultPrefix,
		Spool:       "file:./data/spool.db",
		Inbox:       Inbox{Waiting: 10_000, PerConversation: 20, Remember: 24 * time.Hour, Lease: 30 * time.Second},
		Record:      Record{Rotation: defaultRotation},
		Shutdown:    30 * time.Second,
		Reload:      Off,
		Admin:       Admin{Listen: "127.0.0.1:18789"},
		Log:         Log{Level: slog.LevelInfo, Format: "auto", File: LogFile{Rotation: defaultRotation}},
		Trace:       Trace{Sample: 1},
	}
	c.Model.preset()
	c.Model.Label = DefaultLabel
	c.Access.preset()
	c.Limits.preset()
	return c
}

// preset fills in the defaults of a section that a file may have any number of
// times, or not at all.
func (a *Access) preset() { a.Mode = "open" }

func (l *Limits) preset() { l.TurnsPerMinute = 20 }

// defaultPrefix is what the keys in Redis have always begun with.
const defaultPrefix = "longwire"

// SpoolFile is the path of the spool; ok is false where there is none: it is off, or
// the store is a file itself.
func (c *Config) SpoolFile() (path string, ok bool) {
	if _, embedded := c.Store.File(); embedded || c.Spool == Off {
		return "", false
	}
	return filePath(strings.TrimPrefix(c.Spool, "file:")), true
}
