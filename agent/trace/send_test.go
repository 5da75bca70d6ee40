package trace

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"longwire/connectors"
)

// The reference that people and logs have is the beginning of the trace's id.
func TestID(t *testing.T) {
	ev := connectors.Event{Connection: "sales", ID: "e1"}
	id := ID(ev)
	if got := strings.ToLower(base32.StdEncoding.EncodeToString(id[:5])); got != ev.Trace() {
		t.Errorf("%s, want %s", got, ev.Trace())
	}
	for _, another := range []connectors.Event{{Connection: "sales", ID: "e2"}, {Connection: "support", ID: "e1"}, {Connection: "sale", ID: "se1"}} {
		if ID(another) == id {
			t.Errorf("%v has the same id", another)
		}
	}
}

func TestConversationIDHidesWhoseItIs(t *testing.T) {
	ev := connectors.Event{Connection: "sales", Sender: connectors.Person{ID: "person-1"}}
	again, other := ev, ev
	again.ID, other.Sender.ID = "another", "person-2"
	if id := conversationID(ev); id != conversationID(again) || id == conversationID(other) || strings.Contains(id, "person") || len(id) != 16 {
		t.Errorf("%q, %q, %q", id, conversationID(again), conversationID(other))
	}
}

// Which messages are traced depends on them alone.
func TestSample(t *testing.T) {
	w := newWorld(t)
	none, some, same := w.tracer(t, 0), w.tracer(t, 0.5), w.tracer(t, 0.5)
	const messages = 200
	for n := range messages {
		ev := connectors.Event{Connection: "sales", ID: fmt.Sprint(n)}
		none.Accepted(ev, nil)
		some.Accepted(ev, nil)
		same.Accepted(ev, nil)
	}
	if spans := w.stop(t, none); len(spans) != 0 {
		t.Errorf("%d spans of no messages", len(spans))
	}
	w.stop(t, some)
	spans := w.stop(t, same)["accept"]
	traces := make(map[string]int)
	for _, span := range spans {
		traces[string(span.GetTraceId())]++
	}
	if len(traces) < messages/4 || len(traces) > messages*3/4 {
		t.Errorf("%d of %d messages", len(traces), messages)
	}
	for id, n := range traces {
		if n != 2 {
			t.Errorf("trace %x: told of by %d tracers", id, n)
		}
	}
}

func TestOff(t *testing.T) {
	tracer, err := New(t.Context(), Config{Sample: 1}, slog.New(slog.DiscardHandler))
	if tracer != nil || err != nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	tracer.Accepted(connectors.Event{}, nil)
	tracer.Turn(report(time.Now()))
	if err := tracer.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEndpoints(t *testing.T) {
	for _, bad := range []string{"127.0.0.1:4318", "ftp://127.0.0.1", "http://", "http://user:hunter2@[bad", "://"} {
		tracer, err := New(t.Context(), Config{Endpoint: bad}, slog.New(slog.DiscardHandler))
		if err == nil || tracer != nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for base, want := range map[string]string{"": "/v1/traces", "/": "/v1/traces", "/otel": "/otel/v1/traces"} {
		w := newWorld(t)
		w.server.URL += base
		tracer := w.tracer(t, 1)
		tracer.Accepted(connectors.Event{ID: "e"}, nil)
		w.stop(t, tracer)
		if len(w.requests) != 1 || w.requests[0].URL.Path != want {
			t.Errorf("%q: %d requests, %v", base, len(w.requests), w.requests[0].URL)
		}
	}
}

// A collector that hangs holds up nobody: not who tells, and not the end.
func TestCollectorThatHangs(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	w := &world{server: server}
	tracer := w.tracer(t, 1)
	tracer.patience = 20 * time.Millisecond
	for n := range 10_000 { // more than the queue holds
		tracer.Accepted(connectors.Event{ID: fmt.Sprint(n)}, nil)
	}
	if err := tracer.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(w.log.String(), "collector takes no spans"); n != 1 {
		t.Errorf("%d lines: %s", n, w.log.String())
	}
}

func TestCollectorThatIsAway(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	w := &world{server: server}
	tracer := w.tracer(t, 1)
	tracer.Accepted(connectors.Event{ID: "e1"}, nil)
	if err := tracer.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got := w.log.String(); strings.Count(got, "collector takes no spans") != 1 || strings.Contains(got, "v1/traces") {
		t.Errorf("%q", got)
	}
}

// exporter is one that ends as it is told to.
type exporter struct {
	sdk.SpanExporter
	err error
}

func (e *exporter) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return e.err }

// The log says that spans are lost, once a minute, and that it is over.
func TestLog(t *testing.T) {
	var log strings.Builder
	away := errors.New("away")
	to := &exporter{}
	s := newSender(to, slog.New(slog.NewTextHandler(&log, nil)))
	defer s.giveUp()
	if err := s.ExportSpans(t.Context(), nil); err != nil || log.Len() > 0 {
		t.Fatalf("%v, %q", err, log.String())
	}
	to.err = away
	if err := s.ExportSpans(t.Context(), make([]sdk.ReadOnlySpan, 3)); err != nil {
		t.Errorf("the SDK is told: %v", err)
	}
	now := time.Now()
	for _, row := range []struct {
		after time.Duration
		err   error
		want  string // in the log, "" for nothing
	}{
		{time.Second, away, ""},
		{30 * time.Second, away, ""},
		{2 * time.Minute, away, "lost=30"},
		{2*time.Minute + time.Second, away, ""},
		{3 * time.Minute, nil, "again"},
		{3*time.Minute + time.Second, nil, ""},
		{3*time.Minute + 2*time.Second, away, "lost=10"},
	} {
		log.Reset()
		s.note(10, row.err, now.Add(row.after))
		if got := log.String(); (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
			t.Errorf("after %v: %q, want %q", row.after, got, row.want)
		}
	}
}
