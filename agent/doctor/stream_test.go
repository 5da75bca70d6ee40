package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

// A message that waits for a stream is not given to the doctor's.
func TestDingTalkStreamTakesNoMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // its DingTalk holds messages until somebody subscribes to them
	id := w.ding.Say(dingtalktest.Message{Text: "hello"})
	code, report := w.report("--only", "stream", "--connection", "ding")
	if code != exitGood || w.ding.Stats().Connects != 1 {
		t.Errorf("exit code %d, %d streams\n%s", code, w.ding.Stats().Connects, show(report))
	}
	if n := w.ding.Deliveries(id); n != 0 {
		t.Errorf("the message was delivered %d times to the doctor", n)
	}
}

// An event that Feishu gives to the doctor's stream is refused, so that it comes again.
func TestFeishuStreamRefusesEvents(t *testing.T) {
	t.Parallel()
	answers := make(chan pbbp2.Frame, 1)
	upgrader := websocket.Upgrader{}
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback/ws/endpoint" {
			_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "data": map[string]any{
				"URL": "ws" + strings.TrimPrefix(s.URL, "http") + "/ws?service_id=7&ticket=t",
			}})
			return
		}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.Close() }()
		answer, err := eventThenPong(ws)
		if err != nil {
			t.Error(err)
		}
		answers <- answer
	}))
	t.Cleanup(s.Close)

	a := &api{base: s.URL, proxy: noProxy.Func()}
	v := feishuStream(t.Context(), a, larkConnection())
	if v.level != OK || v.cause != feishuStreamGood {
		t.Errorf("%s %s %s", v.level, v.cause.code, v.detail)
	}
	answer := <-answers
	if answer.Method != pbbp2.MethodData || answer.Header(pbbp2.HeaderMessageID) != "m1" || !strings.Contains(string(answer.Payload), `"code":500`) {
		t.Errorf("the event was answered with %+v", answer)
	}
}

// eventThenPong pushes an event when it is pinged, reads the answer and sends the pong.
func eventThenPong(ws *websocket.Conn) (answer pbbp2.Frame, err error) {
	_, raw, err := ws.ReadMessage()
	if err != nil {
		return answer, err
	}
	ping, err := pbbp2.Unmarshal(raw)
	if err != nil || ping.Header(pbbp2.HeaderType) != "ping" || ping.Service != 7 {
		return answer, fmt.Errorf("no ping: %+v, %w", ping, errors.Join(err, errNoFrame))
	}
	event := pbbp2.Frame{
		Method: pbbp2.MethodData, Payload: []byte(`{}`),
		Headers: []pbbp2.Header{{Key: pbbp2.HeaderType, Value: "event"}, {Key: pbbp2.HeaderMessageID, Value: "m1"}},
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, event.Marshal()); err != nil {
		return answer, err
	}
	if _, raw, err = ws.ReadMessage(); err != nil {
		return answer, err
	}
	if answer, err = pbbp2.Unmarshal(raw); err != nil {
		return answer, err
	}
	pong := pbbp2.Frame{Method: pbbp2.MethodControl, Headers: []pbbp2.Header{{Key: pbbp2.HeaderType, Value: "pong"}}}
	return answer, ws.WriteMessage(websocket.BinaryMessage, pong.Marshal())
}

// Where the program holds its streams, no other one is opened; nor with --no-stream.
func TestNoSecondStream(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, health, cause string
		args                []string
		streams             int
	}{
		{"held", `{"status":"healthy","version":"1.2","connections":[{"name":"ding","state":"connected"},{"name":"lark","state":"connected"}]}`, "stream_held", nil, 0},
		{"not connected", `{"status":"healthy","version":"1.2","connections":[{"name":"ding","state":"waiting"},{"name":"lark","state":"failed"}]}`, "stream_good", nil, 1},
		{"no stream", "", "stream_untested", []string{"--no-stream"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if row.health != "" {
				w.admin = running(t, row.health)
			}
			_, report := w.report(append(row.args, "--only", "stream")...)
			lines := 0
			for _, f := range report.Findings {
				if f.Check == "stream" && f.Cause == row.cause {
					lines++
				}
			}
			if lines != 2 || w.ding.Stats().Connects != row.streams {
				t.Errorf("%d lines, %d streams\n%s", lines, w.ding.Stats().Connects, show(report))
			}
		})
	}
}

// The calls that ask for permissions do nothing.
func TestPlatformsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if code, report := w.report("--only", "platform"); code != exitGood {
		t.Errorf("exit code %d\n%s", code, show(report))
	}
	if n := len(w.ding.Sent()); n != 0 {
		t.Errorf("%d messages in DingTalk", n)
	}
	if s := w.ding.Stats(); s.Cards+s.CardUpdates+s.CardFrames != 0 {
		t.Errorf("cards were touched: %+v", s)
	}
	if n := len(w.lark.Sent()); n != 0 {
		t.Errorf("%d messages in Feishu", n)
	}
	if n := len(w.lark.Cards()); n != 0 {
		t.Errorf("%d cards in Feishu", n)
	}
}

// A stream through a proxy that wants a password names the proxy.
func TestStreamThroughAProxy(t *testing.T) {
	t.Parallel()
	s, err := feishutest.Start(feishutest.Options{Apps: []feishutest.App{{AppID: larkID, AppSecret: larkSecret}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	u := "ws" + strings.TrimPrefix(s.URL(), "http") + "/ws/v2?ticket=x"
	ctx := t.Context()
	v := openStream(ctx, u, proxyTo(t, "http://me:"+proxySecret+"@"+tunnel(t, "me", "another")), streamTalk{}, feishuStreamGood)
	if v.cause != proxyAuth || strings.Contains(v.detail, "ticket") {
		t.Errorf("%s: %s", v.cause.code, v.detail)
	}
	v = openStream(ctx, "ws://"+deadPort(t), noProxy.Func(), streamTalk{}, feishuStreamGood)
	if v.cause != connectRefused {
		t.Errorf("%s: %s", v.cause.code, v.detail)
	}
}
