package trace

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"

	"longwire/connectors"
	"longwire/conversation"
)

// ID is the id of an event's trace. It is made like Event.Trace, of the same hash, so
// that each can be told from the other: Event.Trace is its first five bytes.
func ID(ev connectors.Event) trace.TraceID {
	sum := sha256.Sum256([]byte(ev.Connection + "\x00" + ev.ID))
	return trace.TraceID(sum[:16])
}

// conversationID names a conversation without saying whose it is.
func conversationID(ev connectors.Event) string {
	sum := sha256.Sum256([]byte(ev.Connection + "\x00" + string(conversation.KeyOf(ev))))
	return hex.EncodeToString(sum[:8])
}

// ids gives the first span of each trace the trace's id. The SDK has no other way to
// learn it than the context.
type ids struct{}

type idKey struct{}

// withID is ctx for the first span of ev's trace.
func withID(ctx context.Context, ev connectors.Event) context.Context {
	return context.WithValue(ctx, idKey{}, ID(ev))
}

// NewIDs implements sdk.IDGenerator.
func (i ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, _ := ctx.Value(idKey{}).(trace.TraceID)
	return id, i.NewSpanID(ctx, id)
}

// NewSpanID implements sdk.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}
