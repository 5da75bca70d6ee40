package feishutest

import (
	"math"
	"time"
)

// App is one self-built application with a bot.
type App struct {
	AppID     string // "cli_" and 16 hexadecimal digits
	AppSecret string
	BotOpenID string // default: derived from AppID
	BotName   string // default: "bot"
	// Scopes are the granted permissions. Nil grants everything but the
	// sensitive im:message.group_msg, for which there is Options.GroupMsgScope.
	Scopes []string
	// Events are the event types and callbacks that are subscribed to; nil: all.
	// What is not subscribed to is not pushed, and a click on a card without
	// card.action.trigger shows its person code 200340.
	Events []string
}

// ClientConfig is what the platform tells a client about its timing, in seconds
// but for ReconnectCount, where -1 means without end.
type ClientConfig struct {
	ReconnectCount    int
	ReconnectInterval int
	ReconnectNonce    int
	PingInterval      int
}

// Order is the order in which the parts of a split event are sent.
type Order int

// The orders of parts. Interleaved mixes the parts of two events: the first waits
// for the second, at most a twentieth of a second.
const (
	InOrder Order = iota
	Reversed
	Interleaved
)

// Limits are the rates the platform allows. A zero field takes the platform's
// value, a negative one lifts the limit.
type Limits struct {
	ChatPerSecond    int // messages into one chat, of all bots together; default 5
	MessagePerSecond int // card updates (PATCH) of one message; default 5
	CardPerSecond    int // operations on one card entity; default 10
	APIPerSecond     int // calls of one API by one app; default 50
	APIPerMinute     int // the same per minute; default 1000
	CallsPerMonth    int // calls of all APIs by one app that worked; default: no limit
}

// Doubts are the questions that no document settles. The zero value is the
// reading that the documents and the logs of others suggest.
type Doubts struct {
	// Of messages that come in.
	AllHasEntry             bool // @all has an entry in mentions
	NoMentionedType         bool // mentions have no mentioned_type, as in old tenants
	TopicChatType           bool // chat_type is "topic_group" in a topic group, not "group"
	TopicReplyWithoutThread bool // a reply in a topic group has root_id, but no thread_id
	EditPushesAgain         bool // an edited message is pushed again

	// Of messages that are read or downloaded.
	ReadMentioned   bool // a group message that mentions the bot can be read without im:message.group_msg
	ShallowForwards bool // a forward inside a forward comes without its own content
	UpgradeText     bool // a card of schema 2.0 reads as a request to upgrade the client
	NoFileName      bool // a download comes without Content-Disposition

	// Of messages that are sent.
	RepeatRefused      bool // a uuid that was used is answered 230049, not with the first answer
	SharedUUID         bool // create and reply share their uuids
	PatchReachesEntity bool // PATCH changes a message that shows a card entity, where by default it is ignored

	// Of card entities.
	SequenceBeforeUUID   bool // the repetition of an operation is refused with 300317 before its uuid is looked at
	RefusedBurnsSequence bool // a refused operation has used up its sequence
	StreamingHasNoRate   bool // Limits.CardPerSecond does not count while streaming_mode is on
	ElementTimeout       bool // the first new element after the end of streaming is refused with 200510
	FlatSettings         bool // settings work without the config around them
	MarkdownTables       int  // how many Markdown tables a card may have; default 3, documented are 4 per element
}

// Options say how the cloud behaves. A zero field takes its default.
type Options struct {
	Addr         string // default 127.0.0.1:0
	Apps         []App  // at least one
	ClientConfig ClientConfig

	AckTimeout    time.Duration   // how long after a push its response counts; default 3s
	Redeliver     []time.Duration // waits before each redelivery; nil: 15s, 5m, 1h, 6h; empty: none
	FragmentAbove int             // payloads of more bytes are split into parts of this size; 0: never
	Fragments     Order           // the order of the parts

	TokenTTL      time.Duration // default 2h
	GroupMsgScope bool          // grant im:message.group_msg: push and show group messages that do not mention the bot
	OwnReactions  bool          // push the bot's own reactions to it, as the platform does

	StreamingLife time.Duration // how long a card streams; default 10m
	CardLife      time.Duration // how long a card can be changed; default 14 days
	EditWindow    time.Duration // how long a text can be edited, as a tenant sets it; default: for ever
	RecallWindow  time.Duration // how long a message can be recalled by its bot; default: for ever

	Unlimited bool // no rate limits on the API, whatever Limits says
	Limits    Limits
	Doubts    Doubts

	OnSend    func(Sent) // called for each create and reply before its response; may be called concurrently
	NoHistory bool       // forget what is settled: for load and long runs; Sent and the waits for it then see nothing
}

func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.ClientConfig == (ClientConfig{}) {
		o.ClientConfig = ClientConfig{ReconnectCount: -1, ReconnectInterval: 120, ReconnectNonce: 30, PingInterval: 120}
	}
	if o.Redeliver == nil {
		o.Redeliver = []time.Duration{15 * time.Second, 5 * time.Minute, time.Hour, 6 * time.Hour}
	}
	for d, unless := range map[*time.Duration]time.Duration{
		&o.AckTimeout:    3 * time.Second,
		&o.TokenTTL:      2 * time.Hour,
		&o.StreamingLife: 10 * time.Minute,
		&o.CardLife:      14 * 24 * time.Hour,
		&o.EditWindow:    math.MaxInt64,
		&o.RecallWindow:  math.MaxInt64,
	} {
		if *d == 0 {
			*d = unless
		}
	}
	if o.Doubts.MarkdownTables == 0 {
		o.Doubts.MarkdownTables = 3
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

func (l Limits) withDefaults() Limits {
	for n, unless := range map[*int]int{
		&l.ChatPerSecond:    5,
		&l.MessagePerSecond: 5,
		&l.CardPerSecond:    10,
		&l.APIPerSecond:     50,
		&l.APIPerMinute:     1000,
		&l.CallsPerMonth:    math.MaxInt,
	} {
		switch {
		case *n == 0:
			*n = unless
		case *n < 0:
			*n = math.MaxInt
		}
	}
	return l
}
