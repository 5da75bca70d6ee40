package config

import (
	"log/slog"
	"net/netip"
	"regexp"
	"time"
)

// Admin is the listener for health, the inbox and traces.
type Admin struct {
	// Listen is host:port. Default 127.0.0.1:18789. An address that others can
	// reach is refused unless Token is set.
	Listen string `yaml:"listen" reload:"never"`
	// Token is asked of everybody who asks from another machine, and of who changes
	// something. Default empty: only this machine may ask, and a browser changes nothing.
	Token Secret `yaml:"token"`
	// Allow are the networks whose addresses may ask. Empty: all.
	Allow []netip.Prefix `yaml:"allow" hint:"write a network such as 10.0.0.0/8, or 10.0.0.5/32 for one address"`
	// TLS is the listener's certificate. Without one it speaks plain HTTP.
	TLS TLS `yaml:"tls"`
}

// TLS is a certificate and its key, both or neither. Their paths are looked up as
// that of ${file:PATH} is; once loaded, each is where the file is.
type TLS struct {
	// Cert is a PEM file: the certificate, followed by those that vouch for it.
	Cert string `yaml:"cert"`
	// Key is a PEM file with the certificate's private key.
	Key string `yaml:"key"`
}

// Log is how the program logs.
type Log struct {
	// Level is the lowest level that is logged: debug, info, warn or error.
	// Default info.
	Level slog.Level `yaml:"level" oneof:"debug info warn error"`
	// Levels are the same for single packages and those below them, by their path,
	// as in connectors/dingtalk.
	Levels map[string]slog.Level `yaml:"levels" oneof:"debug info warn error"`
	// Format is auto, text or json. Default auto: text on a terminal, JSON
	// elsewhere.
	Format string `yaml:"format" oneof:"auto text json" reload:"never"`
	// File is a file that has all of it too, as JSON.
	File LogFile `yaml:"file" reload:"never"`
}

// LogFile is a file of log lines.
type LogFile struct {
	// Path is where, relative to the folder the program runs in. Empty: nowhere.
	// The section may be this path alone.
	Path string `yaml:"path" short:"yes"`
	// Rotation is what becomes of old lines.
	Rotation `yaml:",inline"`
}

// Rotation says when a file that grows is put aside, and how long it is kept then.
type Rotation struct {
	// MaxSize is how large the file becomes. Default 100MiB, range 1MiB to 100GiB.
	MaxSize Size `yaml:"max_size" range:"1MiB..100GiB"`
	// MaxAge is how long one that was put aside is kept. Default 0s: for ever; range
	// 0s to 3650d.
	MaxAge time.Duration `yaml:"max_age" range:"0s..3650d"`
	// MaxFiles is how many of them are kept. Default 0: all; range 0 to 10000.
	MaxFiles int `yaml:"max_files" range:"0..10000"`
	// Compress makes them smaller. Default off.
	Compress Switch `yaml:"compress"`
}

var defaultRotation = Rotation{MaxSize: 100 << 20}

// Record is the log of questions and answers, one line of JSON each, for audits.
type Record struct {
	// File is where, relative to the folder the program runs in. Default empty:
	// nowhere.
	File string `yaml:"file"`
	// Rotation is what becomes of old lines.
	Rotation `yaml:",inline"`
	// Redact is what is made unreadable before it is written.
	Redact []RedactRule `yaml:"redact"`
}

// RedactRule is something to make unreadable: one of BuiltInRules, or a pattern.
type RedactRule struct {
	// Name is that of the built-in rule, or one for the pattern: a–z, 0–9 and
	// underscore. Unique. A built-in rule may be this word alone.
	Name string `yaml:"name" need:"yes" short:"yes" hint:"write phone, email, id_card, bank_card, ipv4 or key, or a name and a pattern of your own"`
	// Pattern is a regular expression, as Go's regexp has them.
	Pattern string `yaml:"pattern"`
	// Replace is what stands there instead, in brackets, so that a reader sees that
	// something was there. It has none itself. Default the name, as in [phone].
	Replace string `yaml:"replace"`

	// Regexp is Pattern once loaded; nil for a built-in rule. Not a key.
	Regexp *regexp.Regexp `yaml:"-" json:"-"`
}

// BuiltInRules are the names of the rules that need no pattern.
var BuiltInRules = []string{"phone", "email", "id_card", "bank_card", "ipv4", "key"}

// Trace is where spans are sent.
type Trace struct {
	// Endpoint is the base URL of a collector that takes OTLP over HTTP. Default
	// empty: nowhere. No trailing slash.
	Endpoint string `yaml:"endpoint"`
	// Headers are sent along.
	Headers map[string]Secret `yaml:"headers"`
	// Sample is the share of the turns that are sent. Default 1, range 0 to 1.
	Sample float64 `yaml:"sample" range:"0..1"`
}
