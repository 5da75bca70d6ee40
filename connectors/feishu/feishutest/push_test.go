package feishutest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

func TestPushAndAck(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	f := b.read()
	for key, want := range map[string]string{"type": "event", "sum": "1", "seq": "0"} {
		if f.Header(key) != want {
			t.Errorf("header %s = %q, want %q", key, f.Header(key), want)
		}
	}
	for _, key := range []string{"message_id", "trace_id", "timestamp", "instance_id"} {
		if f.Header(key) == "" {
			t.Errorf("header %s is empty", key)
		}
	}
	if f.Method != pbbp2.MethodData || f.Service != 33554678 {
		t.Errorf("method %d, service %d", f.Method, f.Service)
	}
	e := decode(t, f.Payload)
	if e.Event.Message.ID != id || e.Event.Message.ChatType != "p2p" || e.Event.Message.Content != `{"text":"hi"}` ||
		e.Header.Type != "im.message.receive_v1" || e.Header.AppID != appID || e.Event.Sender.Type != "user" {
		t.Errorf("event = %+v", e)
	}
	b.respond(f, 200)
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if got := s.Acks(id); !slices.Equal(got, []int{200}) || s.Deliveries(id) != 1 || s.Pending() != 0 {
		t.Errorf("acks %v, deliveries %d, pending %d", got, s.Deliveries(id), s.Pending())
	}
}

func TestRefusedEventComesAgainUnchanged(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	first := b.read()
	b.respond(first, 500)
	second := b.read()
	if !bytes.Equal(first.Payload, second.Payload) {
		t.Errorf("redelivered as %s, first %s", second.Payload, first.Payload)
	}
	b.respond(second, 200)
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if got := s.Acks(id); !slices.Equal(got, []int{500, 200}) {
		t.Errorf("acks %v", got)
	}
}

func TestSilenceIsRefusalAndLateAckDoesNotCount(t *testing.T) {
	s := start(t, func(o *feishutest.Options) {
		o.AckTimeout = time.Millisecond
		o.Redeliver = []time.Duration{}
	})
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	f := b.read()
	if err := s.WaitAck(soon(t), id); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Fatalf("WaitAck = %v, want lost", err)
	}
	b.respond(f, 200)
	b.ping() // behind the response
	b.read()
	if got := s.Acks(id); !slices.Equal(got, []int{200}) {
		t.Errorf("acks %v", got)
	}
	if err := s.WaitAck(soon(t), id); err == nil {
		t.Error("late ack counted")
	}
}

func TestScheduleEnds(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	for range 3 { // one and two redeliveries
		b.respond(b.read(), 500)
	}
	if err := s.WaitAck(soon(t), id); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("WaitAck = %v, want lost", err)
	}
	if s.Deliveries(id) != 3 || s.Pending() != 0 {
		t.Errorf("deliveries %d, pending %d", s.Deliveries(id), s.Pending())
	}
}

func TestEventWaitsForConnection(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Redeliver = slices.Repeat([]time.Duration{300 * time.Millisecond}, 100) })
	id := s.Say(feishutest.Message{Text: "anybody?"})
	if s.Pending() != 1 || s.Deliveries(id) != 0 {
		t.Fatalf("pending %d, deliveries %d", s.Pending(), s.Deliveries(id))
	}
	b := dial(t, s)
	b.respond(b.read(), 200)
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
}

func TestResponseMustRepeatHeaders(t *testing.T) {
	for _, drop := range []string{"message_id", "instance_id", "trace_id", "type"} {
		s := start(t, nil)
		b := dial(t, s)
		id := s.Say(feishutest.Message{Text: "hi"})
		f := b.read()
		g := f
		g.Headers = slices.DeleteFunc(slices.Clone(f.Headers), func(h pbbp2.Header) bool { return h.Key == drop })
		b.respond(g, 200)
		b.ping()
		b.read()
		if got := s.Acks(id); len(got) != 0 {
			t.Errorf("without %s: acks %v", drop, got)
		}
		b.respond(f, 200)
		if err := s.WaitAck(soon(t), id); err != nil {
			t.Error(err)
		}
	}
}

func TestAckOnAnotherConnection(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	f := b.read()
	_ = b.ws.Close()
	if err := s.WaitConnections(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	dial(t, s).respond(f, 200)
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if n := s.Deliveries(id); n != 1 {
		t.Errorf("deliveries %d", n)
	}
}

func TestResponseThatIsNotJSONIsRefusal(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	f := b.read()
	f.Payload = []byte("200")
	b.write(f)
	b.respond(b.read(), 200)
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if got := s.Acks(id); !slices.Equal(got, []int{0, 200}) {
		t.Errorf("acks %v", got)
	}
}

func TestRedeliverNow(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	first := b.read()
	b.respond(first, 200)
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if err := s.Redeliver(id); err != nil {
		t.Fatal(err)
	}
	if again := b.read(); !bytes.Equal(again.Payload, first.Payload) {
		t.Errorf("duplicate %s, first %s", again.Payload, first.Payload)
	}
	if err := s.WaitDeliveries(soon(t), id, 2); err != nil {
		t.Error(err)
	}
	if err := s.Redeliver("om_unknown"); err == nil {
		t.Error("unknown event redelivered")
	}
}

func TestSameMessageUnderNewEventID(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	first := decode(t, b.read().Payload)
	s.Say(feishutest.Message{Text: "hi", MessageID: id})
	second := decode(t, b.read().Payload)
	if second.Event.Message.ID != id || second.Header.EventID == first.Header.EventID {
		t.Errorf("second = %+v, first %+v", second, first)
	}
}

func TestEventsGoToAnyConnection(t *testing.T) {
	s := start(t, nil)
	one, two := dial(t, s), dial(t, s)
	const n = 64
	for range n {
		s.Say(feishutest.Message{Text: "hi"})
	}
	count := func(b *bot) (events int) {
		b.ping()
		for b.read().Method == pbbp2.MethodData {
			events++
		}
		return events
	}
	a, b := count(one), count(two)
	if a+b != n || a == 0 || b == 0 { // all on one side once in 2^63
		t.Errorf("%d and %d events", a, b)
	}
}

// readParts reads n frames and returns "message_id seq" of each, with the ids
// replaced by letters, and the assembled payloads by id.
func readParts(t *testing.T, b *bot, n int) (string, map[string][]byte) {
	t.Helper()
	names := map[string]string{}
	parts := map[string]map[string][]byte{}
	var order []string
	for range n {
		f := b.read()
		id := f.Header("message_id")
		if names[id] == "" {
			names[id] = string(rune('A' + len(names)))
			parts[id] = map[string][]byte{}
		}
		order = append(order, names[id]+f.Header("seq"))
		parts[id][f.Header("seq")] = f.Payload
		if f.Header("sum") != "3" {
			t.Errorf("sum = %q", f.Header("sum"))
		}
	}
	whole := map[string][]byte{}
	for id, p := range parts {
		whole[id] = slices.Concat(p["0"], p["1"], p["2"])
	}
	return strings.Join(order, " "), whole
}

func TestParts(t *testing.T) {
	for _, test := range []struct {
		name  string
		order feishutest.Order
		want  string
	}{
		{"in order", feishutest.InOrder, "A0 A1 A2 B0 B1 B2"},
		{"reversed", feishutest.Reversed, "A2 A1 A0 B2 B1 B0"},
		{"interleaved", feishutest.Interleaved, "A0 B0 A1 B1 A2 B2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, func(o *feishutest.Options) { o.FragmentAbove, o.Fragments = 4, test.order })
			b := dial(t, s)
			s.PushEvent(appID, []byte("0123456789"))
			s.PushEvent(appID, []byte("abcdefghij"))
			order, whole := readParts(t, b, 6)
			if order != test.want {
				t.Errorf("order %s, want %s", order, test.want)
			}
			for _, p := range whole {
				if got := string(p); got != "0123456789" && got != "abcdefghij" {
					t.Errorf("payload %q", got)
				}
			}
		})
	}
}

func TestInterleavedAlone(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.FragmentAbove, o.Fragments = 4, feishutest.Interleaved })
	b := dial(t, s)
	s.PushEvent(appID, []byte("0123456789"))
	if order, _ := readParts(t, b, 3); order != "A0 A1 A2" {
		t.Errorf("order %s", order)
	}
}

func TestPushEventNames(t *testing.T) {
	s := start(t, nil)
	for payload, want := range map[string]string{
		`{"header":{"event_id":"e1"},"event":{"message":{"message_id":"om_1"}}}`: "om_1",
		`{"header":{"event_id":"e2"}}`:                                           "e2",
	} {
		if got := s.PushEvent(appID, []byte(payload)); got != want {
			t.Errorf("PushEvent(%s) = %q, want %q", payload, got, want)
		}
	}
	if s.PushEvent(appID, []byte("nonsense")) == "" {
		t.Error("nonsense has no name")
	}
	if s.PushEvent("cli_0000000000000000", nil) != "" || s.Say(feishutest.Message{AppID: "other"}) != "" {
		t.Error("unknown app has an event")
	}
}

func TestRawMessages(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	s.PushFrame([]byte("\xff"))
	if _, err := b.tryRead(); err == nil {
		t.Error("garbage decoded")
	}
	s.PushText("hello")
	if _, err := b.tryRead(); err == nil || !strings.Contains(err.Error(), "kind 1") {
		t.Errorf("text message: %v", err)
	}
}

func TestWaitsEndWithContextAndClose(t *testing.T) {
	s := start(t, nil)
	id := s.Say(feishutest.Message{Text: "hi"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitAck(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitAck = %v", err)
	}
	ended := make(chan error)
	go func() { ended <- s.WaitConnections(context.Background(), 7) }()
	s.Close()
	if err := <-ended; err == nil {
		t.Error("WaitConnections outlived Close")
	}
	if s.Say(feishutest.Message{Text: "hi"}) != "" {
		t.Error("Say after Close")
	}
	s.Close()
}

func TestNoHistory(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.NoHistory = true })
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	b.respond(b.read(), 200)
	b.ping()
	b.read()
	if s.Pending() != 0 || s.Deliveries(id) != 0 {
		t.Errorf("pending %d, deliveries %d", s.Pending(), s.Deliveries(id))
	}
	token := fetchToken(t, s)
	if a := sendReply(t, s, token, id, map[string]any{"msg_type": "text", "content": `{"text":"yes"}`}); a.Code != 0 {
		t.Errorf("reply: %+v", a)
	}
	if len(s.Sent()) != 0 {
		t.Errorf("sent %v", s.Sent())
	}
	if _, err := s.WaitSent(soon(t), func(feishutest.Sent) bool { return true }); err == nil {
		t.Error("WaitSent without history")
	}
}

func TestPongCarriesConfig(t *testing.T) {
	s := start(t, nil)
	b := dial(t, s)
	pong := func() string {
		b.ping()
		f := b.read()
		if f.Method != pbbp2.MethodControl || f.Header("type") != "pong" || f.Service != 33554678 {
			t.Errorf("pong = %+v", f)
		}
		return string(f.Payload)
	}
	full := pong()
	var c feishutest.ClientConfig
	if err := json.Unmarshal([]byte(full), &c); err != nil {
		t.Fatal(err)
	}
	if want := (feishutest.ClientConfig{ReconnectCount: -1, ReconnectInterval: 120, ReconnectNonce: 30, PingInterval: 120}); c != want {
		t.Errorf("config %+v, want %+v", c, want)
	}
	s.PongConfig(`{"PingInterval":1}`)
	if got := pong(); got != `{"PingInterval":1}` {
		t.Errorf("pong %s", got)
	}
	s.PongConfig("")
	if got := pong(); got != full {
		t.Errorf("pong %s, want %s", got, full)
	}
}
