package spool

import (
	"context"
	"errors"
	"testing"
	"time"

	"longwire/conversation"
)

// shelfCalls makes every call of the shelf.
func shelfCalls(ctx context.Context, shelf conversation.Shelf) map[string]error {
	errs := map[string]error{
		"put":    shelf.Put(ctx, "c", "n", []byte("value"), time.Hour),
		"append": shelf.Append(ctx, "c", "n", []byte("record"), 10),
	}
	_, errs["add"] = shelf.Add(ctx, "c", "n", 7, time.Hour)
	_, _, errs["pace"] = shelf.Pace(ctx, "c", "n", time.Hour, 1, 0)
	_, errs["get"] = shelf.Get(ctx, "c", "n")
	_, errs["records"] = shelf.Records(ctx, "c", "n", 10)
	return errs
}

// onShelf insists on what the first round of shelfCalls has left.
func onShelf(t *testing.T, shelf conversation.Shelf) {
	t.Helper()
	ctx := t.Context()
	if total, err := shelf.Add(ctx, "c", "n", 0, time.Hour); err != nil || total != 7 {
		t.Errorf("count %d, %v", total, err)
	}
	if value, err := shelf.Get(ctx, "c", "n"); err != nil || string(value) != "value" {
		t.Errorf("value %q, %v", value, err)
	}
	if records, err := shelf.Records(ctx, "c", "n", 10); err != nil || len(records) != 1 || string(records[0]) != "record" {
		t.Errorf("records %q, %v", records, err)
	}
	if wait, given, err := shelf.Pace(ctx, "c", "n", time.Hour, 1, 0); err != nil || given || wait <= 0 || wait > time.Hour {
		t.Errorf("another turn: %v, given %t, %v", wait, given, err)
	}
}

// The shelf is the real store's: with it gone, and before it was there, every call
// is an error that does not pretend that there is nothing, and the file has no shelf
// of its own.
func TestShelf(t *testing.T) {
	f := newFixture(t)
	f.connected()
	for call, err := range shelfCalls(t.Context(), f) {
		if err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
	onShelf(t, f)

	away := func() {
		t.Helper()
		for call, err := range shelfCalls(t.Context(), f) {
			if err == nil || errors.Is(err, conversation.ErrNotFound) {
				t.Errorf("%s while the store is away: %v", call, err)
			}
		}
	}
	f.redis.Stop()
	away()
	f.stop()
	f.open()
	away()
	if err := f.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	f.connected()
	if _, err := f.Store.file.(conversation.Shelf).Get(t.Context(), "c", "n"); !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("the file has a value: %v", err)
	}
}
