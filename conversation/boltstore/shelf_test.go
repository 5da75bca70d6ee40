package boltstore

import (
	"math"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// put puts a value.
func put(t *testing.T, s *Store, name string, keep time.Duration) {
	t.Helper()
	if err := s.Put(t.Context(), "home", name, []byte(name), keep); err != nil {
		t.Fatalf("put: %v", err)
	}
}

// add adds 1 to a count.
func add(t *testing.T, s *Store, name string, keep time.Duration) (total int64) {
	t.Helper()
	total, err := s.Add(t.Context(), "home", name, 1, keep)
	if err != nil {
		t.Fatalf("add: %v", err)
	}
	return total
}

// Counts and values whose time is up are deleted by the writes that follow, a few
// each, until only the others are left; what was replaced leaves nothing behind.
func TestSweepShelf(t *testing.T) {
	for name, write := range map[string]func(t *testing.T, s *Store, n int){
		"add":    func(t *testing.T, s *Store, n int) { add(t, s, "young "+strconv.Itoa(n), time.Hour) },
		"put":    func(t *testing.T, s *Store, n int) { put(t, s, "young "+strconv.Itoa(n), time.Hour) },
		"append": func(t *testing.T, s *Store, n int) { appendRecord(t, s, n) },
		"accept": func(t *testing.T, s *Store, n int) { accept(t, s, event("young", n, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t, conversation.Options{})
			put(t, s, "stays", time.Hour)
			put(t, s, "stays", 2*time.Hour)
			add(t, s, "stays", time.Hour)
			add(t, s, "stays", 2*time.Hour)
			put(t, s, "goes", time.Hour)
			put(t, s, "goes", 0) // and is swept by its own write
			left := lapse(t, s, 15)
			for n := 0; ; n++ {
				before := entries(t, s)
				if before["shelf"] != before["lapses"] {
					t.Fatalf("%d entries on the shelf and %d in their index", before["shelf"], before["lapses"])
				}
				if n == 0 && before["shelf"] != left+2 {
					t.Fatalf("%d entries on the shelf, want %d", before["shelf"], left+2)
				}
				deleted := min(sweepShelf, left)
				if deleted == 0 {
					break
				}
				write(t, s, n)
				added := 0
				if name == "add" || name == "put" {
					added = 1
				}
				if now := entries(t, s)["shelf"]; now != before["shelf"]+added-deleted {
					t.Fatalf("%d entries before a write and %d after it, want %d deleted", before["shelf"], now, deleted)
				}
				left -= deleted
			}
			if total := add(t, s, "stays", time.Hour); total != 3 {
				t.Errorf("count %d, want 3", total)
			}
			if v, err := s.Get(t.Context(), "home", "stays"); err != nil || string(v) != "stays" {
				t.Errorf("value %q, %v", v, err)
			}
		})
	}
}

// lapse puts n values and n counts on the shelf whose time is up, without sweeping,
// and returns how many they are.
func lapse(t *testing.T, s *Store, n int) int {
	t.Helper()
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		r, err := recordsOf(tx, "home")
		if err != nil {
			return err
		}
		up := time.Now().Add(-time.Hour)
		for i := range n {
			for _, kind := range []byte{valueKind, countKind} {
				if err := r.keep(slotOf(kind, strconv.Itoa(i)), numberBytes(1), up); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return 2 * n
}

// appendRecord appends one of ten records.
func appendRecord(t *testing.T, s *Store, n int) {
	t.Helper()
	if err := s.Append(t.Context(), "home", "r", []byte(strconv.Itoa(n)), 10); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// The file holds as many records as are kept.
func TestRecordsTrimmed(t *testing.T) {
	s := fresh(t, conversation.Options{})
	for n := range 25 {
		appendRecord(t, s, n)
	}
	if n := entries(t, s)["appended"]; n != 10 {
		t.Errorf("%d records in the file, want 10", n)
	}
}

// To read costs no commit: it works while nobody can.
func TestShelfReadsWithoutCommit(t *testing.T) {
	s := fresh(t, conversation.Options{})
	add(t, s, "n", time.Hour)
	s.lead <- struct{}{}
	defer func() { <-s.lead }()
	for _, name := range []string{"n", "nothing"} {
		_, err := s.Add(t.Context(), "home", name, 0, time.Hour)
		if err != nil {
			t.Error(err)
		}
		if _, err = s.Records(t.Context(), "home", name, 1); err != nil {
			t.Error(err)
		}
	}
}

// An Add that cannot be made does not harm those in the same commit.
func TestAddOverflowShared(t *testing.T) {
	s := fresh(t, conversation.Options{})
	if _, err := s.Add(t.Context(), "home", "full", math.MaxInt64, time.Hour); err != nil {
		t.Fatal(err)
	}
	before := commits(t, s)
	s.lead <- struct{}{}
	const callers = 20
	var failed error
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() { add(t, s, "shared", time.Hour) })
		queued(t, s, n+1)
	}
	wg.Go(func() { _, failed = s.Add(t.Context(), "home", "full", 1, time.Hour) })
	queued(t, s, callers+1)
	<-s.lead
	wg.Wait()
	if failed == nil {
		t.Error("a count beyond 64 bits is no error")
	}
	if n := commits(t, s) - before; n != 1 {
		t.Errorf("%d commits for %d callers, want 1", n, callers+1)
	}
	if total := add(t, s, "shared", time.Hour); total != callers+1 {
		t.Errorf("count %d, want %d", total, callers+1)
	}
}

// A file that has no shelf yet has an empty one, and gets one when it is needed.
func TestShelfOfOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "longwire.db")
	s := open(t, path, conversation.Options{})
	accept(t, s, event("ann", 0, 1))
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		home := tx.Bucket(connectionsBucket).Bucket([]byte("home"))
		for _, name := range [][]byte{shelfBucket, lapsesBucket, appendedBucket} {
			if err := home.DeleteBucket(name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if total, err := s.Add(t.Context(), "home", "n", 0, time.Hour); err != nil || total != 0 {
		t.Errorf("count %d, %v", total, err)
	}
	if records, err := s.Records(t.Context(), "home", "n", 1); err != nil || len(records) != 0 {
		t.Errorf("records %q, %v", records, err)
	}
	if total := add(t, s, "n", time.Hour); total != 1 {
		t.Errorf("count %d", total)
	}
}
