package trace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"longwire/connectors"
)

// quiet is how long the log says nothing more of a collector that takes no spans.
const quiet = time.Minute

// sender sends batches, and keeps to itself what becomes of them: the SDK would tell
// its global error handler of each.
type sender struct {
	sdk.SpanExporter
	log    *slog.Logger
	over   context.Context // done once nothing is waited for any more
	giveUp context.CancelFunc

	mu     sync.Mutex
	lost   int       // spans since the log said so last; guarded by mu
	failed bool      // the last batch was lost; guarded by mu
	said   time.Time // guarded by mu
}

func newSender(to sdk.SpanExporter, log *slog.Logger) *sender {
	s := &sender{SpanExporter: to, log: log}
	s.over, s.giveUp = context.WithCancel(context.Background())
	return s
}

// ExportSpans implements sdk.SpanExporter.
func (s *sender) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.over, cancel)()
	s.note(len(spans), s.SpanExporter.ExportSpans(ctx, spans), time.Now())
	return nil
}

// note tells the log what became of a batch, if that is news.
func (s *sender) note(spans int, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.failed {
			s.log.Info("collector takes spans again")
		}
		s.failed, s.lost, s.said = false, 0, time.Time{}
		return
	}
	s.failed = true
	s.lost += spans
	if now.Sub(s.said) < quiet {
		return
	}
	s.log.Warn("collector takes no spans, they are lost", "lost", s.lost, "err", connectors.WithoutURL(err))
	s.lost, s.said = 0, now
}
