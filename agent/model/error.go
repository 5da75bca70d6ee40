package model

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"longwire/connectors"
)

// Kind is why an answer failed.
type Kind string

// The kinds of failure. The operator has to act on Key, Quota and Refused.
const (
	Key         Kind = "key"         // 401, 403: the key is refused
	Quota       Kind = "quota"       // 402, or a 429 that no waiting helps: the account is empty
	Refused     Kind = "refused"     // 400, 404, …: the endpoint does not take the request, the model's name perhaps
	TooLong     Kind = "too_long"    // 400 because of the prompt's length
	Busy        Kind = "busy"        // 429: too many requests, or no place under Config.Concurrency
	Unavailable Kind = "unavailable" // 5xx, no connection, or an answer that is not one
	Timeout     Kind = "timeout"     // no sign of life in time
	Cut         Kind = "cut"         // the stream stopped in the middle
	Length      Kind = "length"      // the answer reached max_tokens; what came is good
	Filtered    Kind = "filtered"    // the endpoint's content filter
	Empty       Kind = "empty"       // the model said nothing
	Stopped     Kind = "stopped"     // whoever asked has gone; only an Observer sees it
)

// Error is an answer that failed. Where several endpoints were asked, it is the
// failure that says most: one that broke off an answer in sight, else one that
// somebody who asks again in a moment may not meet (in this order: Busy, Timeout,
// Unavailable, Cut, Empty), else what the operator has to act on (Quota, Key,
// Refused). Among equals it is the preferred endpoint's. TooLong says more than these:
// it comes where only an endpoint of less room was left, which may answer less.
type Error struct {
	Kind       Kind
	Endpoint   string        // its host; "" where there was none
	Status     int           // the HTTP status, 0 where there was none
	Message    string        // what the endpoint said, without the key
	RetryAfter time.Duration // how long the endpoint asks to wait, 0 where it does not

	noModel bool // a Refused that failed because the endpoint does not have the model
	inSight bool // it broke off an answer that somebody has begun to read
	final   bool // the answer cannot start over
	spent   bool // the same endpoint would do the same again
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("model: ")
	if e.Endpoint != "" {
		b.WriteString(e.Endpoint + ": ")
	}
	b.WriteString(string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.Status)
	}
	return b.String() + ": " + e.Message
}

// weight orders failures by how much they say; what weighs nothing ends an answer
// and is never compared.
func (k Kind) weight() int {
	for i, kind := range []Kind{Refused, Key, Quota, Empty, Cut, Unavailable, Timeout, Busy, TooLong} {
		if kind == k {
			return i + 1
		}
	}
	return 0
}

// transient reports whether the same request may work in a moment.
func (k Kind) transient() bool {
	switch k {
	case Busy, Unavailable, Timeout, Cut, Empty:
		return true
	}
	return false
}

// elsewhere reports whether another endpoint may do better.
func (e *Error) elsewhere() bool {
	return e.Kind.transient() || e.Kind == Key || e.Kind == Quota || e.noModel
}

// telling is which of two failures says more; of two that say as much, the first.
func telling(a, b *Error) *Error {
	if a == nil || b.inSight && !a.inSight || b.inSight == a.inSight && b.Kind.weight() > a.Kind.weight() {
		return b
	}
	return a
}

// maxMessage bounds what is repeated of an endpoint's words.
const maxMessage = 500

// failure makes an *Error of what went wrong with an exchange. Its words are the
// endpoint's own where it said any.
func (e *endpoint) failure(err error, ex *exchange, w *watch) *Error {
	f := &Error{Kind: Unavailable, Endpoint: e.host, Status: ex.status, RetryAfter: ex.retryAfter}
	var told *fault
	switch {
	case w.expired():
		f.Kind, f.Status, f.Message = Timeout, 0, w.words()
	case errors.As(err, &told): // inside a response that had begun well
		f.Kind, f.noModel = told.kind(told.status())
		f.Message = told.message
	case ex.failed != nil:
		told = parseFault(ex.failed)
		f.Kind, f.noModel = told.kind(ex.status)
		f.Message = told.message
	case !ex.sent: // the SDK knows better than to send it
		f.Kind, f.Message = Refused, err.Error()
	case ex.status == http.StatusOK:
		f.Kind, f.Message = Cut, "the connection ended in the middle of the answer: "+connectors.WithoutURL(err).Error()
	default:
		f.Message = connectors.WithoutURL(err).Error()
	}
	return e.tidy(f)
}

// tidy takes out of an error's words what nobody is to see, and what nobody reads.
func (e *endpoint) tidy(f *Error) *Error {
	f.Message = strings.ToValidUTF8(e.keys.redact(f.Message), "�")
	if len(f.Message) > maxMessage {
		f.Message = strings.ToValidUTF8(f.Message[:maxMessage], "") + "…"
	}
	return f
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3), or OpenAI's and
// Azure's milliseconds.
func retryAfter(header http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	value := header.Get("Retry-After")
	if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
