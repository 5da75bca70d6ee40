package socket

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// While the machine sleeps its own clock stands still, so only the wall clock
// tells. The socket is given up as soon as that is noticed, long before any
// deadline.
func TestSleepEndsTheSocket(t *testing.T) {
	for name, c := range map[string]struct {
		slept time.Duration
		dead  bool
	}{
		"ten minutes":            {10 * time.Minute, true},
		"a second":               {time.Second, false},
		"the clock was set back": {-time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ahead atomic.Int64
				conn, peer := pair(t, Options{
					Keepalive: time.Minute,
					wall:      func() time.Time { return time.Now().Round(0).Add(time.Duration(ahead.Load())) },
				})
				go answerPings(peer)
				ended := make(chan error, 1)
				go func() { _, _, err := conn.Read(); ended <- err }()
				go conn.keepAlive()
				time.Sleep(time.Second)
				ahead.Store(int64(c.slept))
				time.Sleep(2 * lookTime)
				synctest.Wait()
				select {
				case err := <-ended:
					if !c.dead || !strings.Contains(err.Error(), "slept") {
						t.Errorf("ended with %v", err)
					}
				default:
					if c.dead {
						t.Error("the socket lives on")
					}
				}
				conn.Close()
				_ = peer.Close()
			})
		})
	}
}
