package redisstore

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/internal/record"
	"longwire/conversation/redisstore/redistest"
	"longwire/conversation/storetest"
)

func TestUnreadable(t *testing.T) {
	server := redistest.Start(t)
	setup := func(t *testing.T) storetest.Open { return on(t, server) }
	storetest.RunUnreadable(t, setup, func(t *testing.T, store conversation.Store, key conversation.Key, n int, kept func(string) string) {
		k, err := usualKeys("home")
		if err != nil {
			t.Fatal(err)
		}
		client := store.(*Store).client
		was, err := client.LIndex(t.Context(), k.waiting(key), int64(n)).Result()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.LSet(t.Context(), k.waiting(key), int64(n), kept(was)).Err(); err != nil {
			t.Fatal(err)
		}
	})
}

// A turn that cannot be read is not remembered, and the others are.
func TestUnreadableTurn(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, conversation.Options{})
	for n := range 3 {
		accept(t, s, event("ann", n))
		turn := conversation.Turn{Answer: event("ann", n).ID}
		if err := take(t, s).Done(t.Context(), conversation.Outcome{Turn: &turn}); err != nil {
			t.Fatal(err)
		}
	}
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.LSet(t.Context(), k.turns("person/ann"), 0, "{").Err(); err != nil {
		t.Fatal(err)
	}
	accept(t, s, event("ann", 3))
	if l := take(t, s); len(l.History) != 2 || l.History[0].Answer != "ann/1" {
		t.Errorf("history %v, want the turns 1 and 2", l.History)
	}
}

// A dead letter that cannot be read is shown, cannot be retried and can be dropped.
func TestUnreadableLetter(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, conversation.Options{})
	accept(t, s, event("ann", 0))
	if err := take(t, s).Done(t.Context(), conversation.Outcome{How: conversation.Dead}); err != nil {
		t.Fatal(err)
	}
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	trace := event("ann", 0).Trace()
	if err := s.client.HSet(t.Context(), k.letters(), trace, "{}").Err(); err != nil {
		t.Fatal(err)
	}
	items, err := s.Inbox(t.Context(), "home", 10)
	if err != nil || len(items) != 1 || items[0].Reason == "" || items[0].State != conversation.ItemDead {
		t.Fatalf("inbox %+v, %v", items, err)
	}
	if err := s.Retry(t.Context(), "home", trace); err == nil || errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("retry: %v", err)
	}
	if err := s.Drop(t.Context(), "home", trace); err != nil {
		t.Errorf("drop: %v", err)
	}
	if items, err := s.Inbox(t.Context(), "home", 10); err != nil || len(items) != 0 {
		t.Errorf("inbox %+v, %v", items, err)
	}
}

// A Done whose answer was lost has taken place, and says so when it is called
// again. Nobody else's does, and nothing is written twice.
func TestDoneAnswerLost(t *testing.T) {
	server := realServer(t)
	s, err := Open(t.Context(), server.URL()+"&read_timeout=1s", conversation.Options{Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	outcome := func(answer string) conversation.Outcome {
		return conversation.Outcome{Turn: &conversation.Turn{Answer: answer}}
	}
	for n := range 4 {
		accept(t, s, event("ann", n))
	}
	if err := take(t, s).Done(t.Context(), outcome("0")); err != nil { // Redis knows the script from here on
		t.Fatal(err)
	}
	waiting := 3
	for n, how := range []conversation.How{conversation.Answered, conversation.Dead} {
		l := take(t, s)
		out := outcome(strconv.Itoa(n + 1))
		out.How = how
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
		if err := l.Done(t.Context(), out); err == nil || errors.Is(err, conversation.ErrLost) {
			t.Fatalf("done while redis is paused: %v", err)
		}
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		waiting--
		eventually(t, "done", func() bool { got, err := s.Waiting(t.Context(), "home"); return err == nil && got == waiting })
		for range 2 {
			if err := l.Done(t.Context(), out); err != nil {
				t.Fatalf("done again: %v", err)
			}
		}
		if err := l.Renew(t.Context()); !errors.Is(err, conversation.ErrLost) {
			t.Fatalf("renew: %v, want %v", err, conversation.ErrLost)
		}
		other := out
		if other.How = conversation.Failed; !errors.Is(l.Done(t.Context(), other), conversation.ErrLost) {
			t.Fatal("another end of the same event is taken for the one whose answer was lost")
		}
	}
	l := take(t, s)
	if l.Event.ID != "ann/3" || len(l.History) != 3 || l.History[2].Answer != "2" {
		t.Fatalf("took %q with history %v", l.Event.ID, l.History)
	}
}

// What a script writes or returns is checked, and nothing it could is a panic.
func TestParseMalformed(t *testing.T) {
	for _, v := range []any{
		nil, "item", []any{}, []any{"held", "k", "1", "event"}, []any{"held", "k", "x", "event", ""},
		[]any{"held", "k", "1", "event", "yesterday"}, []any{"held", "k", int64(1), "event", ""},
		[]any{"dead", "", "0", "letter", ""}, []any{"held", "k", "1", "event", "", ""},
	} {
		if got, err := parseItem("home", v); err == nil {
			t.Errorf("%v is read as %+v", v, got)
		}
	}
	for _, line := range []string{"", "1", "1 - accepted", "x - accepted ", " - accepted "} {
		if got, err := parseMark(line); err == nil {
			t.Errorf("%q is read as %+v", line, got)
		}
	}
}

// A mark comes out as it went in.
func FuzzParseMark(f *testing.F) {
	f.Add(int64(1), "taken", "1")
	f.Add(int64(0), "dead", "two words\nand a line")
	f.Fuzz(func(t *testing.T, micros int64, what, detail string) {
		if micros = min(max(micros, 0), 1<<52); !validWhat(what) {
			t.Skip()
		}
		got, err := parseMark(strconv.FormatInt(micros, 10) + " 1-1 " + what + " " + detail)
		if err != nil || !got.At.Equal(time.UnixMicro(micros)) || string(got.What) != what || got.Detail != detail {
			t.Fatalf("%d %q %q is read as %+v, %v", micros, what, detail, got, err)
		}
	})
}

// validWhat reports whether a word is one.
func validWhat(what string) bool {
	for _, c := range []byte(what) {
		if c == ' ' {
			return false
		}
	}
	return what != ""
}

// The bounds of a life are written in Lua once more.
func TestMarkBounds(t *testing.T) {
	if conversation.MaxMarks != 32 || conversation.FirstMarks != 8 {
		t.Error("mark.lua has other bounds than package conversation")
	}
	if got := len(record.Trace([]byte("0123456789"))); got != 8 {
		t.Errorf("a trace has %d bytes, and 8 in the scripts", got)
	}
}
