package config

import (
	"fmt"
	"log/slog"
)

// redacted stands wherever a secret would.
const redacted = "[redacted]"

// Secret is a text that must not be seen. However it is printed, logged or
// marshaled, it shows as [redacted]; only Reveal opens it. The zero value is an
// empty secret.
type Secret struct {
	// text is behind a pointer because fmt does not ask a value in an
	// unexported field how it wants to be printed: it shows the bare fields,
	// and of a pointer that deep only the address.
	text *string
}

// NewSecret is the secret that Reveal opens to text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// String returns [redacted], also for an empty secret.
func (s Secret) String() string { return redacted }

// Format writes [redacted] for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { write(f, redacted) }

// LogValue is [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [redacted]; JSON and YAML use it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes text as the secret.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// write puts text where fmt collects its output, which cannot fail.
func write(f fmt.State, text string) { _, _ = f.Write([]byte(text)) }
