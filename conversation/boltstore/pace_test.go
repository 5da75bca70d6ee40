package boltstore

import (
	"strconv"
	"testing"
	"time"

	"longwire/conversation/internal/pace"
)

// Paces at rest are dropped, so that memory holds about as many as are not; those
// that are not at rest stay as they are.
func TestPacesDropped(t *testing.T) {
	var p paces
	now := time.Now()
	rule := pace.RuleOf(time.Second, 1, 0)
	const busy = 3 * fewPaces
	never := pace.RuleOf(time.Hour*24*365, 1, 0)
	for n := range busy {
		p.turn(paced{"busy", strconv.Itoa(n)}, never, now)
	}
	for n := range 20 * fewPaces {
		now = now.Add(time.Second)
		if _, given := p.turn(paced{"home", strconv.Itoa(n)}, rule, now); !given {
			t.Fatal("no turn")
		}
		if len(p.rests) > 2*(busy+1) {
			t.Fatalf("%d paces, of which %d are not at rest", len(p.rests), busy+1)
		}
	}
	for n := range busy {
		if _, given := p.turn(paced{"busy", strconv.Itoa(n)}, never, now); given {
			t.Fatalf("pace %d was dropped while it was not at rest", n)
		}
	}
	now = now.Add(never.Period)
	for n := range 10 * busy {
		now = now.Add(time.Second)
		p.turn(paced{"home", strconv.Itoa(n)}, rule, now)
	}
	if len(p.rests) > fewPaces {
		t.Errorf("%d paces of which one is not at rest", len(p.rests))
	}
}
