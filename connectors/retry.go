package connectors

import (
	"context"
	"math/rand/v2"
	"time"
)

// Retry calls call until it returns nil, an error that is Permanent, or has
// failed tries times; it returns the last error. Between two tries it waits for
// as long as the platform asked, or else half a second doubling up to half a
// minute, jittered. It ends early with the context.
func Retry(ctx context.Context, tries int, call func() error) error {
	const maxPause = 30 * time.Second
	wait := 500 * time.Millisecond
	for try := 1; ; try++ {
		err := call()
		if err == nil || try >= tries || Permanent(err) || ctx.Err() != nil {
			return err
		}
		pause := wait/2 + rand.N(wait/2)
		if asked := RetryAfter(err); asked > 0 {
			pause = asked
		}
		if !Sleep(ctx, pause) {
			return err
		}
		wait = min(2*wait, maxPause)
	}
}

// Sleep waits for d; false means that ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
