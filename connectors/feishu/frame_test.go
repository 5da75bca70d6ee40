package feishu

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"longwire/connectors/feishu/pbbp2"
)

// What the official client sends for the same service.
const goldenPing = "0800100018f681801020002a0c0a0474797065120470696e6732003a004a00"

func TestPingGolden(t *testing.T) {
	if got := hex.EncodeToString(ping(33554678)); got != goldenPing {
		t.Errorf("ping is %s, want %s", got, goldenPing)
	}
}

// The platform finds the sender of a push by the headers of its response.
func TestResponseRepeatsTheFrame(t *testing.T) {
	in := pbbp2.Frame{
		SeqID: 7, LogID: 8, Service: 9, Method: pbbp2.MethodData, LogIDNew: "new", PayloadType: "json",
		Headers: append(make([]pbbp2.Header, 0, 8), // room that a response must not write to
			pbbp2.Header{Key: "type", Value: "event"}, pbbp2.Header{Key: "message_id", Value: "m1"},
			pbbp2.Header{Key: "instance_id", Value: "i1"}, pbbp2.Header{Key: "new", Value: "x"}, pbbp2.Header{Key: "new", Value: "y"}),
		Payload: []byte(`{"some":"event"}`),
	}
	f, err := parseFrame(in.Marshal())
	noError(t, err)
	for want, payload := range map[string][]byte{
		`{"code":200,"headers":null,"data":null}`:           settled(nil),
		`{"code":500,"headers":null,"data":null}`:           settled(errors.New("full")),
		`{"code":200,"headers":null,"data":"eyJhIjoi+/8i"}`: answered([]byte("{\"a\":\"\xfb\xff\"")),
	} {
		out, err := pbbp2.Unmarshal(f.response(time.Now().Add(-1500*time.Millisecond), payload))
		noError(t, err)
		n := len(in.Headers)
		if len(out.Headers) != n+1 || !slices.Equal(out.Headers[:n], in.Headers) {
			t.Fatalf("headers %v of a response to %v", out.Headers, in.Headers)
		}
		if took := out.Headers[n]; took.Key != "biz_rt" || len(took.Value) != len("1500") || took.Value < "1500" {
			t.Errorf("the response took %v", took)
		}
		if out.SeqID != 7 || out.LogID != 8 || out.Service != 9 || out.Method != 1 || out.LogIDNew != "new" || out.PayloadType != "json" {
			t.Errorf("response %+v to %+v", out, in)
		}
		if string(out.Payload) != want {
			t.Errorf("payload %s, want %s", out.Payload, want)
		}
	}
	if string(f.Payload) != `{"some":"event"}` || len(f.Headers) != len(in.Headers) {
		t.Errorf("the frame itself became %+v", f)
	}
}
