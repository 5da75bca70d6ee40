package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// call calls a tool by its own name, once.
func (s *server) call(ctx context.Context, tool string, args json.RawMessage) (Result, error) {
	if args = bytes.TrimSpace(args); len(args) == 0 {
		args = json.RawMessage("{}")
	}
	if args[0] != '{' || !json.Valid(args) {
		return Result{}, &Error{Reason: Refused, Server: s.config.Name, Tool: tool, Err: errors.New("the arguments are no JSON object")}
	}
	bounded, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, errSlow)
	defer cancel()
	if err := s.turn(ctx, bounded, tool); err != nil {
		return Result{}, err
	}
	defer func() { <-s.slots }()
	l := s.current()
	if l == nil || l.isLost() {
		return Result{}, &Error{Reason: Away, Server: s.config.Name, Tool: tool}
	}
	began := time.Now()
	res, err := s.ask(bounded, l, &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		if errors.Is(context.Cause(bounded), errSlow) && l.heard().Before(began) {
			l.doubt() // silent all the time: perhaps it hangs
		}
		return Result{}, s.failure(bounded, l, tool, err)
	}
	if res.NeedsInput() || len(res.InputRequests) > 0 {
		return Result{}, &Error{Reason: Refused, Server: s.config.Name, Tool: tool, Sent: true, Err: errors.New("the tool asks for further input, which it does not get")}
	}
	return render(res, s.config.MaxResult), nil
}

// turn waits until the call may begin, and takes a slot; with an error it has none.
func (s *server) turn(ctx, bounded context.Context, tool string) error {
	select {
	case s.slots <- struct{}{}:
		if bounded.Err() == nil {
			return nil
		}
		<-s.slots
	case <-bounded.Done():
	}
	if ctx.Err() != nil {
		return fmt.Errorf("call %s: %w", tool, ctx.Err())
	}
	return &Error{Reason: Timeout, Server: s.config.Name, Tool: tool, Err: errors.New("too many calls were before it")}
}

// ask is the SDK's call with a panic turned into an error.
func (s *server) ask(ctx context.Context, l *link, params *mcp.CallToolParams) (res *mcp.CallToolResult, err error) {
	defer s.contain("call", &err)
	return l.peer.CallTool(ctx, params)
}
