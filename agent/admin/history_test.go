package admin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"longwire/conversation"
)

func newHistory(names ...string) *history {
	h := &history{}
	var all []Connection
	for _, name := range names {
		all = append(all, Connection{Name: name})
	}
	h.keep(all)
	return h
}

func TestHourHasAMinuteInEachElement(t *testing.T) {
	h, now := newHistory("a", "b"), time.Date(2026, 11, 2, 9, 30, 15, 0, time.UTC)
	second := time.Second
	h.add(Turn{Connection: "a", How: conversation.Answered}, now.Add(-60*time.Minute)) // no longer in it
	h.add(Turn{Connection: "a", How: conversation.Answered, FirstWord: second, Took: 4 * second}, now)
	h.add(Turn{Connection: "b", How: conversation.Answered, FirstWord: 3 * second, Took: 8 * second}, now)
	h.add(Turn{Connection: "a", How: conversation.Failed, Took: second}, now.Add(-time.Minute))
	h.add(Turn{Connection: "a", How: conversation.Dead}, now.Add(-time.Minute))
	h.add(Turn{Connection: "a", How: conversation.Skipped, Took: time.Hour}, now.Add(-59*time.Minute))
	h.add(Turn{Connection: "nobody", How: conversation.Answered}, now)
	h.wait("a", 4, now)
	h.wait("a", 2, now)
	h.wait("b", 3, now)

	all := h.hour("", now)
	for name, n := range map[string]int{"answered": len(all.Answered), "failed": len(all.Failed), "skipped": len(all.Skipped), "waiting": len(all.Waiting)} {
		if n != minutes {
			t.Fatalf("%s has %d minutes", name, n)
		}
	}
	if all.Answered[59] != 2 || all.Failed[58] != 2 || all.Skipped[0] != 1 || *all.Waiting[59] != 7 || all.Waiting[58] != nil {
		t.Errorf("all: %+v", all)
	}
	if n := h.waiting(now.Add(time.Minute - 50*time.Second)); n == nil || *n != 2+3 {
		t.Errorf("%v wait now", n)
	}
	if all.Hour.Answered != 2 || all.Hour.Failed != 2 || all.Hour.Skipped != 1 {
		t.Errorf("the hour is %+v", all.Hour)
	}
	if a := h.hour("a", now); a.Answered[59] != 1 || *a.Waiting[59] != 4 || !near(a.FirstWord.P99[59], 1000) || a.FirstWord.P50[58] != 0 || !near(a.Took.P50[58], 1000) || a.Took.P99[59] == 0 {
		t.Errorf("a: %+v", a)
	}
	if none := h.hour("nobody", now); none.Hour.Answered != 0 || len(none.Answered) != minutes {
		t.Errorf("nobody: %+v", none)
	}
	// An hour and a minute later the same places of the ring are other minutes.
	later := now.Add(61 * time.Minute)
	h.add(Turn{Connection: "a", How: conversation.Answered}, later)
	if c := h.hour("", later); c.Hour.Answered != 1 || c.Hour.Failed != 0 || c.Answered[59] != 1 {
		t.Errorf("later: %+v", c.Hour)
	}
}

func near(got, want int64) bool { return math.Abs(float64(got-want)) <= float64(want)/10 }

func TestPercentilesAreRightWithinATenth(t *testing.T) {
	for _, scale := range []time.Duration{20 * time.Microsecond * 1000, 350 * time.Millisecond, 4 * time.Second} {
		var h histogram
		for i := 1; i <= 100; i++ {
			h.add(scale * time.Duration(i))
		}
		got := h.percentiles()
		for i, rank := range []int64{50, 95, 99} {
			if want := scale.Milliseconds() * rank; !near(got[i], want) {
				t.Errorf("p%d of %s: %d ms, want about %d", rank, scale, got[i], want)
			}
		}
	}
	var h histogram
	h.add(0)
	h.add(-time.Second)
	if got := h.percentiles(); got != [3]int64{} {
		t.Errorf("of nothing: %v", got)
	}
	h.add(time.Nanosecond)
	h.add(1000 * time.Hour)
	if got := h.percentiles(); got[0] > 12 || got[2] < 600_000 {
		t.Errorf("of extremes: %v", got)
	}
}

func TestHistoryKeepsOnlyConnectionsThatThereAre(t *testing.T) {
	h, now := newHistory("a", "b"), time.Now()
	h.add(Turn{Connection: "a", How: conversation.Answered}, now)
	h.keep([]Connection{{Name: "a"}, {Name: "c"}})
	if got := h.hour("a", now).Hour.Answered; got != 1 || len(h.courses) != 2 || h.courses["b"] != nil {
		t.Errorf("%d answered, %d kept", got, len(h.courses))
	}
}

func TestWhatWaitsIsCountedInBothLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{log: quiet()}
		store := &counting{fail: map[string]bool{"b": true}}
		s.Set(Config{Store: store, Connections: []Connection{{Name: "a"}, {Name: "b"}}})
		ctx, cancel := context.WithCancel(t.Context())
		go s.sample(ctx)
		time.Sleep(sampleEvery)
		synctest.Wait()
		cancel()
		if got := s.history.hour("a", time.Now()).Waiting[minutes-1]; got == nil || *got != 1+2 {
			t.Errorf("a: %v wait", got)
		}
		if got := s.history.hour("b", time.Now()).Waiting[minutes-1]; got != nil {
			t.Errorf("b: %d wait, but nobody knows", *got)
		}
		if got := s.history.waiting(time.Now()); got != nil {
			t.Errorf("%d wait on both, but of one nobody knows", *got)
		}
		if want := "a a/aside b a a/aside b"; strings.Join(store.asked, " ") != want {
			t.Errorf("asked for %v, want %s", store.asked, want)
		}
	})
}

// What waits now does not begin at nothing with each minute; it is unknown once nobody
// could count for a while, or just now.
func TestWhatWaitsNow(t *testing.T) {
	h, now := newHistory("a"), time.Date(2026, 11, 2, 9, 30, 59, 0, time.UTC)
	if n := h.waiting(now); n != nil {
		t.Errorf("%d wait before anybody has counted", *n)
	}
	h.wait("a", 4, now)
	if n := h.waiting(now.Add(3 * time.Second)); n == nil || *n != 4 {
		t.Errorf("%v wait in the next minute", n)
	}
	if n := h.waiting(now.Add(fresh + 1)); n != nil {
		t.Errorf("%d wait, counted long ago", *n)
	}
	h.wait("a", 5, now)
	h.lost("a")
	if n := h.waiting(now); n != nil {
		t.Errorf("%d wait, but nobody could count", *n)
	}
	h.wait("a", 6, now)
	h.keep([]Connection{{Name: "a"}, {Name: "b"}})
	if n := h.waiting(now); n != nil {
		t.Errorf("%d wait, but nobody has counted those of b", *n)
	}
	h.keep([]Connection{{Name: "a"}})
	if n := h.waiting(now); n == nil || *n != 6 {
		t.Errorf("%v wait", n)
	}
}

// counting is a store in which one event waits, and two aside.
type counting struct {
	fail  map[string]bool
	asked []string
}

func (c *counting) Ping(context.Context) error { return nil }

func (c *counting) Waiting(_ context.Context, line string) (int, error) {
	if c.asked = append(c.asked, line); c.fail[line] {
		return 0, errors.New("away")
	}
	return 1 + strings.Count(line, "/"), nil
}

func TestTroublesAreTheLastOnes(t *testing.T) {
	s := &Server{log: quiet()}
	s.Set(Config{Slow: 10 * time.Second, Redact: func(text string) string { return strings.ReplaceAll(text, "s3cret", "[key]") }})
	for _, turn := range []Turn{
		{Trace: "fine", How: conversation.Answered, FirstWord: time.Second, Took: time.Hour},
		{Trace: "skipped", How: conversation.Skipped, Took: time.Hour},
		{Trace: "slow", How: conversation.Answered, Waited: 8 * time.Second, FirstWord: 3 * time.Second},
		{Trace: "mute", How: conversation.Answered, Took: 11 * time.Second},
		{Trace: "failed", How: conversation.Failed, Reason: "key s3cret refused \xff" + strings.Repeat("长", 200)},
		{Trace: "dead", How: conversation.Dead},
	} {
		s.Report(turn)
	}
	var got []string
	for _, one := range s.troubles.list() {
		got = append(got, one.ID+"="+one.What)
		if strings.Contains(one.Reason, "s3cret") || len(one.Reason) > maxReason+len("…") {
			t.Errorf("the reason is %d bytes: %q", len(one.Reason), one.Reason)
		}
	}
	if want := "dead=dead failed=failed mute=slow slow=slow"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for i := range 3 * maxTroubles {
		s.Report(Turn{Trace: fmt.Sprint(i), How: conversation.Failed})
	}
	if all := s.troubles.list(); len(all) != maxTroubles || all[0].ID != fmt.Sprint(3*maxTroubles-1) || all[maxTroubles-1].ID != fmt.Sprint(2*maxTroubles) {
		t.Errorf("%d are kept, from %s to %s", len(all), all[0].ID, all[len(all)-1].ID)
	}
}
