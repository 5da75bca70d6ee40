package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"longwire/connectors"
)

// Kind is why an answer failed.
type Kind string

// The kinds of failure. The operator has to act on Key and Request.
const (
	Key         Kind = "key"         // 401, 403: the key is refused
	Request     Kind = "request"     // 400, 404, …: the endpoint does not take the request, the model's name perhaps
	TooLong     Kind = "too_long"    // 400 because of the prompt's length
	Busy        Kind = "busy"        // 429: too many requests, or the quota is used up
	Unavailable Kind = "unavailable" // 5xx, no connection, or an answer that is not one
	Timeout     Kind = "timeout"     // no sign of life in time
	Cut         Kind = "cut"         // the stream stopped in the middle
	Length      Kind = "length"      // the answer reached max_tokens; what came is good
	Filtered    Kind = "filtered"    // the endpoint's content filter
	Empty       Kind = "empty"       // the model said nothing
)

// transient reports whether the same request may work in a moment.
func (k Kind) transient() bool {
	switch k {
	case Busy, Unavailable, Timeout, Cut, Empty:
		return true
	}
	return false
}

// Error is an answer that failed.
type Error struct {
	Kind       Kind
	Status     int           // the HTTP status, 0 where there was none
	Message    string        // what the endpoint said, without the key
	RetryAfter time.Duration // how long the endpoint asks to wait, 0 where it does not
}

func (e *Error) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("model: %s: HTTP %d: %s", e.Kind, e.Status, e.Message)
	}
	return fmt.Sprintf("model: %s: %s", e.Kind, e.Message)
}

// maxMessage bounds what is repeated of an endpoint's words.
const maxMessage = 500

// failure makes an *Error of what the SDK returned.
func (c *Client) failure(err error, ex *exchange, watch *watch) error {
	e := &Error{Kind: Unavailable, Status: ex.status, RetryAfter: ex.retryAfter}
	var api *openai.APIError
	var request *openai.RequestError
	switch {
	case watch.expired():
		e.Kind, e.Status, e.Message = Timeout, 0, fmt.Sprintf("no sign of life for %s", watch.bound())
	case errors.As(err, &api):
		e.Kind, e.Message = kindOf(ex.status, api), api.Message
	case errors.As(err, &request):
		e.Kind, e.Message = kindOf(ex.status, nil), string(request.Body)
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Kind, e.Message = Cut, "the connection was closed in the middle of the answer"
	default:
		e.Message = connectors.WithoutURL(err).Error()
	}
	if c.config.Key != "" {
		e.Message = strings.ReplaceAll(e.Message, c.config.Key, "[redacted]")
	}
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "") + "…"
	}
	return e
}

// kindOf reads the HTTP status and, for the cases that share one, the words. An
// error inside an answer with HTTP 200 counts as the endpoint's trouble.
func kindOf(status int, api *openai.APIError) Kind {
	words := ""
	if api != nil {
		words = strings.ToLower(fmt.Sprint(api.Code) + " " + api.Type + " " + api.Message)
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Key
	case status == http.StatusTooManyRequests:
		return Busy
	case status == http.StatusRequestEntityTooLarge,
		strings.Contains(words, "context_length"), strings.Contains(words, "maximum context"):
		return TooLong
	case strings.Contains(words, "content_filter"), strings.Contains(words, "data_inspection_failed"):
		return Filtered
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly:
		return Unavailable
	case status >= 400 && status < 500:
		return Request
	}
	return Unavailable
}

// exchange is one request and its response. It keeps what the SDK's errors leave
// out, and bounds what is read.
type exchange struct {
	http       *http.Client
	status     int
	retryAfter time.Duration
}

// Do implements openai.HTTPDoer.
func (e *exchange) Do(req *http.Request) (*http.Response, error) {
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, err
	}
	e.status = resp.StatusCode
	e.retryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	if s, err := strconv.ParseFloat(header, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// watch ends a context when no sign of life comes in time.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	ctx    context.Context
}

var errSilent = errors.New("no sign of life")

func watched(parent context.Context, first time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(parent)
	return ctx, &watch{
		cancel: cancel,
		timer:  time.AfterFunc(first, func() { cancel(errSilent) }),
		limit:  first,
		ctx:    ctx,
	}
}

// alive notes a sign of life; the next must come within d.
func (w *watch) alive(d time.Duration) {
	w.limit = d
	w.timer.Reset(d)
}

// rest stops the clock until alive.
func (w *watch) rest() { w.timer.Stop() }

func (w *watch) expired() bool        { return errors.Is(context.Cause(w.ctx), errSilent) }
func (w *watch) bound() time.Duration { return w.limit }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}
