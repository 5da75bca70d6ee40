package pbbp2_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/larksuite/oapi-sdk-go/v3/ws"
	"go.uber.org/goleak"

	"longwire/connectors/feishu/pbbp2"
)

// golden are frames as the official client writes them.
var golden = []struct {
	name  string
	hex   string
	frame pbbp2.Frame
}{
	{
		name:  "ping",
		hex:   "0800100018f681801020002a0c0a0474797065120470696e6732003a004a00",
		frame: pbbp2.Frame{Service: 33554678, Headers: []pbbp2.Header{{Key: "type", Value: "ping"}}},
	},
	{
		name: "pong",
		hex: "0800100018f681801020002a0c0a04747970651204706f6e6732003a0042547b225265636f6e6e656374436f756e74223a2d31" +
			"2c225265636f6e6e656374496e74657276616c223a3132302c225265636f6e6e6563744e6f6e6365223a33302c2250696e67496e" +
			"74657276616c223a3132307d4a00",
		frame: pbbp2.Frame{
			Service: 33554678,
			Headers: []pbbp2.Header{{Key: "type", Value: "pong"}},
			Payload: []byte(`{"ReconnectCount":-1,"ReconnectInterval":120,"ReconnectNonce":30,"PingInterval":120}`),
		},
	},
	{
		name: "event",
		hex: "0801100218f681801020012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d12" +
			"01312a080a037365711201302a0e0a0874726163655f6964120274312a1a0a0974696d657374616d70120d313730303030303030" +
			"3030303032003a0042027b7d4a00",
		frame: pbbp2.Frame{
			SeqID: 1, LogID: 2, Service: 33554678, Method: pbbp2.MethodData,
			Headers: []pbbp2.Header{
				{Key: "type", Value: "event"}, {Key: "message_id", Value: "m1"}, {Key: "sum", Value: "1"},
				{Key: "seq", Value: "0"}, {Key: "trace_id", Value: "t1"}, {Key: "timestamp", Value: "1700000000000"},
			},
			Payload: []byte("{}"),
		},
	},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		want, err := hex.DecodeString(g.hex)
		if err != nil {
			t.Fatal(err)
		}
		if b := g.frame.Marshal(); !bytes.Equal(b, want) {
			t.Errorf("%s: Marshal = %x, want %x", g.name, b, want)
		}
		if f, err := pbbp2.Unmarshal(want); err != nil || !reflect.DeepEqual(f, g.frame) {
			t.Errorf("%s: Unmarshal = %+v, %v, want %+v", g.name, f, err, g.frame)
		}
	}
}

func TestHeader(t *testing.T) {
	f := pbbp2.Frame{Headers: []pbbp2.Header{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}, {Key: "a", Value: "3"}}}
	for key, want := range map[string]string{"a": "1", "b": "2", "c": ""} {
		if v := f.Header(key); v != want {
			t.Errorf("Header(%q) = %q, want %q", key, v, want)
		}
	}
}

// official returns f as the official client's frame.
func official(f pbbp2.Frame) *ws.Frame {
	o := &ws.Frame{
		SeqID: f.SeqID, LogID: f.LogID, Service: f.Service, Method: f.Method,
		PayloadEncoding: f.PayloadEncoding, PayloadType: f.PayloadType, Payload: f.Payload, LogIDNew: f.LogIDNew,
	}
	for _, h := range f.Headers {
		o.Headers = append(o.Headers, ws.Header{Key: h.Key, Value: h.Value})
	}
	return o
}

// randomFrame mixes short and long, empty and absent, small and extreme.
func randomFrame(r *rand.Rand) pbbp2.Frame {
	text := func() string { return strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(3)*r.IntN(90)) }
	number := func() uint64 { return r.Uint64() >> r.IntN(65) }
	f := pbbp2.Frame{
		SeqID: number(), LogID: number(), Service: int32(number()), Method: int32(number()),
		PayloadEncoding: text(), PayloadType: text(), LogIDNew: text(),
	}
	for range r.IntN(9) {
		f.Headers = append(f.Headers, pbbp2.Header{Key: text(), Value: text()})
	}
	if n := r.IntN(300); n > 0 {
		f.Payload = bytes.Repeat([]byte{byte(n)}, n-1)
	}
	return f
}

func TestSameBytesAsOfficialCodec(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	frames := []pbbp2.Frame{
		{}, {Payload: []byte{}},
		{SeqID: math.MaxUint64, LogID: math.MaxUint64, Service: math.MinInt32, Method: -1},
	}
	for range 5000 {
		frames = append(frames, randomFrame(r))
	}
	for _, f := range frames {
		want, err := official(f).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if b := f.Marshal(); !bytes.Equal(b, want) {
			t.Fatalf("Marshal(%+v) = %x, official %x", f, b, want)
		}
		back, err := pbbp2.Unmarshal(want)
		if err != nil || !reflect.DeepEqual(back, f) {
			t.Fatalf("Unmarshal = %+v, %v, want %+v", back, err, f)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	good := "08011002180320012a060a01611201623201613a01624201634a0164"
	for name, in := range map[string]string{
		"nothing":                  "",
		"service twice, no method": "0801100218031804",
		"no SeqID":                 "100218032001",
		"no LogID":                 "080118032001",
		"no service":               "080110022001",
		"cut in a tag":             "0801100218032001" + "ff",
		"cut in a payload":         "0801100218032001" + "4205aa",
		"header without key":       "0801100218032001" + "2a03120162",
		"header without text":      "0801100218032001" + "2a030a0161",
		"header cut":               "0801100218032001" + "2a020a05",
		"SeqID as bytes":           "0a0101100218032001",
		"payload as varint":        "0801100218032001" + "4001",
		"header as varint":         "0801100218032001" + "2801",
		"field number 0":           "0801100218032001" + "0001",
		"end of no group":          "0801100218032001" + "54",
		"varint of 11 bytes":       "08ffffffffffffffffffffff01100218032001",
		"65 headers":               "0801100218032001" + strings.Repeat("2a040a001200", 65),
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f, err := pbbp2.Unmarshal(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, f)
		}
	}
	for name, in := range map[string]string{
		"all fields":        good,
		"64 headers":        "0801100218032001" + strings.Repeat("2a040a001200", 64),
		"unknown varint":    good + "5001",
		"unknown bytes":     good + "520161",
		"unknown fixed":     good + "5501020304" + "510102030405060708",
		"unknown group":     good + "53080154",
		"unknown in header": "0801100218032001" + "2a080a01611201621801",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := pbbp2.Unmarshal(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzUnmarshal holds that whatever is accepted is also accepted by the official
// client, with the same meaning, and survives another round.
func FuzzUnmarshal(f *testing.F) {
	for _, g := range golden {
		f.Add(g.frame.Marshal())
	}
	f.Add([]byte("\x08\x01\x10\x02\x18\x03\x20\x01\x53\x08\x01\x54"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := pbbp2.Unmarshal(b)
		if err != nil {
			return
		}
		if len(frame.Headers) > pbbp2.MaxHeaders {
			t.Fatalf("%d headers", len(frame.Headers))
		}
		var o ws.Frame
		if err := o.Unmarshal(b); err != nil {
			t.Fatalf("official codec refuses what is accepted: %v", err)
		}
		if want := official(frame); o.String() != want.String() {
			t.Fatalf("official codec reads %s, want %s", o.String(), want.String())
		}
		again, err := pbbp2.Unmarshal(frame.Marshal())
		if err != nil || !reflect.DeepEqual(again, frame) {
			t.Fatalf("second round %+v, %v, want %+v", again, err, frame)
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	frame := golden[2].frame
	for b.Loop() {
		if _, err := pbbp2.Unmarshal(frame.Marshal()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
