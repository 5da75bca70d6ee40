package admin

import (
	"context"
	"runtime"
	"sync"
	"time"

	"longwire/connectors"
)

// The two words of Report.Status.
const (
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
)

// Report is the answer of /api/health. Status is Healthy only while every stream
// is truly up and the store would take an event; otherwise Problems says what is
// wrong, and the HTTP status is 503.
type Report struct {
	Status      string             `json:"status"`
	Uptime      int64              `json:"uptime"` // seconds
	Version     string             `json:"version"`
	Problems    []string           `json:"problems,omitempty"`
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
	Since     time.Time        `json:"since"`
	LastFrame *time.Time       `json:"last_frame,omitempty"` // absent before the first
	Connects  int              `json:"connects"`             // how often the stream came up
	Problem   string           `json:"problem,omitempty"`

	Counts connectors.Counts `json:"counts"`           // since the start
	Budget *BudgetReport     `json:"budget,omitempty"` // absent where there is none, or the store cannot tell
	Votes  *VoteReport       `json:"votes,omitempty"`  // likewise
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

// Report looks at everything now.
func (s *Server) Report(ctx context.Context) Report {
	report := Report{
		Status:      Healthy,
		Uptime:      int64(time.Since(s.began).Seconds()),
		Version:     s.config.Version,
		Connections: []ConnectionReport{},
		Process:     ProcessReport{Goroutines: runtime.NumGoroutine()},
	}
	if err := s.store.check(ctx); err != nil {
		report.Problems = append(report.Problems, "store: "+err.Error())
	}
	for _, c := range s.config.Connections {
		status := c.Link.Status()
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
		if calls, used, err := c.Link.Budget(ctx); err == nil && calls > 0 {
			r.Budget = &BudgetReport{APICalls: calls, Used: used}
		}
		if good, bad, err := s.votes(ctx, c.Name); err == nil && good+bad > 0 {
			r.Votes = &VoteReport{Good: good, Bad: bad}
		}
		if !status.Healthy() {
			report.Problems = append(report.Problems, c.Name+": "+why(status))
		}
		report.Connections = append(report.Connections, r)
	}
	if len(report.Problems) > 0 {
		report.Status = Unhealthy
	}
	return report
}

func (s *Server) votes(ctx context.Context, connection string) (good, bad int64, err error) {
	if s.config.Votes == nil {
		return 0, 0, nil
	}
	return s.config.Votes(ctx, connection)
}

func why(status connectors.Status) string {
	switch {
	case status.Problem == "":
		return string(status.State)
	case status.State == connectors.Connected:
		return status.Problem
	}
	return string(status.State) + ": " + status.Problem
}

// probe asks the store whether it would take an event, at most once a second
// however many ask: each asking is a write.
type probe struct {
	ping func(ctx context.Context) error

	mu  sync.Mutex // held while the store is asked
	at  time.Time
	err error
}

const (
	probeLife = time.Second
	probeTime = 3 * time.Second
)

func (p *probe) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < probeLife {
		return p.err
	}
	// Not the asker's context: the next one gets the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
	defer cancel()
	p.err = p.ping(ctx)
	p.at = time.Now()
	return p.err
}
