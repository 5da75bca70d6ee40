package redisstore

import (
	"strings"
	"testing"

	"longwire/conversation"
)

// hashTag is what Redis Cluster hashes of a key: what is between the first brace
// and the first closing one after it, or all of it when that is empty.
func hashTag(key string) string {
	_, rest, ok := strings.Cut(key, "{")
	if !ok {
		return key
	}
	tag, _, ok := strings.Cut(rest, "}")
	if !ok || tag == "" {
		return key
	}
	return tag
}

// All keys of a connection have one hash tag, whatever things are called, and no
// two connections share a key.
func FuzzKeys(f *testing.F) {
	f.Add("home", "person/ann", "1", "other")
	f.Add("}", "{a}", "}{", "%7D")
	f.Add("{", "}", "", "%7B")
	f.Add("a}:waiting:{b", ":", "x", "a")
	f.Fuzz(func(t *testing.T, connection, key, id, other string) {
		k, err := usualKeys(connection)
		if err != nil {
			if connection != "" {
				t.Fatal(err)
			}
			return
		}
		all := []string{k.ready(), k.later(), k.count(),
			k.letters(), k.dead(), k.life(id),
			k.waiting(conversation.Key(key)), k.lane(conversation.Key(key)), k.turns(conversation.Key(key)), k.seen(id),
			k.tally(id), k.pace(id), k.value(id), k.records(id)}
		names := map[string]bool{}
		for _, name := range all {
			if hashTag(name) != hashTag(k.ready()) || hashTag(name) == name {
				t.Fatalf("key %q has the hash tag %q", name, hashTag(name))
			}
			names[name] = true
		}
		if len(names) != len(all) {
			t.Fatalf("keys are not told apart: %q", all)
		}
		o, err := usualKeys(other)
		if err != nil || other == connection {
			return
		}
		if strings.HasPrefix(o.prefix, k.prefix) || strings.HasPrefix(k.prefix, o.prefix) {
			t.Fatalf("connections %q and %q share keys", connection, other)
		}
	})
}

// What a script returns is checked, and nothing it could return is a panic.
func TestParseTakenMalformed(t *testing.T) {
	for _, reply := range [][]any{
		nil, {}, {"0-0"}, {"0-0", "1-1", int64(1), "event"},
		{int64(0), "1-1", int64(1)},
		{"0-0", nil, int64(1)},
		{"0-0", "1-1", "1"},
		{"0-0", "1-1", "k", int64(1), "event", []any{}},
		{"0-0", "1-1", "k", int64(1), "event", []any{}, nil},
		{"0-0", "1-1", "k", int64(1), nil, []any{}, nil, []any{}},
		{"0-0", "1-1", "k", int64(1), "event", nil, "note", []any{}},
		{"0-0", "1-1", "k", int64(1), "event", []any{nil}, nil, []any{}},
		{"0-0", "1-1", "k", "1", "event", []any{}, nil, []any{}},
		{"0-0", "1-1", "k", int64(1), "event", []any{}, int64(1), []any{}},
		{"0-0", "1-1", "k", int64(1), "event", []any{}, nil, nil},
		{"0-0", "1-1", "k", int64(1), "event", []any{}, nil, "joined"},
		{"0-0", "1-1", "k", int64(1), "event", []any{}, nil, []any{"joined", int64(1)}},
		{"0-0", "1-1", "k", int64(1), "event", []any{}, "note", []any{}, "more"},
	} {
		if got, _, err := parseTaken(reply); err == nil {
			t.Errorf("%v is read as %+v", reply, got)
		}
	}
}

// usualKeys are the keys of a connection in a store with the default prefix.
func usualKeys(connection string) (keys, error) {
	return (&Store{opts: conversation.Options{}.WithDefaults()}).keysOf(connection)
}
