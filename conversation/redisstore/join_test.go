package redisstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"longwire/conversation"
	"longwire/conversation/internal/record"
	"longwire/conversation/redisstore/redistest"
)

// takeTexts takes what is next, and the texts of its events.
func takeTexts(t *testing.T, s *Store) (string, *conversation.Lease) {
	t.Helper()
	text, lease := takeText(t, s)
	for _, ev := range lease.Joined {
		text += " " + ev.Text
	}
	return text, lease
}

// What was taken together stays together: nothing goes between, and nothing that is
// known already is moved there.
func TestInsertStaysOutOfJoined(t *testing.T) {
	for name, end := range map[string]func(l *conversation.Lease) error{
		"in hand":  func(*conversation.Lease) error { return nil },
		"released": func(l *conversation.Lease) error { return l.Release(t.Context(), time.Time{}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, redistest.Start(t), conversation.Options{Lease: time.Second, Join: 3})
			for _, at := range []int{3, 5, 8, 7, 6} {
				accept(t, s, said("ann", at))
			}
			got, lease := takeTexts(t, s)
			if got != "3 5 8" {
				t.Fatalf("took %s", got)
			}
			if err := end(lease); err != nil {
				t.Fatal(err)
			}
			insert(t, s, said("ann", 4), time.Millisecond)
			insert(t, s, said("ann", 1), time.Millisecond)
			if fresh, err := s.Insert(t.Context(), said("ann", 6), time.Millisecond); fresh || err != nil {
				t.Fatalf("insert what was accepted: %t, %v", fresh, err)
			}
			got, lease = takeTexts(t, s) // where it is in hand, once that is over
			if got != "3 5 8" || lease.Attempt != 2 {
				t.Fatalf("took %s, attempt %d", got, lease.Attempt)
			}
			if err := lease.Done(t.Context(), conversation.Outcome{}); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"1 4 6", "7"} {
				if got, lease = takeTexts(t, s); got != want {
					t.Fatalf("took %s, want %s", got, want)
				}
				if err := lease.Done(t.Context(), conversation.Outcome{}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// What is put back as if it had never been taken is joined anew.
func TestHoldPutsBackJoined(t *testing.T) {
	s := open(t, redistest.Start(t), conversation.Options{Join: 2})
	accept(t, s, said("ann", 5))
	accept(t, s, said("ann", 7))
	l, err := s.lineOf("home")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := s.ask(t.Context(), l, "")
	if err != nil || len(got.events) != 2 {
		t.Fatalf("ask: %+v, %v", got, err)
	}
	s.Hold(50 * time.Millisecond)
	if lease, err := s.lease(t.Context(), "home", l, got); lease != nil || err != nil {
		t.Fatalf("lease: %+v, %v", lease, err)
	}
	insert(t, s, said("ann", 6), time.Millisecond)
	if got, lease := takeTexts(t, s); got != "5 6" || lease.Attempt != 1 {
		t.Errorf("took %s, attempt %d", got, lease.Attempt)
	}
}

// A Done whose answer was lost has ended all of them, also where the dead letters it
// made had to go at once.
func TestJoinedDoneAnswerLost(t *testing.T) {
	server := realServer(t)
	s, err := Open(t.Context(), server.URL()+"&read_timeout=1s", conversation.Options{Lease: time.Hour, Join: 2, MaxDead: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range 4 {
		accept(t, s, event("ann", n))
	}
	if err := take(t, s).Done(t.Context(), conversation.Outcome{}); err != nil { // Redis knows the script from here on
		t.Fatal(err)
	}
	l := take(t, s)
	if len(l.Joined) != 1 {
		t.Fatalf("%d are joined", len(l.Joined))
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	dead := conversation.Outcome{How: conversation.Dead}
	if err := l.Done(t.Context(), dead); err == nil || errors.Is(err, conversation.ErrLost) {
		t.Fatalf("done while redis is paused: %v", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "done", func() bool { got, err := s.Waiting(t.Context(), "home"); return err == nil && got == 0 })
	for range 2 {
		if err := l.Done(t.Context(), dead); err != nil {
			t.Fatalf("done again: %v", err)
		}
	}
	items, err := s.Inbox(t.Context(), "home", 10)
	if err != nil || len(items) != 1 || items[0].Event.ID != "ann/3" {
		t.Fatalf("inbox %+v, %v; want the last dead letter", items, err)
	}
}

// Where nothing is to be joined, nothing more is asked of Redis: the only list that is
// read is that of the turns.
func TestJoinCostsNothing(t *testing.T) {
	server := realServer(t)
	client := raw(t, server)
	for _, row := range []struct {
		join  int
		alone bool
	}{{1, false}, {3, true}} {
		s := open(t, server, conversation.Options{Join: row.join})
		const events = 5
		for n := range events {
			ev := event("ann", n)
			ev.ID, ev.Alone = ev.ID+time.Now().String(), row.alone
			accept(t, s, ev)
		}
		if err := client.ConfigResetStat(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for range events {
			if err := take(t, s).Done(t.Context(), conversation.Outcome{}); err != nil {
				t.Fatal(err)
			}
		}
		stats := client.Info(t.Context(), "commandstats").Val()
		for _, want := range []string{"cmdstat_lrange:calls=5,", "cmdstat_evalsha:calls="} {
			if !strings.Contains(stats, want) {
				t.Errorf("join %d: no %s in %s", row.join, want, stats)
			}
		}
		for _, never := range []string{"cmdstat_hget:", "cmdstat_hmget:", "cmdstat_hset:"} {
			if strings.Contains(stats, never) {
				t.Errorf("join %d: %s in %s", row.join, never, stats)
			}
		}
	}
}

// alone.lua says of every event what package record says.
func FuzzAlone(f *testing.F) {
	for _, kept := range []string{
		"", "a", "abcdefg", "abcdefgh", "abcdefgha", "abcdefgh{}", "abcdefgha{}", "abcdefghr{}", "abcdefghra{}", "abcdefghar{}",
		"abcdefgh000001755826923004{}", "abcdefgh000001755826923004a{}", "abcdefgh000001755826923004ra{}",
		"abcdefgh000001755826923004r{}a", "abcdefgh0000017558269230a{}", "abcdefgh00000175582692300a{}",
		"abcdefgh000001755826923004", "abcdefgh0000017558269230040a{}", "aaaaaaaa\x00a{}", "abcdefgh00000175582692300aa",
	} {
		f.Add(kept)
	}
	client := raw(f, redistest.Start(f))
	f.Fuzz(func(t *testing.T, kept string) {
		got, err := client.Eval(context.Background(), aloneLua+"return alone(ARGV[1]) and 1 or 0", nil, kept).Bool()
		if want := record.Alone([]byte(kept)); err != nil || got != want {
			t.Fatalf("%q is alone: %t, %v; want %t", kept, got, err, want)
		}
	})
}
