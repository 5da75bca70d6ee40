package redistest

import (
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// imitation is miniredis with a clock: by itself it lets nothing expire.
type imitation struct {
	server *miniredis.Miniredis
	quit   chan struct{} // closed to stop the clock; nil while it is stopped
	clock  sync.WaitGroup
}

// imitate runs the imitation.
func imitate() (*Server, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, err
	}
	m := &imitation{server: server}
	m.wind()
	return &Server{mini: m}, nil
}

func (m *imitation) url() string { return "redis://" + m.server.Addr() + "/0" }

// wind has the clock go until stop.
func (m *imitation) wind() {
	quit := make(chan struct{})
	m.quit = quit
	m.clock.Go(func() {
		ticks := time.NewTicker(5 * time.Millisecond)
		defer ticks.Stop()
		for last := time.Now(); ; {
			select {
			case <-quit:
				return
			case now := <-ticks.C:
				m.server.FastForward(now.Sub(last))
				last = now
			}
		}
	})
}

func (m *imitation) stop() {
	if m.quit == nil {
		return
	}
	close(m.quit)
	m.quit = nil
	m.clock.Wait()
	m.server.Close()
}

func (m *imitation) restart() error {
	m.stop()
	if err := m.server.Restart(); err != nil {
		return err
	}
	m.wind()
	return nil
}
