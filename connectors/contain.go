package connectors

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Contain is deferred at the beginning of a goroutine in which somebody else's data is
// worked on, such as what stands around a reply. A panic there is a bug that must not
// end the process, with every other conversation in it: it is logged with its stack and
// the given attributes, and becomes *err, for whoever waits. That is Permanent, since
// the same data would do the same again. With a nil err nobody is told but the log.
func Contain(log *slog.Logger, where string, err *error, attrs ...any) {
	v := recover()
	if v == nil {
		return
	}
	logPanic(log, where, v, attrs...)
	if err != nil {
		*err = &Error{Op: where, Message: fmt.Sprintf("panic: %v", v), Fatal: true}
	}
}

// logPanic logs a panic; it is called by the deferred function that has recovered it.
func logPanic(log *slog.Logger, where string, v any, attrs ...any) {
	log.Error("panic contained", append(attrs, "where", where, "panic", v, "stack", string(debug.Stack()))...)
}
