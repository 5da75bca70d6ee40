package main

import (
	"longwire/agent/config"
	"longwire/agent/records"
	"longwire/agent/turn"
	"longwire/connectors"
)

// openRecords opens the conversation log; nil where none is wanted.
func (a *App) openRecords() (*records.Log, error) {
	c := a.config.Record
	if c.File == "" {
		return nil, nil
	}
	var rules []records.Rule
	for _, r := range c.Redact {
		rules = append(rules, records.Rule{Name: r.Name, Pattern: r.Regexp, Replace: r.Replace})
	}
	return records.Open(records.Config{
		File: c.File, MaxSize: int64(c.MaxSize), MaxAge: c.MaxAge, MaxFiles: c.MaxFiles, Compress: bool(c.Compress), Redact: rules,
	}, a.log)
}

// record writes how a turn went into the conversation log. What nobody asked a model is
// in there too: an audit wants to know who was turned away.
func record(log *records.Log, c config.Connection, r turn.Report) {
	ev := r.Event
	log.Add(records.Record{
		Connection: c.Name, Platform: string(c.Platform), Event: ev.Trace(),
		Chat: ev.Chat.ID, Group: ev.Chat.Group, Thread: ev.Chat.Thread, Person: ev.Sender, With: r.With,
		Outcome: string(r.How), Question: ev.Text, Answer: r.Answer, Error: r.Reason,
		Model: r.Usage.Model, Endpoint: r.Usage.Endpoint,
		Tokens: records.Tokens{Prompt: r.Usage.Prompt, Cached: r.Usage.Cached, Answer: r.Usage.Answer, Reasoning: r.Usage.Reasoning},
		Tools:  r.Tools, Waited: r.Waited, FirstWord: r.FirstWord, Took: r.Took,
	})
}

// voted writes what somebody thinks of an answer into the conversation log.
func voted(log *records.Log, c config.Connection, ev connectors.Event, by connectors.Person, good bool) {
	log.Add(records.Record{
		Kind: records.Feedback, Connection: c.Name, Platform: string(c.Platform), Event: ev.Trace(),
		Chat: ev.Chat.ID, Group: ev.Chat.Group, Thread: ev.Chat.Thread, By: by, Good: good,
	})
}
