package socket

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"longwire/connectors"
)

func TestRetireOverlaps(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	ended := make(chan error, 10)
	p.serve = func(_ context.Context, conn *Conn) error {
		err := p.read(conn)
		ended <- err
		return err
	}
	link, stop := run(t, p, quick, silence)
	old := s.accept()
	send(t, old, "retire")
	p.expect(t, "retire")
	young := s.accept()
	if len(ended) != 0 {
		t.Error("the old socket ended before the new one was up")
	}
	send(t, young, "by the new")
	p.expect(t, "by the new")
	send(t, old, "by the old")
	p.expect(t, "by the old")
	eventually(t, "the new socket in the status", func() bool { st := link.Status(); return st.State == connectors.Connected && st.Connects == 2 })
	_ = old.Close()
	_ = next(t, ended, "the end of the old socket")
	send(t, young, "still there")
	p.expect(t, "still there")
	if st := link.Status(); st.State != connectors.Connected || st.Connects != 2 || st.Attempts != 0 || st.Problem != "" {
		t.Errorf("after the end of the old socket: %+v", st)
	}
	stop()
	_ = next(t, ended, "the end of the new socket")
	if len(ended) != 0 {
		t.Error("a third socket")
	}
}

// The next dial may fail as often as it likes: the old socket is read meanwhile.
func TestRetiredSocketIsReadWhileTheNextCannotBeHad(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	link, _ := run(t, p, quick, silence)
	old := s.accept()
	s.refuse.Store(503)
	send(t, old, "retire")
	p.expect(t, "retire")
	eventually(t, "several failures", func() bool { return link.Status().Attempts >= 3 })
	send(t, old, "by the old")
	p.expect(t, "by the old")
	s.refuse.Store(0)
	send(t, s.accept(), "by the new")
	p.expect(t, "by the new")
}

func TestRetiredSocketThatIsForgottenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		dials, lived := 0, time.Duration(0)
		p := &platform{}
		p.dial = func(context.Context) (*Conn, error) {
			dials++
			conn, peer := pair(t, Options{Keepalive: time.Second})
			go answerPings(peer) // alive and well, for ever
			if dials == 1 {
				go func() {
					time.Sleep(time.Minute)
					send(t, peer, "retire")
				}()
			}
			return conn, nil
		}
		p.serve = func(_ context.Context, conn *Conn) error {
			err := p.read(conn)
			if conn.isRetired() {
				lived = time.Since(began)
			}
			return err
		}
		done := make(chan struct{})
		go func() { defer close(done); New(p, Backoff{}, untold, silence).Run(ctx) }()
		time.Sleep(time.Minute + retireTime + time.Second)
		synctest.Wait()
		if dials != 2 || lived != time.Minute+retireTime {
			t.Errorf("%d dials, the retired socket lived %s", dials, lived)
		}
		cancel()
		<-done
	})
}

// A program that stops does not wait for the sockets it has retired.
func TestStopEndsRetiredSocketsToo(t *testing.T) {
	s := newServer(t)
	p := newPlatform(s)
	_, stop := run(t, p, quick, silence)
	old := s.accept()
	send(t, old, "retire")
	p.expect(t, "retire")
	young := s.accept()
	go answerPings(young)
	go answerPings(old)
	began := time.Now()
	stop()
	if took := time.Since(began); took >= retireTime {
		t.Errorf("Run took %s to return", took)
	}
}
