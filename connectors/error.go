package connectors

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Error is a call to a platform that did not work. The decision what to do about
// it is made once, where the platform's code is known, and is carried here: loops
// ask Permanent and RetryAfter, nobody matches texts.
type Error struct {
	Op         string        // what was tried: "open endpoint", "send by webhook"
	Code       string        // the platform's own code, or the HTTP status
	Message    string        // what the platform said about it
	Fatal      bool          // trying again would change nothing
	RetryAfter time.Duration // how long the platform asks us to wait; 0 where it says nothing
	Err        error         // the cause below, where there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Code != "" {
		fmt.Fprintf(&b, ": code %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrTooLarge says that a file has more bytes than were asked for.
var ErrTooLarge = errors.New("file too large")

// Permanent reports whether err says that trying again would change nothing, as
// an Error does whose Fatal is set.
func Permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Fatal
}

// RetryAfter is how long err asks to wait before the next try, 0 where it does
// not say.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// Unsure reports whether a call that failed with err may have taken effect all the
// same: nobody answered after it was on its way, or a gateway did in the platform's
// place. A call that could not be dialled, or that the platform refused, did not.
func Unsure(err error) bool {
	var e *Error
	var network *net.OpError
	switch {
	case err == nil:
		return false
	case errors.As(err, &network) && network.Op == "dial":
		return false
	case errors.As(err, &e) && e.Code != "":
		return strings.HasPrefix(e.Code, "HTTP 5")
	}
	return true
}

// WithoutURL takes the URL out of an HTTP client's error and keeps the host. The
// URLs of both platforms are secrets in themselves: a webhook's session and a
// socket's ticket let their holder speak.
func WithoutURL(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	where := "the address"
	if parsed, perr := url.Parse(u.URL); perr == nil && parsed.Host != "" {
		where = parsed.Host
	}
	return fmt.Errorf("%s %s: %w", strings.ToLower(u.Op), where, WithoutURL(u.Err))
}
