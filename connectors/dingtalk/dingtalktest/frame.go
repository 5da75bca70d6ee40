package dingtalktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// TopicMessage is the CALLBACK topic of robot messages (documented).
const TopicMessage = "/v1.0/im/bot/messages/get"

// frame is one message from the platform, written as a websocket text message
// (documented). Every header is a string and data is a string that holds JSON: the
// Go SDK drops anything else without an ack. The documentation calls time a
// number, but its samples and the field have a string.
type frame struct {
	SpecVersion string            `json:"specVersion"`
	Type        string            `json:"type"`
	Headers     map[string]string `json:"headers"`
	Data        string            `json:"data"`
}

// newFrame makes a frame with the headers that all frames have.
func newFrame(kind, topic, body string) *frame {
	now := time.Now()
	return &frame{
		SpecVersion: "1.0",
		Type:        kind,
		Headers: map[string]string{
			"topic":       topic,
			"messageId":   newMessageID(now),
			"contentType": "application/json",
			"time":        strconv.FormatInt(now.UnixMilli(), 10),
		},
		Data: body,
	}
}

// newSystemFrame makes a SYSTEM frame. Real ones carry neither appId nor
// connectionId (field: Python SDK issue 22).
func newSystemFrame(topic string, body any) *frame {
	return newFrame(typeSystem, topic, string(encode(body)))
}

// messageID is what the client's answer will refer to.
func (f *frame) messageID() string { return f.Headers["messageId"] }

// encode is the frame on the wire.
func (f *frame) encode() []byte { return encode(f) }

// encode writes JSON as the platform does: without escaping HTML and without a
// newline. It panics on what cannot be JSON, which only a caller's own value can
// be.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("dingtalktest: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ackFrame is a client's answer to a frame (documented):
//
//	{"code":200,"headers":{"contentType":"application/json","messageId":"..."},"message":"OK","data":"..."}
type ackFrame struct {
	Code    int               `json:"code"`
	Headers map[string]string `json:"headers"`
	Message string            `json:"message"`
	Data    string            `json:"data"`
}

// parseAck reads a client's answer. Message and data may be absent; an answer
// without code or messageId belongs to nothing. How the platform treats those is
// UNVERIFIED: here they are counted and have no effect.
func parseAck(raw []byte) (ackFrame, error) {
	var a ackFrame
	if err := json.Unmarshal(raw, &a); err != nil {
		return ackFrame{}, err
	}
	if a.Code == 0 {
		return ackFrame{}, errors.New("no code")
	}
	if a.Headers["messageId"] == "" {
		return ackFrame{}, errors.New("no headers.messageId")
	}
	return a, nil
}

// opaqueOf is the opaque value that a ping's answer has to give back.
func opaqueOf(body string) string {
	var v struct {
		Opaque string `json:"opaque"`
	}
	if json.Unmarshal([]byte(body), &v) != nil {
		return ""
	}
	return v.Opaque
}

// later reports whether the answer to an EVENT asks for it again: its status is
// LATER (documented). An answer without status counts as success (UNVERIFIED).
func later(body string) bool {
	var v struct {
		Status string `json:"status"`
	}
	return json.Unmarshal([]byte(body), &v) == nil && v.Status == "LATER"
}
