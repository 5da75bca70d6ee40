package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What is taken of a server's list.
const (
	maxTools       = 128
	maxPages       = 32
	maxOwnName     = 256
	maxDescription = 4 << 10
	maxSchema      = 32 << 10
	maxTitle       = 60
)

// list reads the server's tools and offers them in the place of those before.
func (s *server) list(ctx context.Context, l *link) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.list)
	defer cancel()
	listed, err := s.gather(ctx, l)
	if err != nil {
		return err
	}
	if left := s.secrets.Replace(strings.Join(listed.left, "; ")); left != s.left {
		s.left = left
		s.log.Warn("tools left out", "tools", left, "more", listed.more)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tools, s.own = listed.tools, listed.own
	return nil
}

// listing is a server's list while it is read.
type listing struct {
	tools []Tool
	own   map[string]string
	left  []string // the first few that were left out, and why
	more  int      // those left out besides
}

// leave notes that a tool is left out.
func (l *listing) leave(tool string, why error) {
	const few = 10
	if len(l.left) < few {
		l.left = append(l.left, fmt.Sprintf("%s: %v", cut(oneLine(tool), maxTitle), why))
	} else {
		l.more++
	}
}

// gather reads the list page by page.
func (s *server) gather(ctx context.Context, l *link) (*listing, error) {
	all := &listing{own: make(map[string]string)}
	if !l.hasTools() {
		s.log.Warn("tool server says that it has no tools")
		return all, nil
	}
	params, seen := &mcp.ListToolsParams{}, map[string]bool{"": true}
	for range maxPages {
		page, err := l.peer.ListTools(ctx, params)
		if err != nil {
			return nil, err
		}
		for _, tool := range page.Tools {
			s.take(all, tool)
		}
		if seen[page.NextCursor] { // the last page has no cursor; one that comes again leads nowhere
			break
		}
		if len(all.tools) >= maxTools {
			all.leave("the rest", errTooMany)
			break
		}
		seen[page.NextCursor] = true
		params = &mcp.ListToolsParams{Cursor: page.NextCursor}
	}
	return all, nil
}

// take adds a tool to the list if it is allowed and sound.
func (s *server) take(all *listing, tool *mcp.Tool) {
	if len(s.config.Allow) > 0 && !anyGlob(s.config.Allow, tool.Name) || anyGlob(s.config.Deny, tool.Name) {
		return
	}
	made, err := s.toolOf(tool)
	if _, twice := all.own[made.Name]; err == nil && twice {
		err = errors.New("listed twice")
	}
	if err == nil && len(all.tools) >= maxTools {
		err = errTooMany
	}
	if err != nil {
		all.leave(tool.Name, err)
		return
	}
	all.tools = append(all.tools, made)
	all.own[made.Name] = tool.Name
}

// errTooMany is why a tool is left out that would be sound.
var errTooMany = fmt.Errorf("the server has more than %d", maxTools)

// toolOf makes a Tool of what the server says about it.
func (s *server) toolOf(tool *mcp.Tool) (Tool, error) {
	if tool.Name == "" || len(tool.Name) > maxOwnName {
		return Tool{}, errors.New("its name is empty or too long")
	}
	schema, err := schemaOf(tool.InputSchema)
	if err != nil {
		return Tool{}, err
	}
	title := tool.Title
	if title == "" && tool.Annotations != nil {
		title = tool.Annotations.Title
	}
	if title = cut(oneLine(title), maxTitle); title == "" {
		title = cut(oneLine(tool.Name), maxTitle)
	}
	if configured, ok := s.config.Titles[tool.Name]; ok {
		title = configured
	}
	return Tool{
		Name:        nameFor(s.config.Name, tool.Name),
		Server:      s.config.Name,
		Title:       title,
		Description: cut(strings.ToValidUTF8(tool.Description, "\uFFFD"), maxDescription),
		Schema:      schema,
		Confirm:     anyGlob(s.config.Confirm, tool.Name),
		ReadOnly:    tool.Annotations != nil && tool.Annotations.ReadOnlyHint,
	}, nil
}

// schemaOf is a tool's schema in the form that models' endpoints take: an object of
// type object with properties. Its bytes depend on nothing but its content.
func schemaOf(sent any) (json.RawMessage, error) {
	schema, ok := sent.(map[string]any)
	if sent == nil {
		schema, ok = map[string]any{}, true
	}
	if !ok {
		return nil, errors.New("its schema is no JSON object")
	}
	filled := map[string]any{"type": "object", "properties": map[string]any{}}
	for key, value := range schema {
		if value != nil {
			filled[key] = value
		}
	}
	if _, ok := filled["properties"].(map[string]any); !ok || filled["type"] != "object" {
		return nil, errors.New("its schema is not of an object")
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text) // sorts the keys
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(filled); err != nil {
		return nil, err
	}
	if text.Len() > maxSchema {
		return nil, errors.New("its schema is too large")
	}
	return bytes.TrimSpace(text.Bytes()), nil
}
