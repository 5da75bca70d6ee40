package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"longwire/conversation"
)

// brief is for how long something is kept that is forgotten while the suite is
// patient.
const brief = 150 * time.Millisecond

// hostileNames are more of the names that a store might mistake for something else:
// on a shelf they may be of any length.
var hostileNames = append([]string{
	"", "person/ann", "N:a", "\xff\xfe", "c", "v", strings.Repeat("x", 40_000), strings.Repeat("x", 39_999) + "y",
}, hostile...)

// shelf is what the replicas share beside the conversations.
func (w *world) shelf() conversation.Shelf {
	w.Helper()
	shelf, ok := w.store.(conversation.Shelf)
	if !ok {
		w.Fatal("the store is not a conversation.Shelf")
	}
	return shelf
}

// testShelfKinds says that of one name there are a count, a pace, a value and
// records, and that none of them touches another, another name or another
// connection.
func testShelfKinds(w *world) {
	w.start(conversation.Options{})
	shelf := w.shelf()
	for _, connection := range []string{home, "elsewhere"} {
		for _, name := range []string{"a", "b"} {
			w.shelfIsEmpty(connection, name)
			w.fillShelf(connection, name)
			w.shelfIsFull(connection, name)
		}
	}
	// The end of one is not the end of the others.
	w.put("a", "v", brief)
	w.forgotten("a")
	w.count("a", int64(len("home/a")))
	w.hasRecords("a", "home/a")
	if err := shelf.Append(w.Context(), home, "b", nil, 0); err != nil {
		w.Fatalf("append: %v", err)
	}
	w.count("b", int64(len("home/b")))
	w.holds("b", "home/b")
	w.hasRecords("a", "home/a")
	for _, name := range []string{"a", "b"} {
		w.shelfIsFull("elsewhere", name)
	}
}

// fillShelf puts something of each kind under a name.
func (w *world) fillShelf(connection, name string) {
	w.Helper()
	mine := connection + "/" + name
	_, errAdd := w.shelf().Add(w.Context(), connection, name, int64(len(mine)), long)
	errPut := w.shelf().Put(w.Context(), connection, name, []byte(mine), long)
	errAppend := w.shelf().Append(w.Context(), connection, name, []byte(mine), 10)
	_, given, errPace := w.shelf().Pace(w.Context(), connection, name, long, 1, 0)
	if err := errors.Join(errAdd, errPut, errAppend, errPace); err != nil || !given {
		w.Fatalf("fill the shelf under %.50q of %.50q: turn given %t, %v", name, connection, given, err)
	}
}

// shelfIsFull insists on what fillShelf has put under a name, the pace excepted,
// which may begin anew.
func (w *world) shelfIsFull(connection, name string) {
	w.Helper()
	mine := connection + "/" + name
	total, errAdd := w.shelf().Add(w.Context(), connection, name, 0, long)
	value, errGet := w.shelf().Get(w.Context(), connection, name)
	records, errRecords := w.shelf().Records(w.Context(), connection, name, 10)
	if err := errors.Join(errAdd, errGet, errRecords); err != nil {
		w.Fatalf("shelf under %.50q of %.50q: %v", name, connection, err)
	}
	if total != int64(len(mine)) || string(value) != mine || len(records) != 1 || string(records[0]) != mine {
		w.Fatalf("under %.50q of %.50q: count %d, value %.50q, records %.50q", name, connection, total, value, records)
	}
}

// shelfIsEmpty insists that there is nothing under a name.
func (w *world) shelfIsEmpty(connection, name string) {
	w.Helper()
	total, errAdd := w.shelf().Add(w.Context(), connection, name, 0, long)
	value, errGet := w.shelf().Get(w.Context(), connection, name)
	records, errRecords := w.shelf().Records(w.Context(), connection, name, 10)
	if err := errors.Join(errAdd, errRecords); err != nil || !errors.Is(errGet, conversation.ErrNotFound) {
		w.Fatalf("shelf under %.50q of %.50q: %v, get: %v", name, connection, err, errGet)
	}
	if total != 0 || value != nil || len(records) != 0 {
		w.Fatalf("under %.50q of %.50q: count %d, value %.50q, records %.50q", name, connection, total, value, records)
	}
}

// What is on the shelf is there after a restart, under any name of any connection.
func testShelfRestart(w *world) {
	w.start(conversation.Options{})
	for _, name := range hostileNames {
		w.shelfIsEmpty(home, name)
		w.fillShelf(home, name)
	}
	for _, connection := range hostile {
		w.fillShelf(connection, "name")
	}
	w.start(conversation.Options{})
	for _, name := range hostileNames {
		w.shelfIsFull(home, name)
	}
	for _, connection := range hostile {
		w.shelfIsFull(connection, "name")
	}
}

// put puts a value.
func (w *world) put(name, value string, keep time.Duration) {
	w.Helper()
	if err := w.shelf().Put(w.Context(), home, name, []byte(value), keep); err != nil {
		w.Fatalf("put: %v", err)
	}
}

// holds insists on a value.
func (w *world) holds(name, want string) {
	w.Helper()
	if got, err := w.shelf().Get(w.Context(), home, name); err != nil || string(got) != want {
		w.Fatalf("get: %.50q, %v; want %.50q", got, err, want)
	}
}

// forgotten waits until there is no value any more.
func (w *world) forgotten(name string) {
	w.Helper()
	for began := time.Now(); ; w.pass(brief / 20) {
		_, err := w.shelf().Get(w.Context(), home, name)
		if errors.Is(err, conversation.ErrNotFound) {
			return
		}
		if err != nil || time.Since(began) > patience {
			w.Fatalf("value after %v: %v", time.Since(began), err)
		}
	}
}

// A value replaces the one before, with its keep, and is forgotten after it.
func testShelfValue(w *world) {
	w.start(conversation.Options{})
	for _, value := range []string{"first", "second", "", "\x00\xff{}\r\n", strings.Repeat("large\x00", 1<<18)} {
		w.put("v", value, long)
		w.holds("v", value)
	}
	began := time.Now()
	w.put("v", "short", brief)
	w.put("w", "short", brief)
	w.put("w", "longer", long)
	w.forgotten("v")
	if after := time.Since(began); after < brief-tick {
		w.Fatalf("value forgotten after %v, want %v", after, brief)
	}
	w.pass(brief)
	w.holds("w", "longer")

	w.put("v", "short", brief)
	w.start(conversation.Options{}) // which is no reason to be kept longer
	w.forgotten("v")
	w.put("v", "again", long)
	w.holds("v", "again")
}

// The store keeps a value and not the caller's memory, and gives away memory of the
// caller's own.
func testShelfMemory(w *world) {
	w.start(conversation.Options{})
	const want = "as it was"
	mine := []byte(want)
	if err := w.shelf().Put(w.Context(), home, "v", mine, long); err != nil {
		w.Fatalf("put: %v", err)
	}
	if err := w.shelf().Append(w.Context(), home, "v", mine, 10); err != nil {
		w.Fatalf("append: %v", err)
	}
	clear(mine)
	for range 2 {
		value, err := w.shelf().Get(w.Context(), home, "v")
		if err != nil || string(value) != want {
			w.Fatalf("get: %q, %v", value, err)
		}
		clear(value)
		records, err := w.shelf().Records(w.Context(), home, "v", 10)
		if err != nil || len(records) != 1 || string(records[0]) != want {
			w.Fatalf("records: %q, %v", records, err)
		}
		clear(records[0])
	}
}

// shelfCalls makes every call of a shelf, under the name "n", and returns what
// became of it.
func shelfCalls(ctx context.Context, shelf conversation.Shelf) map[string]error {
	errs := map[string]error{
		"put":    shelf.Put(ctx, home, "n", []byte("late"), long),
		"append": shelf.Append(ctx, home, "n", []byte("late"), 1),
	}
	_, errs["add"] = shelf.Add(ctx, home, "n", 1, long)
	_, errs["add 0"] = shelf.Add(ctx, home, "n", 0, long)
	_, _, errs["pace"] = shelf.Pace(ctx, home, "n", long, 1, 0)
	_, errs["get"] = shelf.Get(ctx, home, "n")
	_, errs["records"] = shelf.Records(ctx, home, "n", 1)
	return errs
}

// A call whose context has ended changes nothing, and nor does one after Close.
func testShelfEnds(w *world) {
	w.start(conversation.Options{})
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	for call, err := range shelfCalls(ctx, w.shelf()) {
		if !errors.Is(err, context.Canceled) {
			w.Errorf("%s with a context that has ended: %v, want %v", call, err, context.Canceled)
		}
	}
	w.shelfIsEmpty(home, "n")
	w.fillShelf(home, "n") // the turn is still to be had

	shelf := w.shelf()
	if err := w.store.Close(); err != nil {
		w.Fatalf("close: %v", err)
	}
	for call, err := range shelfCalls(w.Context(), shelf) {
		if !errors.Is(err, conversation.ErrClosed) {
			w.Errorf("%s after close: %v, want %v", call, err, conversation.ErrClosed)
		}
	}
	w.start(conversation.Options{})
	w.shelfIsFull(home, "n")
}

// sharedShelf insists that stores on the same data have one shelf.
func sharedShelf(t *testing.T, stores []conversation.Store) {
	worlds := make([]*world, len(stores))
	for i, store := range stores {
		worlds[i] = &world{T: t, store: store}
	}
	first, last := worlds[0], worlds[len(worlds)-1]
	countTogether(worlds)
	paceTogether(worlds)
	first.put("shared", "value", long)
	last.holds("shared", "value")
	for n, w := range worlds {
		w.record("shared", nth("record", n), len(worlds))
	}
	got, err := first.shelf().Records(t.Context(), home, "shared", len(worlds))
	if err != nil || len(got) != len(worlds) || string(got[len(got)-1]) != nth("record", len(worlds)-1) {
		t.Fatalf("records of all: %q, %v", got, err)
	}
}
