package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// LooseString reads a JSON string, number or boolean as text, and null as "".
// The platforms document strings and send numbers, or the other way round; a
// message is not lost over that.
type LooseString string

// UnmarshalJSON implements json.Unmarshaler.
func (s *LooseString) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		*s = ""
	case raw[0] == '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		*s = LooseString(text)
	case raw[0] == '{' || raw[0] == '[':
		return errors.New("a text was expected, not an object or an array") // what is in it is nobody's to log
	default:
		*s = LooseString(raw)
	}
	return nil
}

// LooseMillis reads a time from milliseconds since 1970, as a JSON number or as
// a string of digits. Microseconds, which Feishu sends here and there, are told
// by their size. Null, "" and 0 are the zero time, and so is what cannot be read:
// no message is lost over the time it bears.
type LooseMillis struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *LooseMillis) UnmarshalJSON(raw []byte) error {
	var text LooseString
	_ = text.UnmarshalJSON(raw)
	t.Time, _ = ParseMillis(string(text))
	return nil
}

// latest is the last second of the year 9999, in microseconds: a later time cannot
// be written as JSON.
const latest = 253402300799e6

// ParseMillis is LooseMillis for a text, but says what it cannot read.
func ParseMillis(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f <= latest) { // NaN is neither
		return time.Time{}, fmt.Errorf("milliseconds since 1970 were expected, not %.20q", text)
	}
	if f == 0 {
		return time.Time{}, nil
	}
	n := int64(f)
	if n > 1e14 { // in ms that would be after the year 5000
		return time.UnixMicro(n), nil
	}
	return time.UnixMilli(n), nil
}
