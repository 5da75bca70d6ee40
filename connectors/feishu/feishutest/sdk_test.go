package feishutest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"
	"github.com/larksuite/oapi-sdk-go/v3/ws"

	"longwire/connectors/feishu/feishutest"
)

// These tests hold the cloud against the official client.

// quiet is a logger of the official client that says nothing.
type quiet struct{}

func (quiet) Debug(context.Context, ...any) {}
func (quiet) Info(context.Context, ...any)  {}
func (quiet) Warn(context.Context, ...any)  {}
func (quiet) Error(context.Context, ...any) {}

type onMessage func(context.Context, *larkim.P2MessageReceiveV1) error

// runOfficial runs the official websocket client until t ends and returns how
// its Start came back.
func runOfficial(t *testing.T, s *feishutest.Server, do onMessage, opts ...ws.ClientOption) <-chan error {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	opts = append([]ws.ClientOption{
		ws.WithDomain(s.URL()),
		ws.WithLogger(quiet{}),
		ws.WithHttpClient(&http.Client{Transport: transport, Timeout: 10 * time.Second}),
		ws.WithEventHandler(dispatcher.NewEventDispatcher("", "").OnP2MessageReceiveV1(do)),
	}, opts...)
	client := ws.NewClient(appID, appSecret, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- client.Start(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return ended
}

// official is the configuration of the official REST client with s's token for an
// app.
func official(t *testing.T, s *feishutest.Server) (*larkcore.Config, larkcore.RequestOptionFunc) {
	t.Helper()
	config := &larkcore.Config{
		BaseUrl: s.URL(), AppId: appID, AppSecret: appSecret, Logger: quiet{},
		HttpClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Serializable: &larkcore.DefaultSerialization{},
		AppType:      larkcore.AppTypeSelfBuilt,
	}
	return config, larkcore.WithTenantAccessToken(fetchToken(t, s))
}

// officialAPI is the official client of im/v1.
func officialAPI(t *testing.T, s *feishutest.Server) (*larkim.V1, larkcore.RequestOptionFunc) {
	t.Helper()
	config, token := official(t, s)
	return larkim.New(config), token
}

func TestOfficialClientReceivesAndReplies(t *testing.T) {
	s := start(t, nil)
	api, token := officialAPI(t, s)
	runOfficial(t, s, func(ctx context.Context, e *larkim.P2MessageReceiveV1) error {
		if *e.Event.Message.Content != `{"text":"@_user_1 what?"}` || *e.Event.Message.Mentions[0].Name != "Longwire" {
			t.Errorf("event %s", larkcore.Prettify(e))
		}
		resp, err := api.Message.Reply(ctx, larkim.NewReplyMessageReqBuilder().
			MessageId(*e.Event.Message.MessageId).
			Body(larkim.NewReplyMessageReqBodyBuilder().
				MsgType(larkim.MsgTypePost).
				Content(`{"zh_cn":{"content":[[{"tag":"md","text":"that"}]]}}`).
				Uuid("u1").ReplyInThread(true).Build()).
			Build(), token)
		if err != nil || !resp.Success() || *resp.Data.RootId != *e.Event.Message.MessageId || *resp.Data.ThreadId == "" {
			t.Errorf("reply: %v, %s", err, larkcore.Prettify(resp))
		}
		return err
	})
	if err := s.WaitConnections(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	id := s.Say(feishutest.Message{Chat: group, Text: "what?", Mention: true})
	sent, err := s.WaitSent(soon(t), func(sent feishutest.Sent) bool { return sent.InReplyTo == id })
	if err != nil || sent.Text != "that" || sent.UUID != "u1" || sent.ChatID != group || sent.ThreadID == "" {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if got := s.Acks(id); !slices.Equal(got, []int{200}) {
		t.Errorf("acks %v", got)
	}
}

func TestOfficialClientFailsAndGetsItAgain(t *testing.T) {
	s := start(t, nil)
	var tries atomic.Int32
	runOfficial(t, s, func(context.Context, *larkim.P2MessageReceiveV1) error {
		if tries.Add(1) == 1 {
			return errors.New("not now")
		}
		return nil
	})
	if err := s.WaitConnections(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	id := s.Say(feishutest.Message{Text: "hi"})
	if err := s.WaitAck(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if got := s.Acks(id); !slices.Equal(got, []int{500, 200}) {
		t.Errorf("acks %v", got)
	}
}

func TestOfficialClientUnderstandsErrors(t *testing.T) {
	s, _, id := said(t)
	api, token := officialAPI(t, s)
	s.Recall(id)
	resp, err := api.Message.Reply(t.Context(), larkim.NewReplyMessageReqBuilder().MessageId(id).
		Body(larkim.NewReplyMessageReqBodyBuilder().MsgType("text").Content(textHi).Build()).Build(), token)
	if err != nil || resp.Code != 230011 || resp.LogId() == "" {
		t.Errorf("reply: %v, %s", err, larkcore.Prettify(resp))
	}
	created, err := api.Message.Create(t.Context(), larkim.NewCreateMessageReqBuilder().ReceiveIdType("chat_id").
		Body(larkim.NewCreateMessageReqBodyBuilder().ReceiveId(group).MsgType("text").Content(textHi).Build()).Build(), token)
	if err != nil || !created.Success() || *created.Data.ChatId != group || *created.Data.Sender.Id != appID {
		t.Errorf("create: %v, %s", err, larkcore.Prettify(created))
	}
}

func TestOfficialClientEndsOnFatalBootstrap(t *testing.T) {
	s := start(t, nil)
	for _, code := range []int{403, 514, 1000040345, 1000040350, 1000040351} {
		s.RefuseBootstrap(code, "no", 1)
		var fatal *ws.ClientError
		if err := <-runOfficial(t, s, nil); !errors.As(err, &fatal) || fatal.Code != code {
			t.Errorf("code %d: Start returned %v", code, err)
		}
	}
}

// fast makes the official client reconnect at once.
func fast(o *feishutest.Options) {
	o.ClientConfig = feishutest.ClientConfig{ReconnectCount: 3, PingInterval: 120}
}

func TestOfficialClientSurvivesTheRest(t *testing.T) {
	s := start(t, fast)
	runOfficial(t, s, nil)
	if err := s.WaitConnections(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func(){
		"busy":      func() { s.RefuseBootstrap(1, "busy", 1) },
		"internal":  func() { s.RefuseBootstrap(1000040343, "internal", 1) },
		"gateway":   func() { s.FailRoute("/callback/ws/endpoint", feishutest.Failure{Status: http.StatusBadGateway}) },
		"no JSON":   func() { s.FailRoute("/callback/ws/endpoint", feishutest.Failure{Body: "{"}) },
		"handshake": func() { s.RefuseHandshake(http.StatusForbidden, 514, 0, 1) },
		"nothing":   func() {},
	} {
		fail()
		s.Drop()
		if err := s.WaitConnections(soon(t), 1); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	before := s.Bootstraps()
	s.HalfFrame()
	if err := s.WaitBootstraps(soon(t), before+1); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitConnections(soon(t), 1); err != nil {
		t.Fatal(err)
	}
}

func TestOfficialClientEndsOnConnectionLimit(t *testing.T) {
	s := start(t, nil)
	s.RefuseHandshake(http.StatusForbidden, 514, 1000040350, 1)
	var fatal *ws.ClientError
	if err := <-runOfficial(t, s, nil); !errors.As(err, &fatal) || fatal.Code != 514 {
		t.Errorf("Start returned %v", err)
	}
}

// TestOfficialClientTakesThePong sends a configuration by pong and sees it obeyed:
// a count of 0 makes the client give up after the next drop.
func TestOfficialClientTakesThePong(t *testing.T) {
	s := start(t, func(o *feishutest.Options) {
		fast(o)
		o.ClientConfig.PingInterval = 1
	})
	s.PongConfig(`{"ReconnectCount":0,"ReconnectInterval":0,"ReconnectNonce":0,"PingInterval":1}`)
	ended := runOfficial(t, s, nil)
	// The second ping comes a second after the first, whose pong is then known.
	if err := s.WaitPings(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	s.Drop()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "0 retries") {
		t.Errorf("Start returned %v", err)
	}
}
