package model

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// line is a response whose lines come one at a time; the last one for ever.
type line struct {
	ctx   context.Context
	every time.Duration
	lines []string
}

func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	body := &line{req.Context(), l.every, l.lines}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: req}, nil
}

func (l *line) Read(p []byte) (int, error) {
	timer := time.NewTimer(l.every)
	defer timer.Stop()
	select {
	case <-l.ctx.Done():
		return 0, l.ctx.Err()
	case <-timer.C:
	}
	n := copy(p, l.lines[0]+"\n\n")
	if len(l.lines) > 1 {
		l.lines = l.lines[1:]
	}
	return n, nil
}

// Comments and thoughts are life, comments alone not for ever; whatever is silent
// longer than it may be ends, to the millisecond.
func TestSignsOfLife(t *testing.T) {
	const comment, first, idle = ": keep-alive", 10 * time.Second, 4 * time.Second
	thought := `data: {"choices":[{"delta":{"reasoning_content":"x"}}]}`
	text := `data: {"choices":[{"delta":{"content":"x"}}]}`
	stop := `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`
	for name, c := range map[string]struct {
		every time.Duration
		lines []string
		took  time.Duration
		err   string // "" for an answer
	}{
		"nothing":                        {time.Hour, []string{text}, first, "no sign of life for 10s"},
		"comments for ever":              {9 * time.Second, []string{comment}, quietTimes * first, "nothing but comments for 50s"},
		"comments, slower than they may": {11 * time.Second, []string{comment}, first, "no sign of life for 10s"},
		"comments, then an answer":       {2 * time.Second, []string{comment, comment, comment, comment, text, comment, text, stop, "data: [DONE]"}, 18*time.Second + tail, ""},
		"comments in the middle":         {3 * time.Second, []string{text, comment}, 3*time.Second + quietTimes*first, "nothing but comments for 50s"},
		"thoughts for long":              {2 * time.Second, append(strings.Split(strings.Repeat(thought+"|", 50), "|")[:50], text, stop, "data: [DONE]"), 53*2*time.Second + tail, ""},
		"silence in the middle":          {5 * time.Second, []string{text, text}, 5*time.Second + idle, "no sign of life for 4s"},
		"no usage and no end":            {2 * time.Second, []string{text, stop, comment}, 4*time.Second + lastWord, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := New([]Config{{Endpoint: "http://model.invalid/v1", Name: "m", FirstToken: first, Idle: idle, Attempts: 1}}, quiet())
			client.endpoints[0].http = &http.Client{Transport: &line{every: c.every, lines: c.lines}}
			began := time.Now()
			h := client.ask(t.Context(), Request{})
			if took := time.Since(began); took != c.took {
				t.Errorf("%s: it took %s, want %s", name, took, c.took)
			}
			switch {
			case c.err == "" && (h.err != nil || h.text == ""):
				t.Errorf("%s: got %+v", name, h)
			case c.err != "" && (kind(t, h.err) != Timeout || !strings.Contains(h.err.Error(), c.err)):
				t.Errorf("%s: got %v", name, h.err)
			}
		})
	}
}

// Whoever shows a delta may take their time.
func TestSlowReaderIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := New([]Config{{Endpoint: "http://model.invalid/v1", Name: "m", Attempts: 1}}, quiet())
		text := `data: {"choices":[{"delta":{"content":"x"}}]}`
		client.endpoints[0].http = &http.Client{Transport: &line{every: time.Second, lines: []string{text, text, `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`, "data: [DONE]"}}}
		for d, err := range client.Stream(t.Context(), Request{Messages: []Message{{Role: User, Content: "hi"}}}) {
			if err != nil {
				t.Errorf("%+v, %v", d, err)
			}
			time.Sleep(time.Hour)
		}
	})
}
