package redisstore

import (
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

// Two programs share a Redis under two prefixes and have nothing to do with each other.
func TestPrefix(t *testing.T) {
	server := redistest.Start(t)
	ours := open(t, server, conversation.Options{Prefix: "ours"})
	theirs := open(t, server, conversation.Options{Prefix: "theirs"})
	ev := connectors.Event{ID: "1", Connection: "home", Kind: connectors.KindText, Text: "hello", Sender: connectors.Person{ID: "ann"}}
	for name, s := range map[string]*Store{"ours": ours, "theirs": theirs} {
		if fresh, err := s.Accept(t.Context(), ev); err != nil || !fresh {
			t.Fatalf("%s: accepted %t, %v", name, fresh, err)
		}
		if n, err := s.Add(t.Context(), "home", "n", 1, time.Hour); err != nil || n != 1 {
			t.Fatalf("%s: counted %d, %v", name, n, err)
		}
		l, err := s.Take(t.Context(), "home")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Done(t.Context(), conversation.Outcome{Turn: &conversation.Turn{Question: "q", Answer: "a"}}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := raw(t, server).Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "ours:") && !strings.HasPrefix(name, "theirs:") {
			t.Errorf("a key without its prefix: %s", name)
		}
	}
}
