package trace

import (
	"context"
	"net"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"longwire/agent/model"
	"longwire/agent/turn"
	"longwire/connectors"
	"longwire/conversation"
)

// The attributes that the semantic conventions do not have.
const (
	connectionKey = attribute.Key("longwire.connection")
	eventKey      = attribute.Key("longwire.event") // as in the log
	kindKey       = attribute.Key("longwire.kind")
	attemptKey    = attribute.Key("longwire.attempt")
	questionsKey  = attribute.Key("longwire.questions")
	outcomeKey    = attribute.Key("longwire.outcome")
)

// about are the attributes of every span that begins a trace.
func about(ev connectors.Event) []attribute.KeyValue {
	return []attribute.KeyValue{connectionKey.String(ev.Connection), eventKey.String(ev.Trace()), kindKey.String(string(ev.Kind))}
}

// Accepted tells that an event was delivered, just now, and with which result.
func (t *Tracer) Accepted(ev connectors.Event, err error) {
	if t == nil {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(withID(context.Background(), ev), "accept", trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(before(ev.Received, end)), trace.WithAttributes(about(ev)...))
	if err != nil {
		fail(span, "refused")
	}
	span.End(trace.WithTimestamp(end))
}

// Turn tells of a turn that has just ended, and of its steps.
func (t *Tracer) Turn(r turn.Report) {
	if t == nil {
		return
	}
	end := time.Now()
	taken := end.Add(-r.Took)
	received := before(r.Event.Received, taken)
	ctx, message := t.tracer.Start(withID(context.Background(), r.Event), "message", trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(received), trace.WithAttributes(about(r.Event)...))
	message.SetAttributes(attemptKey.Int(r.Attempt), questionsKey.Int(r.Questions), outcomeKey.String(string(r.How)))
	_, wait := t.tracer.Start(ctx, "wait", trace.WithTimestamp(received))
	wait.End(trace.WithTimestamp(taken))

	ctx, answer := t.answer(ctx, r, taken)
	for _, step := range r.Steps {
		t.step(ctx, step)
	}
	if r.How == conversation.Failed || r.How == conversation.Dead {
		fail(message, string(r.How))
		fail(answer, string(r.How))
	}
	answer.End(trace.WithTimestamp(end))
	message.End(trace.WithTimestamp(end))
}

// answer begins the span of the turn itself.
func (t *Tracer) answer(ctx context.Context, r turn.Report, taken time.Time) (context.Context, trace.Span) {
	if !r.Asked {
		return t.tracer.Start(ctx, "answer", trace.WithTimestamp(taken))
	}
	ctx, span := t.tracer.Start(ctx, "invoke_agent "+r.Event.Connection, trace.WithTimestamp(taken), trace.WithAttributes(
		semconv.GenAIOperationNameInvokeAgent, semconv.GenAIProviderNameOpenAI,
		semconv.GenAIAgentName(r.Event.Connection), semconv.GenAIConversationID(conversationID(r.Event)),
	))
	if r.Usage.Model != "" {
		span.SetAttributes(semconv.GenAIRequestModel(r.Usage.Model))
	}
	span.SetAttributes(used(&r.Usage)...)
	if r.FirstWord > 0 {
		span.AddEvent("first word", trace.WithTimestamp(taken.Add(r.FirstWord)))
	}
	return ctx, span
}

// step makes the span of one step.
func (t *Tracer) step(ctx context.Context, s turn.Step) {
	name, kind := s.Name, trace.SpanKindInternal
	var attributes []attribute.KeyValue
	switch s.Kind {
	case turn.StepChat:
		name, kind = "chat "+s.Name, trace.SpanKindClient
		attributes = append(chatted(s), used(s.Usage)...)
	case turn.StepTool:
		name = "execute_tool " + s.Name
		attributes = append(attributes, semconv.GenAIOperationNameExecuteTool, semconv.GenAIToolName(s.Name), semconv.GenAIToolType("function"))
		if s.CallID != "" {
			attributes = append(attributes, semconv.GenAIToolCallID(s.CallID))
		}
	}
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(s.Begin), trace.WithAttributes(attributes...))
	if s.Error != "" {
		fail(span, s.Error)
	}
	span.End(trace.WithTimestamp(s.End))
}

// chatted are the attributes of a request to a model.
func chatted(s turn.Step) []attribute.KeyValue {
	all := []attribute.KeyValue{
		semconv.GenAIOperationNameChat, semconv.GenAIProviderNameOpenAI, // the flavour that is spoken, whoever speaks it
		semconv.GenAIRequestModel(s.Name), semconv.GenAIRequestStream(true),
	}
	if host, port, err := net.SplitHostPort(s.Endpoint); err == nil {
		all = append(all, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			all = append(all, semconv.ServerPort(n))
		}
	} else if s.Endpoint != "" {
		all = append(all, semconv.ServerAddress(s.Endpoint))
	}
	if s.First > 0 {
		all = append(all, semconv.GenAIResponseTimeToFirstChunk(s.First.Seconds()))
	}
	return all
}

// used are the attributes of what an answer took, where the endpoint has told.
func used(u *model.Usage) []attribute.KeyValue {
	if u == nil || !u.Reported {
		return nil
	}
	return []attribute.KeyValue{
		semconv.GenAIUsageInputTokens(u.Prompt), semconv.GenAIUsageCacheReadInputTokens(u.Cached),
		semconv.GenAIUsageOutputTokens(u.Answer), semconv.GenAIUsageReasoningOutputTokens(u.Reasoning),
	}
}

// fail marks a span as failed, in a word of the code: errors in full are in the log, and
// may repeat what somebody said.
func fail(span trace.Span, why string) {
	span.SetStatus(codes.Error, why)
	span.SetAttributes(semconv.ErrorTypeKey.String(why))
}

// before is begin, or end where begin is not known or is later: clocks are set.
func before(begin, end time.Time) time.Time {
	if begin.IsZero() || begin.After(end) {
		return end
	}
	return begin
}
