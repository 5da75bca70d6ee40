package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Reason is why a call brought no result.
type Reason string

// The reasons.
const (
	Unknown Reason = "unknown" // there is no such tool, or it is not allowed
	Away    Reason = "away"    // its server is not there, or went away during the call
	Timeout Reason = "timeout" // it did not answer in time
	Refused Reason = "refused" // its server does not take the call, or we do not take the answer
)

// Error is a call that brought no result. Its text may be shown to the model.
type Error struct {
	Reason Reason
	Server string // empty where the tool is unknown
	Tool   string // the tool's own name; what was asked for where it is unknown
	Sent   bool   // the server had the call: the tool may have done its work
	Err    error  // the cause, without secrets; nil where Reason says all
}

func (e *Error) Error() string {
	var b strings.Builder
	switch e.Reason {
	case Unknown:
		return fmt.Sprintf("there is no tool %q", cut(e.Tool, 100))
	case Away:
		fmt.Fprintf(&b, "tool %s: its server %s is away", e.Tool, e.Server)
	case Timeout:
		fmt.Fprintf(&b, "tool %s did not answer in time", e.Tool)
	default:
		fmt.Fprintf(&b, "tool %s of %s brought no result", e.Tool, e.Server)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Sent && e.Reason != Refused {
		b.WriteString(" (whether the tool did its work is not known)")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call may work in a moment. Where Sent is set it
// might then be done twice, so that is for whoever asked to decide.
func (e *Error) Retryable() bool { return e.Reason == Away || e.Reason == Timeout }

// errSlow ends a call that took longer than Config.Timeout.
var errSlow = errors.New("the call took too long")

// denied says that an HTTP server does not let us in, which only the operator can
// mend: it is tried again slowly.
type denied struct {
	server string
	status int
}

func (d *denied) Error() string {
	return fmt.Sprintf("tool server %s answers HTTP %d: check the headers that are configured for it, the token may be missing, wrong or expired", d.server, d.status)
}

// transportRejected is the code of the SDK's own error for a message that was not
// delivered; no server said it.
const transportRejected = -32005

// said returns what the server itself answered instead of a result, nil where the
// error is not an answer.
func said(err error) *jsonrpc.Error {
	var answer *jsonrpc.Error
	if !errors.As(err, &answer) || answer.Code == transportRejected {
		return nil
	}
	return answer
}

// failure makes the error of a call of what the SDK returned.
func (s *server) failure(ctx context.Context, l *link, tool string, err error) error {
	e := &Error{Reason: Away, Server: s.config.Name, Tool: tool, Sent: true}
	switch answer := said(err); {
	case errors.Is(context.Cause(ctx), errSlow):
		e.Reason = Timeout
	case ctx.Err() != nil:
		return fmt.Errorf("call %s: %w", tool, ctx.Err())
	case l.isLost():
		e.Err = s.plain(l.why())
	case answer != nil:
		e.Reason, e.Err = Refused, s.plain(errors.New(answer.Message))
	case isAway(err):
		e.Err = s.plain(err)
	default: // an answer that the protocol does not know
		e.Reason, e.Err = Refused, s.plain(err)
	}
	return e
}

// isAway reports whether err says that the connection ended, or could not be made.
func isAway(err error) bool {
	var network *url.Error
	return errors.Is(err, mcp.ErrConnectionClosed) || errors.Is(err, mcp.ErrSessionMissing) ||
		errors.Is(err, io.EOF) || errors.Is(err, errEnded) || errors.Is(err, &jsonrpc.Error{Code: transportRejected}) || errors.As(err, &network)
}

// maxWords bounds what is repeated of a server's words in an error.
const maxWords = 500

// plain returns err as one line of bounded length, without secrets.
func (s *server) plain(err error) error {
	if err == nil {
		return nil
	}
	var no *denied
	if errors.As(err, &no) {
		return no
	}
	return errors.New(s.line(err.Error(), maxWords))
}

// line returns text as one line of at most n bytes, without secrets.
func (s *server) line(text string, n int) string {
	return cut(oneLine(s.secrets.Replace(text)), n)
}
