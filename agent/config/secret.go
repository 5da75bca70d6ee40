package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
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

// Secrets are the texts of all secrets in the file, each once and in order, for a net
// that keeps them out of what the program writes: the Secrets as they are, and what
// is secret in a URL, as it is written there and as it is meant. The content of an
// api_key_file is not among them. Never print what it returns.
func (c *Config) Secrets() []string {
	var found []string
	collect(reflect.ValueOf(c).Elem(), &found)
	found = slices.DeleteFunc(found, func(text string) bool { return text == "" })
	slices.Sort(found)
	return slices.Compact(found)
}

// collect adds every secret in v to found, however deep it is.
func collect(v reflect.Value, found *[]string) {
	switch s := v.Interface().(type) {
	case Secret:
		*found = append(*found, s.Reveal())
		return
	case StoreURL:
		*found = append(*found, secretParts(s.Reveal())...)
		return
	case URL:
		*found = append(*found, secretParts(s.Reveal())...)
		return
	case Proxy:
		*found = append(*found, secretParts(s.Reveal())...)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				collect(v.Field(i), found)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), found)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			collect(v.MapIndex(key), found)
		}
	}
}
