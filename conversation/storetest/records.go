package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"longwire/conversation"
)

// record appends a record.
func (w *world) record(name, record string, most int) {
	w.Helper()
	if err := w.shelf().Append(w.Context(), home, name, []byte(record), most); err != nil {
		w.Fatalf("append: %v", err)
	}
}

// hasRecords insists on all records of a name.
func (w *world) hasRecords(name string, want ...string) {
	w.Helper()
	w.newestRecords(name, 1000, want...)
}

// newestRecords insists on the newest records of a name.
func (w *world) newestRecords(name string, limit int, want ...string) {
	w.Helper()
	got, err := w.shelf().Records(w.Context(), home, name, limit)
	if err != nil || fmt.Sprintf("%.20q", got) != fmt.Sprintf("%.20q", want) {
		w.Fatalf("records of %q, at most %d: %.20q, %v; want %.20q", name, limit, got, err, want)
	}
}

// Of the records the newest most are kept, whatever it was before, and the newest
// limit returned, the oldest of them first.
func testShelfRecords(w *world) {
	w.start(conversation.Options{})
	w.hasRecords("r")
	for n := range 5 {
		w.record("r", nth("record", n), 3)
	}
	all := []string{nth("record", 2), nth("record", 3), nth("record", 4)}
	w.hasRecords("r", all...)
	for limit := -1; limit < 5; limit++ {
		w.newestRecords("r", limit, all[max(0, 3-max(limit, 0)):]...)
	}
	w.record("r", "", 5)
	w.record("r", "\x00\xff\n{}", 5)
	w.start(conversation.Options{})
	w.hasRecords("r", append(all, "", "\x00\xff\n{}")...)
	w.record("r", "only", 2)
	w.hasRecords("r", "\x00\xff\n{}", "only")
	w.record("r", "not even this", 0)
	w.hasRecords("r")
	w.record("r", "nor this", -1)
	w.hasRecords("r")
	w.record("r", "anew", 1_000_000)
	w.hasRecords("r", "anew")
	large := strings.Repeat("large\x00", 1<<18)
	w.record("r", large, 2)
	got, err := w.shelf().Records(w.Context(), home, "r", 1)
	if err != nil || len(got) != 1 || !bytes.Equal(got[0], []byte(large)) {
		w.Fatalf("a large record is not the same: %d of them, %v", len(got), err)
	}
}

// Records that come at the same time are all there, each caller's in its order.
func testShelfRecordsAtTheSameTime(w *world) {
	w.start(conversation.Options{})
	const callers, each = 16, 8
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			for i := range each {
				if err := w.shelf().Append(w.Context(), home, "r", []byte{byte(n), byte(i)}, callers*each); err != nil {
					w.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got, err := w.shelf().Records(w.Context(), home, "r", callers*each+1)
	if err != nil || len(got) != callers*each {
		w.Fatalf("%d records, %v; want %d", len(got), err, callers*each)
	}
	var next [callers]byte
	for _, r := range got {
		if r[1] != next[r[0]] {
			w.Fatalf("record %d of caller %d comes instead of %d", r[1], r[0], next[r[0]])
		}
		next[r[0]]++
	}
}
