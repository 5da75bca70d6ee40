package conversation_test

import (
	"path/filepath"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/boltstore"
)

func TestShelfOf(t *testing.T) {
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "shelf.db"), conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	a, b := conversation.ShelfOf(store, "a"), conversation.ShelfOf(store, "b")
	ctx := t.Context()
	if err := a.Put(ctx, "n", []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Get(ctx, "n"); string(got) != "v" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := b.Get(ctx, "n"); got != nil || err != nil {
		t.Errorf("what is not there: %q, %v", got, err)
	}
	if n, err := a.Add(ctx, "n", 2, time.Hour); n != 2 || err != nil {
		t.Errorf("added %d, %v", n, err)
	}
	if n, err := b.Add(ctx, "n", 1, time.Hour); n != 1 || err != nil {
		t.Errorf("added %d, %v", n, err)
	}
	if _, given, err := a.Pace(ctx, "n", time.Hour, 1, 0); !given || err != nil {
		t.Errorf("first turn: %t, %v", given, err)
	}
	if wait, given, err := a.Pace(ctx, "n", time.Hour, 1, 0); given || wait <= 0 || err != nil {
		t.Errorf("second turn: %s, %t, %v", wait, given, err)
	}
}
