package tools

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	for _, row := range []struct {
		err  Error
		want string
	}{
		{Error{Reason: Unknown, Tool: "x\n"}, `there is no tool "x\n"`},
		{Error{Reason: Away, Server: "s", Tool: "t"}, "tool t: its server s is away"},
		{Error{Reason: Away, Server: "s", Tool: "t", Sent: true, Err: cause}, "tool t: its server s is away: cause (whether the tool did its work is not known)"},
		{Error{Reason: Timeout, Server: "s", Tool: "t", Sent: true}, "tool t did not answer in time (whether the tool did its work is not known)"},
		{Error{Reason: Refused, Server: "s", Tool: "t", Sent: true, Err: cause}, "tool t of s brought no result: cause"},
	} {
		if got := row.err.Error(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
		if row.err.Err != nil && !errors.Is(&row.err, cause) {
			t.Errorf("%v has lost its cause", &row.err)
		}
	}
}

func TestPanicsAreContained(t *testing.T) {
	s := newServer(Config{}.withDefaults(), silence)
	err := func() (err error) {
		defer s.contain("call", &err)
		panic("out of order")
	}()
	if err == nil || err.Error() != "call: panic: out of order" {
		t.Errorf("%v", err)
	}
}

// Errors are one bounded line, and secrets are not in it.
func TestPlain(t *testing.T) {
	s := newServer(Config{URL: "https://host/mcp?key=abcdef", Headers: map[string]string{"Authorization": "Bearer token-1"}, Env: map[string]string{"A": "secret-2", "B": "on"}}, silence)
	got := s.plain(fmt.Errorf("Post \"https://host/mcp?key=abcdef\":\n /mcp?key=abcdef token-1 secret-2 on %s: %w", strings.Repeat("x", 1000), io.EOF)).Error()
	if want := `Post "https://host": /… [redacted] [redacted] on xxx`; !strings.HasPrefix(got, want) || len(got) != maxWords {
		t.Errorf("%q", got)
	}
	if s.plain(nil) != nil {
		t.Error("no error became one")
	}
}

// What the transport says is not what the server said.
func TestSaid(t *testing.T) {
	if answer := said(fmt.Errorf("call: %w", &jsonrpc.Error{Code: -1, Message: "no"})); answer == nil || answer.Message != "no" {
		t.Errorf("%v", answer)
	}
	for _, err := range []error{nil, io.EOF, &jsonrpc.Error{Code: transportRejected}} {
		if answer := said(err); answer != nil {
			t.Errorf("%v: %v", err, answer)
		}
	}
}
