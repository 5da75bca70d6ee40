package dingtalktest

import (
	"context"
	"errors"
	"testing"

	sdkcard "github.com/open-dingtalk/dingtalk-stream-sdk-go/card"
	"github.com/open-dingtalk/dingtalk-stream-sdk-go/chatbot"
)

// TestSDKPress has the official client answer a press.
func TestSDKPress(t *testing.T) {
	t.Parallel()
	s, _ := withCard(t, Options{PressTimeout: patience})
	cli := newSDK(t, s, secret)
	cli.RegisterCardCallbackRouter(func(_ context.Context, r *sdkcard.CardRequest) (*sdkcard.CardResponse, error) {
		private := r.CardActionData.CardPrivateData
		if r.Type != "actionCallback" || r.OutTrackId != "track-1" || r.UserId != "u1" || r.UserIdType != 1 || r.CorpId != corpID ||
			r.SpaceId != "cidG==" || len(private.ActionIdList) != 1 || private.ActionIdList[0] != "go" || r.GetActionString("action") == "" {
			t.Errorf("the SDK understood %+v", r)
		}
		switch r.GetActionString("action") {
		case "fail":
			return nil, errors.New("no")
		case "nothing":
			return &sdkcard.CardResponse{}, nil // every part is null on the wire
		}
		return &sdkcard.CardResponse{
			CardUpdateOptions: &sdkcard.CardUpdateOptions{UpdateCardDataByKey: true},
			CardData:          &sdkcard.CardDataDto{CardParamMap: map[string]string{"status": "stopped"}},
		}, nil
	})
	must(t, cli.Start(patient(t)))
	must(t, s.WaitConnections(patient(t), 1))
	c := theCard(t, s)
	answer, err := s.Press(c, "u1", "go", map[string]any{"action": "stop"})
	if err != nil || !answer.Updated || answer.Card.Params["status"] != "stopped" || answer.Card.Params["flowStatus"] != "1" {
		t.Errorf("%+v, %v", answer, err)
	}
	if answer, err := s.Press(c, "u1", "go", map[string]any{"action": "nothing"}); err != nil || answer.Updated {
		t.Errorf("%+v, %v", answer, err)
	}
	if answer, err := s.Press(c, "u1", "go", map[string]any{"action": "fail"}); !errors.Is(err, ErrPressCode) || answer.Ack.Code != 500 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestSDKUnderstandsContents has the official client read what is not text.
func TestSDKUnderstandsContents(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	cli := newSDK(t, s, secret)
	got := make(chan *chatbot.BotCallbackDataModel, 1)
	cli.RegisterChatBotCallbackRouter(func(_ context.Context, m *chatbot.BotCallbackDataModel) ([]byte, error) {
		got <- m
		return nil, nil
	})
	must(t, cli.Start(patient(t)))
	must(t, s.WaitConnections(patient(t), 1))
	s.Say(Message{Content: Audio{Duration: "5", DownloadCode: "d", Recognition: "你好"}})
	m := <-got
	content, _ := m.Content.(map[string]any)
	if m.Msgtype != "audio" || content["recognition"] != "你好" || content["downloadCode"] != "d" {
		t.Errorf("%+v", m)
	}
	s.Say(Message{Text: "look", Quote: QuoteText("hi")})
	if m := <-got; m.Text.Content != "look" || m.Msgtype != "text" {
		t.Errorf("%+v", m)
	}
}
