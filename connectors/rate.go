package connectors

import (
	"math"
	"time"
)

// Rate is how often a platform lets an app call one API. A negative number is no
// limit.
type Rate struct{ PerSecond, PerMinute int }

// used is the part of a rate that is used: clocks differ, and other programs of the
// company may call as the same app.
const used = 0.8

// Pace is the pace that keeps within the rate: one call each period, and burst at once
// after a rest, which together are never more than the rate in any second. A period of 0
// is no pace.
func (r Rate) Pace() (period time.Duration, burst int) {
	perSecond := math.Inf(1)
	if r.PerSecond > 0 {
		perSecond = used * float64(r.PerSecond)
	}
	if r.PerMinute > 0 {
		perSecond = min(perSecond, used*float64(r.PerMinute)/60)
	}
	if math.IsInf(perSecond, 1) {
		return 0, 0
	}
	period = time.Duration(float64(time.Second) / perSecond)
	atOnce := perSecond
	if r.PerSecond > 0 {
		atOnce = used * (float64(r.PerSecond) - perSecond)
	}
	return period, max(int(atOnce), 1)
}
