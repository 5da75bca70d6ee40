package trace

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"longwire/agent/model"
	"longwire/agent/turn"
	"longwire/connectors"
	"longwire/conversation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a collector, and what it was told.
type world struct {
	server *httptest.Server
	log    bytes.Buffer // of the tracer; read after its end

	mu       sync.Mutex
	requests []*http.Request
	raw      []byte // all bodies
	sent     []*otlp.ResourceSpans
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err := errors.Join(err, proto.Unmarshal(body, &request)); err != nil {
			t.Errorf("collector: %v", err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.requests = append(w.requests, r)
		w.raw = append(w.raw, body...)
		w.sent = append(w.sent, request.GetResourceSpans()...)
	}))
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) tracer(t *testing.T, sample float64) *Tracer {
	t.Helper()
	tracer, err := New(t.Context(), Config{
		Endpoint: w.server.URL, Sample: sample, Version: "v1.2.3", Headers: map[string]string{"X-Key": "secret"},
	}, slog.New(slog.NewTextHandler(&w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// stop ends the tracer and returns what it has told, by the spans' names.
func (w *world) stop(t *testing.T, tracer *Tracer) map[string][]*otlp.Span {
	t.Helper()
	if err := tracer.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	spans := make(map[string][]*otlp.Span)
	for _, resource := range w.sent {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				spans[span.GetName()] = append(spans[span.GetName()], span)
			}
		}
	}
	return spans
}

// attributes are a span's, as text.
func attributes(span *otlp.Span) map[string]string {
	all := make(map[string]string)
	for _, pair := range span.GetAttributes() {
		_, value, _ := strings.Cut(pair.GetValue().String(), ":")
		all[pair.GetKey()] = strings.Trim(value, `"`)
	}
	return all
}

func one(t *testing.T, spans map[string][]*otlp.Span, name string) *otlp.Span {
	t.Helper()
	if len(spans[name]) != 1 {
		t.Fatalf("%d spans %q", len(spans[name]), name)
	}
	return spans[name][0]
}

func length(span *otlp.Span) time.Duration {
	return time.Duration(span.GetEndTimeUnixNano() - span.GetStartTimeUnixNano())
}

// canary is in everything that people say and are called.
const canary = "CANARY"

func report(received time.Time) turn.Report {
	return turn.Report{
		Event: connectors.Event{
			ID: "e1", Connection: "sales", Kind: connectors.KindText, Text: canary,
			Chat: connectors.Chat{ID: canary, Title: canary, Group: true}, Sender: connectors.Person{ID: canary, Name: canary},
			Quote: &connectors.Quote{Text: canary}, Received: received,
		},
		Questions: 2, Attempt: 1, How: conversation.Answered, Reason: canary, Answer: canary, Asked: true,
		Usage:  model.Usage{Endpoint: "api.example.com", Model: "qwen-max", Prompt: 900, Cached: 500, Answer: 120, Reasoning: 20, Reported: true},
		Waited: 2 * time.Second, FirstWord: time.Second, Took: 4 * time.Second,
	}
}

func TestTurn(t *testing.T) {
	w := newWorld(t)
	tracer := w.tracer(t, 1)
	now := time.Now()
	r := report(now.Add(-6 * time.Second))
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	r.Steps = []turn.Step{
		{Kind: turn.StepWork, Name: "prompt", Begin: at(-4), End: at(-3)},
		{Kind: turn.StepChat, Name: "qwen-max", Begin: at(-3), End: at(-2), Endpoint: "api.example.com:8443", First: 250 * time.Millisecond, Usage: &r.Usage},
		{Kind: turn.StepTool, Name: "calendar__list", Begin: at(-2), End: at(-1), CallID: "call_1", Error: "timeout"},
		{Kind: turn.StepChat, Name: "qwen-max", Begin: at(-1), End: at(0), Endpoint: "api.example.com", Error: "busy"},
	}
	tracer.Turn(r)
	spans := w.stop(t, tracer)

	message, agent := one(t, spans, "message"), one(t, spans, "invoke_agent sales")
	for _, row := range []struct {
		span   *otlp.Span
		parent []byte
		kind   otlp.Span_SpanKind
		length time.Duration
	}{
		{message, nil, otlp.Span_SPAN_KIND_CONSUMER, 6 * time.Second},
		{one(t, spans, "wait"), message.GetSpanId(), otlp.Span_SPAN_KIND_INTERNAL, 2 * time.Second},
		{agent, message.GetSpanId(), otlp.Span_SPAN_KIND_INTERNAL, 4 * time.Second},
		{one(t, spans, "prompt"), agent.GetSpanId(), otlp.Span_SPAN_KIND_INTERNAL, time.Second},
		{spans["chat qwen-max"][0], agent.GetSpanId(), otlp.Span_SPAN_KIND_CLIENT, time.Second},
		{one(t, spans, "execute_tool calendar__list"), agent.GetSpanId(), otlp.Span_SPAN_KIND_INTERNAL, time.Second},
	} {
		name, id := row.span.GetName(), ID(r.Event)
		if !bytes.Equal(row.span.GetParentSpanId(), row.parent) || row.span.GetKind() != row.kind || !bytes.Equal(row.span.GetTraceId(), id[:]) {
			t.Errorf("%s: parent %x, kind %v, trace %x", name, row.span.GetParentSpanId(), row.span.GetKind(), row.span.GetTraceId())
		}
		if off := length(row.span) - row.length; off.Abs() > 500*time.Millisecond { // the report is told a moment after the turn
			t.Errorf("%s took %v, want %v", name, length(row.span), row.length)
		}
	}
	if events := agent.GetEvents(); len(events) != 1 || events[0].GetName() != "first word" || time.Duration(events[0].GetTimeUnixNano()-agent.GetStartTimeUnixNano()) != time.Second {
		t.Errorf("events %v", events)
	}
	if got := w.sent[0].GetResource().String(); !strings.Contains(got, `"longwire"`) || !strings.Contains(got, `"v1.2.3"`) {
		t.Errorf("resource %s", got)
	}
	if got := w.requests[0]; got.URL.Path != "/v1/traces" || got.Header.Get("X-Key") != "secret" {
		t.Errorf("%s, key %q", got.URL, got.Header.Get("X-Key"))
	}
	if bytes.Contains(w.raw, []byte(canary)) {
		t.Error("somebody's words or name are in a span")
	}
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	tracer := w.tracer(t, 1)
	r := report(time.Now())
	r.Steps = []turn.Step{
		{Kind: turn.StepChat, Name: "qwen-max", Endpoint: "api.example.com:8443", First: 250 * time.Millisecond, Usage: &r.Usage},
		{Kind: turn.StepChat, Name: "small", Endpoint: "api.example.com", Error: "busy", Usage: &model.Usage{Prompt: 5}},
		{Kind: turn.StepTool, Name: "calendar__list", CallID: "call_1", Error: "timeout"},
	}
	tracer.Turn(r)
	spans := w.stop(t, tracer)
	for _, row := range []struct {
		name string
		want map[string]string // "" for one that must not be there
	}{
		{"message", map[string]string{
			"longwire.connection": "sales", "longwire.event": r.Event.Trace(), "longwire.kind": "text",
			"longwire.attempt": "1", "longwire.questions": "2", "longwire.outcome": "answered", "error.type": "",
		}},
		{"invoke_agent sales", map[string]string{
			"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.agent.name": "sales",
			"gen_ai.conversation.id": conversationID(r.Event), "gen_ai.request.model": "qwen-max",
			"gen_ai.usage.input_tokens": "900", "gen_ai.usage.output_tokens": "120",
		}},
		{"chat qwen-max", map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "qwen-max",
			"server.address": "api.example.com", "server.port": "8443", "gen_ai.request.stream": "true",
			"gen_ai.response.time_to_first_chunk": "0.25", "error.type": "",
			"gen_ai.usage.input_tokens": "900", "gen_ai.usage.cache_read.input_tokens": "500",
			"gen_ai.usage.output_tokens": "120", "gen_ai.usage.reasoning.output_tokens": "20",
		}},
		{"chat small", map[string]string{
			"server.address": "api.example.com", "server.port": "", "error.type": "busy",
			"gen_ai.usage.input_tokens": "", "gen_ai.response.time_to_first_chunk": "",
		}},
		{"execute_tool calendar__list", map[string]string{
			"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "calendar__list", "gen_ai.tool.call.id": "call_1",
			"gen_ai.tool.type": "function", "error.type": "timeout",
		}},
	} {
		span := one(t, spans, row.name)
		got := attributes(span)
		for key, want := range row.want {
			if got[key] != want {
				t.Errorf("%s: %s is %q, want %q", row.name, key, got[key], want)
			}
		}
		if failed := span.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR; failed != (got["error.type"] != "") {
			t.Errorf("%s: status %v", row.name, span.GetStatus())
		}
	}
}

// A turn without a model has no agent, and one that failed says so.
func TestTurnWithoutAModel(t *testing.T) {
	for how, failed := range map[conversation.How]bool{
		conversation.Answered: false, conversation.Skipped: false, conversation.Failed: true, conversation.Dead: true,
	} {
		w := newWorld(t)
		tracer := w.tracer(t, 1)
		r := report(time.Time{}) // of an unknown arrival
		r.Asked, r.How = false, how
		tracer.Turn(r)
		spans := w.stop(t, tracer)
		if len(spans) != 3 {
			t.Errorf("%s: %d spans", how, len(spans))
		}
		for _, name := range []string{"message", "answer"} {
			span := one(t, spans, name)
			if got := span.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR; got != failed {
				t.Errorf("%s: status of %s is %v", how, name, span.GetStatus())
			}
			if length(span) != 4*time.Second {
				t.Errorf("%s took %v", name, length(span))
			}
		}
	}
}

// All that becomes of an event is in one trace, whichever replica tells of it.
func TestOneTrace(t *testing.T) {
	w := newWorld(t)
	here, there := w.tracer(t, 1), w.tracer(t, 1)
	r := report(time.Now().Add(-time.Minute))
	here.Accepted(r.Event, errors.New(canary))
	there.Accepted(r.Event, nil)
	here.Turn(r)
	r.Attempt = 2
	there.Turn(r)
	w.stop(t, here)
	spans := w.stop(t, there)
	if len(spans["accept"]) != 2 || len(spans["message"]) != 2 {
		t.Fatalf("%d accepted, %d turns", len(spans["accept"]), len(spans["message"]))
	}
	id, failed := ID(r.Event), 0
	for _, span := range append(spans["accept"], spans["message"]...) {
		if !bytes.Equal(span.GetTraceId(), id[:]) || len(span.GetParentSpanId()) > 0 {
			t.Errorf("%s in trace %x below %x", span.GetName(), span.GetTraceId(), span.GetParentSpanId())
		}
		if span.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d spans failed", failed)
	}
	if bytes.Contains(w.raw, []byte(canary)) {
		t.Error("an error's words are in a span")
	}
}
