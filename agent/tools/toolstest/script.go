package toolstest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// answer is what a scripted server says to a request: its result, and whether it
// answers at all. Tool is set where a tool is called.
type answer func(method, tool string) (result any, answers bool)

// object is a JSON object.
type object = map[string]any

// script is a server without the SDK, which would not do what these do. When it was
// initialized it sends endless, if there is one, again and again with a number in it.
func script(in io.Reader, out io.Writer, respond answer, endless ...string) error {
	from := lines(in)
	for from.Scan() {
		var request struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				Name string `json:"name"`
			} `json:"params"`
		}
		if err := json.Unmarshal(from.Bytes(), &request); err != nil {
			return err
		}
		if request.ID == nil || request.Method == "" {
			continue
		}
		result, answers := respond(request.Method, request.Params.Name)
		if !answers {
			continue
		}
		line := object{"jsonrpc": "2.0", "id": request.ID, "result": result}
		if result == nil {
			delete(line, "result")
			line["error"] = object{"code": -32601, "message": "no such method: " + request.Method}
		}
		if err := json.NewEncoder(out).Encode(line); err != nil {
			return err
		}
		if len(endless) > 0 && request.Method == "tools/list" {
			for n := 0; ; n++ {
				if _, err := fmt.Fprintf(out, endless[0]+"\n", n+1000); err != nil {
					return err
				}
			}
		}
	}
	return from.Err()
}

// ordinary is a server of 2025 with one tool.
func ordinary(method, _ string) (any, bool) {
	switch method {
	case "initialize":
		return object{
			"protocolVersion": "2025-11-25",
			"capabilities":    object{"tools": object{"listChanged": true}},
			"serverInfo":      object{"name": "scripted", "version": "1"},
		}, true
	case "tools/list":
		return object{"tools": []any{object{"name": "echo", "inputSchema": object{"type": "object"}}}}, true
	case "tools/call":
		return object{"content": []any{object{"type": "text", "text": "scripted"}}}, true
	case "ping":
		return object{}, true
	}
	return nil, true
}

// bare has no tools, and says so.
func bare(method, tool string) (any, bool) {
	result, answers := ordinary(method, tool)
	if method == "initialize" {
		result.(object)["capabilities"] = object{}
	}
	return result, answers
}

// older leaves what it does not know without an answer.
func older(method, tool string) (any, bool) {
	if method == "server/discover" {
		return nil, false
	}
	return ordinary(method, tool)
}

// odd has tools that nobody should have, pages without end, and results that are none.
func odd(method, tool string) (any, bool) {
	schema := object{"type": "object"}
	deep := func(levels int) (nested any) {
		for range levels {
			nested = object{"type": "object", "properties": object{"a": nested}}
		}
		return nested
	}
	switch {
	case method == "tools/list":
		return object{"nextCursor": "again", "tools": []any{
			nil,
			object{"name": "", "inputSchema": schema},
			object{"name": strings.Repeat("long", 100), "inputSchema": schema},
			object{"name": "no schema"},
			object{"name": "schema is text", "inputSchema": "object"},
			object{"name": "schema is a list", "inputSchema": []any{1}},
			object{"name": "schema is of text", "inputSchema": object{"type": "string"}},
			object{"name": "schema is huge", "inputSchema": object{"type": "object", "description": strings.Repeat("x", 64<<10)}},
			object{"name": "schema is deep", "inputSchema": deep(300)},
			object{"name": "名前/with 💥", "title": "a\nb\u202ec", "description": strings.Repeat("長", 10_000), "inputSchema": object{"type": "object", "properties": nil, "z": 1, "a": "<&>"}},
			object{"name": "twice", "inputSchema": schema},
			object{"name": "twice", "description": "another", "inputSchema": schema},
			object{"name": "null", "inputSchema": schema},
			object{"name": "unknown", "inputSchema": schema},
			object{"name": "deep", "inputSchema": schema},
			object{"name": "huge", "inputSchema": schema},
		}}, true
	case method == "tools/call" && tool == "null":
		return object{"content": []any{nil}}, true
	case method == "tools/call" && tool == "unknown":
		return object{"content": []any{object{"type": "hologram"}}}, true
	case method == "tools/call" && tool == "deep":
		return object{"content": []any{}, "structuredContent": deep(2000)}, true
	case method == "tools/call" && tool == "huge":
		return object{"content": []any{object{"type": "text", "text": strings.Repeat("x", 5<<20)}}}, true
	}
	return ordinary(method, tool)
}

// many has ten tools on every page, and always another page.
func many() answer {
	page := 0
	return func(method, tool string) (any, bool) {
		if method != "tools/list" {
			return ordinary(method, tool)
		}
		var tools []any
		for n := range 10 {
			tools = append(tools, object{"name": fmt.Sprintf("tool-%03d", 10*page+n), "inputSchema": object{"type": "object"}})
		}
		page++
		return object{"tools": tools, "nextCursor": fmt.Sprint(page)}, true
	}
}
