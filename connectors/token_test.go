package connectors

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// mint makes the tokens t1, t2, … and counts them.
type mint struct {
	made int
	life time.Duration
	err  error
	hold chan struct{} // when set, a fetch waits for it
}

func (m *mint) fetch(ctx context.Context) (string, time.Duration, error) {
	m.made++
	if m.hold != nil {
		select {
		case <-m.hold:
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
	}
	return fmt.Sprintf("t%d", m.made), m.life, m.err
}

func (m *mint) expect(t *testing.T, token *Token, want string) {
	t.Helper()
	if got, err := token.Value(t.Context()); got != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestTokenIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{life: 2 * time.Hour, hold: make(chan struct{})}
		token := NewToken(m.fetch)
		got := make(chan string, 20)
		for range cap(got) {
			go func() {
				value, err := token.Value(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- value
			}()
		}
		synctest.Wait()
		if m.made != 1 || len(got) != 0 {
			t.Errorf("%d fetches, %d answers", m.made, len(got))
		}
		close(m.hold)
		for range cap(got) {
			if value := <-got; value != "t1" {
				t.Errorf("token %q", value)
			}
		}
		if m.made != 1 {
			t.Errorf("%d fetches", m.made)
		}
	})
}

func TestTokenIsReplacedBeforeItsEnd(t *testing.T) {
	for _, row := range []struct{ life, good time.Duration }{
		{2 * time.Hour, 2*time.Hour - 5*time.Minute},
		{4 * time.Minute, 2 * time.Minute}, // short: half of it
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &mint{life: row.life}
			token := NewToken(m.fetch)
			m.expect(t, token, "t1")
			time.Sleep(row.good - time.Nanosecond)
			m.expect(t, token, "t1")
			time.Sleep(time.Nanosecond)
			m.expect(t, token, "t2")
		})
	}
}

func TestTokenWithoutALifeIsNotKept(t *testing.T) {
	for _, life := range []time.Duration{0, -time.Hour} {
		m := &mint{life: life}
		token := NewToken(m.fetch)
		m.expect(t, token, "t1")
		m.expect(t, token, "t2")
	}
}

func TestTokenDropKeepsANewerOne(t *testing.T) {
	m := &mint{life: time.Hour}
	token := NewToken(m.fetch)
	token.Drop("t1") // nothing there
	m.expect(t, token, "t1")
	token.Drop("t1")
	m.expect(t, token, "t2")
	token.Drop("t1") // somebody else's call, refused late
	m.expect(t, token, "t2")
}

func TestTokenFailureIsNotKept(t *testing.T) {
	away := errors.New("away")
	m := &mint{life: time.Hour, err: away}
	token := NewToken(m.fetch)
	if value, err := token.Value(t.Context()); value != "" || !errors.Is(err, away) {
		t.Errorf("%q, %v", value, err)
	}
	m.err = nil
	m.expect(t, token, "t2")
}

// Who waits for another's fetch is bound by its own context alone.
func TestTokenWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{life: time.Hour, hold: make(chan struct{})}
		token := NewToken(m.fetch)
		fetched := make(chan string, 1)
		go func() {
			value, err := token.Value(t.Context())
			if err != nil {
				t.Error(err)
			}
			fetched <- value
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if value, err := token.Value(ctx); value != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", value, err)
		}
		close(m.hold)
		if value := <-fetched; value != "t1" || m.made != 1 {
			t.Errorf("%q after %d fetches", value, m.made)
		}
	})
}

// A fetcher that gives up leaves the fetch to the next in line.
func TestTokenIsFetchedByTheNextInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mint{life: time.Hour, hold: make(chan struct{})}
		token := NewToken(m.fetch)
		first, cancel := context.WithCancel(t.Context())
		outcome := make(chan error, 1)
		go func() { _, err := token.Value(first); outcome <- err }()
		synctest.Wait()
		value := make(chan string, 1)
		go func() { v, _ := token.Value(t.Context()); value <- v }()
		synctest.Wait()
		cancel()
		if err := <-outcome; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		close(m.hold)
		if got := <-value; got != "t2" {
			t.Errorf("token %q", got)
		}
	})
}

// Who waited while a fetch failed does not wait for another. Who comes later does.
func TestTokenFailureIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		m := &mint{life: time.Hour, err: away, hold: make(chan struct{})}
		token := NewToken(m.fetch)
		outcome := make(chan error, 16)
		for range cap(outcome) {
			go func() { _, err := token.Value(t.Context()); outcome <- err }()
		}
		synctest.Wait()
		close(m.hold)
		for range cap(outcome) {
			if err := <-outcome; !errors.Is(err, away) {
				t.Errorf("%v", err)
			}
		}
		if m.made != 1 {
			t.Errorf("%d fetches", m.made)
		}
		m.err = nil
		m.expect(t, token, "t2")
	})
}
