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

// entryOrder is the order in which entries are listed.
var entryOrder = []conversation.ItemState{conversation.ItemDead, conversation.ItemHeld, conversation.ItemWaiting}

// inbox is GET /api/inbox?connection=NAME&limit=N: of each line the dead letters
// first, then what is being answered, then what waits.
func (s *Server) inbox(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit <= 0 {
		limit = defaultEntries
	}
	entries, err := s.entries(r.Context(), s.now(), r.FormValue("connection"), min(limit, maxEntries))
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, entries)
}

// entries are at most limit of each line of a connection, or of all of them (""). With
// an error they are what was found before.
func (s *Server) entries(ctx context.Context, config *Config, only string, limit int) ([]Entry, error) {
	entries := []Entry{}
	for _, c := range config.Connections {
		if only != "" && only != c.Name {
			continue
		}
		for _, line := range linesOf(c.Name) {
			items, err := config.Desk.Inbox(ctx, line, limit)
			if err != nil {
				return entries, err
			}
			for _, item := range items {
				entries = append(entries, entryOf(item))
			}
		}
	}
	return entries, nil
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
	config := s.now()
	for _, c := range config.Connections {
		for _, line := range linesOf(c.Name) {
			marks, err := config.Desk.Life(r.Context(), line, id)
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

// onDead is POST /api/inbox/retry and /api/inbox/drop with {"id": "…"}: what to do with
// a dead letter.
func (s *Server) onDead(do func(desk conversation.Desk, ctx context.Context, line, trace string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body order
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
			s.answer(w, http.StatusBadRequest, problem{"the body is not JSON"})
			return
		}
		config := s.now()
		for _, c := range config.Connections {
			for _, line := range linesOf(c.Name) {
				err := do(config.Desk, r.Context(), line, body.ID)
				switch {
				case err == nil:
					s.log.Info("dead letter settled by the operator", "event", body.ID, "how", r.URL.Path, "address", client(r))
					s.stale()
					s.answer(w, http.StatusOK, body)
					return
				case !errors.Is(err, conversation.ErrNotFound):
					s.fail(w, err)
					return
				}
			}
		}
		s.fail(w, conversation.ErrNotFound)
	}
}

// order is the body of a request that changes a dead letter.
type order struct {
	ID string `json:"id"`
}

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
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(body); err != nil {
		s.log.Debug("answer not sent", "err", err)
	}
}
