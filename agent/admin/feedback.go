package admin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Feedback returns at most limit of the newest records of what people think of the
// answers on a connection, the oldest first, each as JSON.
type Feedback func(ctx context.Context, connection string, limit int) ([][]byte, error)

// Votes counts what people think of the answers on a connection.
type Votes func(ctx context.Context, connection string) (good, bad int64, err error)

// feedback is GET /api/feedback?connection=NAME&limit=N: JSON lines.
func (s *Server) feedback(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit <= 0 {
		limit = defaultEntries
	}
	config := s.now()
	if config.Feedback == nil {
		http.NotFound(w, r)
		return
	}
	var lines bytes.Buffer
	for _, c := range config.Connections {
		if only := r.FormValue("connection"); only != "" && only != c.Name {
			continue
		}
		records, err := config.Feedback(r.Context(), c.Name, limit)
		if err != nil {
			s.fail(w, err)
			return
		}
		for _, record := range records {
			lines.Write(record)
			lines.WriteByte('\n')
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	if _, err := lines.WriteTo(w); err != nil {
		s.log.Debug("answer not sent", "err", err)
	}
}

// Feedback copies the newest records to out, as JSON lines, of one connection or of
// all ("").
func (c *Client) Feedback(ctx context.Context, connection string, limit int, out io.Writer) error {
	query := url.Values{"connection": {connection}, "limit": {fmt.Sprint(limit)}}
	raw, err := c.ask(ctx, http.MethodGet, "/api/feedback", query, nil)
	if err != nil {
		return err
	}
	_, err = out.Write(raw)
	return err
}
