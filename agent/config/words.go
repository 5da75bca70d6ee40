package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
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

func (Switch) wants() string { return "on or off" }

// MarshalText returns on or off.
func (s Switch) MarshalText() ([]byte, error) {
	if s {
		return []byte(On), nil
	}
	return []byte(Off), nil
}

// Calls is a number of API calls; 0 is no limit.
type Calls int64

// MarshalYAML returns the number, or unlimited.
func (c Calls) MarshalYAML() (any, error) { return numberOr(int64(c)), nil }

// numberOr is a number as the file has it.
func numberOr(n int64) any {
	if n == 0 {
		return unlimited
	}
	return n
}

const unlimited = "unlimited"

// maxCalls is a number that no edition of a platform reaches.
const maxCalls = 1_000_000_000

// UnmarshalText reads a number from 1 to a billion, or unlimited.
func (c *Calls) UnmarshalText(text []byte) error {
	n, err := parseLimit(text, maxCalls)
	if err == nil {
		*c = Calls(n)
	}
	return err
}

func (Calls) wants() string { return "a number from 1 to 1000000000, or unlimited" }

// Limit is how much of something somebody may have; 0 is no limit.
type Limit int64

// maxLimit is a number of tokens that no connection reaches in a month.
const maxLimit = 1_000_000_000_000

// MarshalYAML returns the number, or unlimited.
func (l Limit) MarshalYAML() (any, error) { return numberOr(int64(l)), nil }

// UnmarshalText reads a number from 1 to a million millions, or unlimited.
func (l *Limit) UnmarshalText(text []byte) error {
	n, err := parseLimit(text, maxLimit)
	if err == nil {
		*l = Limit(n)
	}
	return err
}

func (Limit) wants() string { return "a number from 1 to 1000000000000, or unlimited" }

// parseLimit reads a number from 1 to most, or unlimited, which is 0.
func parseLimit(text []byte, most int64) (int64, error) {
	if string(text) == unlimited {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, errors.New("no limit, and not unlimited")
	}
	return n, nil
}

// Date is a day. The zero Date is none.
type Date struct{ begins time.Time }

// Time is when the day begins, in UTC; the zero time where there is no day.
func (d Date) Time() time.Time { return d.begins }

// IsZero reports whether there is no day.
func (d Date) IsZero() bool { return d.begins.IsZero() }

// UnmarshalText reads a day as in 2026-12-31, or nothing.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	begins, err := time.Parse(time.DateOnly, string(text))
	if err == nil {
		*d = Date{begins}
	}
	return err
}

// String is the day as UnmarshalText reads it.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.begins.Format(time.DateOnly)
}

// MarshalText returns String; JSON and YAML use it too.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (Date) wants() string { return "a date such as 2026-12-31" }

// Size is a number of bytes.
type Size int64

// units are what a Size is written in, the largest first.
var units = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// sizeText is a size as it is written; only nothing may be without a unit.
var sizeText = regexp.MustCompile(`^([0-9]{1,9})(B|KiB|MiB|GiB)$`)

// parseSize reads a whole number with a unit, as in 16KiB.
func parseSize(text string) (Size, error) {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no size: %w", strconv.ErrSyntax)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, err
	}
	for _, unit := range units {
		if unit.name == m[2] {
			return Size(n) * unit.bytes, nil // below 2^60
		}
	}
	return 0, strconv.ErrSyntax
}

// MarshalText returns String; JSON and YAML use it too.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the size in the largest unit of which it is a whole number, as
// parseSize reads it.
func (s Size) String() string {
	for _, unit := range units {
		if s != 0 && s%unit.bytes == 0 {
			return strconv.FormatInt(int64(s/unit.bytes), 10) + unit.name
		}
	}
	return "0B"
}

func (Size) wants() string { return "a size such as 16KiB or 100MiB" }
