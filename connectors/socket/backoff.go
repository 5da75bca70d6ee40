package socket

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait before the next attempt. It doubles from Min to
// Max and is jittered down to half, so that the bots of one company do not all
// come back in the same instant.
type Backoff struct {
	Min  time.Duration // after the first failure; default 500 ms
	Max  time.Duration // never longer; default 30 s
	Slow time.Duration // after a refusal that only the operator can mend; default 1 min

	next time.Duration // the wait before jitter; 0 means Min
}

// WithDefaults returns b with every zero field set to its default. A Min above Max
// is Max.
func (b Backoff) WithDefaults() Backoff {
	if b.Max <= 0 {
		b.Max = max(30*time.Second, b.Min)
	}
	if b.Min <= 0 {
		b.Min = 500 * time.Millisecond
	}
	b.Min = min(b.Min, b.Max)
	if b.Slow <= 0 {
		b.Slow = time.Minute
	}
	return b
}

// Next returns the next wait.
func (b *Backoff) Next() time.Duration {
	wait := max(b.next, b.Min)
	b.next = min(2*wait, b.Max)
	return wait/2 + rand.N(wait/2+1)
}

// Ease says that the platform was reached, though not for long: the next wait is
// no longer than an eighth of Max. One drop after a shaky minute must not cost half a
// minute, and a platform that lets go of everybody at once must not be stormed.
func (b *Backoff) Ease() { b.next = min(b.next, b.Max/8) }

// Reset makes the next failure the first one again.
func (b *Backoff) Reset() { b.next = 0 }
