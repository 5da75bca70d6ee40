package pace

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

const second = time.Second

// ask is one call and what is to become of it.
type ask struct {
	after  time.Duration // since the call before
	within time.Duration
	wait   time.Duration
	given  bool
}

func TestTurn(t *testing.T) {
	const never = time.Duration(math.MinInt64)
	for name, row := range map[string]struct {
		period time.Duration
		burst  int
		asks   []ask
	}{
		"burst, then one each period": {second, 3, []ask{
			{0, 0, 0, true}, {0, 0, 0, true}, {0, 0, 0, true},
			{0, 0, second, false}, {second / 4, 0, 3 * second / 4, false},
			{3 * second / 4, 0, 0, true}, {0, 0, second, false},
		}},
		"a wait is part of the line": {second, 1, []ask{
			{0, 0, 0, true}, {0, 5 * second, second, true}, {0, 5 * second, 2 * second, true},
			{second / 2, 2 * second, second / 2, false}, {0, 5 * second, 5 * second / 2, true},
		}},
		"a rest gives the burst back, and no more": {second, 2, []ask{
			{0, 0, 0, true}, {0, 0, 0, true}, {time.Hour, 0, 0, true}, {0, 0, 0, true}, {0, 0, second, false},
		}},
		"negative within": {50 * time.Millisecond, 12, []ask{
			{0, -500 * time.Millisecond, 0, true}, {0, -500 * time.Millisecond, 0, true},
			{0, -500 * time.Millisecond, 50 * time.Millisecond, false}, {0, -450 * time.Millisecond, 0, true},
			{time.Hour, -550 * time.Millisecond, 0, true}, {0, -550 * time.Millisecond, 50 * time.Millisecond, false},
		}},
		"more than the burst is never left": {second, 3, []ask{
			{0, -3 * second, second, false}, {time.Hour, -3 * second, second, false},
			{0, never, Ever - 2*second, false}, {0, 0, 0, true},
		}},
		"no burst is one": {second, 0, []ask{{0, 0, 0, true}, {0, 0, second, false}}},
		"no period":       {0, 1, []ask{{0, 0, 0, true}, {0, 0, 0, true}}},
		"negative period": {-second, -1, []ask{{0, 0, 0, true}, {0, 0, 0, true}}},
		"far too long": {math.MaxInt64, math.MaxInt, []ask{
			{0, math.MaxInt64, 0, true}, {0, math.MaxInt64, 0, true}, {0, math.MaxInt64, Ever, true}, {0, 0, 2 * Ever, false},
			{0, never, 3 * Ever, false},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var rest time.Time
			now := time.Unix(1_800_000_000, 0)
			for n, a := range row.asks {
				now = now.Add(a.after)
				next, wait, given := RuleOf(row.period, row.burst, a.within).Turn(rest, now)
				if wait != a.wait || given != a.given {
					t.Fatalf("call %d: %v, %t; want %v, %t", n, wait, given, a.wait, a.given)
				}
				if given {
					rest = next
				}
			}
		})
	}
}

// Whatever is asked, no more turns come in a row than the burst and one for each
// period in between, they come in the order in which they were given, and whoever
// is told how much too late a turn was gets it by asking for that much more.
func FuzzTurn(f *testing.F) {
	f.Add(uint8(10), uint8(3), []byte{0, 0, 0, 0, 0, 0, 5, 0, 20, 0})
	f.Add(uint8(1), uint8(0), []byte{0, 200, 0, 200, 1, 200})
	f.Add(uint8(7), uint8(12), []byte{0, 130, 0, 130, 0, 1, 0, 255, 9, 255})
	f.Fuzz(func(t *testing.T, period, burst uint8, asks []byte) {
		now := time.Unix(1_800_000_000, 0)
		var rest time.Time
		var came []time.Time
		for ; len(asks) >= 2; asks = asks[2:] {
			now = now.Add(time.Duration(asks[0]))
			rule := RuleOf(time.Duration(period), int(burst), time.Duration(int8(asks[1])))
			next, wait, given := rule.Turn(rest, now)
			if !given {
				rule.Within += wait
				if _, _, given := rule.Turn(rest, now); !given || wait <= 0 {
					t.Fatalf("%v too late, and %v later too", wait, wait)
				}
				continue
			}
			rest = next
			came = append(came, now.Add(wait))
		}
		for i, from := range came {
			for j := i + 1; j < len(came); j++ {
				took := came[j].Sub(from)
				if took < 0 {
					t.Fatalf("turn %d comes %v before turn %d", j, -took, i)
				}
				if least := time.Duration(j-i-int(max(burst, 1))+1) * time.Duration(period); took < least {
					t.Fatalf("turns %d to %d come within %v, want %v", i, j, took, least)
				}
			}
		}
	})
}

// What anybody may ask for is bounded, and Lua can count it.
func FuzzRuleOf(f *testing.F) {
	f.Add([]byte("\x7f\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x7f\xff\xff\xff\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 24 {
			return
		}
		number := func(i int) int64 { return int64(binary.BigEndian.Uint64(data[8*i:])) }
		r := RuleOf(time.Duration(number(0)), int(number(1)), time.Duration(number(2)))
		if r.Period < 0 || r.Period > Ever || r.Slack < 0 || r.Slack > Ever || r.Within < -Ever || r.Within > Ever {
			t.Fatalf("%+v", r)
		}
	})
}
