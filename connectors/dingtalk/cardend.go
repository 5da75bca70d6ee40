package dingtalk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"longwire/connectors"
)

// fetchTime is how long the clients take to fetch a card that has just appeared: one
// that ends earlier is shown as broken (field).
const fetchTime = 600 * time.Millisecond

// finish brings the answer to its end: all of it is on the card, or on the card and in
// the messages that follow, or in messages alone.
func (k *card) finish(ctx context.Context, grown connectors.Grown) error {
	if k.note.Card != "" && !k.note.Made && !k.note.Gone && !connectors.Permanent(k.err) {
		k.err = k.appear(ctx) // the note says that it may be there
	}
	words := grown.Words()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case k.unkept != nil: // begin's note, or that of a frame
		return fmt.Errorf("note card: %w", k.unkept)
	case k.note.Card == "":
		return k.c.plain(ctx, k.ev, k.to, k.ledger, titleOf(words), connectors.Split(face(words), maxPart), k.c.mentioned(k.to), connectors.Always)
	case k.note.Closed, k.note.Gone:
	case !k.note.Made || k.err != nil:
		k.note.Gone = true
	default:
		if err := k.close(ctx, words, grown.Failure != nil); err != nil {
			return err
		}
	}
	return k.follow(ctx, words)
}

// close shows the last frame. It gives the card up, and returns nil, when it cannot be
// shown; an error is one that the answer itself ends with.
func (k *card) close(ctx context.Context, words string, failed bool) error {
	for {
		content, _ := k.cut(words)
		err := k.lastFrame(ctx, content, failed)
		switch {
		case err == nil:
			return k.closed(ctx, words, failed)
		case ctx.Err() != nil:
			return err
		case tooLarge(err) && k.lessRoom():
			if err := k.write(ctx, k.note); err != nil {
				return err
			}
		case refusedContent(err):
			k.fail(ctx)
			return err
		default:
			k.c.cards.saw(k.c.log, err)
			k.c.log.Warn("card cannot be finished, the answer is sent as messages", "event", k.ev.Trace(), "err", err)
			k.note.Gone = true
			k.status(ctx, flowFinished) // so that it does not look as if more came
			return nil
		}
	}
}

// lastFrame shows the last frame, with patience.
func (k *card) lastFrame(ctx context.Context, content string, failed bool) error {
	if wait := time.Until(k.lastChange().Add(max(k.c.config.Card.fetch, k.c.config.Card.Gap))); wait > 0 && !connectors.Sleep(ctx, wait) {
		return ctx.Err()
	}
	unknown := 0
	return connectors.Retry(ctx, k.c.config.Card.tries, func() error {
		err := k.c.mustCall(ctx, streamPace, func() error {
			return k.stream(ctx, cardFrame{name: k.lastName(), content: content, final: true, failed: failed})
		})
		var e *connectors.Error
		if errors.As(err, &e) && e.Code == "unknownError" { // a wrong key or state, or trouble
			unknown++
			e.Fatal = unknown >= 3
		}
		return err
	})
}

// lastName names the last frame. One that was too large has another name than the
// shorter one after it.
func (k *card) lastName() string {
	if k.note.Room == 0 {
		return "last"
	}
	return "last/" + strconv.Itoa(k.note.Room)
}

// closed does what goes with a last frame that was taken, and notes it at the end: an
// attempt that follows a crash in between does all of it again, without effect.
func (k *card) closed(ctx context.Context, words string, failed bool) error {
	flow := flowFinished
	if failed {
		flow = flowFailed
	}
	k.status(ctx, flow)
	k.keepText(ctx, words)
	note := k.note
	note.Closed = true
	return k.write(ctx, note)
}

// fail ends a card whose words DingTalk refuses: it shows what was taken of them, and
// that something went wrong. What went wrong the person learns by another reply.
func (k *card) fail(ctx context.Context) {
	err := connectors.Retry(ctx, tries, func() error {
		return k.c.mustCall(ctx, streamPace, func() error {
			return k.stream(ctx, cardFrame{name: "failed", content: k.text, failed: true})
		})
	})
	if err != nil {
		k.c.log.Warn("card is left without its end", "event", k.ev.Trace(), "err", err)
	}
	k.status(ctx, flowFailed)
}

// status tells a template that needs to know that the card has ended.
func (k *card) status(ctx context.Context, flow string) {
	if !k.c.config.Card.FlowStatus {
		return
	}
	params := k.variables(flow,
		button{connectors.PressAgain, k.labels.Again},
		button{connectors.PressGood, k.labels.Good},
		button{connectors.PressBad, k.labels.Bad})
	err := connectors.Retry(ctx, tries, func() error {
		return k.c.mustCall(ctx, updatePace, func() error { return k.update(ctx, params) })
	})
	if err != nil {
		k.c.log.Warn("card may look unfinished", "event", k.ev.Trace(), "err", err)
	}
}

// follow sends what is not on the card as messages.
func (k *card) follow(ctx context.Context, words string) error {
	ledger := &cardLedger{Ledger: k.ledger, note: k.note}
	mention := ""
	parts := connectors.Split(face(words), maxPart)
	if k.note.Gone {
		mention = k.c.mentioned(k.to)
	} else {
		_, parts = k.cut(words)
	}
	return k.c.plain(ctx, k.ev, k.to, ledger, titleOf(words), parts, mention, connectors.Always)
}

// cut is what of a text the card shows, and the messages that follow it. The cut is
// the same on every attempt.
func (k *card) cut(text string) (content string, rest []string) {
	text = face(text)
	room := k.space()
	if len(text) <= room {
		return text, nil
	}
	parts := connectors.Split(text, room-len(k.labels.Continued)-len("\n\n"))
	if len(parts) == 0 { // nothing but blanks
		return clipped(text, room), nil
	}
	for _, part := range parts[1:] {
		rest = append(rest, connectors.Split(part, maxPart)...)
	}
	return parts[0] + "\n\n" + k.labels.Continued, rest
}

// space is how many bytes the card takes.
func (k *card) space() int {
	if k.note.Room > 0 {
		return k.note.Room
	}
	return k.c.config.Card.MaxBytes
}

// leastRoom is below which a card is not worth having.
const leastRoom = 500

// lessRoom halves what the card takes, because that was too much.
func (k *card) lessRoom() bool {
	room := k.space() / 2
	if room < leastRoom {
		return false
	}
	k.note.Room = room
	return true
}
