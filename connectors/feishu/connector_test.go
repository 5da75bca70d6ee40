package feishu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
	"longwire/connectors/feishu/pbbp2"
)

func TestReceivesPeopleAndGroups(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)

	before := time.Now().Add(-time.Second)
	direct := s.Say(feishutest.Message{From: feishutest.Person{OpenID: "ou_tom"}, Text: "  hello \n"})
	ev := in.next(t)
	if ev.ID != direct || ev.Connection != "feishu-test" || ev.Kind != connectors.KindText || ev.Text != "hello" ||
		ev.Chat != (connectors.Chat{ID: s.ChatOf(direct)}) || ev.Sender != (connectors.Person{ID: "ou_tom"}) ||
		string(ev.Address) != `{"message_id":"`+direct+`","chat":"`+s.ChatOf(direct)+`","open_id":"ou_tom"}` ||
		ev.Sent.Before(before) || ev.Received.Before(before) {
		t.Errorf("one-to-one: %+v", ev)
	}
	asked := s.Say(feishutest.Message{Chat: groupID, ThreadID: "omt_d4be107c616a", Mention: true, Text: "what now?"})
	ev = in.next(t)
	if ev.ID != asked || ev.Text != "what now?" ||
		ev.Chat != (connectors.Chat{ID: groupID, Group: true, Thread: "omt_d4be107c616a"}) {
		t.Errorf("group: %+v", ev)
	}
	noError(t, s.WaitAck(soon(t), direct))
	noError(t, s.WaitAck(soon(t), asked))
}

func TestIgnoresWhatIsNotForTheBot(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) {
		o.GroupMsgScope = true
	})
	c, in := talk(t, s)
	for name, m := range map[string]feishutest.Message{
		"not mentioned":         {Chat: groupID, Text: "lunch?"},
		"somebody else":         {Chat: groupID, Text: "hi", OtherMentions: []feishutest.Person{{OpenID: "ou_ann", Name: "Longwire"}}},
		"all":                   {Chat: groupID, Text: "hear me", MentionAll: true},
		"another bot":           {Text: "beep", From: feishutest.Person{OpenID: "ou_robot", Type: "bot"}},
		"another bot, in group": {Chat: groupID, Mention: true, Text: "beep", From: feishutest.Person{OpenID: "ou_robot", Type: "bot"}},
		"our own":               {Text: "an answer", From: feishutest.Person{OpenID: botID, Type: "bot"}},
		"our own, as a user":    {Text: "an answer", From: feishutest.Person{OpenID: botID}},
	} {
		id := s.Say(m)
		if err := s.WaitAck(soon(t), id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	last := s.Say(feishutest.Message{Chat: groupID, Mention: true, MentionAll: true, Text: "and you too"})
	if ev := in.next(t); ev.ID != last || ev.Text != "@all and you too" {
		t.Errorf("delivered %+v", ev)
	}
	if n := c.Counts(); n.Events != 1 || n.Malformed != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestAnswersOnlyAfterDelivery(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	began, stored := make(chan struct{}), make(chan struct{})
	run(t, configFor(s), func(context.Context, connectors.Event) error {
		close(began)
		<-stored
		return nil
	})
	id := s.Say(feishutest.Message{Text: "hello"})
	<-began
	// Another event goes all the way meanwhile, so the first had its chance.
	other := s.PushEvent(appID, []byte(`{"header":{"event_type":"im.chat.updated_v1"}}`))
	noError(t, s.WaitAck(soon(t), other))
	if acks := s.Acks(id); len(acks) != 0 {
		t.Fatalf("answered %v before it was stored", acks)
	}
	close(stored)
	noError(t, s.WaitAck(soon(t), id))
}

func TestRefusesWhatIsNotStored(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	in := newInbox()
	attempt := 0 // deliveries of one chat come one after the other
	c, _ := run(t, configFor(s), func(ctx context.Context, ev connectors.Event) error {
		_ = in.deliver(ctx, ev)
		switch attempt++; attempt {
		case 1:
			return errors.New("disk full")
		case 2:
			panic("a bug")
		}
		return nil
	})
	id := s.Say(feishutest.Message{Text: "hello"})
	noError(t, s.WaitAck(soon(t), id))
	for range 3 {
		if ev := in.next(t); ev.ID != id || ev.Text != "hello" {
			t.Errorf("delivered %+v", ev)
		}
	}
	if acks := s.Acks(id); !slices.Equal(acks, []int{500, 500, 200}) {
		t.Errorf("answered %v", acks)
	}
	if n := c.Counts(); n.Events != 3 || n.Refused != 2 || n.Panics != 1 {
		t.Errorf("counted %+v", n)
	}
}

func TestFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	began, stored := make(chan struct{}), make(chan struct{})
	c := New(configFor(s), func(context.Context, connectors.Event) error {
		close(began)
		<-stored
		return nil
	}, new(journal).log())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	id := s.Say(feishutest.Message{Text: "hello"})
	<-began
	cancel()
	// A connector that did not wait would close the stream about now.
	moment, done := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer done()
	if s.WaitConnections(moment, 0) == nil {
		t.Error("the stream is closed before the event in hand is stored")
	}
	close(stored)
	noError(t, s.WaitAck(soon(t), id))
	running.Wait()
	if state := c.Status().State; state != connectors.Stopped {
		t.Errorf("after Run the state is %s", state)
	}
	if acks := s.Acks(id); !slices.Equal(acks, []int{200}) {
		t.Errorf("answered %v", acks)
	}
}

func TestUnknownEventsAreAnswered(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, _ := talk(t, s)
	for _, payload := range []string{
		`{"header":{"event_id":"e1","event_type":"im.message.message_read_v1"},"event":{"reader":{}}}`,
		`{"header":{"event_id":"e2","event_type":"card.action.trigger"},"event":{"action":{"value":"text"}}}`,
		`{"header":{"event_id":"e3","event_type":"` + strings.Repeat("long.", 1000) + `"}}`,
		`{"header":{"event_id":"e4","event_type":4711}}`,
	} {
		id := s.PushEvent(appID, []byte(payload))
		noError(t, s.WaitAck(soon(t), id))
		if acks := s.Acks(id); !slices.Equal(acks, []int{200}) {
			t.Errorf("%.60s: answered %v", payload, acks)
		}
	}
	if n := c.Counts(); n != (connectors.Counts{}) {
		t.Errorf("counted %+v", n)
	}
}

// A frame that cannot be read costs nothing but itself: the next message comes.
func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	data := func(headers ...string) []byte {
		f := pbbp2.Frame{Method: pbbp2.MethodData, Payload: []byte("{}")}
		for i := 0; i < len(headers); i += 2 {
			f.Headers = append(f.Headers, pbbp2.Header{Key: headers[i], Value: headers[i+1]})
		}
		return f.Marshal()
	}
	long := strings.Repeat("x", 1<<20)
	for name, frame := range map[string][]byte{
		"empty":             {},
		"noise":             []byte("\xff\x00\xffnoise"),
		"no required field": {0x08, 0x01},
		"no type":           data("message_id", "m1"),
		"sum too large":     data("type", "event", "message_id", "m2", "sum", "274877906944", "seq", "1"),
		"sum beyond int64":  data("type", "event", "message_id", "m2", "sum", "99999999999999999999", "seq", "1"),
		"sum negative":      data("type", "event", "message_id", "m2", "sum", "-2", "seq", "0"),
		"sum no number":     data("type", "event", "message_id", "m2", "sum", "0x2", "seq", "0"),
		"seq too large":     data("type", "event", "message_id", "m2", "sum", "2", "seq", "2"),
		"seq negative":      data("type", "event", "message_id", "m2", "sum", "2", "seq", "-1"),
		"seq no number":     data("type", "event", "message_id", "m2", "sum", "2", "seq", long),
		"part of nothing":   data("type", "event", "sum", "2", "seq", "0"),
		"id too long":       data("type", "event", "message_id", long, "sum", "2", "seq", "0"),
		"too large":         make([]byte, 17<<20),
	} {
		before := c.Counts()
		if s.PushFrame(frame) != 1 {
			t.Fatalf("%s: not pushed", name)
		}
		if id := s.Say(feishutest.Message{Text: "after"}); in.next(t).ID != id {
			t.Fatalf("%s: the next message is another", name)
		}
		if n := c.Counts(); n.Malformed != before.Malformed+1 || n.Panics != 0 {
			t.Errorf("%s: counted %+v", name, n)
		}
	}
	s.PushText(`{"a text":"frame"}`)
	if id := s.Say(feishutest.Message{Text: "after"}); in.next(t).ID != id {
		t.Fatal("text frame: the next message is another")
	}
	if n := c.Status().Connects; n != 1 {
		t.Errorf("connected %d times", n)
	}
}

func TestFramesThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	c, in := talk(t, s)
	for _, f := range []pbbp2.Frame{
		{Method: pbbp2.MethodData, Headers: []pbbp2.Header{{Key: "type", Value: "card"}}, Payload: []byte("{}")},
		{Method: 7, Headers: []pbbp2.Header{{Key: "type", Value: "event"}}, Payload: []byte("{}")},
		{Method: pbbp2.MethodControl, Headers: []pbbp2.Header{{Key: "type", Value: "ping"}}},
		{Method: pbbp2.MethodControl},
	} {
		s.PushFrame(f.Marshal())
	}
	if id := s.Say(feishutest.Message{Text: "after"}); in.next(t).ID != id {
		t.Fatal("the next message is another")
	}
	if n := c.Counts(); n != (connectors.Counts{Events: 1}) {
		t.Errorf("counted %+v", n)
	}
}

// An event that cannot be read is refused, so that it may come again whole.
func TestMalformedEvents(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Redeliver = []time.Duration{} })
	c, in := talk(t, s)
	for i, payload := range malformedEvents {
		id := s.PushEvent(appID, []byte(payload))
		until(t, "answer", func() bool { return len(s.Acks(id)) > 0 })
		if acks := s.Acks(id); !slices.Equal(acks, []int{500}) {
			t.Errorf("%.80s: answered %v", payload, acks)
		}
		if n := c.Counts(); n.Malformed != int64(i+1) || n.Panics != 0 {
			t.Fatalf("%.80s: counted %+v", payload, n)
		}
	}
	if id := s.Say(feishutest.Message{Text: "after"}); in.next(t).ID != id {
		t.Error("the next message is another")
	}
}

func TestTextTooLong(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	id := s.Say(feishutest.Message{Text: strings.Repeat("很长", 5<<20/6)})
	if ev := in.next(t); ev.ID != id || ev.Kind != connectors.KindTooLong || ev.Text != "" {
		t.Errorf("delivered %.200v", ev)
	}
	noError(t, s.WaitAck(soon(t), id))
}

func TestTenAtOnce(t *testing.T) {
	t.Parallel()
	feishu, lark := cloud(t, nil), cloud(t, nil) // the same behind another endpoint
	const each, messages = 5, 20
	in := newInbox()
	for _, s := range []*feishutest.Server{feishu, lark} {
		for range each {
			c, _ := run(t, configFor(s), in.deliver)
			until(t, "healthy", func() bool { return c.Status().Healthy() })
			_ = c.Counts()
		}
	}
	want := map[string]bool{}
	for range messages {
		want[feishu.Say(feishutest.Message{Text: "hi"})] = true
		want[lark.Say(feishutest.Message{Text: "hi"})] = true
	}
	for range 2 * messages {
		delete(want, in.next(t).ID)
	}
	if len(want) > 0 {
		t.Errorf("%d messages were not delivered", len(want))
	}
}

// The SDK writes to standard output unless it is kept from it. This test runs
// while no other does.
func TestSilent(t *testing.T) {
	r, w, err := os.Pipe()
	noError(t, err)
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	printed := make(chan string, 1)
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() {
		b, _ := io.ReadAll(r)
		printed <- string(b)
	})
	t.Run("talk", func(t *testing.T) {
		s := cloud(t, nil)
		c, in := talk(t, s)
		ev := ask(t, s, in)
		s.FailRoute(replies, feishutest.Failure{Status: 504, Body: "{}"})
		noError(t, answerTo(soon(t), c, ev, connectors.Words("answer")))
		s.FailRoute(replies, feishutest.APIError(230002, "gone"))
		_ = answerTo(soon(t), c, ev, connectors.Words("answer"))
	})
	noError(t, w.Close())
	if text := <-printed; text != "" {
		t.Errorf("printed %q", text)
	}
}

// slowShelf is a store that answers when it is told to.
type slowShelf struct {
	*memory
	asked chan struct{} // gets one token for each Get
	open  chan struct{} // closed when Get may return
}

func (s *slowShelf) Get(ctx context.Context, name string) ([]byte, error) {
	s.asked <- struct{}{}
	<-s.open
	return s.memory.Get(ctx, name)
}

// Presses wait for the store beside the stream, and no more than a number of them.
func TestPressesDoNotHoldTheStream(t *testing.T) {
	t.Parallel()
	s := cloud(t, func(o *feishutest.Options) { o.Redeliver = []time.Duration{} })
	shelf := &slowShelf{memory: newMemory(), asked: make(chan struct{}, 2*maxPresses), open: make(chan struct{})}
	in := newInbox()
	config := configFor(s)
	config.Shelf = shelf
	config.Act = func(context.Context, connectors.Action) (string, error) { return "", nil }
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	press := func(i int) string {
		return s.PushEvent(appID, fmt.Appendf(nil, `{"header":{"event_id":"p%d","event_type":"card.action.trigger"},`+
			`"event":{"operator":{"open_id":"ou_tom"},"action":{"value":{"reply":"key","press":"stop"}}}}`, i))
	}
	var waiting []string
	for i := range maxPresses {
		waiting = append(waiting, press(i))
	}
	for range maxPresses {
		<-shelf.asked
	}
	if id := s.Say(feishutest.Message{Text: "meanwhile"}); in.next(t).ID != id {
		t.Error("another message was delivered")
	}
	tooMany := press(maxPresses)
	until(t, "refusal", func() bool { return len(s.Acks(tooMany)) > 0 })
	if acks := s.Acks(tooMany); !slices.Equal(acks, []int{500}) {
		t.Errorf("answered %v", acks)
	}
	close(shelf.open)
	for _, id := range waiting {
		noError(t, s.WaitAck(soon(t), id))
	}
	noError(t, s.WaitAck(soon(t), press(maxPresses+1))) // there is room again
}
