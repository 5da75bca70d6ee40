package feishu

import (
	"context"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
	"longwire/conversation"
)

// inTopics runs a bot in a group of topics, with a shelf.
func inTopics(t testing.TB, s *feishutest.Server, shelf connectors.Shelf) inbox {
	t.Helper()
	in := newInbox()
	config := configFor(s)
	config.Shelf = shelf
	c, _ := run(t, config, in.deliver)
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	return in
}

// written has somebody ask the bot in the group, and returns the conversation.
func written(t testing.TB, s *feishutest.Server, in inbox, m feishutest.Message) (id string, key conversation.Key) {
	t.Helper()
	m.Chat, m.Mention, m.Text = groupID, true, "hi"
	id = s.Say(m)
	ev := in.next(t)
	if ev.ID != id {
		t.Fatalf("%+v, not %s", ev, id)
	}
	return id, conversation.KeyOf(ev)
}

// Two topics of a group are two conversations, and each is one, however little its
// messages say of it.
func TestTopics(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct {
		group  feishutest.Group
		doubts feishutest.Doubts
	}{
		"topics":                {group: feishutest.Group{Topics: true}},
		"topics, told":          {group: feishutest.Group{Topics: true}, doubts: feishutest.Doubts{TopicChatType: true}},
		"replies without":       {group: feishutest.Group{Topics: true}, doubts: feishutest.Doubts{TopicReplyWithoutThread: true}},
		"replies without, told": {group: feishutest.Group{Topics: true}, doubts: feishutest.Doubts{TopicReplyWithoutThread: true, TopicChatType: true}},
		"messages as topics":    {group: feishutest.Group{Threads: true}},
	} {
		r.group.ID = groupID
		s := cloud(t, func(o *feishutest.Options) { o.Doubts = r.doubts })
		s.PutGroup(r.group)
		in := inTopics(t, s, newMemory())
		one, keyOne := written(t, s, in, feishutest.Message{})
		two, keyTwo := written(t, s, in, feishutest.Message{})
		_, replyOne := written(t, s, in, feishutest.Message{ParentID: one})
		_, replyTwo := written(t, s, in, feishutest.Message{ParentID: two})
		if keyOne == keyTwo || replyOne != keyOne || replyTwo != keyTwo || !strings.Contains(string(keyOne), "/thread/") {
			t.Errorf("%s: conversations %s, %s; of replies %s, %s", name, keyOne, keyTwo, replyOne, replyTwo)
		}
	}
}

// topicMessage is a message in the group as the platform may push it.
func topicMessage(id string, members ...string) []byte {
	members = append([]string{
		`"message_id":"` + id + `"`, `"chat_id":"` + groupID + `"`, `"chat_type":"group"`,
		`"mentions":[{"key":"@_user_1","id":{"open_id":"` + botID + `"}}]`,
	}, members...)
	return []byte(strings.Replace(received(members...), "e_", id+"_", 1))
}

// The first message of a topic may come before there is a thread: its topic goes by
// its own id then, also for the replies that know better.
func TestTopicWithoutThread(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	s.PutGroup(feishutest.Group{ID: groupID, Threads: true})
	s.AddBot(appID, groupID, feishutest.Person{})
	shelf := newMemory()
	in := inTopics(t, s, shelf)
	for in.next(t).Kind != connectors.KindHello {
	}
	push := func(in inbox, payload []byte) string {
		s.PushEvent(appID, payload)
		return in.next(t).Chat.Thread
	}
	first := push(in, topicMessage("om_1"))
	reply := push(in, topicMessage("om_2", `"root_id":"om_1"`, `"parent_id":"om_1"`, `"thread_id":"omt_1"`))
	if first != "om_1" || reply != first {
		t.Errorf("topics %q and %q", first, reply)
	}
	if later := push(in, topicMessage("om_3", `"root_id":"om_1"`, `"parent_id":"om_1"`)); later != first {
		t.Errorf("topics %q and %q", first, later)
	}
	// Somebody who writes below, without replying, has the thread and nothing else.
	other := push(in, topicMessage("om_4", `"thread_id":"omt_4"`))
	below := push(in, topicMessage("om_5", `"thread_id":"omt_4"`))
	if other != "omt_4" || below != other {
		t.Errorf("topics %q and %q", other, below)
	}
	// While the store is away, each message says what it can.
	shelf.goAway()
	if thread := push(in, topicMessage("om_6", `"root_id":"om_1"`, `"thread_id":"omt_1"`)); thread != "omt_1" {
		t.Errorf("topic %q", thread)
	}
}

// stalledShelf does not answer before it is asked no longer.
type stalledShelf struct{ connectors.Shelf }

func (stalledShelf) Add(ctx context.Context, _ string, _ int64, _ time.Duration) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func (stalledShelf) Put(ctx context.Context, _ string, _ []byte, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (stalledShelf) Get(ctx context.Context, _ string) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A store that stalls leaves a delivery time to keep the event elsewhere.
func TestTopicWhileTheStoreStalls(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	s.PutGroup(feishutest.Group{ID: groupID, Threads: true})
	config := configFor(s)
	config.Shelf, config.Budget = stalledShelf{newMemory()}, 5000
	in, left := newInbox(), make(chan time.Duration, 1)
	c, _ := run(t, config, func(ctx context.Context, ev connectors.Event) error {
		if ev.Kind != connectors.KindHello {
			until, _ := ctx.Deadline()
			left <- time.Until(until)
		}
		return in.deliver(ctx, ev)
	})
	until(t, "healthy", func() bool { return c.Status().Healthy() })
	s.AddBot(appID, groupID, feishutest.Person{})
	in.next(t)
	s.PushEvent(appID, topicMessage("om_1")) // what group it is has to be asked for, too
	if ev := in.next(t); ev.ID != "om_1" || ev.Chat.Thread != "om_1" {
		t.Errorf("delivered %+v", ev)
	}
	if left := <-left; left < 1500*time.Millisecond {
		t.Errorf("%s are left of a delivery", left)
	}
}

// In a plain group replies belong to the group's conversation, threads do not.
func TestPlainGroup(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	s.PutGroup(feishutest.Group{ID: groupID})
	in := inTopics(t, s, nil)
	first, key := written(t, s, in, feishutest.Message{})
	_, reply := written(t, s, in, feishutest.Message{ParentID: first})
	_, thread := written(t, s, in, feishutest.Message{ThreadID: "omt_1", RootID: first})
	if reply != key || thread == key || !strings.Contains(string(thread), "/thread/omt_1/") {
		t.Errorf("conversations %s; reply %s, thread %s", key, reply, thread)
	}
	if n := s.Calls("GET /open-apis/im/v1/chats/{chat_id}"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// Nobody can tell what group it is: then the group has its conversation, and what may
// be a topic is one.
func TestGroupOfUnknownForm(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]feishutest.Failure{
		"scope": feishutest.MissingScope("im:chat:read"), "trouble": feishutest.Internal(), "not JSON": {Body: "<html>"}, "late": {Delay: time.Minute},
	} {
		s := cloud(t, nil)
		s.PutGroup(feishutest.Group{ID: groupID, Topics: true})
		f.Times = -1
		s.FailRoute("/open-apis/im/v1/chats", f)
		in := newInbox()
		c, j := run(t, configFor(s), in.deliver)
		until(t, "healthy", func() bool { return c.Status().Healthy() })
		push := func(payload []byte) string {
			s.PushEvent(appID, payload)
			return in.next(t).Chat.Thread
		}
		s.AddBot(appID, groupID, feishutest.Person{})
		in.next(t)
		if got := []string{push(topicMessage("om_1")), push(topicMessage("om_2", `"root_id":"om_8"`)), push(topicMessage("om_3", `"root_id":"om_9"`))}; strings.Join(got, ",") != ",om_8,om_9" {
			t.Errorf("%s: topics %q", name, got)
		}
		if name == "scope" && strings.Count(j.String(), "scope=im:chat:read") != 1 {
			t.Errorf("the log is\n%s", j.String())
		}
	}
}
