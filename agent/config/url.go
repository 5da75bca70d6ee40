package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// URL is where a service listens. What may be secret in it, a password or the
// values of its query, is shown as [redacted] in every print; Reveal returns it as
// it is.
type URL struct{ text Secret }

// errURL is all that is said about a URL that cannot be used: an error of net/url
// would repeat it, password included.
var errURL = errors.New("not a URL that can be used")

// UnmarshalText takes text as the URL, or as none where it is empty. Its error
// never contains the text.
func (u *URL) UnmarshalText(text []byte) error {
	if len(text) > 0 && !reachable(string(text), "http", "https") {
		return errURL
	}
	*u = URL{NewSecret(string(text))}
	return nil
}

// Reveal returns the URL with all that is in it.
func (u URL) Reveal() string { return u.text.Reveal() }

// IsZero reports whether there is no URL.
func (u URL) IsZero() bool { return u.text.IsZero() }

// String returns the URL without what it keeps secret.
func (u URL) String() string {
	return showURL(u.text.Reveal(), func(string) bool { return true })
}

// Format writes String for every verb, quoted for %q.
func (u URL) Format(f fmt.State, verb rune) { writeShown(f, verb, u.String()) }

// LogValue is String.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText returns String; JSON and YAML use it too.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

func (URL) wants() string { return "a URL beginning with https:// or http://" }

// Proxy is what connections go through: a URL, nothing at all (off), or what the
// environment says (the zero Proxy). A password inside is shown as [redacted] in
// every print.
type Proxy struct{ text Secret }

// UnmarshalText takes text as the URL of a proxy, off, or nothing. The kinds of
// proxy are those that websockets can go through too. Its error never contains the
// text.
func (p *Proxy) UnmarshalText(text []byte) error {
	raw := string(text)
	if raw != "" && raw != Off {
		u, err := url.Parse(raw)
		if err != nil || !reachable(raw, "http", "socks5") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery {
			return errURL
		}
	}
	*p = Proxy{NewSecret(raw)}
	return nil
}

// Func is the proxy as http.Transport and a websocket dialer take it; nil is none.
func (p Proxy) Func() func(*http.Request) (*url.URL, error) {
	switch raw := p.text.Reveal(); raw {
	case "":
		return http.ProxyFromEnvironment
	case Off:
		return func(*http.Request) (*url.URL, error) { return nil, nil } // nil itself would be the environment's
	default:
		u, err := url.Parse(raw) // without an error: UnmarshalText has looked
		return func(*http.Request) (*url.URL, error) { return u, err }
	}
}

// Reveal returns the URL with the password in it, off, or nothing.
func (p Proxy) Reveal() string { return p.text.Reveal() }

// IsZero reports whether the environment decides.
func (p Proxy) IsZero() bool { return p.text.IsZero() }

// String returns the URL without its password.
func (p Proxy) String() string {
	if raw := p.text.Reveal(); raw == "" || raw == Off {
		return raw
	}
	return showURL(p.text.Reveal(), func(string) bool { return true })
}

// Format writes String for every verb, quoted for %q.
func (p Proxy) Format(f fmt.State, verb rune) { writeShown(f, verb, p.String()) }

// LogValue is String.
func (p Proxy) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText returns String; JSON and YAML use it too.
func (p Proxy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (Proxy) wants() string { return "the URL of a proxy beginning with http:// or socks5://, or off" }

// reachable reports whether raw is a URL of one of the schemes that names a host,
// with nothing in it that may be the rest of a password.
func reachable(raw string, schemes ...string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || strayPassword(raw) || !portInRange(u) {
		return false
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return true
		}
	}
	return false
}

// portInRange reports whether the port of u, if it has one, can be dialled.
func portInRange(u *url.URL) bool {
	port := u.Port()
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// strayPassword reports whether an @ or # stands behind the host. It is what
// remains of a password with an unescaped / ? or #, which net/url takes for the
// beginning of a path or query, and which String would then show.
func strayPassword(raw string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	i := strings.IndexAny(rest, "/?#")
	return i >= 0 && strings.ContainsAny(rest[i:], "@#")
}

// showURL is a URL without its password and without the values of the parameters
// that hide picks by their names. A name that stands alone before the @ is hidden
// too, since it may be a password that lost its colon.
func showURL(raw string, hide func(parameter string) bool) string {
	u, err := url.Parse(raw)
	if err != nil {
		return redacted
	}
	var b strings.Builder
	if raw != "" {
		b.WriteString(u.Scheme + "://")
	}
	if u.User != nil {
		if _, ok := u.User.Password(); ok {
			b.WriteString(u.User.Username() + ":")
		}
		b.WriteString(redacted + "@")
	}
	b.WriteString(u.Host + u.Path)
	if u.RawQuery != "" {
		b.WriteString("?" + showQuery(u.RawQuery, hide))
	}
	return b.String()
}

// showQuery is a query without the values of the parameters that hide picks.
func showQuery(query string, hide func(parameter string) bool) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		key, _, valued := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		switch {
		case err != nil:
			pairs[i] = redacted
		case !hide(name):
		case valued:
			pairs[i] = key + "=" + redacted
		default:
			pairs[i] = redacted // a key that lost its name
		}
	}
	return strings.Join(pairs, "&")
}

// writeShown writes text for every verb, quoted for %q.
func writeShown(f fmt.State, verb rune, text string) {
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	write(f, text)
}

// keyParameter is a parameter of a URL whose value is likely a secret.
var keyParameter = regexp.MustCompile(`(?i)pass|pwd|key|token|secret|sign|auth|^(ak|sk)$`)

// secretParts are what is secret in a URL, as it is written there and as it is meant:
// the password, or a name that stands alone in its place, and the values of
// parameters that are called like one.
func secretParts(raw string) []string {
	u, err := url.Parse(raw)
	if err != nil {
		return nil
	}
	var parts []string
	if u.User != nil {
		meant, ok := u.User.Password()
		if !ok {
			meant = u.User.Username()
		}
		parts = append(parts, meant, passwordOf(raw))
	}
	for _, pair := range strings.Split(u.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(key)
		meant, err2 := url.QueryUnescape(value)
		if err1 == nil && err2 == nil && keyParameter.MatchString(name) {
			parts = append(parts, meant, value)
		}
	}
	return parts
}

// passwordOf is the password of a URL, or a name that stands alone in its place, as it
// is written.
func passwordOf(raw string) string {
	_, authority, _ := strings.Cut(raw, "://")
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority = authority[:i]
	}
	user := authority[:max(strings.LastIndexByte(authority, '@'), 0)]
	if _, password, ok := strings.Cut(user, ":"); ok {
		return password
	}
	return user
}
