package access

import (
	"slices"
	"testing"
)

// books plays attempts at events on two replicas and keeps an account of its own.
type books struct {
	t      *testing.T
	gates  []*Gate
	m      *memory
	live   []attempt // reserved and neither settled nor crashed
	used   int64     // what all settled attempts have used
	lapsed bool      // something went wrong, or attempts overlapped, so that the books may say too much
}

type attempt struct {
	grant    *Grant
	event    int
	estimate int64
}

const (
	fuzzPeople = 3
	fuzzDay    = 300
	fuzzMonth  = 700
)

// step plays what one byte says: who does what, and how much.
func (b *books) step(op, arg byte) {
	switch op % 8 {
	case 0, 1, 2: // reserve: a new event, or one that is under way or was before
		n := int(arg % 16)
		ev := asks(string(rune('a'+n%fuzzPeople)), n)
		estimate := int64(op)
		gr, refusal := b.gates[int(arg/16)%2].Reserve(b.t.Context(), ev, estimate)
		if (gr == nil) == (refusal.Kind == None) {
			b.t.Fatalf("grant %t and %+v", gr != nil, refusal)
		}
		if gr != nil {
			b.lapsed = b.lapsed || slices.ContainsFunc(b.live, func(a attempt) bool { return a.event == n })
			b.live = append(b.live, attempt{gr, n, estimate})
		}
	case 3, 4: // settle, within what was reserved, or beyond it
		if len(b.live) == 0 {
			return
		}
		i := int(arg) % len(b.live)
		a := b.live[i]
		use := int64(op)
		if most := a.grant.reserved + a.grant.lent; op%8 == 3 {
			use = min(use, most)
		} else if use > most {
			b.lapsed = true
		}
		a.grant.Settle(b.t.Context(), use)
		b.used += use
		b.live = append(b.live[:i], b.live[i+1:]...)
	case 5: // crash: what an attempt has reserved is never settled by it (what is lent dies with the whole gate)
		if len(b.live) > 0 && b.live[0].grant.lent == 0 {
			b.live, b.lapsed = b.live[1:], true
		}
	case 6: // the next few calls fail, before they are carried out or after
		left := int(arg % 8)
		b.lapsed = true
		b.m.fault = func(string, int64) (error, error) {
			if left--; left < 0 {
				b.m.fault = nil
				return nil, nil
			}
			if arg >= 128 {
				return nil, errAway
			}
			return errAway, nil
		}
	case 7:
		b.m.away(arg%2 == 0)
		b.lapsed = b.lapsed || arg%2 == 0
	}
}

// total is what the store has counted.
func (b *books) total() (people, month int64) {
	for n := range fuzzPeople {
		u, err := b.gates[0].Used(b.t.Context(), string(rune('a'+n)))
		if err != nil {
			b.t.Fatal(err)
		}
		people, month = people+u.Tokens, u.Month
	}
	return people, month
}

// Whatever happens in whichever order, no less is counted than was used; and when
// nothing goes wrong, exactly that, and never more than the limits.
func FuzzBooks(f *testing.F) {
	f.Add([]byte{0x40, 0, 0x41, 17, 3, 0, 0x1b, 0})
	f.Add([]byte{0x40, 0, 0x40, 16, 0x0b, 0, 0x3c, 0, 0xf0, 0, 0xf4, 0})
	f.Add([]byte{0x80, 1, 7, 0, 0x88, 1, 0x90, 18, 0x2b, 1, 7, 1, 0x98, 2, 4, 0})
	f.Add([]byte{0x40, 0, 6, 131, 0x23, 0, 5, 0, 0x48, 0, 6, 3, 0x50, 3, 0xfc, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newMemory()
		config := Config{TokensPerDay: fuzzDay, TokensPerMonth: fuzzMonth}
		b := &books{t: t, m: m, gates: []*Gate{New(config, m, nil, quiet()), New(config, m, nil, quiet())}}
		for ops = ops[:min(len(ops), 400)]; len(ops) >= 2; ops = ops[2:] { // a longer play says no more
			b.step(ops[0], ops[1])
			if !b.lapsed {
				if people, month := b.total(); month > fuzzMonth || people != month {
					t.Fatalf("people %d, month %d of %d", people, month, fuzzMonth)
				}
			}
		}
		m.away(false)
		for _, a := range b.live {
			a.grant.Settle(t.Context(), 0)
		}
		for _, g := range b.gates {
			for g.Counts().Owed > 0 {
				if err := g.payDebts(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if len(g.credit.lent) != 0 {
				t.Fatalf("still lent: %v", g.credit.lent)
			}
		}
		people, month := b.total()
		if min(people, month) < b.used || !b.lapsed && people+month != 2*b.used {
			t.Fatalf("people %d, month %d; used %d, something went wrong: %t", people, month, b.used, b.lapsed)
		}
	})
}
