package feishu

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"longwire/connectors"
)

// No burst and no crowd gets past what the platform allows in a second and a minute.
func TestGovernorsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGovernor(newMemory(), connectors.Rate{})
		var calls []time.Time
		for range 2000 {
			if err := g.wait(t.Context(), opReply); err != nil {
				t.Fatal(err)
			}
			calls = append(calls, time.Now())
		}
		most := func(span time.Duration) (n int) {
			for i, j := 0, 0; j < len(calls); j++ {
				for calls[j].Sub(calls[i]) >= span {
					i++
				}
				n = max(n, j-i+1)
			}
			return n
		}
		if n := most(time.Second); n > 50 {
			t.Errorf("%d calls in a second", n)
		}
		if n := most(time.Minute); n > 1000 || n < 800 {
			t.Errorf("%d calls in a minute", n)
		}
		if took := calls[len(calls)-1].Sub(calls[0]); took > 150*time.Second {
			t.Errorf("2000 calls took %s", took)
		}
	})
}

// What the platform refuses for its frequency is left alone, for everybody and as
// long as it says; other APIs go on.
func TestGovernorLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, g := range map[string]*governor{"with a shelf": newGovernor(newMemory(), connectors.Rate{}), "without": newGovernor(nil, connectors.Rate{})} {
			g.learn(opGrowCard, &connectors.Error{Code: "99991400", RetryAfter: 7 * time.Second})
			g.learn(opReply, &connectors.Error{Code: "230020", RetryAfter: time.Hour})
			g.learn(opSend, nil)
			g.learn(opSetCard, &connectors.Error{Code: "99991400"})
			if g.try(t.Context(), opGrowCard) || !g.try(t.Context(), opReply) || !g.try(t.Context(), opSend) {
				t.Errorf("%s: a wrong API is closed", name)
			}
			began := time.Now()
			for api, want := range map[string]time.Duration{opSetCard: defaultPenalty, opGrowCard: 7 * time.Second} {
				if left := g.closedFor(api); left != want {
					t.Errorf("%s: %s is closed for %s", name, api, left)
				}
			}
			if err := g.wait(t.Context(), opGrowCard); err != nil || time.Since(began) < 7*time.Second {
				t.Errorf("%s: waited %s, %v", name, time.Since(began), err)
			}
			g.learn(opGrowCard, &connectors.Error{Code: "99991400", RetryAfter: time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := g.wait(ctx, opGrowCard); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
		}
	})
}

func TestSequencer(t *testing.T) {
	created := time.Now()
	first := sequencer{created: created}
	last := 0
	for _, after := range []time.Duration{0, 0, time.Second, time.Second, 500 * time.Millisecond} {
		if n := first.next(created.Add(after)); n <= last {
			t.Errorf("%d after %d", n, last)
		} else {
			last = n
		}
	}
	later := sequencer{created: created}
	if n := later.next(created.Add(2 * time.Second)); n <= last {
		t.Errorf("another attempt begins at %d, after %d", n, last)
	}
	if n := later.next(created.Add(14 * 24 * time.Hour)); n > math.MaxInt32/3*2 {
		t.Errorf("%d after 14 days", n)
	}
	back := sequencer{created: created.Add(time.Hour)} // a clock behind the one that made the card
	if n := back.next(created); n != 1 {
		t.Errorf("%d before the card was made", n)
	}
	for n, want := range []int{1 + 10_000, 1 + 1_000_000, 1 + 100_000_000} {
		s := sequencer{created: created, last: 1}
		if s.jump(n); s.last != want {
			t.Errorf("jump %d: %d", n, s.last)
		}
	}
	for _, years := range []int{1, 100, 290} {
		s := sequencer{}
		if n := s.next(time.Time{}.AddDate(years, 0, 0)); n < 1 || n > math.MaxInt32 {
			t.Errorf("%d after %d years", n, years)
		}
	}
}

// Of two tries of one operation the second may be refused for the first one's
// sequence: then that has worked. Else the sequence is raised until it is taken.
func TestOperate(t *testing.T) {
	refused := &connectors.Error{Code: codeSequence, Fatal: true}
	lost := &connectors.Error{Err: errors.New("cut off")}
	for name, test := range map[string]struct {
		outcomes []error
		uuids    int
		err      error
	}{
		"works":              {[]error{nil}, 1, nil},
		"lost, had worked":   {[]error{lost, refused}, 1, nil},
		"lost, works":        {[]error{lost, nil}, 1, nil},
		"jumps":              {[]error{refused, nil}, 2, nil},
		"jumps twice":        {[]error{refused, refused, nil}, 3, nil},
		"jumps in vain":      {[]error{refused, refused, refused, refused}, maxJumps + 1, refused},
		"refused for itself": {[]error{&connectors.Error{Code: "200750", Fatal: true}}, 1, &connectors.Error{Code: "200750"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := sequencer{created: time.Now()}
			uuids, last, i := map[string]int{}, 0, 0
			err := s.operate(t.Context(), "123", 2, func(op operation) error {
				if was, again := uuids[op.uuid]; again && was != op.sequence || !again && op.sequence <= last {
					t.Errorf("%s: %+v after %d", name, op, last)
				}
				uuids[op.uuid], last = op.sequence, op.sequence
				i++
				return test.outcomes[i-1]
			})
			if (err == nil) != (test.err == nil) || i != len(test.outcomes) || len(uuids) != test.uuids {
				t.Errorf("%s: %v after %d calls with %d uuids", name, err, i, len(uuids))
			}
		})
	}
}
