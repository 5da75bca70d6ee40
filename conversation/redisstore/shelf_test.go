package redisstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/redisstore/redistest"
)

// fill puts something of each kind on the shelf, under the name "n".
func fill(t *testing.T, s *Store, keep time.Duration) {
	t.Helper()
	total, errAdd := s.Add(t.Context(), "home", "n", 7, keep)
	errPut := s.Put(t.Context(), "home", "n", []byte("value"), keep)
	errAppend := s.Append(t.Context(), "home", "n", []byte("record"), 10)
	_, given, errPace := s.Pace(t.Context(), "home", "n", keep, 2, 0)
	if err := errors.Join(errAdd, errPut, errAppend, errPace); err != nil || total != 7 || !given {
		t.Fatalf("count %d, turn given %t, %v", total, given, err)
	}
}

// filled insists that what fill has put there is there, the pace excepted.
func filled(t *testing.T, s *Store) {
	t.Helper()
	total, errAdd := s.Add(t.Context(), "home", "n", 0, time.Hour)
	value, errGet := s.Get(t.Context(), "home", "n")
	records, errRecords := s.Records(t.Context(), "home", "n", 10)
	if err := errors.Join(errAdd, errGet, errRecords); err != nil {
		t.Fatal(err)
	}
	if total != 7 || string(value) != "value" || len(records) != 1 || string(records[0]) != "record" {
		t.Errorf("count %d, value %q, records %q", total, value, records)
	}
}

// writes makes each call of the shelf that may write, once more.
func writes(ctx context.Context, s *Store) map[string]error {
	errs := map[string]error{
		"put":    s.Put(ctx, "home", "n", []byte("another"), time.Hour),
		"append": s.Append(ctx, "home", "n", []byte("another"), 10),
	}
	_, errs["add"] = s.Add(ctx, "home", "n", 1, time.Hour)
	_, _, errs["pace"] = s.Pace(ctx, "home", "n", time.Hour, 2, 0)
	return errs
}

// reads makes each call of the shelf that reads.
func reads(ctx context.Context, s *Store) map[string]error {
	errs := map[string]error{}
	_, errs["add 0"] = s.Add(ctx, "home", "n", 0, time.Hour)
	_, errs["get"] = s.Get(ctx, "home", "n")
	_, errs["records"] = s.Records(ctx, "home", "n", 1)
	return errs
}

// While Redis is away every call of the shelf is an error, and none says that there
// is nothing; when it is back, what was there is there.
func TestShelfRedisKilled(t *testing.T) {
	server := realServer(t, "--appendfsync", "always")
	s := open(t, server, conversation.Options{})
	fill(t, s, time.Hour)
	server.Stop()
	for _, errs := range []map[string]error{writes(t.Context(), s), reads(t.Context(), s)} {
		for call, err := range errs {
			if err == nil || errors.Is(err, conversation.ErrNotFound) {
				t.Errorf("%s without redis: %v", call, err)
			}
		}
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ping", func() bool { return s.Ping(t.Context()) == nil })
	filled(t, s)
}

// An Add whose answer is lost is an error and may have been counted: the count is
// never too low, and whoever calls again may find it too high.
func TestAddLostAnswer(t *testing.T) {
	server := realServer(t)
	s, err := Open(t.Context(), server.URL()+"&read_timeout=1s", conversation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Add(t.Context(), "home", "n", 1, time.Hour); err != nil { // redis knows the script
		t.Fatal(err)
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if total, err := s.Add(t.Context(), "home", "n", 1, time.Hour); err == nil || total != 0 {
		t.Errorf("add while redis is paused: %d, %v", total, err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "count of what was not answered", func() bool {
		total, err := s.Add(t.Context(), "home", "n", 0, time.Hour)
		return err == nil && total == 2
	})
	if total, err := s.Add(t.Context(), "home", "n", 1, time.Hour); err != nil || total != 3 {
		t.Errorf("add again: %d, %v; want 3", total, err)
	}
}

// When Redis is out of memory nothing is put on the shelf, and nothing by half;
// what is there can be read.
func TestShelfOutOfMemory(t *testing.T) {
	server := realServer(t)
	s := open(t, server, conversation.Options{})
	fill(t, s, time.Hour)
	client := raw(t, server)
	limit := func(bytes string) {
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	for call, err := range writes(t.Context(), s) {
		if err == nil {
			t.Errorf("%s without memory: no error", call)
		}
	}
	filled(t, s)
	limit("0")
	if _, given, err := s.Pace(t.Context(), "home", "n", time.Hour, 2, 0); err != nil || !given {
		t.Errorf("the turn that was an error: given %t, %v", given, err)
	}
}

// Everything but the records has a time at which Redis forgets it, and a pace is
// forgotten when it is at rest.
func TestShelfExpires(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, conversation.Options{})
	client := raw(t, server)
	const keep = time.Hour
	fill(t, s, keep)
	k, err := usualKeys("home")
	if err != nil {
		t.Fatal(err)
	}
	for key, most := range map[string]time.Duration{
		k.tally("n"): keep, k.value("n"): keep, k.pace("n"): keep + 2*time.Millisecond,
	} {
		if left := client.PTTL(t.Context(), key).Val(); left > most || left < most-patience {
			t.Errorf("%s expires in %v, want %v", key, left, most)
		}
	}
	if left := client.PTTL(t.Context(), k.records("n")).Val(); left != -1 {
		t.Errorf("the records expire in %v", left)
	}
	if n := client.DBSize(t.Context()).Val(); n != 5 { // and the one of Ping
		t.Errorf("%d keys", n)
	}
	if err := s.Append(t.Context(), "home", "n", nil, 0); err != nil {
		t.Fatal(err)
	}
	if n := client.Exists(t.Context(), k.records("n")).Val(); n != 0 {
		t.Error("there are records, and none is to be kept")
	}
	if _, given, err := s.Pace(t.Context(), "home", "short", time.Millisecond, 3, 0); err != nil || !given {
		t.Fatalf("turn given %t, %v", given, err)
	}
	eventually(t, "end of the pace", func() bool { return client.Exists(t.Context(), k.pace("short")).Val() == 0 })
}

// A connection without a name has no shelf.
func TestShelfWithoutConnection(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{})
	if _, err := s.Add(t.Context(), "", "n", 0, time.Hour); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("add: %v", err)
	}
	if _, _, err := s.Pace(t.Context(), "", "n", time.Hour, 1, 0); err == nil {
		t.Error("pace: no error")
	}
	if err := s.Put(t.Context(), "", "n", nil, time.Hour); err == nil {
		t.Error("put: no error")
	}
	if _, err := s.Get(t.Context(), "", "n"); err == nil || errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}
