package main

import (
	"log/slog"
	"reflect"
	"time"

	"longwire/agent/config"
	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/agent/turn"
)

// models are the clients of all models that are configured. What has not changed stays
// as it is when the configuration is read again, with its connections, its keys that
// rest and what is known of its way of counting.
type models struct {
	log     *slog.Logger
	observe model.Observer
	running []*running
}

// running is a model that people can choose, as it runs.
type running struct {
	choice config.Choice
	client *model.Client
	tokens *prompt.Estimator
}

// of is the running model for a choice.
func (m *models) of(choice config.Choice) *running {
	for _, r := range m.running {
		if reflect.DeepEqual(r.choice, choice) {
			return r
		}
	}
	r := &running{choice: choice, client: model.New(endpoints(choice), m.log), tokens: m.estimator(choice)}
	r.client.Observe(m.observe)
	m.running = append(m.running, r)
	return r
}

// estimator is what is known of how a model counts, under whichever settings.
func (m *models) estimator(choice config.Choice) *prompt.Estimator {
	for _, r := range m.running {
		if r.choice.Endpoint == choice.Endpoint && r.choice.Name == choice.Name {
			return r.tokens
		}
	}
	return &prompt.Estimator{}
}

// keep lets go of the models that no choice of these names any more.
func (m *models) keep(choices []config.Choice) {
	var kept []*running
	for _, r := range m.running {
		used := false
		for _, choice := range choices {
			used = used || reflect.DeepEqual(r.choice, choice)
		}
		if used {
			kept = append(kept, r)
		} else {
			r.client.Close() // turns that still use it only lose idle connections
		}
	}
	m.running = kept
}

func (m *models) close() {
	for _, r := range m.running {
		r.client.Close()
	}
}

// turnChoice is the model as a turn has it.
func (r *running) turnChoice(c config.Conversation) turn.Choice {
	return turn.Choice{
		Label: r.choice.Label,
		Model: r.client,
		Prompt: &prompt.Builder{
			Budget: prompt.Budget{
				Context: r.choice.ContextTokens, Answer: r.choice.MaxTokens, History: c.Tokens,
				Turns: c.Turns, Summarise: c.Overflow == "summarise",
			},
			Tokens: r.tokens,
		},
		Vision: bool(r.choice.Vision),
	}
}

// endpoints are a choice and its fallbacks, as a model.Client has them.
func endpoints(choice config.Choice) []model.Config {
	configs := []model.Config{endpoint(choice.ModelEndpoint)}
	for _, fallback := range choice.Fallbacks {
		configs = append(configs, endpoint(fallback))
	}
	return configs
}

func endpoint(e config.ModelEndpoint) model.Config {
	var keys []string
	for _, key := range e.Keys() {
		keys = append(keys, key.Reveal())
	}
	c := model.Config{
		Endpoint: e.Endpoint, Name: e.Name, APIVersion: e.APIVersion,
		Keys: keys, KeyFile: e.APIKeyFile,
		MaxTokens: e.MaxTokens, MaxTokensField: e.MaxTokensField, Temperature: e.Temperature,
		Vision: bool(e.Vision), Tools: bool(e.Tools), Transcription: e.Transcription,
		Proxy:      e.Proxy.Func(),
		FirstToken: e.FirstTokenTimeout, Idle: e.IdleTimeout, Attempts: e.Attempts, Concurrency: e.Concurrency,
	}
	if !e.APIKeyExpires.IsZero() {
		c.KeyExpires = e.APIKeyExpires.Time().Add(24 * time.Hour) // they work on that day
	}
	return c
}

// hears reports whether the model can make text of sounds.
func (r *running) hears() bool {
	for _, c := range endpoints(r.choice) {
		if c.Transcription != "" {
			return true
		}
	}
	return false
}
