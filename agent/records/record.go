package records

import (
	"bytes"
	"encoding/json"
	"time"

	"longwire/connectors"
)

// Kind says what a record is about.
type Kind string

// The kinds of records.
const (
	Turn     Kind = "turn"     // a turn has ended
	Feedback Kind = "feedback" // somebody has said what they think of an answer
)

// Version is the schema of the lines that are written now.
const Version = 1

// Record is one line. A field that is zero is left out of it, except those that every
// line has (kind, at, connection, event).
type Record struct {
	Kind       Kind      // default Turn
	At         time.Time // default now
	Connection string
	Platform   string
	Event      string // the trace of the question's event, as in the program's log
	Chat       string // the chat's id
	Group      bool
	Thread     string

	// Of a turn.
	Person    connectors.Person   // who asked
	With      []connectors.Person // who else, where several questions were answered together
	Outcome   string              // answered, failed, skipped, dead
	Question  string
	Answer    string
	Model     string
	Endpoint  string // its configured name; not an address with a key in it
	Tokens    Tokens
	Tools     []string      // the tools that the model called, in their order
	Waited    time.Duration // from the question to the turn
	FirstWord time.Duration // from the turn to the first word of the answer
	Took      time.Duration // from the turn to its end
	Error     string        // for the operator

	// Of feedback.
	By   connectors.Person // who says so
	Good bool
}

// Tokens are what a turn used, as the endpoint counts. Zero where it does not.
type Tokens struct {
	Prompt    int `json:"prompt,omitempty"`
	Cached    int `json:"cached,omitempty"` // of the prompt
	Answer    int `json:"answer,omitempty"`
	Reasoning int `json:"reasoning,omitempty"` // of the answer
}

// wire is a line of the file: what its readers rely on.
type wire struct {
	Version    int                 `json:"v"`
	Kind       Kind                `json:"kind"`
	At         time.Time           `json:"at"` // UTC, to the millisecond
	Connection string              `json:"connection"`
	Platform   string              `json:"platform,omitempty"`
	Event      string              `json:"event"`
	Chat       string              `json:"chat,omitempty"`
	Group      bool                `json:"group,omitempty"`
	Thread     string              `json:"thread,omitempty"`
	Person     *connectors.Person  `json:"person,omitempty"`
	With       []connectors.Person `json:"with,omitempty"`
	Outcome    string              `json:"outcome,omitempty"`
	Question   string              `json:"question,omitempty"`
	Answer     string              `json:"answer,omitempty"`
	Model      string              `json:"model,omitempty"`
	Endpoint   string              `json:"endpoint,omitempty"`
	Tokens     Tokens              `json:"tokens,omitzero"`
	Tools      []string            `json:"tools,omitempty"`
	Waited     int64               `json:"waited_ms,omitempty"`
	FirstWord  int64               `json:"first_word_ms,omitempty"`
	Took       int64               `json:"took_ms,omitempty"`
	Error      string              `json:"error,omitempty"`
	By         *connectors.Person  `json:"by,omitempty"`
	Good       *bool               `json:"good,omitempty"` // feedback always has it
}

// line is the record as one line of JSON, newline included. It is valid UTF-8 and has
// no other newline, whatever people wrote.
func (r Record) line() []byte {
	w := wire{
		Version: Version, Kind: r.Kind, At: r.At,
		Connection: r.Connection, Platform: r.Platform, Event: r.Event,
		Chat: r.Chat, Group: r.Group, Thread: r.Thread, Person: orNil(r.Person), With: r.With,
		Outcome: r.Outcome, Question: r.Question, Answer: r.Answer,
		Model: r.Model, Endpoint: r.Endpoint, Tokens: r.Tokens, Tools: r.Tools,
		Waited: r.Waited.Milliseconds(), FirstWord: r.FirstWord.Milliseconds(), Took: r.Took.Milliseconds(),
		Error: r.Error, By: orNil(r.By),
	}
	if w.Kind == "" {
		w.Kind = Turn
	}
	if w.Kind == Feedback {
		w.Good = &r.Good
	}
	if w.At.IsZero() {
		w.At = time.Now()
	}
	w.At = w.At.UTC().Truncate(time.Millisecond)

	var line bytes.Buffer
	out := json.NewEncoder(&line)
	out.SetEscapeHTML(false) // a record is read by people and by jq, not by browsers
	_ = out.Encode(w)        // strings, numbers and a time cannot fail
	return line.Bytes()
}

func orNil(p connectors.Person) *connectors.Person {
	if p == (connectors.Person{}) {
		return nil
	}
	return &p
}
