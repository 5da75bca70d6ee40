package socket

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"longwire/connectors"
)

func TestBackoffDefaults(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	rows := []struct {
		in, want Backoff
	}{
		{Backoff{}, Backoff{Min: 500 * ms, Max: 30 * s, Slow: 60 * s}},
		{Backoff{Min: ms, Max: 2 * ms, Slow: 3 * ms}, Backoff{Min: ms, Max: 2 * ms, Slow: 3 * ms}},
		{Backoff{Max: 100 * ms}, Backoff{Min: 100 * ms, Max: 100 * ms, Slow: 60 * s}}, // never longer than Max
		{Backoff{Min: 2 * s, Max: s}, Backoff{Min: s, Max: s, Slow: 60 * s}},
		{Backoff{Min: 60 * s}, Backoff{Min: 60 * s, Max: 60 * s, Slow: 60 * s}},
		{Backoff{Min: -s, Max: -s, Slow: -s}, Backoff{Min: 500 * ms, Max: 30 * s, Slow: 60 * s}},
	}
	for _, row := range rows {
		if got := row.in.WithDefaults(); got != row.want {
			t.Errorf("%+v became %+v, want %+v", row.in, got, row.want)
		}
	}
}

func TestBackoffGrowsJitteredToItsMax(t *testing.T) {
	for range 200 {
		b := Backoff{Min: 100, Max: 1000}.WithDefaults()
		for i, wait := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			if got := b.Next(); got < wait/2 || got > wait {
				t.Fatalf("wait %d is %d, not within half of %d", i, got, wait)
			}
		}
		b.Reset()
		if got := b.Next(); got > 100 {
			t.Fatalf("after Reset: %d", got)
		}
	}
}

func TestBackoffIsJittered(t *testing.T) {
	seen := map[time.Duration]bool{}
	low, high := false, false
	for range 1000 {
		b := Backoff{}.WithDefaults()
		d := b.Next()
		seen[d] = true
		low, high = low || d < 300*time.Millisecond, high || d > 450*time.Millisecond
	}
	if len(seen) < 900 || !low || !high {
		t.Errorf("%d different waits of 1000, low %t, high %t", len(seen), low, high)
	}
}

func TestBackoffNeverOverflows(t *testing.T) {
	b := Backoff{Min: 1, Max: 1 << 62}.WithDefaults()
	for range 200 {
		if got := b.Next(); got < 0 || got > b.Max {
			t.Fatalf("wait %d", got)
		}
	}
}

// outcome is what becomes of one dial.
type outcome func(t *testing.T) (*Conn, error)

// timeline runs a link in synctest's time over fails, one outcome for each dial,
// and returns when each dial was made.
func timeline(t *testing.T, backoff Backoff, outcomes []outcome) []time.Duration {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	var at []time.Duration
	p := &platform{dial: func(context.Context) (*Conn, error) {
		at = append(at, time.Since(began))
		if len(at) > len(outcomes) {
			cancel()
			return nil, ctx.Err()
		}
		return outcomes[len(at)-1](t)
	}}
	New(p, backoff, untold, silence).Run(ctx)
	time.Sleep(time.Minute) // until the peers have gone too
	return at
}

func failWith(err error) outcome { return func(*testing.T) (*Conn, error) { return nil, err } }

// liveFor is a dial that succeeds; the socket says first and is dropped after d.
func liveFor(d time.Duration, first string) outcome {
	return func(t *testing.T) (*Conn, error) {
		conn, peer := pair(t, Options{Keepalive: time.Hour})
		go answerPings(peer)
		go func() {
			if first != "" {
				send(t, peer, first)
			}
			time.Sleep(d)
			_ = peer.Close()
		}()
		return conn, nil
	}
}

func TestLinkBacksOff(t *testing.T) {
	const s = time.Second
	away := failWith(errors.New("away"))
	asked := failWith(fmt.Errorf("open: %w", &connectors.Error{Op: "open", RetryAfter: 20 * s}))
	fatal := failWith(&connectors.Error{Op: "open", Fatal: true})
	brief, long := liveFor(2*s, ""), liveFor(lasted, "")
	retired := liveFor(5*s, "retire")
	rows := []struct {
		name     string
		outcomes []outcome
		gaps     [][2]time.Duration // least and most, from dial to dial
	}{
		{"grows to its max", []outcome{away, away, away, away, away, away},
			[][2]time.Duration{{s / 2, s}, {s, 2 * s}, {2 * s, 4 * s}, {4 * s, 8 * s}, {8 * s, 16 * s}, {8 * s, 16 * s}}},
		{"a brief success bounds it", []outcome{away, away, away, brief, brief, away},
			[][2]time.Duration{{s / 2, s}, {s, 2 * s}, {2 * s, 4 * s}, {2*s + s, 2*s + 2*s}, {2*s + s, 2*s + 2*s}, {2 * s, 4 * s}}},
		{"a lasting one begins anew", []outcome{away, away, away, long, away},
			[][2]time.Duration{{s / 2, s}, {s, 2 * s}, {2 * s, 4 * s}, {lasted + s/2, lasted + s}, {s, 2 * s}}},
		{"as long as asked", []outcome{asked, asked},
			[][2]time.Duration{{20 * s, 20 * s}, {20 * s, 20 * s}}},
		{"slowly when only the operator can mend it", []outcome{fatal, fatal},
			[][2]time.Duration{{60 * s, 60 * s}, {60 * s, 60 * s}}},
		{"at once when retired, but not for ever", []outcome{retired, retired, retired, retired},
			[][2]time.Duration{{0, 0}, {s / 2, s}, {s, 2 * s}, {s, 2 * s}}},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			at := timeline(t, Backoff{Min: s, Max: 16 * s, Slow: 60 * s}, row.outcomes)
			if len(at) != len(row.gaps)+1 {
				t.Fatalf("%s: dials at %v", row.name, at)
			}
			for i, gap := range row.gaps {
				if got := at[i+1] - at[i]; got < gap[0] || got > gap[1] {
					t.Errorf("%s: gap %d is %s, want %v", row.name, i, got, gap)
				}
			}
		})
	}
}
