package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"longwire/agent/logs/rotate"
	"longwire/agent/model"
	"longwire/agent/pool"
	"longwire/connectors"
)

func TestHealthSaysHealthyOnlyWhenAllIsWell(t *testing.T) {
	up := connectors.Status{State: connectors.Connected, Since: time.Now(), LastFrame: time.Now(), Connects: 1}
	for name, c := range map[string]struct {
		status  connectors.Status
		ping    error
		want    int
		problem string
	}{
		"all is well":      {up, nil, 200, ""},
		"stream is down":   {connectors.Status{State: connectors.Waiting, Problem: "dial: refused"}, nil, 503, "c1: waiting: dial: refused"},
		"not yet up":       {connectors.Status{State: connectors.Connecting}, nil, 503, "c1: connecting"},
		"up with a defect": {connectors.Status{State: connectors.Connected, Problem: "groups are not answered"}, nil, 503, "c1: groups are not answered"},
		"store is away":    {up, errors.New("disk full"), 503, "store: disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{
				Version:     "v1",
				Store:       pinger(func(context.Context) error { return c.ping }),
				Connections: []Connection{{Name: "c1", Platform: "dingtalk", Link: &link{c.status}}},
			})
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				status, body := ask(t, s, method, "/api/health", "")
				var report Report
				if err := json.Unmarshal([]byte(body), &report); err != nil {
					t.Fatal(err)
				}
				if status != c.want || (report.Status == Healthy) != (c.want == 200) {
					t.Errorf("%s: HTTP %d, status %q", method, status, report.Status)
				}
				if got := strings.Join(report.Problems, "; "); got != c.problem {
					t.Errorf("problems %q, want %q", got, c.problem)
				}
				if len(report.Connections) != 1 || report.Connections[0].Name != "c1" || report.Connections[0].Counts.Events != 7 || report.Version != "v1" || report.Uptime < 0 {
					t.Errorf("report %+v", report)
				}
			}
		})
	}
}

func TestHealthShowsBudgetAndProcess(t *testing.T) {
	votes := func(context.Context, string) (good, bad int64, err error) { return 3, 1, nil }
	s := start(t, Config{Votes: votes, Connections: []Connection{{Name: "c1", Link: &link{}, Pool: func() pool.Counts { return pool.Counts{Done: 4, Running: 2} }}}})
	report := s.Health(t.Context())
	if v := report.Connections[0].Votes; v == nil || v.Good != 3 || v.Bad != 1 {
		t.Errorf("votes %+v", v)
	}
	if b := report.Connections[0].Budget; b == nil || b.APICalls != 5000 || b.Used != 12 {
		t.Errorf("budget %+v", b)
	}
	if work := report.Connections[0].Work; work == nil || work.Done != 4 || work.Running != 2 {
		t.Errorf("work %+v", work)
	}
	if report.Process.Goroutines < 2 {
		t.Errorf("%d goroutines", report.Process.Goroutines)
	}
}

// problemsOf is what the health of a config says is wrong.
func problemsOf(t *testing.T, config Config) string {
	t.Helper()
	return strings.Join(start(t, config).Health(t.Context()).Problems, "; ")
}

// A stream that is up for TCP and hears nothing is deaf, and not healthy.
func TestDeafStreamIsAProblem(t *testing.T) {
	heard := time.Now().Add(-time.Hour)
	deaf := connectors.Status{State: connectors.Connected, Since: heard, LastFrame: heard}
	for silence, want := range map[time.Duration]string{0: "c1: connected, but silent for 1h0m0s", time.Minute: "c1: connected, but silent for 1h0m0s", 2 * time.Hour: ""} {
		if got := problemsOf(t, Config{Connections: []Connection{{Name: "c1", Link: &link{deaf}, Silence: silence}}}); got != want {
			t.Errorf("silence %s: %q, want %q", silence, got, want)
		}
	}
}

func TestModelThatIsGoneIsAProblem(t *testing.T) {
	up := model.EndpointState{Endpoint: "a.example", Failures: 2, LastError: model.Busy, Keys: 2, KeysResting: 1}
	open := model.EndpointState{Endpoint: "b.example", Open: true, Failures: 5, LastError: model.Timeout}
	asked := model.EndpointState{Endpoint: "b.example", Open: true, LastError: model.Busy}
	failing := model.EndpointState{Endpoint: "b.example", Failures: 3, LastError: model.Unavailable}
	keyless := model.EndpointState{Endpoint: "b.example", Keys: 2, KeysResting: 2, LastError: model.Key}
	for name, c := range map[string]struct {
		models []Model
		want   string
	}{
		"none":                  {nil, ""},
		"one of two answers":    {[]Model{{"m", true, []model.EndpointState{open, up}}}, ""},
		"the other of the two":  {[]Model{{"m", true, []model.EndpointState{up, open}}}, ""},
		"both are gone":         {[]Model{{"m", true, []model.EndpointState{failing, open}}}, "model m: b.example failed 5 times in a row (timeout)"},
		"it fails":              {[]Model{{"m", true, []model.EndpointState{failing}}}, "model m: b.example failed 3 times in a row (unavailable)"},
		"it asked for a rest":   {[]Model{{"m", true, []model.EndpointState{asked}}}, "model m: b.example asked to be left alone (busy)"},
		"no key is taken":       {[]Model{{"m", true, []model.EndpointState{keyless}}}, "model m: b.example takes none of the keys (key)"},
		"another than default":  {[]Model{{"m", true, []model.EndpointState{up}}, {"n", false, []model.EndpointState{open}}}, ""},
		"without any endpoints": {[]Model{{"m", true, nil}}, ""},
	} {
		if got := problemsOf(t, Config{Models: func() []Model { return c.models }}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFullDiskAndMoreAreProblems(t *testing.T) {
	got := problemsOf(t, Config{
		Files: func() []File {
			return []File{{"log", rotate.State{Lines: 9}}, {"record", rotate.State{Lost: 2, Err: syscall.ENOSPC}}}
		},
		Problems: func() []string { return []string{"redis: out of reach, 3 events are spooled"} },
	})
	if want := "record: lines are lost: no space left on device; redis: out of reach, 3 events are spooled"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What keeps nobody from an answer is said, and the program stays ready; beside a problem
// it is one thing more.
func TestWarningsLeaveTheProgramReady(t *testing.T) {
	warnings := func() []string { return []string{"the configuration file is not taken up"} }
	for _, c := range []struct {
		ping   error
		status string
		http   int
	}{{nil, Degraded, http.StatusOK}, {errors.New("disk full"), Unhealthy, http.StatusServiceUnavailable}} {
		s := start(t, Config{Version: "v9", Warnings: warnings, Store: pinger(func(context.Context) error { return c.ping })})
		status, body := ask(t, s, http.MethodGet, "/api/health", "")
		var report Report
		if err := json.Unmarshal([]byte(body), &report); err != nil {
			t.Fatal(err)
		}
		if status != c.http || report.Status != c.status || s.Judge(t.Context()) != c.status || strings.Join(report.Warnings, "; ") != warnings()[0] {
			t.Errorf("HTTP %d, %+v", status, report)
		}
		var out strings.Builder
		well, err := NewClient(s.Addr(), "").PrintHealth(t.Context(), &out)
		if well != (c.http == http.StatusOK) || err != nil || !strings.Contains(out.String(), c.status+": longwire") || !strings.Contains(out.String(), "\n  "+warnings()[0]) {
			t.Errorf("%t, %v: %q", well, err, out.String())
		}
	}
}

// What a restart would not mend does not make the process be restarted.
func TestLiveIsAboutWhatARestartMends(t *testing.T) {
	const patience = 5 * time.Minute
	for name, c := range map[string]struct {
		status  func(now time.Time) connectors.Status // at each moment
		ping    error
		spooled bool
		atOnce  bool // it is well at first
		atLast  bool // and after patience
		problem string
	}{
		"all is well": {func(now time.Time) connectors.Status {
			return connectors.Status{State: connectors.Connected, LastFrame: now}
		}, nil, false, true, true, ""},
		"tried again and again": {func(now time.Time) connectors.Status {
			return connectors.Status{State: connectors.Waiting, Since: now.Add(-time.Minute)}
		}, nil, false, true, true, ""},
		"refused for good": {func(time.Time) connectors.Status { return connectors.Status{State: connectors.Failed} }, nil, false, true, true, ""},
		"stuck in an attempt": {func(time.Time) connectors.Status { return connectors.Status{State: connectors.Connecting} },
			nil, false, true, false, "c1: connecting, and nothing has moved for 5m0s"},
		"never begun": {func(time.Time) connectors.Status { return connectors.Status{State: connectors.Stopped} },
			nil, false, true, false, "c1: stopped, and nothing has moved for 5m0s"},
		"deaf": {func(now time.Time) connectors.Status {
			return connectors.Status{State: connectors.Connected, LastFrame: now.Add(-time.Hour)}
		}, nil, false, false, false, "c1: connected, and nothing has moved for 1h0m0s"},
		"store away": {func(now time.Time) connectors.Status {
			return connectors.Status{State: connectors.Connected, LastFrame: now}
		}, syscall.ENOSPC, false, true, false, "store: no space left on device"},
		"store away, and a spool before it": {func(now time.Time) connectors.Status {
			return connectors.Status{State: connectors.Connected, LastFrame: now}
		}, syscall.ECONNREFUSED, true, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone := func() []Model {
					return []Model{{"m", true, []model.EndpointState{{Open: true, Failures: 9}}}}
				}
				s := &Server{began: time.Now(), log: quiet()}
				link := &moving{c.status}
				s.Set(Config{Store: pinger(func(context.Context) error { return c.ping }), Spooled: c.spooled, Models: gone, Connections: []Connection{{Name: "c1", Link: link}}, Patience: patience})
				if err := s.Live(t.Context()); (err == nil) != c.atOnce {
					t.Errorf("at once: %v", err)
				}
				time.Sleep(patience)
				err := s.Live(t.Context())
				if (err == nil) != c.atLast || err != nil && err.Error() != c.problem {
					t.Errorf("at last: %v, want %q", err, c.problem)
				}
			})
		})
	}
}

// moving is a link whose status is made for the moment.
type moving struct {
	at func(now time.Time) connectors.Status
}

func (m *moving) Status() connectors.Status { return m.at(time.Now()) }
func (m *moving) Counts() connectors.Counts { return connectors.Counts{} }

func (m *moving) Budget(context.Context) (calls, used int64, err error) {
	return 0, 0, errors.New("none")
}

func TestHealthzSaysYesOrNoToEverybody(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	for want, status := range map[int]connectors.Status{
		http.StatusOK:                 {State: connectors.Connected, LastFrame: time.Now()},
		http.StatusServiceUnavailable: {State: connectors.Connected, LastFrame: long, Problem: "secret trouble"},
	} {
		s := start(t, Config{Token: "s3cret", Connections: []Connection{{Name: "c1", Link: &link{status}}}})
		s.loopback = false // as for everybody from elsewhere
		if got, body := ask(t, s, http.MethodGet, "/healthz", ""); got != want || strings.Contains(body, "c1") {
			t.Errorf("HTTP %d: %q, want %d", got, body, want)
		}
		if got, _ := ask(t, s, http.MethodGet, "/api/health", ""); got != http.StatusUnauthorized {
			t.Errorf("/api/health is open: HTTP %d", got)
		}
	}
}
