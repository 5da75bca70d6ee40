package record

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/conversation"
)

func TestEncode(t *testing.T) {
	ev := connectors.Event{ID: "1", Connection: "home", Text: "你好\n", Received: time.Unix(1, 2).UTC()}
	kept, err := Encode(ev)
	if err != nil {
		t.Fatal(err)
	}
	if Trace(kept) != ev.Trace() {
		t.Errorf("trace %q, want %q", Trace(kept), ev.Trace())
	}
	got, ok := Decode("home", kept)
	if !ok || got.ID != ev.ID || got.Text != ev.Text || !got.Received.Equal(ev.Received) {
		t.Errorf("%+v became %+v, %t", ev, got, ok)
	}
}

func TestRetried(t *testing.T) {
	ev := connectors.Event{ID: "1", Connection: "home", Sent: time.Unix(5, 0)}
	kept, err := Encode(ev)
	if err != nil {
		t.Fatal(err)
	}
	old := append([]byte(ev.Trace()), kept[len(Trace(kept))+timeLen:]...) // before there was a time
	for _, kept := range [][]byte{kept, old} {
		if got, ok := Decode("home", kept); !ok || got.Retries != 0 {
			t.Errorf("%s: %+v, %t", kept, got, ok)
		}
		again := Retried(Retried(kept))
		if got, ok := Decode("home", again); !ok || got.Retries != 2 || got.ID != "1" {
			t.Errorf("%s: %+v, %t", again, got, ok)
		}
		for range 2 * maxRetries {
			again = Retried(again)
		}
		if got, ok := Decode("home", again); !ok || got.Retries != maxRetries {
			t.Errorf("%s: %+v, %t", again, got, ok)
		}
	}
}

// Whatever is stored, what comes out can be named: the same bytes always by the same
// trace.
func TestBorder(t *testing.T) {
	ev := connectors.Event{ID: "1", Connection: "home", Alone: true}
	kept, err := Encode(ev)
	if err != nil || IsBorder(kept) {
		t.Fatalf("%q, %v", kept, err)
	}
	border := Border(kept)
	if got, ok := Decode("home", border); !IsBorder(border) || !Alone(border) || !ok || got.ID != "1" || !bytes.Equal(Border(border), border) {
		t.Errorf("%q", border)
	}
	if again := Retried(border); IsBorder(again) || !Alone(again) {
		t.Errorf("put back to the end: %q", again)
	}
	if torn := Border([]byte("x")); string(torn) != "x" {
		t.Errorf("what is no event became %q", torn)
	}
}

func FuzzDecode(f *testing.F) {
	kept, err := Encode(connectors.Event{ID: "1", Connection: "home"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kept)
	f.Add(kept[:len(kept)-1])
	f.Add([]byte{})
	f.Add([]byte(`aaaaaaaa{"id":"1","text":7}`))
	f.Add([]byte(`aaaaaaaa{}`))
	f.Add(Retried(kept))
	f.Add([]byte(`aaaaaaaa000000000000007r{"id":"1"`))
	f.Fuzz(func(t *testing.T, kept []byte) {
		ev, ok := Decode("home", kept)
		if ok {
			if ev.ID == "" {
				t.Fatal("an event without an ID is taken for one")
			}
			return
		}
		if ev.Connection != "home" || ev.ID == "" {
			t.Fatalf("an unreadable event is %+v", ev)
		}
		if again, _ := Decode("home", kept); again.Trace() != ev.Trace() {
			t.Fatalf("it is called %s and %s", ev.Trace(), again.Trace())
		}
		if again, _ := Decode("home", Retried(kept)); again.Trace() != ev.Trace() {
			t.Fatalf("it is called %s, and %s once it was retried", ev.Trace(), again.Trace())
		}
	})
}

func TestDecodeKeepsTheID(t *testing.T) {
	ev, ok := Decode("home", []byte(`aaaaaaaa{"id":"1","text":7}`))
	if ok || ev.ID != "1" {
		t.Errorf("%+v, %t", ev, ok)
	}
}

// A letter comes out as it went in, whatever it says.
func FuzzLetter(f *testing.F) {
	f.Add("person/ann", 1, "why\nnot", []byte("aaaaaaaa{}"))
	f.Add("\xff\x00", -1, "", []byte("\n\n"))
	f.Fuzz(func(t *testing.T, key string, attempt int, reason string, kept []byte) {
		letter := Letter{Key: conversation.Key(key), Attempt: attempt, Reason: reason}
		facts, err := letter.Facts()
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenLetter(append(facts, kept...))
		if err != nil || got.Key != letter.Key || got.Attempt != attempt || string(got.Kept) != string(kept) {
			t.Fatalf("%+v became %+v, %v", letter, got, err)
		}
		if utf8.ValidString(reason) && got.Reason != reason {
			t.Fatalf("reason %q became %q", reason, got.Reason)
		}
	})
}

func FuzzOpenLetter(f *testing.F) {
	f.Add([]byte("{}\naaaaaaaa{}"))
	f.Add([]byte("{}"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, letter []byte) {
		_, err := OpenLetter(letter)
		item := Item("home", letter, time.Unix(1, 0))
		if item.State != conversation.ItemDead || item.Event.Connection == "" && err != nil || !item.Since.Equal(time.Unix(1, 0)) {
			t.Fatalf("item %+v", item)
		}
		if err != nil && item.Reason == "" {
			t.Fatalf("nobody learns that the letter cannot be read: %v", err)
		}
	})
}

func TestDetail(t *testing.T) {
	for reason, want := range map[string]string{
		"":                       "",
		"short\nwith a line":     "short\nwith a line",
		"not \xff text":          "not \uFFFD text",
		strings.Repeat("a", 300): strings.Repeat("a", conversation.MaxDetail),
		strings.Repeat("你", 100): strings.Repeat("你", conversation.MaxDetail/3),
	} {
		if got := Detail(reason); got != want {
			t.Errorf("detail of %q: %q, want %q", reason, got, want)
		}
	}
}

func TestBegins(t *testing.T) {
	for what, want := range map[conversation.What]bool{
		conversation.MarkAccepted: true, conversation.MarkTaken: true, conversation.MarkReleased: true,
		conversation.MarkRetried: true, conversation.MarkNoted: false, conversation.MarkInterrupted: false,
		conversation.MarkDropped: false, conversation.What(conversation.Answered): false,
	} {
		if got := Begins(what); got != want {
			t.Errorf("%q begins a state: %t", what, got)
		}
	}
}
