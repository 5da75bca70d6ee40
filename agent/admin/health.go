package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"

	"longwire/agent/model"
	"longwire/connectors"
)

// The words of Report.Status.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"
	Unhealthy = "unhealthy"
)

// Report is the answer of /api/health. Status is Unhealthy, and the HTTP status 503,
// unless a message that comes now would be heard, stored and answered: every stream
// truly up, the store ready for an event, the default model not gone, no line of a log
// lost. Problems says what is wrong. Status is Degraded, and the HTTP status 200, while
// everybody is answered and something has to be mended all the same, which Warnings
// says: a configuration file that is not taken up is that for all replicas at once, and
// none of them should stop being ready for it.
type Report struct {
	Status      string             `json:"status"`
	Uptime      int64              `json:"uptime"` // seconds
	Version     string             `json:"version"`
	Problems    []string           `json:"problems,omitempty"`
	Warnings    []string           `json:"warnings,omitempty"`
	Connections []ConnectionReport `json:"connections"`
	Process     ProcessReport      `json:"process"`
}

// ProcessReport is what should not grow in the process.
type ProcessReport struct {
	Goroutines int `json:"goroutines"`
}

// ConnectionReport is the truth about one connection.
type ConnectionReport struct {
	Name      string           `json:"name"`
	Platform  string           `json:"platform"`
	State     connectors.State `json:"state"`
	Since     time.Time        `json:"since,omitzero"`       // absent before it is run
	LastFrame *time.Time       `json:"last_frame,omitempty"` // absent before the first
	Connects  int              `json:"connects"`             // how often the stream came up
	Problem   string           `json:"problem,omitempty"`

	Counts connectors.Counts `json:"counts"`           // since the start
	Work   *WorkReport       `json:"work,omitempty"`   // since the start; absent where it is not known
	Budget *BudgetReport     `json:"budget,omitempty"` // absent where there is none, or the store cannot tell
	Votes  *VoteReport       `json:"votes,omitempty"`  // likewise
}

// WorkReport is what became of the events of a connection.
type WorkReport struct {
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`
	TurnedAway int64 `json:"turned_away"` // too many waited
	Running    int64 `json:"running"`     // turns under way now
	Done       int64 `json:"done"`
	Released   int64 `json:"released"` // turns to be taken again
	Panics     int64 `json:"panics"`
}

// VoteReport counts what people think of the answers.
type VoteReport struct {
	Good int64 `json:"good"`
	Bad  int64 `json:"bad"`
}

// BudgetReport is a month's budget of API calls.
type BudgetReport struct {
	APICalls int64 `json:"api_calls"`
	Used     int64 `json:"used"`
}

// Health looks at everything now.
func (s *Server) Health(ctx context.Context) Report {
	config, now := s.now(), time.Now()
	report := Report{
		Uptime:      int64(now.Sub(s.began).Seconds()),
		Version:     config.Version,
		Connections: []ConnectionReport{},
		Process:     ProcessReport{Goroutines: runtime.NumGoroutine()},
	}
	report.Status, report.Problems, report.Warnings = s.judge(ctx, config, now)
	for _, c := range config.Connections {
		report.Connections = append(report.Connections, s.connection(ctx, config, c, c.Link.Status()))
	}
	return report
}

// Judge is Report.Status without the rest.
func (s *Server) Judge(ctx context.Context) string {
	status, _, _ := s.judge(ctx, s.now(), time.Now())
	return status
}

// judge looks for all that is amiss.
func (s *Server) judge(ctx context.Context, config *Config, now time.Time) (status string, problems, warnings []string) {
	if _, err := s.store.check(ctx, config.Store.Ping); err != nil {
		problems = append(problems, "store: "+err.Error())
	}
	for _, c := range config.Connections {
		if trouble := amiss(c, c.Link.Status(), now); trouble != "" {
			problems = append(problems, c.Name+": "+trouble)
		}
	}
	problems = append(append(problems, gone(config)...), lost(config)...)
	if config.Problems != nil {
		problems = append(problems, config.Problems()...)
	}
	if config.Warnings != nil {
		warnings = config.Warnings()
	}
	switch {
	case len(problems) > 0:
		return Unhealthy, problems, warnings
	case len(warnings) > 0:
		return Degraded, nil, warnings
	}
	return Healthy, nil, nil
}

func (s *Server) connection(ctx context.Context, config *Config, c Connection, status connectors.Status) ConnectionReport {
	r := ConnectionReport{
		Name:     c.Name,
		Platform: c.Platform,
		State:    status.State,
		Since:    status.Since,
		Connects: status.Connects,
		Problem:  status.Problem,
		Counts:   c.Link.Counts(),
	}
	if !status.LastFrame.IsZero() {
		r.LastFrame = &status.LastFrame
	}
	if c.Pool != nil {
		n := c.Pool()
		r.Work = &WorkReport{n.Accepted, n.Duplicates, n.TurnedAway, n.Running, n.Done, n.Released, n.Panics}
	}
	if calls, used, err := c.Link.Budget(ctx); err == nil && calls > 0 {
		r.Budget = &BudgetReport{APICalls: calls, Used: used}
	}
	if config.Votes == nil {
		return r
	}
	if good, bad, err := config.Votes(ctx, c.Name); err == nil && good+bad > 0 {
		r.Votes = &VoteReport{Good: good, Bad: bad}
	}
	return r
}

// amiss is what is wrong with a connection, "" for nothing. A stream that says it is
// up but was not heard of for too long is deaf, whatever TCP believes.
func amiss(c Connection, status connectors.Status, now time.Time) string {
	switch silent := now.Sub(status.LastFrame); {
	case status.State != connectors.Connected && status.Problem != "":
		return string(status.State) + ": " + status.Problem
	case status.State != connectors.Connected:
		return string(status.State)
	case status.Problem != "":
		return status.Problem
	case !status.LastFrame.IsZero() && silent > c.silence():
		return fmt.Sprintf("connected, but silent for %s", silent.Round(time.Second))
	}
	return ""
}

func (c Connection) silence() time.Duration {
	if c.Silence > 0 {
		return c.Silence
	}
	return 30 * time.Minute
}

// gone names the default model where nothing can be had of it: every endpoint rests,
// has refused its last questions, or has no key that is taken.
func gone(config *Config) (problems []string) {
	if config.Models == nil {
		return nil
	}
	for _, m := range config.Models() {
		if !m.Default || len(m.Endpoints) == 0 {
			continue
		}
		last := ""
		for _, e := range m.Endpoints {
			why := resting(e)
			if why == "" {
				last = ""
				break
			}
			last = e.Endpoint + " " + why
		}
		if last != "" {
			problems = append(problems, "model "+m.Label+": "+last)
		}
	}
	return problems
}

// failuresToDoubt is how many failures in a row make an endpoint doubtful before it
// rests: the next question would probably be the next failure.
const failuresToDoubt = 3

// resting is why an endpoint would not answer, "" if it may.
func resting(e model.EndpointState) string {
	switch {
	case e.Open && e.Failures == 0:
		return "asked to be left alone (" + string(e.LastError) + ")"
	case e.Open || e.Failures >= failuresToDoubt:
		return fmt.Sprintf("failed %d times in a row (%s)", e.Failures, e.LastError)
	case e.Keys > 0 && e.KeysResting >= e.Keys:
		return "takes none of the keys (" + string(e.LastError) + ")"
	}
	return ""
}

// lost names the files that lose lines, as on a full disk.
func lost(config *Config) (problems []string) {
	if config.Files == nil {
		return nil
	}
	for _, f := range config.Files() {
		if f.State.Err != nil {
			problems = append(problems, f.Name+": lines are lost: "+f.State.Err.Error())
		}
	}
	return problems
}

// healthTime is how long looking at everything may take.
const healthTime = 5 * time.Second

// health is GET and POST /api/health.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTime)
	defer cancel()
	report := s.Health(ctx)
	status := http.StatusOK
	if report.Status == Unhealthy {
		status = http.StatusServiceUnavailable
	}
	s.answer(w, status, report)
}

// Live is what a watchdog asks: nil while the process does its part. An error means
// that a new process could do better, so it is about the streams and the store and
// comes only when Config.Patience is over:
//
//   - A stream that is down but tried again and again is no error: its supervisor
//     works, and a restart would only interrupt the connections that are up. One that
//     has been in the same attempt or the same wait, or up and deaf, is.
//   - A store that has taken nothing for so long is. Where that is Redis, the spool
//     takes what comes, and there is no error.
//   - A model that is gone is not: whoever restarts us gets no other model.
//
// A Failed stream waits for the operator, who sees it in Health.
func (s *Server) Live(ctx context.Context) error {
	config, now := s.now(), time.Now()
	if !config.Spooled {
		if since, err := s.store.check(ctx, config.Store.Ping); err != nil && now.Sub(since) >= config.Patience {
			return fmt.Errorf("store: %w", err)
		}
	}
	for _, c := range config.Connections {
		status := c.Link.Status()
		since := status.Since
		if since.Before(s.began) {
			since = s.began
		}
		patience := config.Patience
		switch status.State {
		case connectors.Failed:
			continue
		case connectors.Connected:
			if status.LastFrame.IsZero() {
				continue
			}
			since, patience = status.LastFrame, c.silence()
		}
		if stuck := now.Sub(since); stuck >= patience {
			return fmt.Errorf("%s: %s, and nothing has moved for %s", c.Name, status.State, stuck.Round(time.Second))
		}
	}
	return nil
}

// live is GET /healthz, for load balancers and containers: they have no token, so they
// learn no more than yes or no.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	status, text := http.StatusOK, "live\n"
	if err := s.Live(r.Context()); err != nil {
		status, text = http.StatusServiceUnavailable, "not live\n"
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // whoever asked has gone
}
