package connectors

import (
	"testing"
	"time"
)

func TestRatePace(t *testing.T) {
	for _, c := range []struct {
		rate   Rate
		period time.Duration
		burst  int
	}{
		{Rate{20, -1}, 62500 * time.Microsecond, 3},
		{Rate{50, 1000}, 75 * time.Millisecond, 29},
		{Rate{-1, 60}, 1250 * time.Millisecond, 1},
		{Rate{1, -1}, 1250 * time.Millisecond, 1},
		{Rate{-1, -1}, 0, 0},
		{Rate{}, 0, 0},
	} {
		if period, burst := c.rate.Pace(); period != c.period || burst != c.burst {
			t.Errorf("%+v: %s, %d", c.rate, period, burst)
		}
	}
}
