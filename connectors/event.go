// Package connectors says what passes between a chat platform and the rest of
// Longwire. The platforms themselves are in the packages below it.
//
// A connector holds one configured bot account, called a connection. Two
// straight functions are all the rest of the program sees of it:
//
//	Run    holds the stream: read a frame, parse it, make an Event of it,
//	       deliver the event, ack the frame
//	Reply  takes the answer while it arrives and shows it to the person
//
// # The ack promise
//
// A connector hands every event to a Deliver function and acks the frame only
// after Deliver has returned nil, which means "ours now: stored". An error means
// that the platform has to send the event again, so the frame is not acked (or
// is refused, where the platform has a word for that). Nothing else acks: there
// is no flag, no closure and no early ack. Events of one chat are delivered in
// the order in which the platform sent them; chats are delivered side by side
// (see Intake).
//
// # The reply
//
// The address of a reply travels inside its event (Event.Address) and nowhere
// else, so an answer cannot reach another chat than the one that asked. An
// answer is a sequence of deltas. Its last element may be an error: a Failure
// carries the words that the person is to read instead of (or after) the
// answer; any other error means that the turn was given up for now and will be
// taken again, so nothing further is shown.
//
// What this package leaves to others: keeping events (package conversation),
// answering them (agent/turn) and the wire (connectors/socket and the two
// platforms).
package connectors

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strings"
	"time"
)

// Event says that somebody wrote to the bot. It is what a frame means once the
// platform's wire format is taken off, and it is stored as JSON until its turn is
// done, so fields may be added but not renamed.
type Event struct {
	// ID identifies the message for deduplication: the same message delivered
	// again has the same ID, whatever else the platform changed. It is unique
	// within its connection.
	ID string `json:"id"`
	// Connection is the configured name of the connection it came in on.
	Connection string `json:"connection"`
	// Kind says whether Text is what the person wrote, or what kind of message
	// it was that cannot be read yet.
	Kind   Kind   `json:"kind"`
	Chat   Chat   `json:"chat"`
	Sender Person `json:"sender"`
	// Text is what the person wrote, without the mention of the bot and without
	// surrounding space; mentions of other people are their names. At most
	// MaxText bytes; empty for a kind other than KindText.
	Text string `json:"text,omitempty"`
	// Quote is the message that this one quotes; nil where it quotes none.
	Quote *Quote `json:"quote,omitempty"`
	// Files came with the message, in the order in which Text speaks of them; those
	// of a quoted message come behind its own. At most MaxFiles.
	Files []File `json:"files,omitempty"`
	// Sent is when the person wrote it, by the platform's clock; Received is
	// when the frame arrived, by ours.
	Sent     time.Time `json:"sent"`
	Received time.Time `json:"received"`
	// Aside says that the event is answered beside its conversation, without
	// waiting for the turn under way there. Whoever delivers it decides.
	Aside bool `json:"aside,omitempty"`
	// Shared says that everybody in the group, or in the topic of it, has one
	// conversation with the bot, so it is not the person's alone. Whoever delivers it
	// decides.
	Shared bool `json:"shared,omitempty"`
	// Alone says that the event has a turn of its own, also where questions that
	// wait together share one. Whoever delivers it decides; it is kept beside the
	// event, not in it.
	Alone bool `json:"-"`
	// Retries is how often an operator has put the event back after it was given up.
	// It is kept beside the event, not in it.
	Retries int `json:"-"`
	// Address tells the connector that made the event where to reply. Nobody
	// else reads it.
	Address json.RawMessage `json:"address,omitempty"`
}

// MaxText bounds Event.Text in bytes. A longer message becomes an event of
// KindTooLong without text: its person is told, and nobody pays for it.
const MaxText = 128 << 10

// Kind is the kind of a message.
type Kind string

// The kinds that both platforms know. Everything that is not KindText is
// answered with a short sentence that says so.
const (
	KindText    Kind = "text"
	KindPicture Kind = "picture"
	KindAudio   Kind = "audio"
	KindVideo   Kind = "video"
	KindFile    Kind = "file"
	KindSticker Kind = "sticker"
	KindCard    Kind = "card"
	KindForward Kind = "forward"
	KindTooLong Kind = "too_long" // a text of more than MaxText bytes
	KindEmpty   Kind = "empty"    // a mention of the bot and nothing else
	KindQuota   Kind = "quota"    // the platform withheld the text: its monthly quota is used up
	KindOther   Kind = "other"

	// Nobody wrote these.
	KindHello  Kind = "hello"  // somebody met the bot for the first time, or a group took it in
	KindRecall Kind = "recall" // a message was taken back: the one with the ID that Text is
)

// MaxFiles bounds Event.Files.
const MaxFiles = 20

// File is a picture, a sound, a film or a document that came with a message. Its
// content is still with the platform.
type File struct {
	Kind     Kind          `json:"kind"`           // KindPicture, KindAudio, KindVideo or KindFile
	Name     string        `json:"name,omitempty"` // as its owner named it; empty where nobody did
	Size     int64         `json:"size,omitempty"` // bytes, 0 where the platform does not tell
	Duration time.Duration `json:"duration,omitempty"`
	Ref      string        `json:"ref"` // what the platform knows it by; only the connector reads it
}

// Quote is a message that another one quotes.
type Quote struct {
	Kind Kind   `json:"kind"`           // KindText once the words are known, else what kind of message it was
	From string `json:"from,omitempty"` // who wrote it, where the platform tells
	Ours bool   `json:"ours,omitempty"` // the bot wrote it
	Text string `json:"text,omitempty"` // what it says, as far as it is known; at most MaxQuote bytes
	Ref  string `json:"ref,omitempty"`  // what the platform knows it by; only the connector reads it
}

// MaxQuote bounds Quote.Text in bytes; of a longer one the end is left out.
const MaxQuote = 16 << 10

// Chat is the platform's room or direct dialogue.
type Chat struct {
	ID     string `json:"id"`
	Group  bool   `json:"group,omitempty"`
	Thread string `json:"thread,omitempty"` // the topic inside the chat; empty where there is none
	Title  string `json:"title,omitempty"`  // a group's name where the platform tells it
}

// Person is somebody who writes to the bot. The ID is the platform's and is
// stable; the name is what the platform shows and may be empty.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Trace is the short id that goes with every log line and error text about the
// event. It is derived from the event, so a redelivery, a restart and another
// replica all say the same: eight characters of a–z and 2–7.
func (e Event) Trace() string {
	sum := sha256.Sum256([]byte(e.Connection + "\x00" + e.ID))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))
}

// Deliver takes an event over. Nil means that it is stored and will be answered,
// also after a crash: ack it. An error means that it is not ours: do not ack.
// It is called from several goroutines at once and returns within a few seconds.
type Deliver func(ctx context.Context, ev Event) error

// KindOf is the kind of a message that is nothing but text.
func KindOf(text string) Kind {
	switch {
	case text == "":
		return KindEmpty
	case len(text) > MaxText:
		return KindTooLong
	}
	return KindText
}
