package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// acts keeps what was pressed.
type acts struct {
	mu   sync.Mutex
	all  []connectors.Action // guarded by mu
	fail error               // what comes of them
}

func (a *acts) act(_ context.Context, action connectors.Action) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, action)
	return "done: " + string(action.Press), a.fail
}

func (a *acts) last(t *testing.T) connectors.Action {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) == 0 {
		t.Fatal("nothing was done")
	}
	return a.all[len(a.all)-1]
}

// Somebody stops an answer that grows, and says what they think of it; each press
// comes with the question as it was asked.
func TestPress(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	var done acts
	config := withCards(s)
	config.Act = done.act
	c, ev := meet(t, s, config)
	ctx, somebody := soon(t), feishutest.Person{OpenID: "ou_somebody"}
	press := func(button connectors.Press) {
		t.Helper()
		pressed, err := s.Press(ctx, feishutest.Press{MessageID: sentCards(s)[0].MessageID, From: somebody, Button: string(button)})
		noError(t, err)
		if pressed.Code != 0 || pressed.Toast == nil || pressed.Toast.Content != "done: "+string(button) {
			t.Errorf("%s: %+v", button, pressed)
		}
		a := done.last(t)
		if a.Press != button || a.By.ID != somebody.OpenID || a.Event.ID != ev.ID || a.Event.Text != ev.Text || a.ID == "" || a.Reply != bookOf(ev).Key() {
			t.Errorf("%s: %+v", button, a)
		}
	}
	noError(t, c.Reply(ctx, ev, bookOf(ev), func(yield func(connectors.Delta, error) bool) {
		growingIn(ctx, s, "one")(yield)
		press(connectors.PressStop)
		yield(connectors.Say(" and no more"), nil)
	}))
	finished(t, s, "one and no more")
	for _, button := range []connectors.Press{connectors.PressAgain, connectors.PressGood, connectors.PressBad} {
		press(button)
	}
}

// payload is a callback with a button's value.
func payload(t testing.TB, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"header": map[string]any{"event_type": cardAction, "event_id": "e1"},
		"event":  map[string]any{"operator": map[string]any{"open_id": "ou_1"}, "action": map[string]any{"value": value}},
	})
	noError(t, err)
	return raw
}

func TestPressAnswers(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	done := &acts{}
	config := withCards(s)
	config.Act = done.act
	shelf := newMemory()
	config.Shelf = shelf
	c, ev := meet(t, s, config)
	noError(t, c.keepQuestion(t.Context(), "k1", ev))
	noError(t, shelf.Put(t.Context(), "card/broken", []byte("{"), 0))
	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"object":         {map[string]any{"reply": "k1", "press": "stop"}, "done: stop"},
		"string":         {`{"reply":"k1","press":"good"}`, "done: good"},
		"too old":        {map[string]any{"reply": "k0", "press": "stop"}, wordsTooOld.zh},
		"somebody else":  {"hello", wordsTooOld.zh},
		"nothing":        {nil, wordsTooOld.zh},
		"a number":       {7, wordsTooOld.zh},
		"cannot be read": {map[string]any{"reply": "broken", "press": "stop"}, wordsTrouble.zh},
	} {
		answer, err := c.press(t.Context(), payload(t, test.value))
		noError(t, err)
		if !json.Valid(answer) || !strings.Contains(string(answer), test.want) {
			t.Errorf("%s: %s", name, answer)
		}
	}
	done.fail = errors.New("no")
	if answer, err := c.press(t.Context(), payload(t, map[string]any{"reply": "k1", "press": "bad"})); err != nil || !strings.Contains(string(answer), wordsTrouble.en) {
		t.Errorf("%s, %v", answer, err)
	}
	shelf.goAway()
	if answer, err := c.press(t.Context(), payload(t, map[string]any{"reply": "k1", "press": "bad"})); err != nil || !strings.Contains(string(answer), wordsTrouble.en) {
		t.Errorf("%s, %v", answer, err)
	}
	if string(toast("info", bilingual{})) != "{}" {
		t.Error("words that are none are shown")
	}
	for _, broken := range []string{"", "{", "[]", `{"header":{"event_type":"other"}}`, `{"header":{"event_type":"card.action.trigger","event_id":"` + strings.Repeat("x", maxID+1) + `"}}`} {
		if answer, err := c.press(t.Context(), []byte(broken)); err == nil {
			t.Errorf("%q is answered %s", broken, answer)
		}
	}
}

// Without Act there are no buttons, and those of an earlier day are too old.
func TestNoButtons(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	config := withCards(s)
	config.Act = nil
	c, ev := meet(t, s, config)
	noError(t, c.Reply(soon(t), ev, bookOf(ev), growingIn(soon(t), s, "one", " two")))
	if card := finished(t, s, "one two"); len(card.Elements) != 1 {
		t.Errorf("%+v", card.Elements)
	}
	if answer, err := c.press(t.Context(), payload(t, map[string]any{"reply": "k1", "press": "stop"})); err != nil || !strings.Contains(string(answer), wordsTooOld.en) {
		t.Errorf("%s, %v", answer, err)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	c := New(Config{Labels: func(ev connectors.Event) connectors.Labels {
		return connectors.Labels{Stop: "halt " + ev.Text}
	}}, nil, new(journal).log())
	if l := c.labelsFor(connectors.Event{Text: "it"}); l.Stop != "halt it" || l.Thinking != defaultLabels.Thinking || l.Bad != defaultLabels.Bad {
		t.Errorf("%+v", l)
	}
}

func FuzzPress(f *testing.F) {
	f.Add([]byte(`{"header":{"event_type":"card.action.trigger","event_id":"e"},"event":{"operator":{"open_id":"ou"},"action":{"value":{"reply":"k","press":"stop"}}}}`))
	f.Add([]byte(`{"header":{"event_type":"card.action.trigger"},"event":{"action":{"value":"{\"reply\":\"k\"}"}}}`))
	f.Add([]byte(`{"header":{"event_type":"card.action.trigger"},"event":{"action":{"value":[]}}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, value, err := parsePress(raw)
		if err == nil && (p.Header.EventType != cardAction || len(value.Reply) > maxID) {
			t.Errorf("%+v %+v", p, value)
		}
		if err != nil && value != (pressValue{}) {
			t.Errorf("%+v with %v", value, err)
		}
	})
}
