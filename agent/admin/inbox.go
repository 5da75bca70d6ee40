package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"longwire/conversation"
)

// Entry is one event that is not done, as GET /api/inbox shows it: who waits and
// why, without what they wrote.
type Entry struct {
	ID         string                 `json:"id"` // the trace, as in logs and error texts
	Connection string                 `json:"connection"`
	State      conversation.ItemState `json:"state"`
	From       string                 `json:"from"`             // the person's name, or their id
	Chat       string                 `json:"chat"`             // the group's title or id; empty one-to-one
	Kind       string                 `json:"kind"`             // of the message
	Received   time.Time              `json:"received"`         // when it came in
	Since      time.Time              `json:"since"`            // when it came into this state
	Attempts   int                    `json:"attempts"`         // how often it was taken
	Reason     string                 `json:"reason,omitempty"` // why it is dead
}

// Life is what GET /api/trace shows of one event.
type Life struct {
	ID         string              `json:"id"`
	Connection string              `json:"connection"`
	Marks      []conversation.Mark `json:"marks"`
}

const (
	defaultEntries = 100
	maxEntries     = 10_000
)

// lines are the lines of every connection: each has two (conversation.LineOf).
func (s *Server) lines() (lines []string) {
	for _, c := range s.config.Connections {
		lines = append(lines, c.Name, conversation.LineAside(c.Name))
	}
	return lines
}

// inbox is GET /api/inbox?connection=NAME&limit=N: dead letters first, then what
// is being answered, then what waits.
func (s *Server) inbox(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit <= 0 {
		limit = defaultEntries
	}
	limit = min(limit, maxEntries)
	entries := []Entry{}
	for _, c := range s.config.Connections {
		if only := r.FormValue("connection"); only != "" && only != c.Name {
			continue
		}
		for _, line := range []string{c.Name, conversation.LineAside(c.Name)} {
			items, err := s.config.Desk.Inbox(r.Context(), line, limit)
			if err != nil {
				s.fail(w, err)
				return
			}
			for _, item := range items {
				entries = append(entries, entryOf(item))
			}
		}
	}
	s.answer(w, http.StatusOK, entries)
}

func entryOf(item conversation.Item) Entry {
	ev := item.Event
	e := Entry{
		ID:         ev.Trace(),
		Connection: ev.Connection,
		State:      item.State,
		From:       ev.Sender.Name,
		Kind:       string(ev.Kind),
		Received:   ev.Received,
		Since:      item.Since,
		Attempts:   item.Attempt,
		Reason:     item.Reason,
	}
	if e.From == "" {
		e.From = ev.Sender.ID
	}
	if ev.Chat.Group {
		if e.Chat = ev.Chat.Title; e.Chat == "" {
			e.Chat = ev.Chat.ID
		}
	}
	return e
}

// trace is GET /api/trace?id=ID: what happened to an event.
func (s *Server) trace(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	for _, c := range s.config.Connections {
		for _, line := range []string{c.Name, conversation.LineAside(c.Name)} {
			marks, err := s.config.Desk.Life(r.Context(), line, id)
			switch {
			case err == nil:
				s.answer(w, http.StatusOK, Life{ID: id, Connection: c.Name, Marks: marks})
				return
			case !errors.Is(err, conversation.ErrNotFound):
				s.fail(w, err)
				return
			}
		}
	}
	s.fail(w, conversation.ErrNotFound)
}

// onDead is POST /api/inbox/retry?id=ID and /api/inbox/drop?id=ID: what to do with
// a dead letter. A page in a browser cannot ask for it: the header that is needed
// would make the browser ask us first.
func (s *Server) onDead(do func(ctx context.Context, connection, trace string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(commandHeader) == "" {
			http.Error(w, "the header "+commandHeader+" is needed", http.StatusForbidden)
			return
		}
		id := r.FormValue("id")
		for _, line := range s.lines() {
			err := do(r.Context(), line, id)
			switch {
			case err == nil:
				s.log.Info("dead letter settled by the operator", "event", id, "how", r.URL.Path)
				s.answer(w, http.StatusOK, map[string]string{"id": id})
				return
			case !errors.Is(err, conversation.ErrNotFound):
				s.fail(w, err)
				return
			}
		}
		s.fail(w, conversation.ErrNotFound)
	}
}

const commandHeader = "X-Longwire-Command"

// problem is the body of every answer that is not one.
type problem struct {
	Error string `json:"error"`
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, conversation.ErrNotFound) {
		s.answer(w, http.StatusNotFound, problem{"nothing is known under this id"})
		return
	}
	s.log.Error("store cannot be asked for the operator", "err", err)
	s.answer(w, http.StatusServiceUnavailable, problem{err.Error()})
}

func (s *Server) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(body); err != nil {
		s.log.Debug("answer not sent", "err", err)
	}
}
