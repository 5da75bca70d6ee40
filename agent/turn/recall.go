package turn

import (
	"context"
	"errors"
	"strings"
	"time"

	"longwire/connectors"
)

// ErrRecalled ends the turn of a question that was taken back.
var ErrRecalled = errors.New("the question was taken back")

// recallKeep is how long it is remembered which questions were taken back: longer
// than any waits.
const recallKeep = 48 * time.Hour

func recallName(id string) string { return "recalled/" + id }

// recall notes that a question was taken back, for whoever answers it or is going
// to.
func (t *Turn) recall(ctx context.Context, ev connectors.Event) error {
	if t.with.Shelf == nil {
		return nil
	}
	return t.with.Shelf.Put(ctx, recallName(ev.Text), []byte{1}, recallKeep)
}

// Recalled returns ErrRecalled when ev was taken back, and everything that is being
// answered together with it, as far as the platform and the store tell.
func (t *Turn) Recalled(ctx context.Context, ev connectors.Event) error {
	if t.with.Shelf == nil || !t.config.Recalls {
		return nil
	}
	for _, one := range t.underway.with(ev) {
		if !t.takenBack(ctx, one) {
			return nil
		}
	}
	return ErrRecalled
}

// takenBack reports whether one question was taken back.
func (t *Turn) takenBack(ctx context.Context, ev connectors.Event) bool {
	if t.with.Shelf == nil || !t.config.Recalls {
		return false
	}
	// An edit, and a question asked again, have the message's ID and more behind it.
	id, _, _ := strings.Cut(ev.ID, "/")
	value, err := t.with.Shelf.Get(ctx, recallName(id))
	return err == nil && value != nil
}
