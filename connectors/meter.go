package connectors

import "time"

// Meter is told how a connection does. Its methods return at once and may be called
// at the same time; a nil Meter in a connector's Config is Unmeasured.
type Meter interface {
	// Acked is told from a frame with an event to its ack.
	Acked(took time.Duration)
	// Called is told about each call of the platform's API: which one, by the words of
	// connectors.Error.Op, how it ended ("ok", the platform's code, "http 502", or
	// "none" where there was no answer), and how long that took.
	Called(op, outcome string, took time.Duration)
	// Down is told that a stream has ended or that an attempt has failed, and why; nil
	// is the platform's own wish to go on elsewhere.
	Down(why error)
}

// Unmeasured is the Meter that nobody looks at.
type Unmeasured struct{}

// Acked implements Meter.
func (Unmeasured) Acked(time.Duration) {}

// Called implements Meter.
func (Unmeasured) Called(string, string, time.Duration) {}

// Down implements Meter.
func (Unmeasured) Down(error) {}
