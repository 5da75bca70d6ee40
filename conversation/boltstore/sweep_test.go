package boltstore

import (
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// entries counts what the buckets of the home connection hold.
func entries(t *testing.T, s *Store) map[string]int {
	t.Helper()
	n := map[string]int{}
	if err := s.db.View(func(tx *bbolt.Tx) error {
		home := tx.Bucket(connectionsBucket).Bucket([]byte("home"))
		return home.ForEachBucket(func(name []byte) error {
			n[string(name)] = home.Bucket(name).Stats().KeyN
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Event ids that have expired are deleted by the writes that follow, a few each,
// until only the young ones are left.
func TestSweepIDs(t *testing.T) {
	s := fresh(t, conversation.Options{Remember: time.Hour})
	const old = 60
	for n := range old {
		accept(t, s, event("ann", n, 1))
	}
	age(t, s, expiryBucket, seenBucket, 2*time.Hour)
	young := 0
	for left := old; left > 0; young++ {
		accept(t, s, event("ben", young, 1))
		now := entries(t, s)
		if now["seen"] != now["expiry"] {
			t.Fatalf("%d ids and %d entries in their index", now["seen"], now["expiry"])
		}
		if now["seen"] != now["lives"] {
			t.Fatalf("%d ids and %d lives", now["seen"], now["lives"])
		}
		still := now["seen"] - young - 1
		if deleted := left - still; deleted != min(sweepIDs, left) {
			t.Fatalf("a write deleted %d ids, want %d", deleted, min(sweepIDs, left))
		}
		left = still
	}
	accept(t, s, event("ann", 0, 1)) // forgotten, and so fresh
}

// A life that begins anew, after the event's id was forgotten, is forgotten in its
// turn.
func TestSweepLateLife(t *testing.T) {
	s := fresh(t, conversation.Options{Remember: time.Hour})
	accept(t, s, event("ann", 0, 1))
	age(t, s, expiryBucket, seenBucket, 2*time.Hour)
	accept(t, s, event("ben", 0, 1)) // sweeps
	if now := entries(t, s); now["lives"] != 1 {
		t.Fatalf("%d lives, want ben's", now["lives"])
	}
	if l := take(t, s); l.Event.ID != "ann/0" {
		t.Fatalf("took %q", l.Event.ID)
	}
	trace := event("ann", 0, 1).Trace()
	if got := what(t, s, trace); got != "taken" {
		t.Fatalf("life %q, want taken", got)
	}
	age(t, s, expiryBucket, seenBucket, 2*time.Hour)
	accept(t, s, event("cat", 0, 1))
	if now := entries(t, s); now["lives"] != 1 || now["expiry"] != 1 {
		t.Fatalf("%d lives and %d entries in their index, want cat's", now["lives"], now["expiry"])
	}
}

// Turns that have expired are deleted by the writes that follow, some each, with
// everything else about their conversation.
func TestSweepTurns(t *testing.T) {
	s := fresh(t, conversation.Options{TTL: time.Hour, Turns: 20})
	people, each := []string{"ann", "ben", "cat"}, 20
	n := 0
	done := func(person string) {
		accept(t, s, event(person, n, 1))
		n++
		l := take(t, s)
		if err := l.Done(t.Context(), conversation.Outcome{Turn: &conversation.Turn{Answer: "a"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, person := range people {
		for range each {
			done(person)
		}
	}
	age(t, s, idleBucket, usedBucket, 2*time.Hour)
	for last := len(people) * each; ; {
		done("dan")
		now := entries(t, s)
		if now["used"] != now["idle"] {
			t.Fatalf("%d conversations and %d entries in their index", now["used"], now["idle"])
		}
		if now["turns"] < last-2*sweepTurns { // accept and done each sweep
			t.Fatalf("two writes deleted %d turns, want at most %d", last-now["turns"], 2*sweepTurns)
		}
		if now["used"] == 1 {
			break
		}
		if now["turns"] >= last {
			t.Fatalf("%d turns before two writes and %d after", last, now["turns"])
		}
		last = now["turns"]
	}
	if now := entries(t, s); now["turns"] > each {
		t.Fatalf("%d turns are left, only dan's should be", now["turns"])
	}
}

// What has expired and is not deleted yet is not read, and does not come back
// with the next turn.
func TestExpiredNotSwept(t *testing.T) {
	s := fresh(t, conversation.Options{TTL: time.Hour})
	n := 0
	ask := func(person string) (history int) {
		accept(t, s, event(person, n, 1))
		n++
		l := take(t, s)
		if err := l.Done(t.Context(), conversation.Outcome{Turn: &conversation.Turn{Answer: "a"}}); err != nil {
			t.Fatal(err)
		}
		return len(l.History)
	}
	const each = 20
	for _, person := range []string{"ann", "ben"} { // ann's turns are swept before ben's
		for range each {
			ask(person)
		}
	}
	age(t, s, idleBucket, usedBucket, 2*time.Hour)
	for want := range 2 {
		accept(t, s, event("other", want, 1)) // sweeps, too little to reach ben
		l := take(t, s)
		if left := entries(t, s)["turns"]; want == 0 && left <= each {
			t.Fatalf("%d turns left, ben's have been swept already", left)
		}
		if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
			t.Fatal(err)
		}
		if got := ask("ben"); got != want {
			t.Fatalf("%d turns remembered, want %d", got, want)
		}
	}
}

// Writes leave nothing behind when everything is done.
func TestNothingLeftBehind(t *testing.T) {
	s := fresh(t, conversation.Options{})
	for n := range 50 {
		accept(t, s, event("ann", n, 100))
		l := take(t, s)
		if n%3 == 0 {
			if err := s.Forget(t.Context(), "home", conversation.KeyOf(l.Event), l.Event.Trace()); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Done(t.Context(), conversation.Outcome{}); err != nil {
			t.Fatal(err)
		}
	}
	now := entries(t, s)
	for _, name := range []string{"waiting", "lanes", "notes", "forgotten", "letters", "buried", "turns", "used", "idle"} {
		if now[name] != 0 {
			t.Errorf("%d entries left in %s", now[name], name)
		}
	}
	if len(s.lines["home"].members) != 0 {
		t.Errorf("%d conversations left in memory", len(s.lines["home"].members))
	}
}

// age moves all times in an index, and in what it indexes, back by d.
func age(t *testing.T, s *Store, index, of []byte, d time.Duration) {
	t.Helper()
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		home := tx.Bucket(connectionsBucket).Bucket([]byte("home"))
		var keys, values [][]byte
		if err := home.Bucket(index).ForEach(func(k, v []byte) error {
			keys, values = append(keys, append([]byte(nil), k...)), append(values, append([]byte(nil), v...))
			return nil
		}); err != nil {
			return err
		}
		for i, k := range keys {
			older := timeOf(k).Add(-d)
			if err := home.Bucket(index).Delete(k); err != nil {
				return err
			}
			if err := home.Bucket(index).Put(timed(older, k[8:]), values[i]); err != nil {
				return err
			}
			if err := home.Bucket(of).Put(k[8:], timeBytes(older)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
