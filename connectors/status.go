package connectors

import "time"

// State is where a connection stands.
type State string

// The states of a connection. Connected is the only one in which messages come.
const (
	Connecting State = "connecting" // an attempt is under way
	Connected  State = "connected"  // the stream is up and was heard of lately
	Waiting    State = "waiting"    // the last attempt failed or the stream ended; the next attempt is due soon
	Failed     State = "failed"     // the platform refuses us in a way that only the operator can mend; still tried, slowly
	Stopped    State = "stopped"    // Run has not begun or has returned
)

// Status is the truth about a connection at one moment.
type Status struct {
	State     State
	Since     time.Time // when it came into this state
	LastFrame time.Time // when the platform was last heard of; zero before the stream first came up
	Problem   string    // why it is not connected, or what else is amiss; empty when all is well
	Connects  int       // how often the stream came up
	Attempts  int       // failed attempts since the stream was last up
}

// Healthy reports whether the connection hears and can answer everybody.
func (s Status) Healthy() bool { return s.State == Connected && s.Problem == "" }

// Counts is what a connection has seen since it was made.
type Counts struct {
	Events    int64 `json:"events"`    // events parsed from frames, redeliveries included
	Refused   int64 `json:"refused"`   // events that could not be taken over, and were not acked
	Malformed int64 `json:"malformed"` // frames that could not be read
	Panics    int64 `json:"panics"`    // handlers that panicked; each is logged with its stack
	Withheld  int64 `json:"withheld"`  // messages that came without what they say: the platform's monthly quota is used up
	Repeats   int64 `json:"repeats"`   // messages sent that may have been seen before: a crash came in between, and the platform takes no key
}
