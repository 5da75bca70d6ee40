package metrics

import (
	"strings"
	"sync"
)

// What a label's value may be at most.
const (
	maxValues = 50 // distinct ones of a kind, before the next one is other
	maxKinds  = 64 // kinds of values
	maxValue  = 64 // bytes
	other     = "other"
)

// bounds keeps the number of values that a label takes within limits, where they are
// somebody else's words. The first ones keep their names.
type bounds struct {
	mu    sync.Mutex
	known map[string]map[string]bool // values by kind; guarded by mu
}

// of is value as a label may have it: itself, or "other".
func (b *bounds) of(kind, value string) string {
	if len(value) > maxValue {
		value = value[:maxValue]
	}
	value = strings.ToValidUTF8(value, "")
	b.mu.Lock()
	defer b.mu.Unlock()
	values := b.known[kind]
	switch {
	case values[value]:
		return value
	case values == nil && len(b.known) >= maxKinds, len(values) >= maxValues:
		return other
	case values == nil:
		values = make(map[string]bool)
		if b.known == nil {
			b.known = make(map[string]map[string]bool)
		}
		b.known[kind] = values
	}
	values[value] = true
	return value
}
