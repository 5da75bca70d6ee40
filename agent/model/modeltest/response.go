package modeltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Response is what the endpoint does about a request. The zero value streams
// nothing and finishes properly.
type Response struct {
	Thoughts  []string      // before the answer, as reasoning_content
	Deltas    []string      // the answer
	ToolCalls []ToolCall    // after it, each in several pieces
	Usage     *Usage        // default: about a token for four bytes; told only to those who ask
	Pause     time.Duration // before each delta
	Finish    string        // finish_reason; default "stop", or "tool_calls"
	Sent      func()        // called when the last delta was written

	Status     int           // an HTTP status other than 200, with an error body
	Error      string        // the error's message; with status 0 or 200 it comes inside the stream
	RetryAfter string        // the header
	Hang       bool          // after the deltas nothing more comes, and the connection stays
	Cut        bool          // after the deltas the connection is closed in the middle of the body
	NoFinish   bool          // after the deltas [DONE] comes without a finish_reason
	NoDone     bool          // the body ends without [DONE]
	NoUsage    bool          // usage is not told, whoever asks
	Comments   int           // keep-alive comment lines before the first delta
	Murmur     time.Duration // between comments that never end, in place of an answer

	Raw  string // the whole body, byte for byte, in place of all above but Status and RetryAfter
	Type string // its content type; default text/event-stream
}

// Usage is how many tokens an answer took.
type Usage struct {
	Prompt, Cached, Answer, Reasoning int
}

// Words is the response that streams its arguments.
func Words(deltas ...string) Response { return Response{Deltas: deltas} }

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "error", "code": strconv.Itoa(status)}})
}

// stream writes resp as server-sent events.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, req Request, resp Response) {
	if resp.RetryAfter != "" {
		w.Header().Set("Retry-After", resp.RetryAfter)
	}
	switch {
	case resp.Raw != "":
		raw(w, resp)
		return
	case resp.Status != 0 && resp.Status != http.StatusOK:
		fail(w, resp.Status, resp.Error)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for range resp.Comments {
		_, _ = fmt.Fprint(w, ": keep-alive\n\n")
	}
	_ = out.Flush()
	for resp.Murmur > 0 && s.sleep(r, resp.Murmur) {
		_, _ = fmt.Fprint(w, ": keep-alive\n\n")
		_ = out.Flush()
	}
	for _, delta := range resp.pieces() {
		if resp.Pause > 0 && !s.sleep(r, resp.Pause) {
			return
		}
		event(w, delta, nil)
		_ = out.Flush()
	}
	if resp.Sent != nil {
		resp.Sent()
	}
	s.end(w, r, req, resp)
}

func raw(w http.ResponseWriter, resp Response) {
	kind := resp.Type
	if kind == "" {
		kind = "text/event-stream"
	}
	w.Header().Set("Content-Type", kind)
	if resp.Status != 0 {
		w.WriteHeader(resp.Status)
	}
	_, _ = fmt.Fprint(w, resp.Raw)
}

// pieces is everything that the answer consists of, as deltas.
func (resp Response) pieces() (deltas []map[string]any) {
	for _, thought := range resp.Thoughts {
		deltas = append(deltas, map[string]any{"reasoning_content": thought})
	}
	for _, text := range resp.Deltas {
		deltas = append(deltas, map[string]any{"content": text})
	}
	piece := func(index int, call map[string]any) {
		call["index"] = index
		deltas = append(deltas, map[string]any{"tool_calls": []any{call}})
	}
	for i, call := range resp.ToolCalls {
		half := len(call.Arguments) / 2
		piece(i, map[string]any{"id": call.ID, "type": "function", "function": map[string]any{"name": call.Name, "arguments": ""}})
		piece(i, map[string]any{"function": map[string]any{"arguments": call.Arguments[:half]}})
		piece(i, map[string]any{"function": map[string]any{"arguments": call.Arguments[half:]}})
	}
	return deltas
}

// end finishes a stream, in order or as the script has it.
func (s *Server) end(w http.ResponseWriter, r *http.Request, req Request, resp Response) {
	switch {
	case resp.Hang:
		s.sleep(r, time.Hour)
		return
	case resp.Cut:
		panic(http.ErrAbortHandler)
	case resp.Error != "":
		_, _ = fmt.Fprintf(w, "data: {\"error\":{\"message\":%q,\"type\":\"error\"}}\n\n", resp.Error)
		return
	case !resp.NoFinish:
		finish := resp.Finish
		if finish == "" && len(resp.ToolCalls) > 0 {
			finish = "tool_calls"
		}
		if finish == "" {
			finish = "stop"
		}
		event(w, map[string]any{}, finish)
		if req.Options != nil && req.Options.Usage && !resp.NoUsage {
			usage(w, req, resp)
		}
	}
	if !resp.NoDone {
		_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
	}
}

// usage is the event that says what the answer took.
func usage(w http.ResponseWriter, req Request, resp Response) {
	u := resp.Usage
	if u == nil {
		u = &Usage{}
		for _, m := range req.Messages {
			u.Prompt += tokens(m.Content)
		}
		for _, thought := range resp.Thoughts {
			u.Reasoning += tokens(thought)
		}
		u.Answer = u.Reasoning
		for _, delta := range resp.Deltas {
			u.Answer += tokens(delta)
		}
	}
	send(w, map[string]any{"choices": []any{}, "usage": map[string]any{
		"prompt_tokens": u.Prompt, "completion_tokens": u.Answer, "total_tokens": u.Prompt + u.Answer,
		"prompt_tokens_details":     map[string]any{"cached_tokens": u.Cached},
		"completion_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning},
	}})
}

// tokens is about how many tokens a text is.
func tokens(text string) int { return (len(text) + 3) / 4 }

func event(w http.ResponseWriter, delta map[string]any, finish any) {
	send(w, map[string]any{"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}}})
}

func send(w http.ResponseWriter, chunk map[string]any) {
	chunk["id"], chunk["object"], chunk["model"] = "chatcmpl-1", "chat.completion.chunk", "modeltest"
	text, _ := json.Marshal(chunk) // strings and numbers only: it cannot fail
	_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
}
