package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// StoreURL says where the store is: file:PATH, or a Redis URL as go-redis
// understands it (redis://, rediss:// and unix://, with sentinel and cluster
// parameters). A password inside is shown as [redacted] in every print; Reveal
// returns the URL as it is.
type StoreURL struct{ url Secret }

// errStore is all that is said about a store URL that cannot be used: an error of
// net/url would repeat the URL, password included.
var errStore = errors.New("not a store")

// UnmarshalText takes text as the URL. Its error never contains the text.
func (s *StoreURL) UnmarshalText(text []byte) error {
	raw := string(text)
	if path, ok := strings.CutPrefix(raw, "file:"); ok {
		if filePath(path) == "" {
			return errStore
		}
		*s = StoreURL{NewSecret(raw)}
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || strayPassword(raw) {
		return errStore
	}
	switch u.Scheme {
	case "redis", "rediss":
		db := strings.Trim(u.Path, "/")
		if _, err := strconv.ParseUint(db, 10, 16); db != "" && err != nil || u.Opaque != "" {
			return errStore
		}
	case "unix":
		if u.Path == "" {
			return errStore
		}
	default:
		return errStore
	}
	*s = StoreURL{NewSecret(raw)}
	return nil
}

// File returns the path of an embedded store; ok is false for any other.
func (s StoreURL) File() (path string, ok bool) {
	rest, ok := strings.CutPrefix(s.url.Reveal(), "file:")
	if !ok {
		return "", false
	}
	return filePath(rest), true
}

// filePath is the path in what follows "file:". The form file:///path is taken
// too; file://host/path names another machine and has no path here.
func filePath(rest string) string {
	if tail, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(tail, "/") {
			return ""
		}
		return tail
	}
	return rest
}

// Reveal returns the URL with the password in it.
func (s StoreURL) Reveal() string { return s.url.Reveal() }

// IsZero reports whether there is no URL.
func (s StoreURL) IsZero() bool { return s.url.IsZero() }

// String returns the URL without what it keeps secret, as in
// redis://user:[redacted]@host:6379/0.
func (s StoreURL) String() string {
	raw := s.url.Reveal()
	if raw == "" || strings.HasPrefix(raw, "file:") {
		return raw
	}
	return showURL(raw, isPassword)
}

// isPassword reports whether a parameter of a store URL may be a password: sentinel
// URLs carry one there.
func isPassword(parameter string) bool { return strings.Contains(strings.ToLower(parameter), "pass") }

// Format writes String for every verb, quoted for %q.
func (s StoreURL) Format(f fmt.State, verb rune) { writeShown(f, verb, s.String()) }

// LogValue is String.
func (s StoreURL) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns String; JSON and YAML use it too.
func (s StoreURL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (StoreURL) wants() string { return "a store" }
