// Package pbbp2 is the wire format of Feishu's long connection: one Frame is one
// binary websocket message. The name is that of the platform's protobuf package.
//
//	message Header { required string key = 1; required string value = 2; }
//	message Frame {
//	  required uint64 SeqID = 1;  required uint64 LogID = 2;
//	  required int32 service = 3; required int32 method = 4;
//	  repeated Header headers = 5;
//	  optional string payload_encoding = 6; optional string payload_type = 7;
//	  optional bytes payload = 8; optional string LogIDNew = 9;
//	}
//
// Marshal writes the same bytes as the official client. Unmarshal is stricter
// than that client where a frame could cost more than it is worth, and no less
// strict elsewhere. What a frame means is left to its readers; how long it may be
// is left to the socket's read limit.
package pbbp2

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The two methods of a frame.
const (
	MethodControl int32 = 0 // about the connection: ping from the client, pong from the platform
	MethodData    int32 = 1 // an event from the platform, and the client's response to it
)

// The headers of the platform's frames. A response repeats all headers of the
// frame it answers.
const (
	HeaderType       = "type"        // "ping" and "pong", or "event" and "card"
	HeaderMessageID  = "message_id"  // data: the push, the same for all its parts; not an om_ id
	HeaderSum        = "sum"         // data: how many parts the push has
	HeaderSeq        = "seq"         // data: which part this is, from 0
	HeaderTraceID    = "trace_id"    // data: opaque
	HeaderTimestamp  = "timestamp"   // data: milliseconds
	HeaderInstanceID = "instance_id" // data: opaque, where the platform wants the response
	HeaderBizRT      = "biz_rt"      // response: milliseconds the client took
)

// MaxHeaders is how many headers a frame may have. The platform sends at most
// eight; the bound keeps a broken peer from making us allocate a list of
// millions out of two bytes each.
const MaxHeaders = 64

// Frame is one websocket message. A nil Payload is left out on the wire, an
// empty one is not.
type Frame struct {
	SeqID, LogID                 uint64
	Service, Method              int32
	Headers                      []Header
	PayloadEncoding, PayloadType string
	Payload                      []byte
	LogIDNew                     string
}

// Header is one entry of a frame's headers.
type Header struct{ Key, Value string }

// Header returns the value of the first header called key, "" where there is none.
func (f Frame) Header(key string) string {
	for _, h := range f.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// Marshal encodes f. Like the official client it writes the optional strings also
// when they are empty.
func (f Frame) Marshal() []byte {
	size := 64 + len(f.PayloadEncoding) + len(f.PayloadType) + len(f.Payload) + len(f.LogIDNew)
	for _, h := range f.Headers {
		size += 12 + len(h.Key) + len(h.Value)
	}
	b := make([]byte, 0, size)
	b = appendVarint(b, 1, f.SeqID)
	b = appendVarint(b, 2, f.LogID)
	b = appendVarint(b, 3, uint64(f.Service))
	b = appendVarint(b, 4, uint64(f.Method))
	for _, h := range f.Headers {
		b = protowire.AppendTag(b, 5, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(2+protowire.SizeBytes(len(h.Key))+protowire.SizeBytes(len(h.Value))))
		b = appendString(b, 1, h.Key)
		b = appendString(b, 2, h.Value)
	}
	b = appendString(b, 6, f.PayloadEncoding)
	b = appendString(b, 7, f.PayloadType)
	if f.Payload != nil {
		b = protowire.AppendTag(b, 8, protowire.BytesType)
		b = protowire.AppendBytes(b, f.Payload)
	}
	return appendString(b, 9, f.LogIDNew)
}

func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

var (
	errWireType = errors.New("wrong wire type")
	errHeaders  = fmt.Errorf("more than %d headers", MaxHeaders)
	errRequired = errors.New("required field missing")
)

// The wire types of the known fields, by field number.
var (
	frameTypes = []protowire.Type{
		1: protowire.VarintType, 2: protowire.VarintType, 3: protowire.VarintType, 4: protowire.VarintType,
		5: protowire.BytesType, 6: protowire.BytesType, 7: protowire.BytesType, 8: protowire.BytesType, 9: protowire.BytesType,
	}
	headerTypes = []protowire.Type{1: protowire.BytesType, 2: protowire.BytesType}
)

// Unmarshal decodes a frame. It refuses one that lacks a required field or has
// more than MaxHeaders headers, and passes over fields it does not know. The
// frame's Payload is a part of b, not a copy.
func Unmarshal(b []byte) (Frame, error) {
	var f Frame
	var seen [10]bool // by field number
	err := fields(b, frameTypes, func(num protowire.Number, v uint64, p []byte) error {
		seen[num] = true
		return f.set(num, v, p)
	})
	if err == nil && !(seen[1] && seen[2] && seen[3] && seen[4]) {
		err = errRequired
	}
	if err != nil {
		return Frame{}, fmt.Errorf("decode frame: %w", err)
	}
	return f, nil
}

// set takes one field over: v of a varint, p of anything else.
func (f *Frame) set(num protowire.Number, v uint64, p []byte) error {
	switch num {
	case 1:
		f.SeqID = v
	case 2:
		f.LogID = v
	case 3:
		f.Service = int32(v)
	case 4:
		f.Method = int32(v)
	case 5:
		if len(f.Headers) == MaxHeaders {
			return errHeaders
		}
		h, err := unmarshalHeader(p)
		f.Headers = append(f.Headers, h)
		return err
	case 6:
		f.PayloadEncoding = string(p)
	case 7:
		f.PayloadType = string(p)
	case 8:
		f.Payload = p
	case 9:
		f.LogIDNew = string(p)
	}
	return nil
}

func unmarshalHeader(b []byte) (Header, error) {
	var h Header
	var seen [3]bool
	err := fields(b, headerTypes, func(num protowire.Number, _ uint64, p []byte) error {
		seen[num] = true
		if num == 1 {
			h.Key = string(p)
		} else {
			h.Value = string(p)
		}
		return nil
	})
	if err == nil && !(seen[1] && seen[2]) {
		err = fmt.Errorf("header: %w", errRequired)
	}
	return h, err
}

// fields calls visit with every field of b that types knows, in the order of the
// bytes, and passes over the others.
func fields(b []byte, types []protowire.Type, visit func(num protowire.Number, v uint64, p []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		known := int(num) < len(types)
		if known && typ != types[num] {
			return errWireType
		}
		var v uint64
		var p []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			p, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if !known {
			continue
		}
		if err := visit(num, v, p); err != nil {
			return err
		}
	}
	return nil
}
