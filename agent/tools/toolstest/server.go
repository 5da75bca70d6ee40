package toolstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// in are the arguments of all tools.
type in struct {
	Text string `json:"text,omitempty" jsonschema:"what to do it with"`
	N    int    `json:"n,omitempty" jsonschema:"how much of it"`
}

// Server is a server with tools of every kind:
//
//	echo       returns text
//	slow       returns after n milliseconds, earlier when it is cancelled
//	fail       fails, with text
//	panic      takes the server along
//	big        returns n bytes
//	media      returns everything that is no text, and a text
//	structured returns a structure and no text
//	nothing    returns nothing
//	grow       adds a tool with the name text
//	shrink     removes the tool with the name text
//	pid        returns the process id
//	environ    returns the environment
//	leave      starts a process that stays behind, and returns its id
//	ask        asks the client for input, and returns what became of it
//	needy      asks for input in its result
func Server() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "toolstest", Version: "1"}, nil)
	add(s, &mcp.Tool{Name: "echo", Title: "Echo", Description: "returns what it is given", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}},
		func(_ context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, error) {
			return text(in.Text), nil
		})
	add(s, &mcp.Tool{Name: "slow"}, slow)
	add(s, &mcp.Tool{Name: "fail"}, func(_ context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, error) {
		return nil, errors.New(in.Text)
	})
	add(s, &mcp.Tool{Name: "panic"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		panic("out of order")
	})
	add(s, &mcp.Tool{Name: "big"}, func(_ context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, error) {
		return text(strings.Repeat("x", in.N)), nil
	})
	add(s, &mcp.Tool{Name: "media"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) { return media(), nil })
	add(s, &mcp.Tool{Name: "structured"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: map[string]any{"b": 2, "a": 1}}, nil
	})
	add(s, &mcp.Tool{Name: "nothing"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}}, nil
	})
	add(s, &mcp.Tool{Name: "grow"}, func(_ context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, error) {
		add(s, &mcp.Tool{Name: in.Text}, slow)
		return text("added"), nil
	})
	add(s, &mcp.Tool{Name: "shrink"}, func(_ context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, error) {
		s.RemoveTools(in.Text)
		return text("removed"), nil
	})
	addOfProcess(s)
	addAsking(s)
	return s
}

func addOfProcess(s *mcp.Server) {
	add(s, &mcp.Tool{Name: "pid"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		return text(fmt.Sprint(os.Getpid())), nil
	})
	add(s, &mcp.Tool{Name: "environ"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		return text(strings.Join(slices.Sorted(slices.Values(os.Environ())), "\n")), nil
	})
	add(s, &mcp.Tool{Name: "leave"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		pid, err := leave()
		return text(fmt.Sprint(pid)), err
	})
}

func addAsking(s *mcp.Server) {
	add(s, &mcp.Tool{Name: "ask"}, func(ctx context.Context, req *mcp.CallToolRequest, _ in) (*mcp.CallToolResult, error) {
		_, err := req.Session.Elicit(ctx, &mcp.ElicitParams{Message: "your password?"})
		return text(fmt.Sprint(err)), nil
	})
	add(s, &mcp.Tool{Name: "needy"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"1": &mcp.ElicitParams{Message: "your password?"}}}, nil
	})
}

// add adds a tool without structured output.
func add(s *mcp.Server, tool *mcp.Tool, do func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, error)) {
	mcp.AddTool(s, tool, func(ctx context.Context, req *mcp.CallToolRequest, args in) (*mcp.CallToolResult, any, error) {
		res, err := do(ctx, req, args)
		return res, nil, err
	})
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

func slow(ctx context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, error) {
	select {
	case <-time.After(time.Duration(in.N) * time.Millisecond):
		return text("slept"), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func media() *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{
		&mcp.TextContent{Text: "before"},
		&mcp.ImageContent{Data: make([]byte, 12<<10), MIMEType: "image/png"},
		&mcp.AudioContent{Data: make([]byte, 100), MIMEType: "audio/wav"},
		&mcp.ResourceLink{URI: "file:///a", Name: "a"},
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "file:///b", Text: "embedded"}},
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "file:///c", Blob: make([]byte, 2<<20)}},
	}}
}

// leave starts a process that outlives us and holds our pipes.
func leave() (pid int, err error) {
	child := exec.Command("sleep", fmt.Sprint(int(forget.Seconds())))
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		return 0, err
	}
	return child.Process.Pid, nil
}
