package dingtalktest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/chatbot"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/client"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/event"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/payload"
)

// newSDK is the official client, set up for the server and closed with the test.
func newSDK(t *testing.T, s *Server, password string) *client.StreamClient {
	t.Helper()
	cli := client.NewStreamClient(
		client.WithAppCredential(client.NewAppCredentialConfig(clientID, password)),
		client.WithOpenApiHost(s.URL()),
	)
	t.Cleanup(cli.Close)
	return cli
}

func TestSDKConversation(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	cli := newSDK(t, s, secret)
	cli.RegisterChatBotCallbackRouter(func(ctx context.Context, m *chatbot.BotCallbackDataModel) ([]byte, error) {
		if m.ConversationType != "2" || m.RobotCode != clientID || m.SenderStaffId != "042" || !m.IsInAtList {
			t.Errorf("the SDK understood %+v", m)
		}
		err := chatbot.NewChatbotReplier().SimpleReplyMarkdown(ctx, m.SessionWebhook, []byte("title"), []byte("you said"+m.Text.Content))
		return nil, err
	})
	must(t, cli.Start(patient(t)))
	must(t, s.WaitConnections(patient(t), 1))
	id := s.Say(Message{From: Person{StaffID: "042"}, Chat: "cidG==", Mention: true, Text: "hello"})
	sent, err := s.WaitSent(patient(t), func(x Sent) bool { return x.InReplyTo == id })
	if err != nil || sent.MsgType != "markdown" || sent.Title != "title" || sent.Text != "you said hello" || sent.ChatID != "cidG==" {
		t.Errorf("%+v, %v", sent, err)
	}
	must(t, s.WaitAck(patient(t), id))
	if acks := s.Acks(id); len(acks) != 1 || acks[0].Code != 200 || s.Deliveries(id) != 1 {
		t.Errorf("acks %+v, deliveries %d", acks, s.Deliveries(id))
	}
}

func TestSDKEvent(t *testing.T) {
	t.Parallel()
	s := start(t, Options{EventTimeout: 2 * time.Second})
	cli := newSDK(t, s, secret)
	var calls atomic.Int32
	cli.RegisterAllEventRouter(event.NewDefaultEventFrameHandler(
		func(_ context.Context, h *event.EventHeader, raw []byte) (event.EventProcessStatusType, error) {
			if h.EventType != "chat_disband" || h.EventId != "ev-1" || h.EventBornTime == 0 || string(raw) != `{"chatId":"c"}` {
				t.Errorf("the SDK understood %+v %s", h, raw)
			}
			if calls.Add(1) == 1 {
				return event.EventProcessStatusKLater, nil
			}
			return event.EventProcessStatusKSuccess, nil
		}).OnEventReceived)
	must(t, cli.Start(patient(t)))
	must(t, s.WaitConnections(patient(t), 1))
	s.Event(Event{Type: "chat_disband", ID: "ev-1", Data: map[string]string{"chatId": "c"}})
	must(t, s.WaitAck(patient(t), "ev-1"))
	if calls.Load() != 2 || s.Deliveries("ev-1") != 2 {
		t.Errorf("%d calls, %d deliveries", calls.Load(), s.Deliveries("ev-1"))
	}
}

func TestSDKRedeliveryAfterPanic(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverAfter: 50 * time.Millisecond})
	cli := newSDK(t, s, secret)
	var calls atomic.Int32
	cli.RegisterChatBotCallbackRouter(func(context.Context, *chatbot.BotCallbackDataModel) ([]byte, error) {
		if calls.Add(1) == 1 {
			panic("the first time") // the SDK recovers and does not ack
		}
		return nil, nil
	})
	must(t, cli.Start(patient(t)))
	must(t, s.WaitConnections(patient(t), 1))
	id := s.Say(Message{Text: "hello"})
	must(t, s.WaitAck(patient(t), id))
	if calls.Load() != 2 || s.Deliveries(id) != 2 || len(s.Acks(id)) != 1 {
		t.Errorf("%d calls, %d deliveries, acks %v", calls.Load(), s.Deliveries(id), s.Acks(id))
	}
}

func TestSDKHandlerError(t *testing.T) {
	t.Parallel()
	s := start(t, Options{RedeliverMax: -1})
	cli := newSDK(t, s, secret)
	cli.RegisterChatBotCallbackRouter(func(context.Context, *chatbot.BotCallbackDataModel) ([]byte, error) {
		return nil, errors.New("my error")
	})
	must(t, cli.Start(patient(t)))
	must(t, s.WaitConnections(patient(t), 1))
	id := s.Say(Message{Text: "hello"})
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Refused == 1 }))
	if acks := s.Acks(id); len(acks) != 1 || acks[0].Code != 500 || acks[0].Message != "my error" {
		t.Errorf("acks %+v", acks)
	}
}

func TestSDKPing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PingEvery: 5 * time.Millisecond})
	must(t, newSDK(t, s, secret).Start(patient(t)))
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.PingsAnswered >= 3 }))
	if st := s.Stats(); st.PingsWrong+st.MalformedAcks+st.StrayAcks != 0 {
		t.Errorf("%+v", st)
	}
}

func TestSDKBadCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	err := newSDK(t, s, "wrong").Start(patient(t))
	if err == nil || !strings.Contains(err.Error(), `"code":"authFailed"`) || s.Opens() != 1 || s.Connections() != 0 {
		t.Errorf("%v after %d opens", err, s.Opens())
	}
}

// TestSDKReconnects takes some seconds: the SDK waits three before it comes back.
func TestSDKReconnects(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*Server){
		"disconnect": func(s *Server) { s.Disconnect("connection is expired") },
		"drop":       func(s *Server) { s.Drop() },
		"half frame": func(s *Server) { s.HalfFrame() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{HoldOffline: true})
			cli := newSDK(t, s, secret)
			cli.RegisterCallbackRouter(TopicMessage, func(context.Context, *payload.DataFrame) (*payload.DataFrameResponse, error) {
				return payload.NewSuccessDataFrameResponse(), nil
			})
			must(t, cli.Start(patient(t)))
			must(t, s.WaitConnections(patient(t), 1))
			leave(s)
			id := s.Say(Message{Text: "while nobody is there"})
			must(t, s.WaitAck(patient(t), id))
			if st := s.Stats(); st.Connects != 2 || s.Opens() != 2 || s.Connections() != 1 {
				t.Errorf("%d opens, %+v", s.Opens(), st)
			}
		})
	}
}
