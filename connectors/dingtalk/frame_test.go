package dingtalk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

func TestParseFrame(t *testing.T) {
	rows := []struct{ name, raw, kind, topic, id, data string }{
		{"documented", `{"specVersion":"1.0","type":"SYSTEM","headers":{"topic":"ping","messageId":"m1","time":"1690362102194"},"data":"{\"opaque\":\"o\"}"}`, "SYSTEM", "ping", "m1", `{"opaque":"o"}`},
		{"numeric headers", `{"type":"SYSTEM","headers":{"topic":"ping","messageId":7,"time":1690362102194},"data":""}`, "SYSTEM", "ping", "7", ""},
		{"header for headers", `{"type":"EVENT","header":{"topic":"*","messageId":"m1"},"data":"{}"}`, "EVENT", "*", "m1", "{}"},
		{"both", `{"type":"EVENT","header":{"topic":"a","messageId":"m1"},"headers":{"topic":"b"}}`, "EVENT", "b", "m1", ""},
		{"object data", `{"type":"SYSTEM","headers":{"topic":"ping","messageId":"m1"},"data":{"opaque":"o"}}`, "SYSTEM", "ping", "m1", `{"opaque":"o"}`},
		{"no data", `{"type":"SYSTEM","headers":{"topic":"disconnect"}}`, "SYSTEM", "disconnect", "", ""},
		{"null data", `{"type":"SYSTEM","headers":{"topic":"disconnect"},"data":null}`, "SYSTEM", "disconnect", "", ""},
		{"unknown headers of any type", `{"type":"SYSTEM","headers":{"topic":"ping","messageId":"m1","extras":{"a":1},"list":[1],"none":null}}`, "SYSTEM", "ping", "m1", ""},
	}
	for _, row := range rows {
		f, err := parseFrame([]byte(row.raw))
		if err != nil || f.Type != row.kind || f.GetTopic() != row.topic || f.GetMessageId() != row.id || f.Data != row.data {
			t.Errorf("%s: %+v, %v", row.name, f, err)
		}
	}
}

// unreadable are frames that cannot be read at all.
var unreadable = []string{
	``, ` `, `null`, `[]`, `"text"`, `7`, `{}`, "\x00\xff", `not JSON`,
	`{"type":"CALLBACK","headers":{"topic":"/v1.0/im/bot/messages/get","messa`,
	`{"type":"CALLBACK","headers":[],"data":"{}"}`,
	`{"type":"CALLBACK","headers":"topic","data":"{}"}`,
	`{"type":{"a":1},"headers":{"topic":"ping"}}`,
	`{"type":"CALLBACK","headers":{"topic":{"a":1}}}`,
	`{"type":"CALLBACK","headers":{"messageId":"m1"},"data":"{}"}`,
	strings.Repeat(`{"data":`, 20_000) + strings.Repeat(`}`, 20_000),
	strings.Repeat(`[`, 100_000),
}

func TestParseFrameRefuses(t *testing.T) {
	for _, raw := range unreadable {
		if f, err := parseFrame([]byte(raw)); err == nil {
			t.Errorf("%.60q was read as %+v", raw, f)
		} else if !strings.HasPrefix(err.Error(), "parse frame: ") {
			t.Errorf("%.60q: %v", raw, err)
		}
	}
}

// Nothing that comes in keeps the next message from being delivered.
func TestMalformedFramesAreCountedAndPassed(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	want := connectors.Counts{}
	frame := func(data string) []byte {
		return fmt.Appendf(nil, `{"type":"CALLBACK","headers":{"topic":%q,"messageId":"malformed"},"data":%s}`, messageTopic, data)
	}
	malformed := [][]byte{
		frame(`""`), frame(`"{"`), frame(`null`), frame(`7`), frame(`[1]`), frame(`"\"x\""`), // data that is no object
		frame(`{"senderId":"u"}`),             // no msgId
		frame(`{"msgId":"m"}`),                // no sender
		frame(`{"msgId":["m"],"senderId":1}`), // a list for a text
		frame(`{"msgId":"m","senderId":"u","msgtype":"text","text":[1]}`),
		frame(`{"msgId":"m","senderId":"u","msgtype":"text","text":{"content":{"a":1}}}`),
		frame(`{"msgId":"` + strings.Repeat("m", maxID+1) + `","senderId":"u"}`),
		frame(strings.Repeat(`{"a":`, 9000) + `1` + strings.Repeat(`}`, 9000)), // deep, but no message
	}
	for _, raw := range unreadable {
		malformed = append(malformed, []byte(raw))
	}
	for _, raw := range malformed {
		cloud.PushFrame(raw)
		cloud.PushBinary(raw)
		want.Malformed += 2
		want.Events++
		r.said(t, cloud, dingtalktest.Message{Text: "and now?"})
	}
	r.none(t)
	if got := r.Counts(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if st := cloud.Stats(); st.Connects != 1 || st.MalformedAcks != 0 {
		t.Errorf("%+v", st)
	}
	if acks := cloud.Acks("malformed"); len(acks) != 0 {
		t.Errorf("acked although it could not be read: %+v", acks)
	}
}

func TestFramesOfNoConcernAreAcked(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	for i, raw := range []string{
		`{"type":"SYSTEM","headers":{"topic":"KEEPALIVE","messageId":"i0"},"data":"{}"}`,
		`{"type":"CALLBACK","headers":{"topic":"/v1.0/card/instances/callback","messageId":"i1"},"data":"{}"}`,
		`{"type":"EVENT","headers":{"topic":"*","eventType":"chat_quit","messageId":"i2"},"data":"{}"}`,
		`{"type":"GREETING","headers":{"topic":"ping","messageId":"i3"},"data":"{}"}`,
		`{"headers":{"topic":"nothing known","messageId":"i4"}}`,
	} {
		cloud.PushFrame([]byte(raw))
		if err := cloud.WaitAck(patient(t), fmt.Sprint("i", i)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	cloud.PushFrame([]byte(`{"type":"SYSTEM","headers":{"topic":"KEEPALIVE"},"data":"{}"}`)) // nothing to ack it by
	r.said(t, cloud, dingtalktest.Message{Text: "hello"})
	if got := r.Counts(); got != (connectors.Counts{Events: 1}) {
		t.Errorf("%+v", got)
	}
	if st := cloud.Stats(); st.StrayAcks != 0 {
		t.Errorf("%+v", st)
	}
}

func TestBinaryFramesAreReadToo(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	id, body := cloud.Callback(dingtalktest.Message{Text: "in binary"})
	raw, err := json.Marshal(map[string]any{
		"type": "CALLBACK", "headers": map[string]any{"topic": messageTopic, "messageId": "b1"}, "data": string(body),
	})
	must(t, err)
	cloud.PushBinary(raw)
	if ev := r.event(t); ev.ID != clientID+"/"+id || ev.Text != "in binary" {
		t.Errorf("%+v", ev)
	}
}

// The disconnect of the documentation has no messageId and no data.
func TestBareDisconnect(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	cloud.PushFrame([]byte(`{"type":"SYSTEM","headers":{"topic":"disconnect"}}`))
	must(t, cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool { return st.Connects == 2 }))
	r.said(t, cloud, dingtalktest.Message{Text: "hello"})
	if st := cloud.Stats(); st.StrayAcks != 0 || st.MalformedAcks != 0 {
		t.Errorf("%+v", st)
	}
}

func TestHugeTextIsTooLong(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	id := cloud.Say(dingtalktest.Message{Text: strings.Repeat("长", 5<<20/3)})
	if ev := r.event(t); ev.Kind != connectors.KindTooLong || ev.Text != "" {
		t.Errorf("%s with %d bytes", ev.Kind, len(ev.Text))
	}
	must(t, cloud.WaitAck(patient(t), id))
	cloud.PushFrame([]byte(strings.Repeat("x", 17<<20))) // more than a frame may have
	r.said(t, cloud, dingtalktest.Message{Text: "and now?"})
	if got := r.Counts(); got != (connectors.Counts{Events: 2, Malformed: 1}) {
		t.Errorf("%+v", got)
	}
	if st := r.Status(); st.Connects != 1 {
		t.Errorf("%+v", st)
	}
}

func TestAckIsDocumented(t *testing.T) {
	f, err := parseFrame([]byte(`{"type":"SYSTEM","headers":{"topic":"ping","messageId":"a<b>&\"c"},"data":"{\"opaque\":\"<&>\"}"}`))
	must(t, err)
	var got struct {
		Code    int               `json:"code"`
		Headers map[string]string `json:"headers"`
		Message string            `json:"message"`
		Data    string            `json:"data"`
	}
	must(t, json.Unmarshal(f.ack(f.Data), &got))
	if got.Code != 200 || got.Headers["messageId"] != `a<b>&"c` || got.Headers["contentType"] != "application/json" || got.Data != `{"opaque":"<&>"}` {
		t.Errorf("%+v", got)
	}
}

func TestReasonOf(t *testing.T) {
	for data, want := range map[string]string{
		`{"reason":"connection is expired"}`: "connection is expired",
		`{"reason":7}`:                       "7",
		`{}`:                                 "",
		``:                                   "",
		`{"reason":{}}`:                      "",
	} {
		f, err := parseFrame(fmt.Appendf(nil, `{"type":"SYSTEM","headers":{"topic":"disconnect"},"data":%q}`, data))
		must(t, err)
		if got := reasonOf(f); got != want {
			t.Errorf("%s: %q", data, got)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, raw := range unreadable[:15] {
		f.Add([]byte(raw))
	}
	f.Add([]byte(`{"type":"SYSTEM","headers":{"topic":"ping","messageId":7},"data":{"opaque":"o"}}`))
	f.Add([]byte(`{"type":"EVENT","header":{"topic":"*","x":[]},"data":"\ud800"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseFrame(raw)
		if err != nil {
			return
		}
		if got.GetTopic() == "" {
			t.Fatalf("%q was read without a topic", raw)
		}
		var ack struct {
			Headers map[string]string `json:"headers"`
			Data    string            `json:"data"`
		}
		if err := json.Unmarshal(got.ack(got.Data), &ack); err != nil {
			t.Fatalf("ack to %q: %v", raw, err)
		}
		if ack.Headers["messageId"] != got.GetMessageId() || ack.Data != strings.ToValidUTF8(got.Data, "\ufffd") {
			t.Fatalf("ack to %q: %+v", raw, ack)
		}
		_ = reasonOf(got)
	})
}
