package conversation_test

import (
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

func TestKeyOf(t *testing.T) {
	ann := connectors.Person{ID: "ann", Name: "Ann"}
	for _, test := range []struct {
		name string
		ev   connectors.Event
		want conversation.Key
	}{
		{"one-to-one", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1"}}, "person/ann"},
		{"one-to-one in another chat", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c2"}}, "person/ann"},
		{"a topic means nothing outside of a group",
			connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1", Thread: "t"}}, "person/ann"},
		{"group", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1", Group: true}}, "group/c1/person/ann"},
		{"topic", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1", Group: true, Thread: "t"}},
			"group/c1/thread/t/person/ann"},
		{"shared group", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1", Group: true}, Shared: true}, "group/c1"},
		{"shared topic", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1", Group: true, Thread: "t"}, Shared: true},
			"group/c1/thread/t"},
		{"one-to-one is nobody else's", connectors.Event{Sender: ann, Chat: connectors.Chat{ID: "c1"}, Shared: true}, "person/ann"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := conversation.KeyOf(test.ev); got != test.want {
				t.Errorf("key %q, want %q", got, test.want)
			}
			changed := test.ev
			changed.ID, changed.Text, changed.Chat.Title, changed.Sender.Name = "other", "other", "other", "other"
			if got := conversation.KeyOf(changed); got != test.want {
				t.Errorf("key of another event of the same conversation %q, want %q", got, test.want)
			}
		})
	}
}

// Platforms say neither who takes a message back nor in which kind of chat.
func TestKeyOfRecall(t *testing.T) {
	recall := func(chat, message string) connectors.Event {
		return connectors.Event{ID: "recall/" + message, Kind: connectors.KindRecall, Chat: connectors.Chat{ID: chat}, Text: message}
	}
	one, other := conversation.KeyOf(recall("c1", "m1")), conversation.KeyOf(recall("c1", "m2"))
	if one != "recall/m1" || other != "recall/m2" {
		t.Errorf("keys %q and %q", one, other)
	}
	if again := conversation.KeyOf(recall("c1", "m1")); again != one {
		t.Errorf("the same recall has the keys %q and %q", one, again)
	}
}

func TestWithDefaults(t *testing.T) {
	want := conversation.Options{
		TTL: 30 * time.Minute, Turns: 100, Remember: 24 * time.Hour, Lease: 30 * time.Second, MaxWaiting: 10_000,
		Join: 1, MaxPerConversation: 20, MaxDead: 10_000, Prefix: "longwire",
	}
	if got := (conversation.Options{}).WithDefaults(); got != want {
		t.Errorf("defaults %+v, want %+v", got, want)
	}
	set := conversation.Options{TTL: -1, Turns: 1, Remember: 2, Lease: 3, MaxWaiting: 4, Join: 5, MaxPerConversation: 6, MaxDead: 7, Prefix: "p"}
	if got := set.WithDefaults(); got != set {
		t.Errorf("options %+v became %+v", set, got)
	}
}

func TestCurrent(t *testing.T) {
	for _, c := range []struct{ history, want string }{
		{"", ""},
		{"a b", "a b"},
		{"a b=c", "a c"},
		{"a b=c=d e", "a d e"},
		{"=a b", "a b"}, // what it came in the place of is no longer remembered
		{"a=b c=d", "b d"},
	} {
		var history []conversation.Turn
		instead := false
		for _, r := range c.history {
			if r != ' ' && r != '=' {
				history = append(history, conversation.Turn{Answer: string(r), Instead: instead})
			}
			instead = r == '='
		}
		var got []string
		for _, turn := range conversation.Current(history) {
			got = append(got, turn.Answer)
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("of %q %q are current, want %q", c.history, got, c.want)
		}
	}
}
