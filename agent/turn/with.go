package turn

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"time"

	"longwire/agent/access"
	"longwire/agent/model"
	"longwire/agent/prompt"
	"longwire/agent/tools"
	"longwire/connectors"
	"longwire/conversation"
)

// Model answers a request; model.Client is one.
type Model interface {
	Stream(ctx context.Context, r model.Request) iter.Seq2[model.Delta, error]
}

// Choice is a model that people can choose, and what it can do.
type Choice struct {
	Label  string // as people call it
	Model  Model
	Prompt *prompt.Builder
	Vision bool // it sees pictures
}

// Replier shows an answer to the person who wrote ev, and goes on where the ledger
// says that an earlier attempt ended. Nil means that the whole answer was taken by
// the platform. Both connectors are one.
type Replier interface {
	Reply(ctx context.Context, ev connectors.Event, ledger connectors.Ledger, answer connectors.Answer) error
	// InCard reports whether the reply of a ledger stands in a card that is not
	// finished.
	InCard(ledger connectors.Ledger) bool
}

// Reader tells what only the platform knows of an event; both connectors are one.
type Reader interface {
	// Read completes ev: the text of what it quotes, the content of a forward. What
	// cannot be told is left as it is.
	Read(ctx context.Context, ev connectors.Event) connectors.Event
	// Fetch returns the content of one of ev's files, at most limit bytes.
	Fetch(ctx context.Context, ev connectors.Event, file connectors.File, limit int64) ([]byte, error)
}

// Proposer asks people whether something is to be done; both connectors are one.
type Proposer interface {
	Propose(ctx context.Context, p connectors.Proposal) error
	// Conclude takes the buttons away and says what came of it.
	Conclude(ctx context.Context, p connectors.Proposal, words string) error
}

// Transcriber tells what is said in a sound; a model.Client is one.
type Transcriber interface {
	Transcribe(ctx context.Context, sound []byte) (text string, err error)
}

// Store reaches into conversations from beside them; a conversation.Store is one.
type Store interface {
	// Interrupt stops the turn that somebody holds, or that of one event.
	Interrupt(ctx context.Context, connection string, key conversation.Key, trace string) (bool, error)
	// Forget drops the turns of a conversation, once for each trace.
	Forget(ctx context.Context, connection string, key conversation.Key, trace string) error
}

// Toolbox has what models may call; tools.Servers is one.
type Toolbox interface {
	Tools(servers []string) []tools.Tool
	Call(ctx context.Context, tool string, arguments json.RawMessage) (tools.Result, error)
}

// Gate says who may ask, and how much; access.Gate is one.
type Gate interface {
	Allowed(ctx context.Context, ev connectors.Event) access.Refusal
	May(ctx context.Context, ev connectors.Event) bool
	Pace(ctx context.Context, ev connectors.Event) access.Refusal
	Reserve(ctx context.Context, ev connectors.Event, tokens int64) (*access.Grant, access.Refusal)
	Used(ctx context.Context, person string) (access.Usage, error)
}

// Records keep what people think of answers; a conversation.Shelf does.
type Records interface {
	Append(ctx context.Context, connection, name string, record []byte, most int) error
}

// With is what a Turn works with. Of the optional ones, what they are for is left out.
type With struct {
	Choices []Choice // the first answers where nobody has chosen another; there has to be one
	Replier Replier
	Store   Store

	Reader   Reader             // optional: quotes and files
	Hearer   Transcriber        // optional, with Reader: voice that the platform has no words for
	Shelf    connectors.Shelf   // optional: greetings, recalls, votes, choices, what is asked back
	Records  Records            // with Shelf
	Deliver  connectors.Deliver // for a question that is asked again
	Toolbox  Toolbox            // optional: what models may call
	Proposer Proposer           // with Toolbox and Shelf: tools that ask first; without it they never run
	Gate     Gate               // optional: without it everybody may ask as much as they like
	Memory   *Memory            // optional, with Shelf: summaries of what no longer fits
	Report   func(Report)       // optional: is told how each turn went
	// Voted is told what somebody thinks of an answer; optional.
	Voted func(ev connectors.Event, by connectors.Person, good bool)
}

// Config says how to take turns. A zero field takes its default.
type Config struct {
	SystemPrompt string
	Language     Language      // default Auto
	Timeout      time.Duration // for the whole answer, tools included; default 5 min
	Attempts     int           // how many attempts may come to no end, because the program dies, panics or loses the lease, before an event is given up; default 5
	RetryWait    time.Duration // before the second attempt at a reply; doubles up to a minute; default 2 s
	GiveUp       time.Duration // for how long the platform may take no reply before it is given up; default 1 h
	Late         time.Duration // after which an answer says that the question had to wait; default 5 min
	MaxAge       time.Duration // after which a question is not answered any more; default 24 h
	Welcome      string        // what somebody reads who comes for the first time; "" greets nobody
	Admins       []string      // the ids of those who may press everybody's buttons
	Recalls      bool          // the platform tells when a question is taken back

	Shared    bool          // everybody in a group has one conversation with the bot
	Reasoning bool          // people may see what the model thinks
	Tools     []string      // the tool servers whose tools the model may call; nil: all
	Rounds    int           // how often the model may call tools in one turn; default 8
	Confirm   time.Duration // how long a person may take to allow a tool; default 2 min
}

// WelcomeBuiltIn is the Welcome that is in texts.go, in the person's language.
const WelcomeBuiltIn = "built in"

func (c Config) withDefaults() Config {
	if c.Language == "" {
		c.Language = Auto
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Minute
	}
	if c.Attempts <= 0 {
		c.Attempts = 5
	}
	if c.GiveUp <= 0 {
		c.GiveUp = time.Hour
	}
	if c.RetryWait <= 0 {
		c.RetryWait = 2 * time.Second
	}
	if c.Late <= 0 {
		c.Late = 5 * time.Minute
	}
	if c.MaxAge <= 0 {
		c.MaxAge = 24 * time.Hour
	}
	if c.Rounds <= 0 {
		c.Rounds = 8
	}
	if c.Confirm <= 0 {
		c.Confirm = 2 * time.Minute
	}
	return c
}

// Turn takes the turns of one connection. It may be used by many workers at once. It
// does not change: other settings are another Turn (see Next).
type Turn struct {
	config   Config
	with     With
	shown    *shown
	underway *underway
	log      *slog.Logger
}

// New makes a Turn.
func New(config Config, with With, log *slog.Logger) *Turn {
	return &Turn{config: config.withDefaults(), with: with, shown: &shown{}, underway: &underway{}, log: log}
}

// Next makes the Turn that takes over from t with other settings. Turns that t has
// begun end as they began.
func (t *Turn) Next(config Config, with With) *Turn {
	return &Turn{config: config.withDefaults(), with: with, shown: t.shown, underway: t.underway, log: t.log}
}
