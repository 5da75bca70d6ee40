package connectors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var silence = slog.New(slog.DiscardHandler)

func eventIn(chat string, n int) Event {
	return Event{ID: fmt.Sprintf("%s/%d", chat, n), Connection: "work", Chat: Chat{ID: chat}}
}

func TestIntakeKeepsTheOrderOfAChat(t *testing.T) {
	const chats, each = 8, 100
	var mu sync.Mutex
	seen, settled := map[string][]string{}, map[string]int{}
	var busy [chats]atomic.Int32
	in := NewIntake(func(_ context.Context, ev Event) error {
		chat := int(ev.Chat.ID[0] - 'a')
		if busy[chat].Add(1) != 1 {
			t.Errorf("two events of chat %s at a time", ev.Chat.ID)
		}
		runtime.Gosched()
		mu.Lock()
		seen[ev.Chat.ID] = append(seen[ev.Chat.ID], ev.ID)
		mu.Unlock()
		busy[chat].Add(-1)
		return nil
	}, silence)

	var readers sync.WaitGroup
	for c := range chats {
		chat := string(rune('a' + c))
		readers.Go(func() {
			for n := range each {
				in.Add(eventIn(chat, n), func(err error) {
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Errorf("settled with %v", err)
					}
					if want := fmt.Sprintf("%s/%d", chat, settled[chat]); len(seen[chat]) == 0 || seen[chat][len(seen[chat])-1] != want {
						t.Errorf("settled before delivered, or out of order: %s", want)
					}
					settled[chat]++
				})
			}
		})
	}
	readers.Wait()
	in.Wait()
	for c := range chats {
		chat := string(rune('a' + c))
		if len(seen[chat]) != each || settled[chat] != each {
			t.Errorf("chat %s: %d delivered, %d settled", chat, len(seen[chat]), settled[chat])
		}
		for n, id := range seen[chat] {
			if id != eventIn(chat, n).ID {
				t.Fatalf("chat %s: event %d is %s", chat, n, id)
			}
		}
	}
	if got := in.Counts(); got != (Counts{Events: chats * each}) {
		t.Errorf("%+v", got)
	}
	if len(in.chats) != 0 || len(in.slots) != 0 {
		t.Errorf("%d chats and %d slots are left behind", len(in.chats), len(in.slots))
	}
}

func TestIntakeDeliversChatsSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		in := NewIntake(func(_ context.Context, ev Event) error {
			if ev.Chat.ID == "slow" {
				<-release
			}
			return nil
		}, silence)
		var slow, quick int
		in.Add(eventIn("slow", 1), func(error) { slow++ })
		in.Add(eventIn("slow", 2), func(error) { slow++ })
		in.Add(eventIn("quick", 1), func(error) { quick++ })
		synctest.Wait()
		if slow != 0 || quick != 1 {
			t.Errorf("while one chat waits: %d and %d settled", slow, quick)
		}
		close(release)
		in.Wait()
		if slow != 2 {
			t.Errorf("%d of 2 settled", slow)
		}
	})
}

func TestIntakeIsBounded(t *testing.T) {
	for name, chatOf := range map[string]func(n int) string{
		"one chat":   func(int) string { return "one" },
		"many chats": func(n int) string { return fmt.Sprint(n) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := make(chan struct{})
				in := NewIntake(func(context.Context, Event) error { <-gate; return nil }, silence)
				var added, settled atomic.Int64
				go func() {
					for n := range maxInHand + 2 {
						in.Add(eventIn(chatOf(n), n), func(error) { settled.Add(1) })
						added.Add(1)
					}
				}()
				for done := range 3 {
					synctest.Wait()
					if got := added.Load(); got != int64(min(maxInHand+done, maxInHand+2)) {
						t.Errorf("%d added with %d settled", got, done)
					}
					gate <- struct{}{}
				}
				close(gate)
				synctest.Wait()
				in.Wait()
				if settled.Load() != maxInHand+2 {
					t.Errorf("%d settled", settled.Load())
				}
			})
		})
	}
}

func TestIntakeContainsPanics(t *testing.T) {
	var log strings.Builder
	in := NewIntake(func(_ context.Context, ev Event) error {
		if ev.ID == "c/1" {
			panic("boom")
		}
		return nil
	}, slog.New(slog.NewTextHandler(&log, nil)))
	var outcomes []error
	for n := range 4 {
		in.Add(eventIn("c", n), func(err error) {
			outcomes = append(outcomes, err)
			if n == 2 {
				panic("settle")
			}
		})
	}
	in.Wait()
	if len(outcomes) != 4 || outcomes[0] != nil || outcomes[1] == nil || outcomes[2] != nil || outcomes[3] != nil {
		t.Errorf("outcomes %v", outcomes)
	}
	if got := in.Counts(); got != (Counts{Events: 4, Refused: 1, Panics: 2}) {
		t.Errorf("%+v", got)
	}
	if len(in.slots) != 0 || len(in.chats) != 0 {
		t.Error("a panic left something in hand")
	}
	for _, want := range []string{"panic=boom", "panic=settle", "event=" + eventIn("c", 1).Trace(), "intake_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

func TestIntakeRefuses(t *testing.T) {
	full := errors.New("store is full")
	in := NewIntake(func(context.Context, Event) error { return full }, silence)
	var got error
	in.Add(eventIn("c", 1), func(err error) { got = err })
	in.Wait()
	if !errors.Is(got, full) || in.Counts() != (Counts{Events: 1, Refused: 1}) {
		t.Errorf("%v, %+v", got, in.Counts())
	}
}

// A store that hangs costs the ack, and the event comes again; what waits behind
// it gets its turn.
func TestIntakeBoundsADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := NewIntake(func(ctx context.Context, ev Event) error {
			if ev.ID == "c/1" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, silence)
		began := time.Now()
		var took [2]time.Duration
		var outcomes [2]error
		for n := range 2 {
			in.Add(eventIn("c", n+1), func(err error) { took[n], outcomes[n] = time.Since(began), err })
		}
		in.Wait()
		if !errors.Is(outcomes[0], context.DeadlineExceeded) || outcomes[1] != nil {
			t.Errorf("outcomes %v", outcomes)
		}
		if took[0] != deliverTime || took[0] >= 3*time.Second || took[1] != deliverTime {
			t.Errorf("settled after %v", took)
		}
	})
}

func TestIntakeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		in := NewIntake(func(context.Context, Event) error { <-gate; return nil }, silence)
		in.Wait() // nothing in hand
		settled, waited := false, false
		in.Add(eventIn("c", 1), func(error) { settled = true })
		go func() { in.Wait(); waited = true }()
		synctest.Wait()
		if waited {
			t.Error("Wait returned with an event in hand")
		}
		close(gate)
		synctest.Wait()
		if !waited || !settled {
			t.Errorf("waited %t, settled %t", waited, settled)
		}
	})
}

func TestIntakeCountsFrames(t *testing.T) {
	var log strings.Builder
	in := NewIntake(nil, slog.New(slog.NewTextHandler(&log, nil)))
	in.Malformed(errors.New("no msgId"), "frame", "f1")
	func() {
		defer in.Contain("read frame", "bytes", 7)
		panic("boom")
	}()
	func() { defer in.Contain("read frame") }()
	if got := in.Counts(); got != (Counts{Malformed: 1, Panics: 1}) {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{"frame=f1", `err="no msgId"`, "bytes=7", `where="read frame"`, "panic=boom"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}
