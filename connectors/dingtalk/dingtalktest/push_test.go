package dingtalktest

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestFrameOfMessage(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	id := s.Say(Message{Text: "hello"})
	f := p.read()
	if f.SpecVersion != "1.0" || f.Type != "CALLBACK" {
		t.Errorf("frame %+v", f)
	}
	for _, name := range []string{"appId", "connectionId", "contentType", "messageId", "time", "topic"} {
		if f.Headers[name] == "" {
			t.Errorf("header %s is missing", name)
		}
	}
	if len(f.Headers) != 6 || f.Headers["topic"] != "/v1.0/im/bot/messages/get" || f.Headers["contentType"] != "application/json" {
		t.Errorf("headers %v", f.Headers)
	}
	if c := callbackOf(t, f); c.MsgID != id || c.Text.Content != "hello" {
		t.Errorf("data %s", f.Data)
	}
	if s.Deliveries(id) != 1 || len(s.Acks(id)) != 0 {
		t.Errorf("deliveries %d, acks %v", s.Deliveries(id), s.Acks(id))
	}
}

func TestAck(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: time.Hour})
	p := dial(t, s)
	id := s.Say(Message{Text: "hello"})
	f := p.read()
	p.ack(f, 500, "no")
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Refused == 1 }))
	if st := s.Stats(); st.Acked != 0 || st.Unsettled != 1 {
		t.Errorf("after code 500: %+v", st)
	}
	p.ack(f, 200, "yes")
	must(t, s.WaitAck(patient(t), id))
	acks := s.Acks(id)
	if len(acks) != 2 || acks[0].Code != 500 || acks[1].Data != "yes" || acks[1].MessageID != f.messageID() ||
		acks[1].Connection != f.Headers["connectionId"] || acks[1].Message != "OK" || acks[1].At.IsZero() {
		t.Errorf("acks %+v", acks)
	}
	if st := s.Stats(); st.Acked != 1 || st.Unsettled != 0 || st.Delivered != 1 {
		t.Errorf("%+v", st)
	}
}

func TestMalformedAcksAreCountedOnly(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	id := s.Say(Message{Text: "hello"})
	f := p.read()
	for _, text := range []string{
		"", "null", "no", `[]`, `{}`,
		`{"code":200}`,
		`{"headers":{"messageId":"` + f.messageID() + `"}}`,
		`{"code":"200","headers":{"messageId":"` + f.messageID() + `"}}`,
		`{"code":200,"headers":{"messageId":7}}`,
		`{"code":200,"headers":{"messageId":"` + f.messageID() + `"},"data":{}}`,
	} {
		p.send(text)
	}
	must(t, p.ws.WriteMessage(websocket.BinaryMessage, encode(map[string]any{"code": 200, "headers": f.Headers})))
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.MalformedAcks == 11 }))
	p.send(`{"code":200,"headers":{"messageId":"never sent"}}`)
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.StrayAcks == 1 }))
	if len(s.Acks(id)) != 0 || s.Connections() != 1 {
		t.Errorf("acks %v, connections %d", s.Acks(id), s.Connections())
	}
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: 20 * time.Millisecond, RedeliverMax: 2})
	p := dial(t, s)
	id := s.Say(Message{Text: "hello"})
	first, second, third := p.read(), p.read(), p.read()
	if first.Data != second.Data || second.Data != third.Data {
		t.Error("the data changed")
	}
	if first.messageID() == second.messageID() || second.messageID() == third.messageID() {
		t.Error("the messageId is the same")
	}
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Abandoned == 1 }))
	if st := s.Stats(); s.Deliveries(id) != 3 || st.Pushed != 1 || st.Delivered != 3 || st.Redelivered != 2 || st.Unsettled != 0 {
		t.Errorf("deliveries %d, %+v", s.Deliveries(id), st)
	}
	p.ack(first, 200, "") // late, and to the first delivery: still an ack
	must(t, s.WaitAck(patient(t), id))
}

func TestNoRedelivery(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: time.Millisecond, RedeliverMax: -1})
	dial(t, s)
	id := s.Say(Message{Text: "hello"})
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Abandoned == 1 }))
	if s.Deliveries(id) != 1 {
		t.Errorf("deliveries: %d", s.Deliveries(id))
	}
}

func TestAckEndsRedelivery(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: time.Hour})
	p := dial(t, s)
	acked := s.Say(Message{Text: "acked"})
	p.ack(p.read(), 200, "")
	must(t, s.WaitAck(patient(t), acked))
	left := s.Say(Message{Text: "left"})
	if wait := s.redeliverDue(time.Now()); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("the loop sleeps %s", wait)
	}
	s.redeliverDue(time.Now().Add(time.Hour))
	if s.Deliveries(acked) != 1 || s.Deliveries(left) != 2 {
		t.Errorf("deliveries: acked %d, left %d", s.Deliveries(acked), s.Deliveries(left))
	}
}

func TestRedeliver(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	id := s.Say(Message{Text: "hello"})
	first := p.read()
	p.ack(first, 200, "")
	must(t, s.WaitAck(patient(t), id))
	if !s.Redeliver(id) {
		t.Fatal("not redelivered")
	}
	second := p.read()
	if second.Data != first.Data || second.messageID() == first.messageID() || s.Deliveries(id) != 2 {
		t.Errorf("%+v", second)
	}
	p.ack(second, 200, "")
	must(t, s.WaitAck(patient(t), id))
	if s.Redeliver("unknown") {
		t.Error("redelivered what is not known")
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	s := start(t, Options{EventTimeout: 20 * time.Millisecond})
	p := dial(t, s)
	id := s.Event(Event{Type: "chat_update_title", Data: map[string]any{"title": "<new>"}})
	first := p.read()
	h := first.Headers
	if first.Type != "EVENT" || h["topic"] != "*" || h["eventType"] != "chat_update_title" || h["eventId"] != id ||
		h["eventBornTime"] == "" || h["eventCorpId"] == "" || h["eventUnifiedAppId"] == "" || first.Data != `{"title":"<new>"}` {
		t.Errorf("frame %+v", first)
	}
	p.ack(first, 200, `{"status":"LATER","message":"busy"}`)
	second := p.read()
	if second.Headers["eventId"] != id || second.messageID() == first.messageID() || second.Data != first.Data {
		t.Errorf("second frame %+v", second)
	}
	p.ack(second, 200, `{"status":"SUCCESS","message":"success"}`)
	must(t, s.WaitAck(patient(t), id))
}

func TestEventIsGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t, Options{EventTimeout: time.Millisecond, EventRedeliverMax: 2})
	dial(t, s)
	id := s.Event(Event{Type: "chat_quit", ID: "ev1", Topic: "dingTalk"})
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Abandoned == 1 }))
	if s.Deliveries(id) != 3 || id != "ev1" {
		t.Errorf("deliveries of %s: %d", id, s.Deliveries(id))
	}
}

// TestPushIsSpread pushes to two connections and expects both to get some: the
// chance that one gets all of 64 is 2 in 2^64.
func TestPushIsSpread(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	dial(t, s, toEvents) // wants no messages, so it gets none
	a, b := dial(t, s, toMessages), dial(t, s, toMessages)
	for range 64 {
		s.Say(Message{Text: "hello"})
	}
	one, other := a.read(), b.read()
	if one.Headers["connectionId"] == other.Headers["connectionId"] {
		t.Error("the connections have the same id")
	}
	if st := s.Stats(); st.Delivered != 64 || st.Undelivered != 0 {
		t.Errorf("%+v", st)
	}
}

func TestAppsAreSeparate(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Apps: []App{{ClientID: clientID, ClientSecret: secret}, {ClientID: "two", ClientSecret: "2", RobotCode: "robot2"}}})
	one := dial(t, s)
	two := dialAs(t, s, map[string]any{"clientId": "two", "clientSecret": "2", "subscriptions": []subscription{toMessages}})
	// a group message that mentions two robots has the same msgId for both
	s.Say(Message{ClientID: clientID, ID: "msg1", Chat: "cid1", Mention: true, Text: "x"})
	s.Say(Message{ClientID: "two", ID: "msg1", Chat: "cid1", Mention: true, Text: "x"})
	f1, f2 := one.read(), two.read()
	if callbackOf(t, f1).RobotCode != clientID || callbackOf(t, f2).RobotCode != "robot2" || f1.Headers["appId"] == f2.Headers["appId"] {
		t.Errorf("%+v\n%+v", f1, f2)
	}
	if s.Deliveries("msg1") != 2 {
		t.Errorf("deliveries: %d", s.Deliveries("msg1"))
	}
	defer func() {
		if recover() == nil {
			t.Error("a message to no app in particular was taken")
		}
		_ = s.Stats() // the lock is free again
	}()
	s.Say(Message{Text: "to whom?"})
}

func TestOfflineIsLost(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	id := s.Say(Message{Text: "hello"})
	if st := s.Stats(); st.Undelivered != 1 || st.Unsettled != 0 || s.Deliveries(id) != 0 {
		t.Errorf("%+v", st)
	}
	p := dial(t, s)
	s.Say(Message{Text: "second"})
	if c := callbackOf(t, p.read()); c.Text.Content != "second" {
		t.Errorf("got %q", c.Text.Content)
	}
}

func TestOfflineIsHeld(t *testing.T) {
	t.Parallel()
	s := start(t, Options{HoldOffline: true})
	first := s.Say(Message{Text: "first"})
	s.Redeliver(first) // held once all the same
	s.Say(Message{Text: "second"})
	dial(t, s, toEvents) // does not want them
	if st := s.Stats(); st.Undelivered != 0 || st.Unsettled != 2 || st.Delivered != 0 {
		t.Errorf("%+v", st)
	}
	p := dial(t, s)
	for _, want := range []string{"first", "second"} {
		if c := callbackOf(t, p.read()); c.Text.Content != want {
			t.Errorf("got %q, want %q", c.Text.Content, want)
		}
	}
	if st := s.Stats(); st.Delivered != 2 {
		t.Errorf("%+v", st)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	hooked := make(chan Sent, 1)
	s := start(t, Options{Forget: true, RedeliverAfter: time.Hour, OnSend: func(x Sent) { hooked <- x }})
	s.Say(Message{Text: "undelivered"})
	p := dial(t, s)
	s.Say(Message{Text: "acked"})
	f := p.read()
	p.ack(f, 200, "")
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Acked == 1 }))
	s.Say(Message{Text: "abandoned"})
	for later := range 2 { // it is pushed again, and given up
		s.redeliverDue(time.Now().Add(time.Duration(later+1) * time.Hour))
	}
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Abandoned == 1 }))
	mustPost(t, s, callbackOf(t, f).SessionWebhook, map[string]any{"msgtype": "text", "text": map[string]string{"content": "reply"}})
	if got := <-hooked; got.Text != "reply" {
		t.Errorf("hook saw %+v", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.frames)+len(s.apps[clientID].pushes)+len(s.sent)+len(s.overdue) != 0 {
		t.Errorf("left: %d frames, %d pushes, %d sent, %d due", len(s.frames), len(s.apps[clientID].pushes), len(s.sent), len(s.overdue))
	}
}

func TestPings(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PingEvery: -1, PingMisses: 2})
	p := dial(t, s)
	c := connOf(s)
	s.ping(c)
	f := p.read()
	if f.Type != "SYSTEM" || f.Headers["topic"] != "ping" || f.Headers["messageId"] == "" || !strings.HasPrefix(f.Data, `{"opaque":"`) {
		t.Errorf("frame %+v", f)
	}
	p.ack(f, 200, f.Data)
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.PingsAnswered == 1 }))
	s.ping(c)
	p.ack(p.read(), 200, `{"opaque":"of somebody else"}`)
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.PingsWrong == 1 }))
	s.ping(c)
	if id := s.Say(Message{Text: "hello"}); s.Deliveries(id) != 1 {
		t.Error("given up too early")
	}
	s.ping(c) // the third without answer
	id := s.Say(Message{Text: "hello"})
	if s.Deliveries(id) != 0 || s.Stats().Undelivered != 1 {
		t.Errorf("pushed to a silent connection: %+v", s.Stats())
	}
	f = p.read()
	p.ack(f, 200, f.Data)
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.PingsAnswered == 2 }))
	if s.Redeliver(id); s.Deliveries(id) != 1 {
		t.Error("not pushed to a connection that answers again")
	}
}

// connOf is the one connection there is.
func connOf(s *Server) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		return c
	}
	return nil
}

func TestClientPing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := dial(t, s)
	pong := make(chan string, 1)
	p.ws.SetPongHandler(func(text string) error { pong <- text; return nil })
	must(t, p.ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)))
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.ClientPings == 1 }))
	s.Say(Message{Text: "something to read, behind the pong"})
	p.read()
	select {
	case got := <-pong:
		if got != "are you there" {
			t.Errorf("pong %q", got)
		}
	default:
		t.Error("no pong")
	}
}
