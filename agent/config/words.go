package config

import (
	"errors"
	"strconv"
)

// The words of a Switch, and of Connection.Welcome where it is no text.
const (
	On  = "on"
	Off = "off"
)

// Switch is on or off.
type Switch bool

// UnmarshalText reads on, off, true and false.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case On, "true":
		*s = true
	case Off, "false":
		*s = false
	default:
		return errors.New("neither on nor off")
	}
	return nil
}

// Calls is a number of API calls; 0 is no limit.
type Calls int64

// maxCalls is a number that no edition of a platform reaches.
const maxCalls = 1_000_000_000

// UnmarshalText reads a number from 1 to a billion, or unlimited.
func (c *Calls) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*c = 0
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 1 || n > maxCalls {
		return errors.New("no number of calls")
	}
	*c = Calls(n)
	return nil
}
