package feishu

import (
	"errors"
	"strings"
	"time"

	"longwire/connectors"
)

// measure tells the meter of a call that began at began and has just ended with err.
func (a *api) measure(op string, began time.Time, err *error) {
	a.meter.Called(op, outcome(*err), time.Since(began))
}

// outcome is how a call ended, in the words of connectors.Meter.
func outcome(err error) string {
	var e *connectors.Error
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &e) || e.Code == "":
		return "none"
	}
	return strings.ToLower(e.Code)
}
