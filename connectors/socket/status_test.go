package socket

import (
	"context"
	"errors"
	"testing"
	"time"

	"longwire/connectors"
)

func TestStatusTellsTheTruth(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	asked, outcome := make(chan struct{}), make(chan error)
	p.dial = func(ctx context.Context) (*Conn, error) {
		select {
		case asked <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err := <-outcome; err != nil {
			return nil, err
		}
		return Dial(ctx, s.url, Options{})
	}
	var log journal
	link := New(p, Backoff{Min: time.Millisecond, Max: time.Millisecond, Slow: time.Millisecond}, untold, log.logger())
	check := func(when string, state connectors.State, problem string, connects, attempts int) {
		t.Helper()
		st := waitState(t, link, state)
		if st.Problem != problem || st.Connects != connects || st.Attempts != attempts {
			t.Errorf("%s: %+v", when, st)
		}
		if st.Healthy() != (state == connectors.Connected) || st.Since.IsZero() || st.LastFrame.IsZero() != (connects == 0) {
			t.Errorf("%s: healthy %t, %+v", when, st.Healthy(), st)
		}
	}
	check("before Run", connectors.Stopped, "", 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); link.Run(ctx) }()

	next(t, asked, "the first dial")
	check("first dial", connectors.Connecting, "", 0, 0)
	outcome <- errors.New("lines are down")
	next(t, asked, "the second dial")
	check("second dial", connectors.Connecting, "lines are down", 0, 1)
	outcome <- &connectors.Error{Op: "open", Message: "wrong secret", Fatal: true}
	next(t, asked, "the third dial")
	check("third dial", connectors.Connecting, "open: wrong secret", 0, 2)
	outcome <- nil
	ws := s.accept()
	check("up", connectors.Connected, "", 1, 0)
	heard := link.Status().LastFrame
	send(t, ws, "hello")
	p.expect(t, "hello")
	if now := link.Status().LastFrame; !now.After(heard) {
		t.Errorf("last frame %v, and then %v", heard, now)
	}
	_ = ws.Close()
	next(t, asked, "a dial after the drop")
	if st := link.Status(); st.State != connectors.Connecting || st.Problem == "" || st.Attempts != 1 || st.Connects != 1 || st.LastFrame.IsZero() {
		t.Errorf("after the drop: %+v", st)
	}
	outcome <- nil
	_ = s.accept()
	check("up again", connectors.Connected, "", 2, 0)
	cancel()
	next(t, done, "the end of Run")
	check("after Run", connectors.Stopped, "", 2, 0)
	if log.count("level=ERROR", "wrong secret") != 1 || log.count("level=WARN", "lines are down") != 1 || log.count("level=INFO", "stream up") != 2 {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestStatusWhileItWaits(t *testing.T) {
	for state, err := range map[connectors.State]error{
		connectors.Waiting: errors.New("lines are down"),
		connectors.Failed:  &connectors.Error{Op: "open", Message: "wrong secret", Fatal: true},
	} {
		p := &platform{dial: func(context.Context) (*Conn, error) { return nil, err }}
		link, stop := run(t, p, Backoff{Min: time.Hour, Max: time.Hour, Slow: time.Hour}, silence)
		st := waitState(t, link, state)
		if st.Problem != err.Error() || st.Attempts != 1 || st.Healthy() {
			t.Errorf("%+v", st)
		}
		stop()
		if st := link.Status(); st.State != connectors.Stopped || st.Problem != err.Error() {
			t.Errorf("stopped: %+v", st)
		}
	}
}

// Our own port is another one at every attempt: it makes no new reason.
func TestSameFailureIsLoggedOnce(t *testing.T) {
	texts := []string{
		"post h: read tcp 127.0.0.1:40001->127.0.0.1:80: read: connection reset by peer",
		"post h: read tcp 127.0.0.1:40002->127.0.0.1:80: read: connection reset by peer",
		"post h: read tcp [::1]:40003->127.0.0.1:80: read: connection reset by peer",
	}
	n := 0
	p := &platform{dial: func(ctx context.Context) (*Conn, error) {
		if n == len(texts) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		n++
		return nil, errors.New(texts[n-1])
	}}
	var log journal
	link, stop := run(t, p, quick, log.logger())
	eventually(t, "all failures", func() bool {
		st := link.Status()
		return st.Attempts == len(texts) && st.State == connectors.Connecting
	})
	if got := log.count("level=WARN"); got != 1 {
		t.Errorf("logged %d times:\n%s", got, log.String())
	}
	if got, want := link.Status().Problem, "post h: read tcp 127.0.0.1:80: read: connection reset by peer"; got != want {
		t.Errorf("problem %q", got)
	}
	stop()
}
