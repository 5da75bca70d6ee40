package turn

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"longwire/agent/model"
	"longwire/agent/picture"
	"longwire/connectors"
	"longwire/conversation"
)

const (
	maxPictures = 4        // that the model is shown with one question
	maxPicture  = 20 << 20 // bytes of one, as it comes from the platform
	lookBack    = 2        // turns after which a picture is out of mind
	sightKeep   = 24 * time.Hour
)

// sightsName is where the last question of a conversation is that came with pictures:
// people send a picture and ask about it in their next message.
func sightsName(ev connectors.Event) string { return "pictures/" + string(conversation.KeyOf(ev)) }

// sight is the event whose pictures the model is to see with the question of lease, and
// how many that are: those that came with it, else those of a question not long ago.
// There are none if it cannot see.
func (t *Turn) sight(ctx context.Context, lease *conversation.Lease, r *reply) (connectors.Event, int) {
	ev := lease.Event
	own := countPictures(ev)
	if own > 0 {
		t.keepSight(ctx, ev) // also if it cannot see: the next one may, and is not to see an older one
	}
	switch {
	case !r.choice.Vision || t.with.Reader == nil:
		return ev, 0
	case own > 0:
		return ev, own
	case t.with.Shelf == nil || !sawLately(lease.History) && !(r.again && mentionsPicture(ev.Text)):
		return ev, 0
	}
	raw, err := t.with.Shelf.Get(ctx, sightsName(ev))
	var earlier connectors.Event
	if err != nil || len(raw) == 0 || json.Unmarshal(raw, &earlier) != nil {
		return ev, 0
	}
	return earlier, countPictures(earlier)
}

// sawLately reports whether one of the last questions came with a picture.
func sawLately(history []conversation.Turn) bool {
	for _, turn := range history[max(0, len(history)-lookBack):] {
		if mentionsPicture(turn.Question) {
			return true
		}
	}
	return false
}

// mentionsPicture reports whether a picture stands in a question: as PictureWord, or
// with the number that the connectors give it.
func mentionsPicture(question string) bool {
	return strings.Contains(question, strings.TrimSuffix(model.PictureWord, "]"))
}

// keepSight notes the event with the pictures for the questions that follow.
func (t *Turn) keepSight(ctx context.Context, ev connectors.Event) {
	if t.with.Shelf == nil {
		return
	}
	ev.Text, ev.Quote = "", nil
	raw, err := json.Marshal(ev)
	if err == nil {
		err = t.with.Shelf.Put(ctx, sightsName(ev), raw, sightKeep)
	}
	if err != nil {
		t.log.Warn("a picture will be out of mind with the next question", "event", ev.Trace(), "err", err)
	}
}

// errUnseen ends a question that is nothing but pictures of which none can be opened.
var errUnseen = errors.New("no picture could be opened")

// look has the model see the pictures with the question, the last message of the prompt.
// Should one that came with it not be among them, the person reads so first.
func (k *talk) look(ctx context.Context) error {
	if k.pictures == 0 {
		return nil
	}
	seen := k.t.fetchPictures(ctx, k.sight)
	k.built.Messages[len(k.built.Messages)-1].Pictures = seen
	k.extend()
	ev := k.lease.Event
	switch {
	case len(seen) == k.pictures, k.shorter, connectors.ReplyKey(k.sight, "") != connectors.ReplyKey(ev, ""):
		return nil // all of them, or it was said already, or it is about an earlier question
	case len(seen) == 0 && ev.Text == named(ev, model.PictureWord):
		return errUnseen
	}
	words := k.lang.unopened()
	k.r.precede(words)
	if !k.yield(connectors.Say(words), nil) {
		return errUnwanted
	}
	return nil
}

// fetchPictures are the pictures of an event as a model takes them.
func (t *Turn) fetchPictures(ctx context.Context, ev connectors.Event) (seen []model.Picture) {
	for _, file := range ev.Files {
		if file.Kind != connectors.KindPicture || len(seen) == maxPictures {
			continue
		}
		raw, err := t.with.Reader.Fetch(ctx, ev, file, maxPicture)
		var fitted picture.Picture
		if err == nil {
			fitted, err = picture.Fit(ctx, raw)
		}
		if err != nil {
			t.log.Warn("picture not seen", "event", ev.Trace(), "err", err)
			continue
		}
		seen = append(seen, model.Picture{Type: fitted.Type, Data: fitted.Data})
	}
	return seen
}

// countPictures is how many pictures of ev a model is shown.
func countPictures(ev connectors.Event) (n int) {
	for _, file := range ev.Files {
		if file.Kind == connectors.KindPicture && n < maxPictures {
			n++
		}
	}
	return n
}
