package model

import (
	"encoding/json"
	"fmt"
	"strings"
)

// fragments are the pieces that an event brings. Some send a single one without the list.
type fragments []fragment

// UnmarshalJSON takes a list or one of its elements.
func (f *fragments) UnmarshalJSON(raw []byte) error {
	var one fragment
	if json.Unmarshal(raw, &one) == nil && (one.ID != "" || one.Function.Name != "" || len(one.Function.Arguments) > 0) {
		*f = fragments{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]fragment)(f))
}

// fragment is a piece of a call as it is streamed.
type fragment struct {
	Index    *int     `json:"index"` // of the call in the answer; some leave it out
	ID       string   `json:"id"`    // in the first piece; some leave it out, some repeat it
	Function function `json:"function"`
}

type function struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // a string of JSON; some send the JSON itself
}

// text is a piece of the arguments.
func (f function) text() string {
	var s string
	if len(f.Arguments) == 0 || json.Unmarshal(f.Arguments, &s) == nil {
		return s
	}
	return string(f.Arguments)
}

// maxCalls bounds the calls of one answer.
const maxCalls = 128

// caller puts calls together from their fragments.
type caller struct {
	calls []*openCall
}

type openCall struct {
	index     int
	id, name  string
	arguments strings.Builder
}

// add takes a fragment. It belongs to the call with its index, unless its ID says
// that another call begins, or a name behind arguments that are whole: some endpoints
// number all calls 0. Without an index it belongs to the last call, unless it has a new
// ID, or a name where the call has one.
func (c *caller) add(f fragment) {
	call := c.find(f)
	if call == nil {
		if len(c.calls) == maxCalls {
			return
		}
		call = &openCall{index: -1}
		if f.Index != nil {
			call.index = *f.Index
		}
		c.calls = append(c.calls, call)
	}
	if call.id == "" {
		call.id = f.ID
	}
	if call.name == "" {
		call.name = f.Function.Name
	}
	call.arguments.WriteString(f.Function.text())
}

// find is the open call that f goes on with, nil where it begins one.
func (c *caller) find(f fragment) *openCall {
	for i := len(c.calls) - 1; i >= 0; i-- {
		call := c.calls[i]
		switch {
		case f.Index != nil && call.index != *f.Index:
			continue
		case f.ID != "" && call.id != "" && f.ID != call.id:
			return nil
		case f.ID == "" && f.Function.Name != "" && call.name != "" && (f.Index == nil || json.Valid([]byte(call.arguments.String()))):
			return nil
		}
		return call
	}
	return nil
}

// all is the calls, in the order in which they began. What has no name is none.
func (c *caller) all() (calls []Call) {
	for i, open := range c.calls {
		if open.name == "" {
			continue
		}
		call := Call{ID: open.id, Name: open.name, Arguments: json.RawMessage(open.arguments.String())}
		if call.ID == "" {
			call.ID = fmt.Sprintf("call_%d", i+1)
		}
		if strings.TrimSpace(open.arguments.String()) == "" {
			call.Arguments = json.RawMessage("{}")
		}
		calls = append(calls, call)
	}
	return calls
}
