package turn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// failedKeep is how long a question that had no answer can be asked again by /retry.
const failedKeep = 24 * time.Hour

// failed is a question that had no answer, and when that was.
type failed struct {
	Event connectors.Event `json:"event"`
	Lang  Language         `json:"lang,omitempty"` // of its person
	// Instead says that it was asked again already, in the place of the last turn.
	Instead bool      `json:"instead,omitempty"`
	At      time.Time `json:"at"`
}

func failedName(ev connectors.Event) string { return "failed/" + string(conversation.KeyOf(ev)) }

// forgotName is where the time is from which on questions may be asked again.
func forgotName(ev connectors.Event) string { return "forgot/" + string(conversation.KeyOf(ev)) }

// keepFailed keeps a question without an answer: it is what /retry is about, and it is
// not in the history.
func (t *Turn) keepFailed(ctx context.Context, ev connectors.Event, r *reply) {
	if t.with.Shelf == nil || ev.Kind != connectors.KindText {
		return
	}
	raw, err := json.Marshal(failed{ev, r.lang, r.instead, time.Now()})
	if err == nil {
		err = t.with.Shelf.Put(context.WithoutCancel(ctx), failedName(ev), raw, failedKeep)
	}
	if err != nil {
		t.log.Warn("a question without an answer cannot be asked again", "event", ev.Trace(), "err", err)
	}
}

// forgetBeside drops what is kept of a conversation beside its turns. It makes /retry
// forget what was written before ev, also what is being answered at this moment and fails
// later; and what was said, or sent, is not kept any longer.
func (t *Turn) forgetBeside(ctx context.Context, ev connectors.Event) error {
	if t.with.Shelf == nil {
		return nil
	}
	at, err := ev.Received.MarshalText()
	if err != nil {
		return err
	}
	return errors.Join(
		t.with.Shelf.Put(ctx, forgotName(ev), at, failedKeep),
		t.once(ctx, "new/"+ev.Trace(), failedKeep, func() error { // not what comes behind ev
			var errs []error
			for _, name := range []string{summaryName(ev), sightsName(ev), failedName(ev)} {
				errs = append(errs, t.with.Shelf.Put(ctx, name, nil, time.Second))
			}
			return errors.Join(errs...)
		}))
}

// again puts the last question in the place of a /retry: the one that failed, if that
// was the last, or that of the last turn, in whose place the new one comes then. It
// reports false where there is none, and true for every other event.
func (t *Turn) again(ctx context.Context, lease *conversation.Lease, r *reply) bool {
	if name, _, known := commandOf(lease.Event); !known || name != retryCommand {
		return true
	}
	if t.with.Shelf != nil { // from here on a redelivery would stop this very turn
		if _, err := t.with.Shelf.Add(ctx, retryName(lease.Event), 1, failedKeep); err != nil {
			t.log.Warn("a redelivery of this /retry may stop its answer", "event", lease.Event.Trace(), "err", err)
		}
	}
	last := len(lease.History) - 1
	if f, ok := t.failed(ctx, lease.Event); ok && (last < 0 || lease.History[last].At.Before(f.At)) {
		lease.Event.Text, lease.Event.Files, r.again = f.Event.Text, f.Event.Files, true
		r.lang = cmp.Or(f.Lang, r.lang)
		if r.instead = f.Instead && last >= 0; r.instead {
			withoutLast(lease)
		}
		return true
	}
	if last < 0 {
		return false
	}
	lease.Event.Text, r.again, r.instead = lease.History[last].Question, true, true
	// The question has names and files in it; the answer is in the language of who asked.
	r.lang = t.config.Language.languageFor(connectors.Event{Text: lease.History[last].Answer}, lease.History)
	withoutLast(lease)
	return true
}

// withoutLast takes the last turn out of a history, but not what it says of the oldest
// ones.
func withoutLast(lease *conversation.Lease) {
	last := len(lease.History) - 1
	before := lease.History[last].Before
	lease.History = slices.Clone(lease.History[:last])
	if before != nil && last > 0 {
		lease.History[last-1].Before = before
	}
}

func retryName(ev connectors.Event) string { return "retry/" + ev.Trace() }

// failed is the last question of ev's conversation that had no answer.
func (t *Turn) failed(ctx context.Context, ev connectors.Event) (f failed, ok bool) {
	if t.with.Shelf == nil {
		return f, false
	}
	raw, err := t.with.Shelf.Get(ctx, failedName(ev))
	if err != nil || len(raw) == 0 || json.Unmarshal(raw, &f) != nil {
		return f, false
	}
	raw, err = t.with.Shelf.Get(ctx, forgotName(ev))
	var forgot time.Time
	if err != nil || len(raw) > 0 && forgot.UnmarshalText(raw) != nil {
		return f, false
	}
	return f, f.Event.Received.After(forgot)
}
