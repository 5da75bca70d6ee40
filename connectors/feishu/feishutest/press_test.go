package feishutest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher/callback"

	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

func TestOfficialClientAnswersPress(t *testing.T) {
	k := newCardkit(t, nil)
	sent, _ := k.send()
	listen(t, k.s, func(d *dispatcher.EventDispatcher) {
		d.OnP2CardActionTrigger(func(_ context.Context, e *callback.CardActionTriggerEvent) (*callback.CardActionTriggerResponse, error) {
			if e.Event.Action.Value["do"] != "stop" || e.Event.Action.Tag != "button" || e.Event.Context.OpenMessageID != sent.MessageID ||
				e.Event.Context.OpenChatID != group || e.Event.Operator.OpenID != "ou_7" || e.Event.Token == "" ||
				e.Event.Host != "im_message" || len(e.EventV2Base.Header.CreateTime) != 16 {
				t.Errorf("callback %+v", e.Event)
			}
			want(t, "during a press", k.content("md", "x", k.next(), ""), 200810)
			return &callback.CardActionTriggerResponse{
				Toast: &callback.Toast{Type: "success", Content: "ok"},
				Card: &callback.Card{Type: "raw", Data: map[string]any{"schema": "2.0", "body": map[string]any{
					"elements": []any{map[string]any{"tag": "markdown", "element_id": "md", "content": "stopped"}},
				}}},
			}, nil
		})
	})
	press := feishutest.Press{MessageID: sent.MessageID, From: feishutest.Person{OpenID: "ou_7"}, Button: "Stop"}
	got, err := k.s.Press(soon(t), press)
	if err != nil || got.Code != 0 || got.Toast == nil || got.Toast.Content != "ok" || got.Card == "" {
		t.Fatalf("pressed %+v, %v", got, err)
	}
	if k.card().Content("md") != "a" {
		t.Error("a card that streams was changed by an answer")
	}
	k.n = 10
	want(t, "streaming off", k.settings(`{"config":{"streaming_mode":false}}`), 0)
	if got, err := k.s.Press(soon(t), press); err != nil || got.Code != 0 || k.card().Content("md") != "stopped" {
		t.Errorf("pressed %+v, %v; card %+v", got, err, k.card())
	}
	if _, err := k.s.Press(soon(t), press); err == nil {
		t.Error("pressed a button that is gone")
	}
	// The official client cannot decode a string.
	if got, err := k.s.Press(soon(t), feishutest.Press{MessageID: sent.MessageID, Value: "text"}); err != nil || got.Code != 200671 {
		t.Errorf("pressed %+v, %v", got, err)
	}
}

func TestPressOutcomes(t *testing.T) {
	data := func(json string) string {
		return fmt.Sprintf(`{"code":200,"data":%q}`, base64.StdEncoding.EncodeToString([]byte(json)))
	}
	m := newMessages(t, nil)
	b := dial(t, m.s)
	_, id := m.reply("interactive", `{"schema":"2.0","body":{"elements":[{"tag":"hr"}]}}`)
	b.respond(b.read(), 200) // the question
	for _, test := range []struct {
		name, answer string
		code         int
		toast        bool
	}{
		{"nothing", `{"code":200,"headers":null,"data":null}`, 0, false},
		{"null", data(`null`), 0, false},
		{"empty", data(`{}`), 0, false},
		{"toast", data(`{"toast":{"type":"info","content":"x"}}`), 0, true},
		{"card", data(`{"card":{"type":"raw","data":{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"new"}]}}}}`), 0, false},
		{"error", `{"code":500,"data":null}`, 200671, false},
		{"no JSON", `x`, 200671, false},
		{"no base64", `{"code":200,"data":"%"}`, 200672, false},
		{"no JSON inside", data(`x`), 200672, false},
		{"list", data(`[]`), 200672, false},
		{"strange toast", data(`{"toast":{"type":"loud"}}`), 200672, true},
		{"template", data(`{"card":{"type":"template","data":{"template_id":"x"}}}`), 200673, false},
		{"broken card", data(`{"card":{"type":"raw","data":{"schema":"2.0","body":{"elements":[{"tag":"x"}]}}}}`), 200673, false},
		{"card as a string", data(`{"card":{"type":"raw","data":"{}"}}`), 200673, false},
		{"older card", data(`{"card":{"type":"raw","data":{"elements":[{"tag":"hr"}]}}}`), 200830, false},
	} {
		type outcome struct {
			feishutest.Pressed
			error
		}
		done := make(chan outcome, 1)
		go func() {
			got, err := m.s.Press(soon(t), feishutest.Press{MessageID: id, Value: map[string]any{"k": "v"}})
			done <- outcome{got, err}
		}()
		f := b.read()
		f.Headers = append(f.Headers, pbbp2.Header{Key: pbbp2.HeaderBizRT, Value: "1"})
		f.Payload = []byte(test.answer)
		b.write(f)
		got := <-done
		if got.error != nil || got.Code != test.code || (got.Toast != nil) != test.toast {
			t.Errorf("%s: %+v, want code %d", test.name, got, test.code)
		}
	}
	if look, _ := m.s.Look(id); look.Text != "new" {
		t.Errorf("look %+v", look)
	}
}

func TestPressWithoutAnswer(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) { o.AckTimeout = 50 * time.Millisecond })
	_, id := m.reply("interactive", streamingCard)
	press := feishutest.Press{MessageID: id, Button: "stop"}
	if got, err := m.s.Press(soon(t), press); err != nil || got.Code != 200340 {
		t.Errorf("without a connection: %+v, %v", got, err)
	}
	b := dial(t, m.s)
	if got, err := m.s.Press(soon(t), press); err != nil || got.Code != 200341 {
		t.Errorf("without an answer: %+v, %v", got, err)
	}
	b.read()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.s.Press(ctx, press); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	for _, p := range []feishutest.Press{{MessageID: "om_0"}, {MessageID: id, Button: "none"}, {MessageID: m.s.Say(feishutest.Message{Text: "x"})}} {
		if _, err := m.s.Press(soon(t), p); err == nil {
			t.Errorf("pressed %+v", p)
		}
	}
}

func TestPressWithoutSubscription(t *testing.T) {
	m := newMessages(t, func(o *feishutest.Options) { o.Apps[0].Events = []string{"im.message.receive_v1"} })
	dial(t, m.s)
	_, id := m.reply("interactive", streamingCard)
	if got, err := m.s.Press(soon(t), feishutest.Press{MessageID: id, Button: "stop"}); err != nil || got.Code != 200340 {
		t.Errorf("%+v, %v", got, err)
	}
}
