package dingtalktest

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"
)

var toCards = subscription{typeCallback, TopicCard}

// press presses the button "go" of the card and answers it.
func press(t *testing.T, s *Server, p *peer, code int, reply string) (frame, PressAnswer, error) {
	t.Helper()
	type outcome struct {
		answer PressAnswer
		err    error
	}
	done := make(chan outcome, 1)
	c := theCard(t, s)
	go func() {
		answer, err := s.Press(c, "u1", "go", map[string]any{"action": "accept", "n": 1})
		done <- outcome{answer, err}
	}()
	f := p.read()
	p.ack(f, code, reply)
	got := <-done
	return f, got.answer, got.err
}

func TestPress(t *testing.T) {
	t.Parallel()
	s, _ := withCard(t, Options{PressTimeout: patience})
	p := dial(t, s, toCards)
	f, answer, err := press(t, s, p, 200, `{"response":{"cardUpdateOptions":{"updateCardDataByKey":true,"updatePrivateDataByKey":true},`+
		`"cardData":{"cardParamMap":{"status":"已同意"}},"userPrivateData":{"cardParamMap":{"key":"value"}}}}`)
	must(t, err)
	if f.Type != "CALLBACK" || f.Headers["topic"] != "/v1.0/card/instances/callback" {
		t.Errorf("%+v", f)
	}
	var data map[string]any
	must(t, json.Unmarshal([]byte(f.Data), &data))
	want := map[string]any{
		"type": "actionCallback", "outTrackId": "track-1", "corpId": corpID, "userId": "u1", "userIdType": 1.0, "spaceId": "cidG==",
		"spaceType": "IM", "extension": "{}", "content": `{"cardPrivateData":{"actionIds":["go"],"params":{"action":"accept","n":1}}}`,
	}
	if !maps.Equal(data, want) {
		t.Errorf("%s", f.Data)
	}
	c := theCard(t, s)
	if c.Params["status"] != "已同意" || c.Params["flowStatus"] != "1" || c.Private["u1"]["key"] != "value" || c.Presses != 1 {
		t.Errorf("%+v", c)
	}
	if !answer.Updated || answer.Card.Changes != c.Changes || answer.Ack.Code != 200 || answer.Ack.Data == "" {
		t.Errorf("%+v", answer)
	}
}

func TestPressAnswers(t *testing.T) {
	t.Parallel()
	s, _ := withCard(t, Options{PressTimeout: patience})
	p := dial(t, s, toCards)
	for _, row := range []struct {
		code    int
		reply   string
		updated bool
		err     error
	}{
		{200, "", false, nil},
		{200, `{"response":null}`, false, nil},
		{200, `{"response":{}}`, false, nil},
		{200, `{"response":{"cardUpdateOptions":null,"cardData":null,"userPrivateData":null}}`, false, nil}, // the Go SDK
		{200, `{"response":{"cardData":{"cardParamMap":{"only":"this"}}}}`, true, nil},
		{404, "", false, ErrPressCode},
		{500, "", false, ErrPressCode},
		{200, "nonsense", false, ErrPressWrong},
		{200, `{}`, false, ErrPressWrong},
		{200, `{"Response":{}}`, false, ErrPressWrong},
		{200, `{"response":{"carddata":{}}}`, false, ErrPressWrong},
		{200, `{"response":{"cardData":{"cardParamMap":{"n":1}}}}`, false, ErrPressWrong},
	} {
		before := theCard(t, s).Changes
		_, answer, err := press(t, s, p, row.code, row.reply)
		if !errors.Is(err, row.err) || answer.Updated != row.updated || (theCard(t, s).Changes > before) != row.updated {
			t.Errorf("%d %s: %+v, %v", row.code, row.reply, answer, err)
		}
	}
	// Without cardUpdateOptions everything that is not named was gone.
	if c := theCard(t, s); !maps.Equal(c.Params, map[string]string{"only": "this"}) {
		t.Errorf("%+v", c)
	}
	s.Censor("坏话")
	if _, _, err := press(t, s, p, 200, `{"response":{"cardData":{"cardParamMap":{"a":"坏话"}}}}`); !errors.Is(err, ErrPressWrong) {
		t.Errorf("%v", err)
	}
}

func TestPressWithoutAnswer(t *testing.T) {
	t.Parallel()
	s, tok := withCard(t, Options{PressTimeout: 20 * time.Millisecond, HoldOffline: true})
	c := theCard(t, s)
	if _, err := s.Press(c, "u1", "go", nil); !errors.Is(err, ErrOffline) {
		t.Errorf("nobody there: %v", err)
	}
	deaf := dial(t, s, toMessages) // is not asked
	p := dial(t, s, toCards)
	if _, err := s.Press(c, "u1", "go", nil); !errors.Is(err, ErrPressLate) {
		t.Errorf("no answer: %v", err)
	}
	f := p.read()
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Abandoned == 1 }))
	p.ack(f, 200, `{"response":{"cardData":{"cardParamMap":{"late":"yes"}}}}`)
	must(t, s.WaitStats(patient(t), func(st Stats) bool { return st.Acked == 1 }))
	if c := theCard(t, s); c.Params["late"] != "" {
		t.Error("an answer that came too late had an effect")
	}
	id := s.Say(Message{Text: "hello"})
	deaf.ack(deaf.read(), 200, "")
	must(t, s.WaitAck(patient(t), id))
	mustPost(t, s, PathCards, newCardBody("outTrackId", "silent", "callbackType", nil), tokenHeader, tok)
	for _, c := range []Card{s.Cards()[1], {ClientID: clientID, OutTrackID: "unknown"}, {}} {
		if _, err := s.Press(c, "u1", "go", nil); !errors.Is(err, ErrNoCallback) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if st := s.Stats(); st.Redelivered != 0 {
		t.Errorf("a press was pushed again: %+v", st)
	}
}

func TestPressForms(t *testing.T) {
	t.Parallel()
	for form, want := range map[PressForm]string{
		PressActionID:   `"actionId":"go","content":"{\"cardPrivateData\":{\"params\":{\"action\":\"accept\",\"n\":1}}}"`,
		PressActionData: `"actionData":{"cardPrivateData":{"actionIds":["go"],"params":{"action":"accept","n":1}}},"content":"{\"cardPrivateData\":{}}"`,
	} {
		s, _ := withCard(t, Options{PressForm: form, PressSpaceType: "IM_GROUP", PressTimeout: patience})
		f, _, err := press(t, s, dial(t, s, toCards), 200, "")
		must(t, err)
		var got, expected map[string]any
		must(t, json.Unmarshal([]byte(f.Data), &got))
		must(t, json.Unmarshal([]byte("{"+want+"}"), &expected))
		for name, v := range expected {
			if string(encode(got[name])) != string(encode(v)) {
				t.Errorf("form %d: %s: %v, want %v", form, name, got[name], v)
			}
		}
		if got["spaceType"] != "IM_GROUP" {
			t.Errorf("%s", f.Data)
		}
	}
}

// A press under way ends with the server.
func TestPressEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s, _ := withCard(t, Options{PressTimeout: time.Hour})
	p := dial(t, s, toCards)
	c := theCard(t, s)
	done := make(chan error, 1)
	go func() {
		_, err := s.Press(c, "u1", "go", nil)
		done <- err
	}()
	p.read()
	must(t, s.Close())
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}
