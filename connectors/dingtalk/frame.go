package dingtalk

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/payload"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/utils"

	"longwire/connectors"
)

// The frames that DingTalk sends; each is one text message with one JSON object
//
//	{"specVersion":"1.0","type":"CALLBACK","headers":{"topic":"…","messageId":"…",…},"data":"<JSON>"}
//
// and is answered with {"code":200,"headers":{"messageId":"<the same>",…},"message":"","data":"…"}
// (developer documentation, "Stream protocol").
const (
	systemType   = utils.SubscriptionTypeKSystem
	callbackType = utils.SubscriptionTypeKCallback
	eventType    = utils.SubscriptionTypeKEvent

	pingTopic       = "ping"                            // SYSTEM; answered with its own data
	disconnectTopic = "disconnect"                      // SYSTEM; nothing more comes on this socket, which is closed after 10 s
	messageTopic    = payload.BotMessageCallbackTopic   // CALLBACK; somebody wrote to the robot
	cardTopic       = payload.CardInstanceCallbackTopic // CALLBACK; somebody pressed a button of a card
	everyTopic      = "*"                               // EVENT; the only topic that can be subscribed to. What comes may bear another

	eventTypeHeader = "eventType" // EVENT; what has happened
	eventIDHeader   = "eventId"   // EVENT; the same when the event is pushed again

	messageAck = `{"response":null}`                         // documented; the server does not use it yet
	eventAck   = `{"status":"SUCCESS","message":"success"}`  // an EVENT answered otherwise is pushed again
	eventLater = `{"status":"LATER","message":"not stored"}` // that is, so
)

// frame is the SDK's frame, read more tolerantly than the SDK does: headers that
// are numbers, data that is an object, and "header" for "headers" have all been
// seen or documented, and the SDK drops such frames without a word.
type frame struct {
	payload.DataFrame
	read time.Time // when it was read
}

func parseFrame(raw []byte) (frame, error) {
	var wire struct {
		Type    connectors.LooseString     `json:"type"`
		Headers map[string]json.RawMessage `json:"headers"`
		Header  map[string]json.RawMessage `json:"header"`
		Data    json.RawMessage            `json:"data"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return frame{}, fmt.Errorf("parse frame: %w", err)
	}
	f := frame{DataFrame: payload.DataFrame{Type: string(wire.Type), Headers: make(payload.DataFrameHeader)}}
	for _, headers := range []map[string]json.RawMessage{wire.Header, wire.Headers} {
		for key, raw := range headers {
			var value connectors.LooseString
			if value.UnmarshalJSON(raw) == nil { // an object is in no header that we read
				f.Headers[key] = string(value)
			}
		}
	}
	if f.GetTopic() == "" {
		return frame{}, errors.New("parse frame: no topic")
	}
	if len(wire.Data) == 0 {
		return f, nil
	}
	if json.Unmarshal(wire.Data, &f.Data) != nil {
		f.Data = string(wire.Data) // an object where a string with JSON belongs
	}
	return f, nil
}

func (f frame) is(kind, topic string) bool { return f.Type == kind && f.GetTopic() == topic }

// ack is the answer that says "ours now".
func (f frame) ack(data string) []byte {
	response := payload.NewSuccessDataFrameResponse()
	response.SetHeader(payload.DataFrameHeaderKMessageId, f.GetMessageId())
	response.SetHeader(payload.DataFrameHeaderKContentType, payload.DataFrameContentTypeKJson)
	response.SetData(data)
	return response.Encode()
}

// reasonOf reads why DingTalk closes a stream.
func reasonOf(f frame) string {
	var data struct {
		Reason connectors.LooseString `json:"reason"`
	}
	_ = json.Unmarshal([]byte(f.Data), &data) // a reason that cannot be read is no reason to stay
	return string(data.Reason)
}
