package metrics

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"longwire/agent/access"
	"longwire/agent/logs/rotate"
	"longwire/agent/model"
	"longwire/agent/pool"
	agenttools "longwire/agent/tools"
	"longwire/connectors"
)

// idle is a connection about which there is nothing to tell.
type idle struct{}

func (idle) Status() connectors.Status { return connectors.Status{State: connectors.Stopped} }
func (idle) Counts() connectors.Counts { return connectors.Counts{} }
func (idle) Budget(context.Context) (calls, used int64, err error) {
	return 0, 0, nil
}

// told is a connection that tells what it was told to.
type told struct {
	status      connectors.Status
	counts      connectors.Counts
	calls, used int64
	err         error
}

func (l told) Status() connectors.Status { return l.status }
func (l told) Counts() connectors.Counts { return l.counts }
func (l told) Budget(context.Context) (calls, used int64, err error) {
	return l.calls, l.used, l.err
}

type pooled pool.Counts

func (p pooled) Counts() pool.Counts { return pool.Counts(p) }

type gated access.Counts

func (g gated) Counts() access.Counts { return access.Counts(g) }

// ask is a store or a spool that is a function.
type ask func(ctx context.Context, line string) (int, error)

func (a ask) Waiting(ctx context.Context, line string) (int, error) { return a(ctx, line) }
func (a ask) Spooled(ctx context.Context) (int, error)              { return a(ctx, "") }

func three(context.Context, string) (int, error) { return 3, nil }

// everything is sources in which nothing is missing.
func everything(t *testing.T) Sources {
	return Sources{
		Connections: []Connection{{
			Name: "sales", Platform: "dingtalk",
			Link: told{
				status: connectors.Status{State: connectors.Connected, LastFrame: time.Now().Add(-10 * time.Second), Connects: 4},
				counts: connectors.Counts{Events: 100, Refused: 2, Malformed: 3, Panics: 4, Withheld: 5, Repeats: 6},
				calls:  5000, used: 4100,
			},
			Pool: pooled{Duplicates: 7, TurnedAway: 8, Running: 9, Panics: 10},
			Gate: gated{Refused: map[access.Kind]int64{access.TooFast: 11}, Owed: 12},

			Silence: 150 * time.Second,
		}},
		Waiting: ask(three),
		Takes:   func(context.Context) error { return nil },
		Judge:   func(context.Context) (healthy, degraded bool) { return true, true },
		Spool:   ask(three),
		Models: func() []Model {
			return []Model{{"default", true, []model.EndpointState{{Endpoint: "api.example.com", Model: "qwen-max", InFlight: 2, Keys: 3, KeysResting: 1, KeyExpires: time.Unix(1.9e9, 0)}}}}
		},
		Tools: func() []agenttools.ServerState {
			return []agenttools.ServerState{{Name: "calendar", Up: true, Restarts: 2, Tools: 5}}
		},
		Logs:  []Log{{Name: "records", State: func() rotate.State { return rotate.State{Lost: 13} }}},
		Disks: []Disk{{Name: "store", Path: t.TempDir()}},
	}
}

func TestScrape(t *testing.T) {
	m := newMetrics(t)
	m.Watch(everything(t))
	got := scrape(t, m)
	got.expect(t, scraped{
		`longwire_connection_up{connection="sales",platform="dingtalk"}`:                             1,
		`longwire_connection_healthy{connection="sales",platform="dingtalk"}`:                        1,
		`longwire_connection_connects_total{connection="sales",platform="dingtalk"}`:                 4,
		`longwire_connection_failed_attempts{connection="sales",platform="dingtalk"}`:                0,
		`longwire_connection_silence_limit_seconds{connection="sales",platform="dingtalk"}`:          150,
		`longwire_events_total{connection="sales"}`:                                                  100,
		`longwire_events_refused_total{connection="sales"}`:                                          2,
		`longwire_frames_malformed_total{connection="sales"}`:                                        3,
		`longwire_panics_total{connection="sales",where="stream"}`:                                   4,
		`longwire_events_withheld_total{connection="sales"}`:                                         5,
		`longwire_replies_repeated_total{connection="sales"}`:                                        6,
		`longwire_events_duplicate_total{connection="sales"}`:                                        7,
		`longwire_events_turned_away_total{connection="sales"}`:                                      8,
		`longwire_turns_running{connection="sales"}`:                                                 9,
		`longwire_panics_total{connection="sales",where="turn"}`:                                     10,
		`longwire_questions_refused_total{connection="sales",kind="` + string(access.TooFast) + `"}`: 11,
		`longwire_grants_owed{connection="sales"}`:                                                   12,
		`longwire_events_waiting{connection="sales"}`:                                                6, // both lines
		`longwire_api_budget_calls{connection="sales",platform="dingtalk"}`:                          5000,
		`longwire_api_budget_used_calls{connection="sales",platform="dingtalk"}`:                     4100,
		`longwire_api_budget_left_calls{connection="sales",platform="dingtalk"}`:                     900,
		`longwire_spool_events`: 3,
		`longwire_store_up`:     1,
		`longwire_healthy`:      1,
		`longwire_degraded`:     1,
		`longwire_model_requests_running{endpoint="api.example.com",model="qwen-max"}`:             2,
		`longwire_model_keys{endpoint="api.example.com",model="qwen-max"}`:                         3,
		`longwire_model_keys_resting{endpoint="api.example.com",model="qwen-max"}`:                 1,
		`longwire_model_resting{endpoint="api.example.com",model="qwen-max"}`:                      0,
		`longwire_model_failures_in_a_row{endpoint="api.example.com",model="qwen-max"}`:            0,
		`longwire_model_answers{choice="default",default="yes"}`:                                   1,
		`longwire_model_key_expiry_timestamp_seconds{endpoint="api.example.com",model="qwen-max"}`: 1.9e9,
		`longwire_tool_server_up{server="calendar"}`:                                               1,
		`longwire_tool_server_restarts_total{server="calendar"}`:                                   2,
		`longwire_tool_server_tools{server="calendar"}`:                                            5,
		`longwire_log_lines_lost_total{log="records"}`:                                             13,
		`longwire_turns_total{connection="sales",outcome="dead"}`:                                  0, // before it moves
	})
	age := got[`longwire_connection_last_frame_age_seconds{connection="sales",platform="dingtalk"}`]
	if age < 10 || age > 60 {
		t.Errorf("last frame %v s ago", age)
	}
	size, free := got[`longwire_disk_size_bytes{disk="store"}`], got[`longwire_disk_free_bytes{disk="store"}`]
	if !(size > 0 && free > 0 && free <= size) {
		t.Errorf("disk of %v bytes, %v free", size, free)
	}
}

// What nobody knows is not shown.
func TestScrapeLeavesOutWhatIsUnknown(t *testing.T) {
	m := newMetrics(t)
	scrape(t, m).expect(t, scraped{`longwire_store_up`: absent}) // nothing is watched yet
	m.Watch(Sources{
		Connections: []Connection{{Name: "sales", Platform: "feishu", Link: idle{}}},
		Waiting:     ask(three),
		Models: func() []Model {
			return []Model{{"m", false, []model.EndpointState{{Endpoint: "a", Model: "b"}}}}
		},
		Disks: []Disk{{Name: "store", Path: filepath.Join(t.TempDir(), "none")}},
	})
	scrape(t, m).expect(t, scraped{
		`longwire_connection_up{connection="sales",platform="feishu"}`:                     0,
		`longwire_connection_last_frame_age_seconds{connection="sales",platform="feishu"}`: absent,
		`longwire_connection_silence_limit_seconds{connection="sales",platform="feishu"}`:  absent,
		`longwire_api_budget_calls{connection="sales",platform="feishu"}`:                  absent,
		`longwire_turns_running{connection="sales"}`:                                       absent,
		`longwire_grants_owed{connection="sales"}`:                                         absent,
		`longwire_model_key_expiry_timestamp_seconds{endpoint="a",model="b"}`:              absent,
		`longwire_spool_events`:                  absent,
		`longwire_healthy`:                       absent,
		`longwire_disk_size_bytes{disk="store"}`: absent,
	})
}

// A connection may be up and not well.
func TestScrapeTellsUpFromHealthy(t *testing.T) {
	m := newMetrics(t)
	m.Watch(Sources{Connections: []Connection{{Name: "sales", Platform: "dingtalk", Link: told{
		status: connectors.Status{State: connectors.Connected, Problem: "the quota is used up"},
	}}}})
	scrape(t, m).expect(t, scraped{
		`longwire_connection_up{connection="sales",platform="dingtalk"}`:      1,
		`longwire_connection_healthy{connection="sales",platform="dingtalk"}`: 0,
	})
}

func TestScrapeWhileTheStoreFails(t *testing.T) {
	m := newMetrics(t)
	from := everything(t)
	asked := 0
	from.Waiting = ask(func(context.Context, string) (int, error) { asked++; return 0, errors.New("away") })
	from.Spool = ask(func(context.Context, string) (int, error) { return 0, errors.New("away") })
	from.Connections = append(from.Connections, Connection{Name: "support", Platform: "feishu", Link: idle{}})
	m.Watch(from)
	scrape(t, m).expect(t, scraped{
		`longwire_store_up`:                                                 0,
		`longwire_events_waiting{connection="sales"}`:                       absent,
		`longwire_spool_events`:                                             absent,
		`longwire_connection_up{connection="support",platform="feishu"}`:    0,
		`longwire_api_budget_calls{connection="sales",platform="dingtalk"}`: absent,
	})
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	from.Waiting = ask(three)
	from.Connections[0].Link = told{err: errors.New("away")}
	m.Watch(from)
	scrape(t, m).expect(t, scraped{`longwire_store_up`: 0, `longwire_events_waiting{connection="sales"}`: 6})
}

// From a full disk everything can be read, and nothing is taken.
func TestScrapeWhileTheStoreTakesNothing(t *testing.T) {
	m := newMetrics(t)
	from := everything(t)
	from.Takes = func(context.Context) error { return errors.New("no space left on device") }
	m.Watch(from)
	scrape(t, m).expect(t, scraped{`longwire_store_up`: 0, `longwire_events_waiting{connection="sales"}`: 6})
}

// A store that does not answer takes two seconds of a scrape, and its own series.
func TestScrapeOfASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("", quiet)
		from := everything(t)
		from.Waiting = ask(func(ctx context.Context, _ string) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		m.Watch(from)
		began := time.Now()
		scrape(t, m).expect(t, scraped{
			`longwire_store_up`:                           0,
			`longwire_events_waiting{connection="sales"}`: absent,
			`longwire_events_total{connection="sales"}`:   100,
			`longwire_spool_events`:                       3,
		})
		if took := time.Since(began); took != askTime {
			t.Errorf("the scrape took %v", took)
		}
		m.Close()
	})
}

// A program that can only say late how it is says so in time: not at all well.
func TestScrapeOfSlowHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("", quiet)
		from := everything(t)
		from.Judge = func(ctx context.Context) (healthy, degraded bool) {
			<-ctx.Done()            // the store
			time.Sleep(time.Second) // the spool
			return false, false
		}
		m.Watch(from)
		scrape(t, m).expect(t, scraped{`longwire_healthy`: 0, `longwire_degraded`: 0})
		m.Close()
	})
}

// One that hangs for good is asked once, not at each scrape, and Close waits for it.
func TestScrapeOfAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("", quiet)
		from := everything(t)
		hangs := make(chan struct{})
		var asked atomic.Int64
		from.Waiting = ask(func(context.Context, string) (int, error) { asked.Add(1); <-hangs; return 3, nil })
		m.Watch(from)
		for _, want := range []time.Duration{lookTime, 0} { // the second does not wait for what it did not begin
			began := time.Now()
			scrape(t, m).expect(t, scraped{`longwire_store_up`: absent, `longwire_spool_events`: 3})
			if took := time.Since(began); took != want {
				t.Errorf("the scrape took %v, want %v", took, want)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		closed := make(chan struct{})
		go func() { m.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while the store is being asked")
		default:
		}
		close(hangs)
		<-closed
		scrape(t, m).expect(t, scraped{`longwire_store_up`: 1, `longwire_events_waiting{connection="sales"}`: 6})
	})
}

// Those who scrape at the same time all get everything.
func TestScrapesTakeTurns(t *testing.T) {
	m := newMetrics(t)
	m.Watch(everything(t))
	results := make(chan int, 8)
	for range cap(results) {
		go func() {
			metrics := make(chan prometheus.Metric, 1000)
			m.scraper.Collect(metrics)
			results <- len(metrics)
		}()
	}
	first := <-results
	for range cap(results) - 1 {
		if n := <-results; n != first {
			t.Errorf("%d series, and %d", first, n)
		}
	}
}

// Several clients may ask one endpoint; it has one series.
func TestEndpointsAreMerged(t *testing.T) {
	soon, late := time.Unix(1.9e9, 0), time.Unix(2e9, 0)
	m := newMetrics(t)
	m.Watch(Sources{Models: func() []Model {
		return []Model{{"m", true, []model.EndpointState{
			{Endpoint: "a", Model: "x", InFlight: 1, Keys: 2, KeyExpires: late},
			{Endpoint: "a", Model: "y"},
			{Endpoint: "a", Model: "x", InFlight: 2, Keys: 2, KeysResting: 1, Open: true, KeyExpires: soon},
		}}, {"n", false, []model.EndpointState{
			{Endpoint: "a", Model: "x"},
		}}}
	}})
	got := scrape(t, m)
	got.expect(t, scraped{
		`longwire_model_requests_running{endpoint="a",model="x"}`:             3,
		`longwire_model_keys{endpoint="a",model="x"}`:                         2,
		`longwire_model_keys_resting{endpoint="a",model="x"}`:                 1,
		`longwire_model_resting{endpoint="a",model="x"}`:                      1,
		`longwire_model_resting{endpoint="a",model="y"}`:                      0,
		`longwire_model_key_expiry_timestamp_seconds{endpoint="a",model="x"}`: 1.9e9,
	})
	if n := got.count("longwire_model_resting"); n != 2 {
		t.Errorf("%d series", n)
	}
}

func TestAgeIsNeverNegative(t *testing.T) {
	m := newMetrics(t)
	m.Watch(Sources{Connections: []Connection{{Name: "sales", Platform: "feishu", Link: told{
		status: connectors.Status{State: connectors.Connected, LastFrame: time.Now().Add(time.Hour)}, calls: 10, used: math.MaxInt32,
	}}}, Waiting: ask(three)})
	scrape(t, m).expect(t, scraped{
		`longwire_connection_last_frame_age_seconds{connection="sales",platform="feishu"}`: 0,
		`longwire_api_budget_left_calls{connection="sales",platform="feishu"}`:             0,
	})
}
