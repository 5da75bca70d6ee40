package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"longwire/connectors"
	"longwire/connectors/socket"
)

func TestMeter(t *testing.T) {
	m := newMetrics(t)
	sales := m.Meter("sales", "dingtalk")
	sales.Acked(30 * time.Millisecond)
	sales.Acked(4 * time.Second)
	sales.Called("send to person", "ok", 400*time.Millisecond)
	sales.Called("send to person", "90018", 600*time.Millisecond)
	sales.Called("stream to card", "ok", time.Millisecond)
	sales.Called("stream to card", "http 503", time.Millisecond)

	scrape(t, m).expect(t, scraped{
		`longwire_ack_seconds_count{connection="sales",platform="dingtalk"}`:                                              2,
		`longwire_ack_seconds_bucket{connection="sales",platform="dingtalk",le="0.025"}`:                                  0,
		`longwire_ack_seconds_bucket{connection="sales",platform="dingtalk",le="0.05"}`:                                   1,
		`longwire_ack_seconds_bucket{connection="sales",platform="dingtalk",le="3"}`:                                      1,
		`longwire_api_calls_total{call="send to person",code="ok",connection="sales",platform="dingtalk"}`:                1,
		`longwire_api_calls_total{call="send to person",code="90018",connection="sales",platform="dingtalk"}`:             1,
		`longwire_api_calls_total{call="stream to card",code="http 503",connection="sales",platform="dingtalk"}`:          1,
		`longwire_api_call_seconds_bucket{call="send to person",connection="sales",platform="dingtalk",le="0.5"}`:         1,
		`longwire_api_call_seconds_sum{call="send to person",connection="sales",platform="dingtalk"}`:                     1,
		`longwire_card_frames_total{connection="sales",ok="true",platform="dingtalk"}`:                                    1,
		`longwire_card_frames_total{connection="sales",ok="false",platform="dingtalk"}`:                                   1,
		`longwire_card_frames_total{connection="sales",ok="true",platform="dingtalk",call="send to person",code="90018"}`: absent,
	})
}

// What platforms answer is theirs to choose. It makes no more than 50 series of a call.
func TestCodesAreBounded(t *testing.T) {
	m := newMetrics(t)
	one, two := m.Meter("sales", "dingtalk"), m.Meter("support", "dingtalk")
	for code := range 200 {
		one.Called("send to person", fmt.Sprint(code), time.Millisecond)
	}
	one.Called("send to person", "7", time.Millisecond)   // known
	two.Called("send to person", "300", time.Millisecond) // of the same platform
	m.Meter("sales", "feishu").Called("send message", "300", time.Millisecond)
	got := scrape(t, m)
	got.expect(t, scraped{
		`longwire_api_calls_total{call="send to person",code="7",connection="sales",platform="dingtalk"}`:       2,
		`longwire_api_calls_total{call="send to person",code="other",connection="sales",platform="dingtalk"}`:   150,
		`longwire_api_calls_total{call="send to person",code="other",connection="support",platform="dingtalk"}`: 1,
		`longwire_api_calls_total{call="send message",code="300",connection="sales",platform="feishu"}`:         1,
	})
	if n := got.count("longwire_api_calls_total"); n != 50+1+1+1 {
		t.Errorf("%d series", n)
	}
}

func TestKindsAreBounded(t *testing.T) {
	var b bounds
	for kind := range maxKinds {
		if got := b.of(fmt.Sprint(kind), "ok"); got != "ok" {
			t.Fatalf("kind %d: %q", kind, got)
		}
	}
	if got := b.of("one more", "ok"); got != other {
		t.Errorf("past the bound: %q", got)
	}
	if got := b.of("3", "new"); got != "new" {
		t.Errorf("a known kind: %q", got)
	}
}

// Whatever a platform calls its errors, measuring does not fail.
func FuzzCalled(f *testing.F) {
	f.Add("send to person", "ok")
	f.Add("", "")
	f.Add("create card", "\xff\xfe")
	f.Add("long", string(make([]byte, 1000)))
	f.Add("cut in a character", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u5b57")
	m := New("", quiet)
	meter := m.Meter("sales", "feishu")
	f.Fuzz(func(t *testing.T, op, code string) {
		meter.Called(op, code, time.Millisecond)
		meter.Down(&connectors.Error{Op: op, Code: code})
		for kind, values := range m.codes.known {
			if len(values) > maxValues {
				t.Errorf("%q has %d values", kind, len(values))
			}
			for value := range values {
				if len(value) > maxValue || !utf8.ValidString(value) {
					t.Errorf("value %q", value)
				}
			}
		}
	})
}

func TestReasons(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	read := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	for _, row := range []struct {
		why  error
		want string
	}{
		{nil, "let go"},
		{fmt.Errorf("serve: %w", &connectors.Error{Op: "open endpoint", Code: "HTTP 403"}), "code http 403"},
		{&connectors.Error{Op: "open endpoint", Err: dial}, "not reached"},
		{fmt.Errorf("dial: %w", &socket.HandshakeError{Status: 502}), "handshake 502"},
		{fmt.Errorf("serve: %w", &websocket.CloseError{Code: 1006, Text: "unexpected EOF"}), "closed 1006"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "api.example.com"}}, "name not found"},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), "timeout"},
		{fmt.Errorf("read frame: %w", read), "broken off"},
		{fmt.Errorf("read frame: %w", io.ErrUnexpectedEOF), "broken off"},
		{errors.New("something else, from 10.1.2.3:4455"), "other"},
	} {
		if got := reason(row.why); got != row.want {
			t.Errorf("%v: %q, want %q", row.why, got, row.want)
		}
	}
	m := newMetrics(t)
	m.Meter("sales", "feishu").Down(nil)
	scrape(t, m).expect(t, scraped{`longwire_connection_ends_total{connection="sales",platform="feishu",reason="let go"}`: 1})
}
