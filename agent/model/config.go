package model

import (
	"net/url"
	"time"

	"longwire/connectors"
)

// Config is one endpoint, and one model there. A zero field takes its default.
type Config struct {
	Endpoint string // base URL, "https://…/v1"; with APIVersion the resource, "https://….openai.azure.com"
	Name     string // of the model; on Azure of the deployment

	Keys       []string  // used in turn; none for an endpoint of one's own
	KeyFile    string    // further keys, one a line; read again when it changes
	KeyExpires time.Time // the end of the keys' last day, as the operator noted; zero: nobody knows
	APIVersion string    // Azure's way: sent as ?api-version=, and the key as api-key; "" for a bearer token

	MaxTokens      int      // of an answer; 0 leaves it to the endpoint
	MaxTokensField string   // max_tokens, max_completion_tokens or, by default, auto: the first until the endpoint asks for the second
	Temperature    *float64 // nil leaves it to the endpoint
	Vision         bool     // it can see; elsewhere a picture becomes a word that says so
	Tools          bool     // it can call tools; elsewhere they are left out
	Transcription  string   // the model that Transcribe asks; "" for none

	Proxy connectors.Proxy // nil: what the environment says

	FirstToken  time.Duration // from the request to the first sign of life; default 60 s
	Idle        time.Duration // between two signs of life; default 30 s
	Attempts    int           // requests for one answer; default 4
	Wait        time.Duration // before the second request where there is no other endpoint; doubles; default 500 ms
	Concurrency int           // requests at the same time; 0 is no limit. Waiting for a place is part of FirstToken
}

// The ways to say how long an answer may be.
const (
	fieldAuto       = "auto"
	fieldCompletion = "max_completion_tokens"
)

func (c Config) withDefaults() Config {
	if c.MaxTokensField == "" {
		c.MaxTokensField = fieldAuto
	}
	if c.FirstToken <= 0 {
		c.FirstToken = 60 * time.Second
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Second
	}
	if c.Attempts <= 0 {
		c.Attempts = 4
	}
	if c.Wait <= 0 {
		c.Wait = 500 * time.Millisecond
	}
	return c
}

// host is what the endpoint is called where people read it: its URL may hold more
// than they need to know.
func (c Config) host() string {
	if u, err := url.Parse(c.Endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return "the endpoint"
}
