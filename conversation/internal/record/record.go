// Package record says in which form both stores keep an event: Encode while it
// waits, Letter when it is dead. It also has the two rules about an event's life
// that do not depend on where it is kept.
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// traceLen is the length of connectors.Event.Trace.
const traceLen = 8

// Unreadable is why an event is dead that Take could not decode.
const Unreadable = "the event that was stored cannot be read"

// timeLen is how many digits the time has with which an event is kept.
const timeLen = 15

// The flags of an event.
const (
	flagAlone   = 'a' // connectors.Event.Alone
	flagRetried = 'r' // once for each of connectors.Event.Retries
	flagBorder  = 'e' // nothing behind it is joined with it
)

// maxRetries is how often an event is told apart from what it was before it was put back.
const maxRetries = 99

// Encode is an event as it is kept. In front is what a store has to know without
// decoding it: the trace, under which it marks the life of the event; when it was
// sent, in milliseconds since 1970, by which it puts events in order; and the flags.
// Then comes the event as JSON.
func Encode(ev connectors.Event) ([]byte, error) {
	text, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	sent := ev.Sent
	if sent.IsZero() {
		sent = ev.Received
	}
	head := fmt.Sprintf("%s%0*d", ev.Trace(), timeLen, max(sent.UnixMilli(), 0))
	if ev.Alone {
		head += string(flagAlone)
	}
	return append([]byte(head), text...), nil
}

// Trace is the trace at the start of an event as it is kept.
func Trace(kept []byte) string { return string(kept[:min(len(kept), traceLen)]) }

// Retried is an event as it is kept once an operator has put it back.
func Retried(kept []byte) []byte {
	head, flags, text := split(kept)
	if len(head) < traceLen || bytes.Count(flags, []byte{flagRetried}) >= maxRetries { // the first is no event
		return kept
	}
	flags = bytes.Trim(flags, string(flagBorder)) // it goes to the end, where there is none
	return slices.Concat(head, flags, []byte{flagRetried}, text)
}

// Border is an event as it is kept once nothing behind it is to be joined with it.
func Border(kept []byte) []byte {
	head, flags, text := split(kept)
	if len(head) < traceLen || bytes.ContainsRune(flags, flagBorder) {
		return kept
	}
	return slices.Concat(head, []byte{flagBorder}, flags, text)
}

// IsBorder reports whether nothing behind an event is joined with it.
func IsBorder(kept []byte) bool {
	_, flags, _ := split(kept)
	return bytes.ContainsRune(flags, flagBorder)
}

// Alone reports whether an event is not to be joined with others. One that cannot be
// read is not.
func Alone(kept []byte) bool {
	_, flags, _ := split(kept)
	return bytes.ContainsRune(flags, flagAlone)
}

// split parts what is kept. What was kept before there was a time has neither that
// nor flags.
func split(kept []byte) (head, flags, text []byte) {
	n := len(Trace(kept))
	if len(kept) >= n+timeLen && kept[n] >= '0' && kept[n] <= '9' {
		n += timeLen
	}
	end := n
	for end < len(kept) && kept[end] >= 'a' && kept[end] <= 'z' {
		end++
	}
	return kept[:n], kept[n:end], kept[end:]
}

// Decode undoes Encode. Of an event that cannot be read, ok is false and the
// event has its connection and an ID: its own if that much can be read, and
// otherwise one made from the bytes, so that the event can be named by its trace.
func Decode(connection string, kept []byte) (ev connectors.Event, ok bool) {
	head, flags, text := split(kept)
	ev.Alone = bytes.ContainsRune(flags, flagAlone)
	ev.Retries = bytes.Count(flags, []byte{flagRetried})
	err := json.Unmarshal(text, &ev)
	if err == nil && ev.ID != "" {
		return ev, true
	}
	id := ev.ID
	if id == "" {
		// The same one after it was retried.
		flags = bytes.Trim(flags, string([]rune{flagRetried, flagBorder}))
		sum := sha256.Sum256(slices.Concat(head, flags, text))
		id = "unreadable " + hex.EncodeToString(sum[:8])
	}
	return connectors.Event{Connection: connection, ID: id}, false
}

// Letter is a dead letter: what is known of it, and the event as it was kept. When
// it died is what a store orders its letters by, and not in the letter.
type Letter struct {
	Key     conversation.Key
	Attempt int
	Reason  string
	Kept    []byte // not in Facts
}

// facts are a Letter's as JSON. The key is bytes, since it need not be UTF-8.
type facts struct {
	Key     []byte `json:"key"`
	Attempt int    `json:"attempt"`
	Reason  string `json:"reason,omitempty"`
}

// Facts is what is known of the letter as one line of JSON. A letter is kept as
// this line, with its end, and then the event.
func (l Letter) Facts() ([]byte, error) {
	line, err := json.Marshal(facts{Key: []byte(l.Key), Attempt: l.Attempt, Reason: l.Reason})
	if err != nil {
		return nil, fmt.Errorf("encode dead letter: %w", err)
	}
	return append(line, '\n'), nil
}

// OpenLetter reads a letter. Kept is a part of what is read.
func OpenLetter(letter []byte) (Letter, error) {
	line, kept, ok := bytes.Cut(letter, []byte{'\n'})
	if !ok {
		return Letter{}, errors.New("decode dead letter: it has one line")
	}
	var f facts
	if err := json.Unmarshal(line, &f); err != nil {
		return Letter{}, fmt.Errorf("decode dead letter: %w", err)
	}
	return Letter{Key: conversation.Key(f.Key), Attempt: f.Attempt, Reason: f.Reason, Kept: kept}, nil
}

// Item is a letter as the desk shows it. One that cannot be read is shown all the
// same, or nobody would learn of it.
func Item(connection string, letter []byte, died time.Time) conversation.Item {
	l, err := OpenLetter(letter)
	if err != nil {
		return conversation.Item{
			Event: connectors.Event{Connection: connection}, State: conversation.ItemDead,
			Reason: "the dead letter that was stored cannot be read", Since: died,
		}
	}
	ev, _ := Decode(connection, l.Kept)
	return conversation.Item{
		Event: ev, Key: l.Key, Attempt: l.Attempt, State: conversation.ItemDead, Reason: l.Reason, Since: died,
	}
}

// Detail is a reason as the detail of a mark: readable, and cut where it is long.
func Detail(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) <= conversation.MaxDetail {
		return reason
	}
	return strings.ToValidUTF8(reason[:conversation.MaxDetail], "")
}

// Begins reports whether a mark is the beginning of a state: an event that is not
// dead is in its state since the newest such mark of its life.
func Begins(what conversation.What) bool {
	switch what {
	case conversation.MarkAccepted, conversation.MarkTaken, conversation.MarkReleased, conversation.MarkRetried:
		return true
	}
	return false
}
