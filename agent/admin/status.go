package admin

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Status is the answer of /api/status: all that the page shows.
type Status struct {
	Now      time.Time     `json:"now"`
	May      string        `json:"may"`   // what whoever asks may do: read or change
	Token    bool          `json:"token"` // there is one: a login makes read to change
	Health   Report        `json:"health"`
	Waiting  *int          `json:"waiting"` // what waits on all connections now; null: nobody knows
	Courses  []Course      `json:"courses"` // of all connections together, then of each
	Models   []ModelReport `json:"models"`
	Tools    []ToolReport  `json:"tools"`
	Files    []FileReport  `json:"files"`
	Inbox    []Entry       `json:"inbox"`             // dead letters first
	Missing  string        `json:"missing,omitempty"` // why Inbox is not complete
	Troubles []Trouble     `json:"troubles"`          // the newest first
}

// ModelReport is how a model does.
type ModelReport struct {
	Label     string           `json:"label"`
	Default   bool             `json:"default"`
	Endpoints []EndpointReport `json:"endpoints"`
}

// EndpointReport is how one of its endpoints does.
type EndpointReport struct {
	Endpoint    string     `json:"endpoint"` // its host
	Model       string     `json:"model"`
	Problem     string     `json:"problem,omitempty"` // why it would not answer now
	Until       *time.Time `json:"until,omitempty"`   // it rests until then
	Requests    int64      `json:"requests"`          // since the start
	InFlight    int64      `json:"in_flight"`
	LastError   string     `json:"last_error,omitempty"`
	Keys        int        `json:"keys"`
	KeysResting int        `json:"keys_resting"`
	KeyExpires  *time.Time `json:"key_expires,omitempty"`
}

// ToolReport is how a tool server does.
type ToolReport struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	Up       bool      `json:"up"`
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	Tools    int       `json:"tools"`
	Problem  string    `json:"problem,omitempty"`
}

// FileReport is how a file that grows does.
type FileReport struct {
	Name    string `json:"name"`
	Lines   int64  `json:"lines"`
	Lost    int64  `json:"lost"`
	Problem string `json:"problem,omitempty"`
}

// shared is the last Status: a hundred pages that ask cost no more than one.
type shared struct {
	mu   sync.Mutex // held while everything is looked up
	last Status
	at   time.Time
}

const (
	statusLife    = time.Second
	statusTime    = 1500 * time.Millisecond // for the store: a page asks every two seconds
	statusEntries = 200                     // of each line
)

// overview is GET /api/status.
func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	status := s.look(r.Context())
	status.Now, status.May, status.Token = time.Now(), "read", s.now().Token != ""
	if who, _ := s.who(r); who == operator {
		status.May = "change"
	}
	s.answer(w, http.StatusOK, status)
}

// look is the status of at most a second ago.
func (s *Server) look(ctx context.Context) Status {
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	if !s.status.at.IsZero() && time.Since(s.status.at) < statusLife {
		return s.status.last
	}
	// Not the asker's context: the next one gets the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTime)
	defer cancel()
	config, now := s.now(), time.Now()
	status := Status{
		Health:   s.Health(ctx),
		Waiting:  s.history.waiting(now),
		Courses:  []Course{s.history.hour("", now)},
		Models:   modelReports(config),
		Tools:    toolReports(config),
		Files:    fileReports(config),
		Troubles: s.troubles.list(),
	}
	for _, c := range config.Connections {
		status.Courses = append(status.Courses, s.history.hour(c.Name, now))
	}
	entries, err := s.entries(ctx, config, "", statusEntries)
	status.Inbox = deadFirst(entries)
	switch {
	case ctx.Err() != nil:
		status.Missing = "the store has not answered in time"
	case err != nil:
		status.Missing = err.Error()
	}
	s.status.last, s.status.at = status, time.Now()
	return status
}

// stale has the next who asks look again: something was changed.
func (s *Server) stale() {
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	s.status.at = time.Time{}
}

// deadFirst puts the dead letters of all lines before what waits.
func deadFirst(entries []Entry) []Entry {
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return slices.Index(entryOrder, a.State) - slices.Index(entryOrder, b.State)
	})
	return entries
}

func modelReports(config *Config) []ModelReport {
	all := []ModelReport{}
	if config.Models == nil {
		return all
	}
	for _, m := range config.Models() {
		r := ModelReport{Label: m.Label, Default: m.Default, Endpoints: []EndpointReport{}}
		for _, e := range m.Endpoints {
			r.Endpoints = append(r.Endpoints, EndpointReport{
				Endpoint: e.Endpoint, Model: e.Model, Problem: resting(e), Until: known(e.Until),
				Requests: e.Requests, InFlight: e.InFlight, LastError: string(e.LastError),
				Keys: e.Keys, KeysResting: e.KeysResting, KeyExpires: lastDay(e.KeyExpires),
			})
		}
		all = append(all, r)
	}
	return all
}

// lastDay is the day before an end, in its zone.
func lastDay(end time.Time) *time.Time {
	if end.IsZero() {
		return nil
	}
	return known(end.Add(-1))
}

// known is a time that may be absent.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func toolReports(config *Config) []ToolReport {
	all := []ToolReport{}
	if config.Tools == nil {
		return all
	}
	for _, t := range config.Tools() {
		all = append(all, ToolReport{t.Name, t.Kind, t.Up, t.Since, t.Restarts, t.Tools, config.clean(t.LastError)})
	}
	return all
}

func fileReports(config *Config) []FileReport {
	all := []FileReport{}
	if config.Files == nil {
		return all
	}
	for _, f := range config.Files() {
		r := FileReport{Name: f.Name, Lines: f.State.Lines, Lost: f.State.Lost}
		if f.State.Err != nil {
			r.Problem = f.State.Err.Error()
		}
		all = append(all, r)
	}
	return all
}

// effective is GET /api/config.
func (s *Server) effective(w http.ResponseWriter, r *http.Request) {
	if s.now().ConfigYAML == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	if _, err := w.Write([]byte(s.now().ConfigYAML())); err != nil {
		s.log.Debug("answer not sent", "err", err)
	}
}
