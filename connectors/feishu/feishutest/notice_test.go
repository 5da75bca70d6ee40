package feishutest_test

import (
	"context"
	"testing"

	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	larkapplication "github.com/larksuite/oapi-sdk-go/v3/service/application/v6"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"
	"github.com/larksuite/oapi-sdk-go/v3/ws"

	"longwire/connectors/feishu/feishutest"
)

// listen runs the official client with handlers and waits until it is there.
func listen(t *testing.T, s *feishutest.Server, handlers func(*dispatcher.EventDispatcher)) {
	t.Helper()
	d := dispatcher.NewEventDispatcher("", "")
	handlers(d)
	runOfficial(t, s, nil, ws.WithEventHandler(d))
	if err := s.WaitConnections(soon(t), 1); err != nil {
		t.Fatal(err)
	}
}

func TestOfficialClientReadsEveryEvent(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Unlimited, o.OwnReactions = true, true })
	s.PutGroup(feishutest.Group{ID: group, Name: "G"})
	ann := feishutest.Person{OpenID: "ou_7", UserID: "u7", Name: "Ann"}
	check := func(name string, good bool, e any) {
		if !good {
			t.Errorf("%s: %+v", name, e)
		}
	}
	listen(t, s, func(d *dispatcher.EventDispatcher) {
		d.OnP2MessageReceiveV1(func(context.Context, *larkim.P2MessageReceiveV1) error { return nil })
		d.OnP2ChatAccessEventBotP2pChatEnteredV1(func(_ context.Context, e *larkim.P2ChatAccessEventBotP2pChatEnteredV1) error {
			check("entered", *e.Event.OperatorId.OpenId == "ou_7" && *e.Event.OperatorId.UserId == "u7" && *e.Event.LastMessageId != "", e.Event)
			return nil
		})
		d.OnP2ChatMemberBotAddedV1(func(_ context.Context, e *larkim.P2ChatMemberBotAddedV1) error {
			check("added", *e.Event.ChatId == group && *e.Event.Name == "G" && !*e.Event.External, e.Event)
			return nil
		})
		d.OnP2ChatMemberBotDeletedV1(func(_ context.Context, e *larkim.P2ChatMemberBotDeletedV1) error {
			check("deleted", *e.Event.ChatId == group, e.Event)
			return nil
		})
		d.OnP2BotMenuV6(func(_ context.Context, e *larkapplication.P2BotMenuV6) error {
			check("menu", *e.Event.EventKey == "key" && *e.Event.Timestamp > 1e9 && *e.Event.Timestamp < 1e11 &&
				*e.Event.Operator.OperatorName == "Ann", e.Event)
			return nil
		})
		d.OnP2MessageReadV1(func(_ context.Context, e *larkim.P2MessageReadV1) error {
			check("read", len(e.Event.MessageIdList) == 1 && *e.Event.Reader.ReaderId.OpenId == "ou_7", e.Event)
			return nil
		})
		d.OnP2MessageRecalledV1(func(_ context.Context, e *larkim.P2MessageRecalledV1) error {
			check("recalled", *e.Event.MessageId != "" && *e.Event.RecallType == "message_owner", e.Event)
			return nil
		})
		d.OnP2MessageReactionCreatedV1(func(_ context.Context, e *larkim.P2MessageReactionCreatedV1) error {
			own := *e.Event.OperatorType == "app" && *e.Event.AppId == appID && e.Event.UserId == nil
			theirs := *e.Event.OperatorType == "user" && *e.Event.UserId.OpenId == "ou_7" && e.Event.AppId == nil
			check("reaction", (own || theirs) && *e.Event.ReactionType.EmojiType == "OK", e.Event)
			return nil
		})
		d.OnP2MessageReactionDeletedV1(func(_ context.Context, e *larkim.P2MessageReactionDeletedV1) error {
			check("reaction deleted", *e.Event.ReactionType.EmojiType == "OK", e.Event)
			return nil
		})
	})
	id := s.Say(feishutest.Message{Text: "x", From: ann})
	acked := func(name string) {
		t.Helper()
		if err := s.WaitAck(soon(t), name); err != nil || len(s.Acks(name)) == 0 {
			t.Errorf("%v, acks %v", err, s.Acks(name))
		}
	}
	for _, name := range []string{
		s.Enter("", ann), s.AddBot("", group, ann), s.RemoveBot("", group, ann), s.Menu("", ann, "key"), s.Read("", ann, id),
	} {
		acked(name)
	}
	reaction := s.React(id, ann, "OK")
	acked(reaction)
	s.Unreact(reaction)
	acked(reaction)
	api, token := officialAPI(t, s)
	own := (&messages{t, s, api, token}).react(id, "OK")
	acked(*own.Data.ReactionId)
	s.Recall(id)
	acked(feishutest.RecallOf(id))
}

func TestWhatIsNotPushed(t *testing.T) {
	s := start(t, func(o *feishutest.Options) {
		o.Apps[0].Events = []string{"im.message.receive_v1"}
		o.Apps = append(o.Apps, feishutest.App{AppID: "cli_00000000000000ff", AppSecret: "x", Scopes: []string{}})
	})
	b := dial(t, s)
	id := s.Say(feishutest.Message{Text: "x"})
	b.respond(b.read(), 200)
	if name := s.Menu("", feishutest.Person{}, "key"); name != "" {
		t.Errorf("pushed %s without a subscription", name)
	}
	if name := s.AddBot("cli_00000000000000ff", group, feishutest.Person{}); name != "" {
		t.Errorf("pushed %s without a scope", name)
	}
	if s.Enter("cli_0", feishutest.Person{}) != "" || s.Menu("cli_0", feishutest.Person{}, "") != "" ||
		s.Read("cli_0", feishutest.Person{}) != "" || s.AddBot("cli_0", group, feishutest.Person{}) != "" {
		t.Error("pushed to an unknown app")
	}
	s.React(id, feishutest.Person{}, "OK")
	s.Recall(id)
	b.silent()
}

func TestBotThatWasRemovedCannotWrite(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi}
	s.RemoveBot("", group, feishutest.Person{})
	checkRefusal(t, "removed", sendReply(t, s, token, id, body), 230002)
	s.AddBot("", group, feishutest.Person{})
	objectOf(t, sendReply(t, s, token, id, body))
}
