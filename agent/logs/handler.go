package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// handler hands a record that its package logs to stderr and to the file.
type handler struct {
	levels *Levels
	sinks  []slog.Handler
}

// Enabled reports whether any package logs at this level; which one it is, is known
// only from the record.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.levels.Level()
}

// Handle writes the record, if its package logs at this level.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if !h.levels.logs(r.Level, r.PC) {
		return nil
	}
	if len(h.sinks) == 1 {
		return handle(ctx, h.sinks[0], r)
	}
	var all error
	for _, sink := range h.sinks {
		all = errors.Join(all, handle(ctx, sink, r.Clone()))
	}
	return all
}

// handle outlives a value that panics while it is encoded: the line says so instead.
func handle(ctx context.Context, sink slog.Handler, r slog.Record) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			plain := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
			plain.AddAttrs(slog.String("panic", fmt.Sprint(cause)))
			err = sink.Handle(ctx, plain)
		}
	}()
	return sink.Handle(ctx, r)
}

// WithAttrs is h with attributes on every record.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(sink slog.Handler) (with slog.Handler) {
		defer func() { // some handlers encode here already
			if cause := recover(); cause != nil {
				with = sink.WithAttrs([]slog.Attr{slog.String("panic", fmt.Sprint(cause))})
			}
		}()
		return sink.WithAttrs(slices.Clone(attrs))
	})
}

// WithGroup is h with the attributes that follow in a group.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.with(func(sink slog.Handler) slog.Handler { return sink.WithGroup(name) })
}

func (h *handler) with(change func(slog.Handler) slog.Handler) slog.Handler {
	next := &handler{levels: h.levels, sinks: make([]slog.Handler, len(h.sinks))}
	for i, sink := range h.sinks {
		next.sinks[i] = change(sink)
	}
	return next
}
