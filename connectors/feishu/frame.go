package feishu

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"longwire/connectors/feishu/pbbp2"
)

// eventType is the header "type" of a data frame with an event or a card's
// callback. The other value, "card", is a legacy that no client answers.
const eventType = "event"

// frame is one websocket message of the long connection. Which headers it has
// and what they mean is in pbbp2.
type frame struct{ pbbp2.Frame }

func parseFrame(raw []byte) (frame, error) {
	f, err := pbbp2.Unmarshal(raw)
	if err != nil {
		return frame{}, err
	}
	if f.Method == pbbp2.MethodData && f.Header(pbbp2.HeaderType) == "" {
		return frame{}, errors.New("parse frame: no type")
	}
	return frame{f}, nil
}

// id names the frame in logs.
func (f frame) id() string { return clip(f.Header(pbbp2.HeaderMessageID), 40) }

// The payloads of a response to an event. The platform reads the code.
var (
	accepted = []byte(`{"code":200,"headers":null,"data":null}`)
	refused  = []byte(`{"code":500,"headers":null,"data":null}`) // send it again
)

// settled is the payload that says what became of an event.
func settled(outcome error) []byte {
	if outcome != nil {
		return refused
	}
	return accepted
}

// answered is the payload that answers a callback; data is what the person is to see.
func answered(data []byte) []byte {
	return fmt.Appendf(nil, `{"code":200,"headers":null,"data":%q}`, base64.StdEncoding.EncodeToString(data))
}

// response is the frame that answers f: the same frame, its payload replaced and
// the time that the client took added to its headers.
func (f frame) response(arrived time.Time, payload []byte) []byte {
	took := strconv.FormatInt(time.Since(arrived).Milliseconds(), 10)
	out := f.Frame
	out.Headers = append(out.Headers[:len(out.Headers):len(out.Headers)], pbbp2.Header{Key: pbbp2.HeaderBizRT, Value: took})
	out.Payload = payload
	return out.Marshal()
}
