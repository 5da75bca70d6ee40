package dingtalktest

import (
	"fmt"
	"slices"
	"testing"
)

func emotionBody(c callback, name string, changes ...any) map[string]any {
	return changed(map[string]any{
		"robotCode": clientID, "openMsgId": c.MsgID, "openConversationId": c.ConversationID, "emotionType": 2, "emotionName": name,
		"textEmotion": map[string]string{"emotionId": "2659900", "emotionName": name, "text": name, "backgroundId": "im_bg_1"},
	}, changes...)
}

func TestEmotions(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	c := hear(t, s, Message{Chat: "cidG==", Mention: true, Text: "hello"})
	const thinking, done = "🤔Thinking", "🥳Done"
	for _, step := range []struct {
		path, name string
		want       []string
	}{
		{PathEmotionReply, thinking, []string{thinking}},
		{PathEmotionReply, thinking, []string{thinking}}, // once is enough
		{PathEmotionReply, done, []string{thinking, done}},
		{PathEmotionRecall, thinking, []string{done}},
		{PathEmotionRecall, thinking, []string{done}},
	} {
		a := mustPost(t, s, step.path, emotionBody(c, step.name), tokenHeader, tok)
		if a.status != 200 || a.body != `{"success":true}` || !slices.Equal(s.Emotions(c.MsgID), step.want) {
			t.Errorf("%s %s: %d %s, %v", step.path, step.name, a.status, a.body, s.Emotions(c.MsgID))
		}
	}
	h := s.EmotionHistory(c.MsgID)
	if len(h) != 5 || h[0].Name != thinking || h[0].Recall || !h[3].Recall || h[3].At.Before(h[0].At) {
		t.Errorf("%+v", h)
	}
	must(t, s.WaitEmotions(patient(t), c.MsgID, func(set []string) bool { return len(set) == 1 }))
	if s.Emotions("unknown") != nil || s.EmotionHistory("unknown") != nil || len(s.Sent()) != 0 {
		t.Error("a reaction went elsewhere")
	}
}

func TestEmotionsCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	tok := token(t, s)
	c := hear(t, s, Message{Text: "hello"})
	done := make(chan error, 1)
	go func() {
		done <- s.WaitEmotions(patient(t), c.MsgID, func(set []string) bool { return slices.Contains(set, "x") })
	}()
	mustPost(t, s, PathEmotionReply, emotionBody(c, "x"), tokenHeader, tok)
	must(t, <-done)
}

func TestEmotionRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, Options{CallsPerSecond: -1})
	tok := token(t, s)
	c := hear(t, s, Message{Text: "hello"})
	card := hear(t, s, Message{Content: InteractiveCard{ActionURL: "https://doc"}})
	for _, row := range []struct {
		body   any
		status int
		code   string
	}{
		{emotionBody(c, "x", "robotCode", nil), 400, "invalidParameter.robotCode.empty"},
		{emotionBody(c, "x", "robotCode", "other"), 400, "invalidParameter.robotCode.auth"},
		{emotionBody(c, "x", "openMsgId", nil), 400, "MissingopenMsgId"},
		{emotionBody(c, "x", "openConversationId", nil), 400, "MissingopenConversationId"},
		{emotionBody(c, "x", "emotionType", nil), 400, "invalidParameter.param.invalid"},
		{emotionBody(c, "x", "emotionType", "2"), 400, "invalidParameter.param.invalid"},
		{emotionBody(c, ""), 400, "invalidParameter.param.invalid"},
		{emotionBody(c, "x", "textEmotion", nil), 400, "invalidParameter.param.invalid"},
		{emotionBody(c, "x", "textEmotion", map[string]string{"text": "x"}), 400, "invalidParameter.param.invalid"},
		{emotionBody(c, "x", "openMsgId", "msgOther=="), 400, "invalidParameter.param.invalid"},
		{emotionBody(c, "x", "openConversationId", "cidOther=="), 400, "invalidParameter.param.invalid"},
		{emotionBody(card, "x"), 500, "system.error"},
	} {
		a := mustPost(t, s, PathEmotionReply, row.body, tokenHeader, tok)
		if a.status != row.status || a.field(t, "code") != row.code {
			t.Errorf("%v: %d %s, want %s", row.body, a.status, a.body, row.code)
		}
	}
	if s.Emotions(c.MsgID) != nil || s.EmotionHistory(card.MsgID) != nil {
		t.Error("it was set all the same")
	}
	s.FailRoute(PathEmotionReply, FailSystem())
	if a := mustPost(t, s, PathEmotionReply, emotionBody(c, "x"), tokenHeader, tok); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// The robot's own cards take no reactions either.
func TestEmotionOnOwnCard(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{})
	c := theCard(t, s)
	body := emotionBody(callback{MsgID: c.CarrierID(), ConversationID: c.Chat()}, "x")
	if a := mustPost(t, s, PathEmotionReply, body, tokenHeader, tok); a.status != 500 || a.field(t, "code") != "system.error" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestForgottenMessages(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Forget: true})
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appNamed("")
	for i := range keptHeard + 5 {
		s.remember(a, fmt.Sprint(i), heard{})
		s.remember(a, fmt.Sprint(i), heard{}) // the same message again
	}
	if len(s.said) != keptHeard || len(s.told) != keptHeard || s.said[heardKey{a, "4"}] != nil || s.said[heardKey{a, "5"}] == nil {
		t.Errorf("%d and %d kept", len(s.said), len(s.told))
	}
}
