package connectors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Ledger is what is remembered of one reply over a crash and on another replica,
// so that a reply that was begun is finished and not begun again. Whoever asks for
// a reply has made it; Reply reads it first, and writes to it before each thing
// that people will see.
type Ledger interface {
	// Key is the reply's idempotency key: 32 hexadecimal digits, derived from
	// the event, the same on every attempt. What platforms take to recognise a
	// repetition is derived from it.
	Key() string
	// Sent is what was noted last, by an earlier attempt or this one; nil when
	// nothing was.
	Sent() json.RawMessage
	// Note keeps sent, as JSON: what is about to be shown, and what was before.
	// Nothing may be shown until it has returned nil.
	Note(ctx context.Context, sent any) error
	// Held returns an error when the reply has passed into other hands, because
	// ours were still for too long. It is asked before something is sent that
	// was noted a while ago, where the platform takes no idempotency key.
	Held(ctx context.Context) error
}

// ReplyKey is the idempotency key of a reply to ev. The name tells replies to the
// same event apart: "" is the answer. An event that an operator has put back has other
// replies each time, since the platform may know those before, or what was proposed and
// answered in them.
func ReplyKey(ev Event, name string) string {
	if ev.Retries > 0 {
		name += fmt.Sprintf("\x00retry %d", ev.Retries)
	}
	sum := sha256.Sum256([]byte(ev.Connection + "\x00" + ev.ID + "\x00" + name))
	return hex.EncodeToString(sum[:16])
}

// Unkept is a ledger that remembers nothing, for a word by the way that is not
// worth more: should it be lost or said twice, nobody is harmed.
func Unkept(ev Event, name string) Ledger { return unkept(ReplyKey(ev, name)) }

type unkept string

func (u unkept) Key() string                     { return string(u) }
func (u unkept) Sent() json.RawMessage           { return nil }
func (u unkept) Note(context.Context, any) error { return nil }
func (u unkept) Held(context.Context) error      { return nil }

// Progress is how far a reply in parts has come, as SendParts notes it.
type Progress struct {
	Next   int  `json:"next"`             // the part that is about to be sent; those before it were, and behind the last one all were
	Unsent bool `json:"unsent,omitempty"` // it is known that Next was not sent
}

// SendParts sends the parts of a reply one after the other, each noted before it
// is sent, and goes on where an earlier attempt ended. send gets the part's number;
// again says that this part may have been sent already, in the moment between its
// note and the crash. A platform that takes an idempotency key makes nothing of
// that; another one shows the part twice. Once all were sent, an attempt that finds it
// noted sends nothing. That is noted where lingers says that the turn is not written as
// done right behind it, because something slow comes first: a note takes as long as that.
func SendParts[Part any](ctx context.Context, ledger Ledger, parts []Part, send func(i int, part Part, again bool) error, lingers func() bool) error {
	begun := ledger.Sent() != nil
	var at Progress
	if begun {
		if err := json.Unmarshal(ledger.Sent(), &at); err != nil {
			return &Error{Op: "read ledger", Fatal: true, Err: err}
		}
	}
	if at.Next >= len(parts) {
		return nil
	}
	again := begun && !at.Unsent
	for i := at.Next; i < len(parts); i++ {
		if err := ledger.Note(ctx, Progress{Next: i}); err != nil {
			return fmt.Errorf("note part %d: %w", i, err)
		}
		if err := send(i, parts[i], again); err != nil {
			if !Unsure(err) {
				noteAfter(ctx, ledger, Progress{Next: i, Unsent: true})
			}
			return err
		}
		again = false
	}
	if lingers() {
		noteAfter(ctx, ledger, Progress{Next: len(parts)})
	}
	return nil
}

// Always is for SendParts.
func Always() bool { return true }

// noteTime bounds a note of what has happened already: the turn is waiting, and the
// program may be stopping.
const noteTime = 3 * time.Second

// noteAfter notes what has become of a part, also when ctx has ended meanwhile. Should
// it not be noted, the next attempt only thinks that the part might have been sent.
func noteAfter(ctx context.Context, ledger Ledger, at Progress) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	_ = ledger.Note(ctx, at)
}
