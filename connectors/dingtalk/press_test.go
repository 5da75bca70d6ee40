package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// pressable is a cloud with a card whose buttons do what act says.
func pressable(t *testing.T, form dingtalktest.PressForm, act connectors.Act) (*dingtalktest.Server, *robot, connectors.Event) {
	t.Helper()
	cloud, r, ev := carded(t, dingtalktest.Options{PressForm: form}, inGroup, func(c *Config) { c.Act = act })
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	return cloud, r, ev
}

func TestPress(t *testing.T) {
	for _, form := range []dingtalktest.PressForm{dingtalktest.PressDocumented, dingtalktest.PressActionID, dingtalktest.PressActionData} {
		actions := make(chan connectors.Action, 10)
		cloud, _, ev := pressable(t, form, func(_ context.Context, a connectors.Action) (string, error) {
			actions <- a
			return "got it <3", nil
		})
		seen := map[string]bool{}
		for _, row := range []struct {
			id     string
			params map[string]any
			want   connectors.Press
		}{
			{"stop", nil, connectors.PressStop},
			{"17", map[string]any{"action": "Again"}, connectors.PressAgain},
			{"good", map[string]any{"action": 1}, connectors.PressGood},
			{"bad", map[string]any{"other": "stop"}, connectors.PressBad},
		} {
			answer, err := cloud.Press(onlyCard(t, cloud), "u9", row.id, row.params)
			must(t, err)
			a := next(t, actions, "an action")
			if a.Press != row.want || a.By.ID != "u9" || a.Event.ID != ev.ID || a.Event.Text != ev.Text || a.ID == "" || seen[a.ID] || a.Reply != onlyCard(t, cloud).OutTrackID {
				t.Errorf("form %d: %+v", form, a)
			}
			seen[a.ID] = true
			if got := answer.Card.Private["u9"]["staticMsgContent"]; got != "got it <3" || answer.Card.Content() != "answer" {
				t.Errorf("form %d: %+v", form, answer)
			}
		}
	}
}

// A press that is not ours, or says nothing, changes nothing.
func TestPressOfNoConcern(t *testing.T) {
	for name, row := range map[string]struct {
		act    connectors.Act
		id     string
		forget bool
		called bool
	}{
		"no buttons":     {nil, "stop", false, false},
		"unknown button": {nil, "order pizza", false, false},
		"unknown card":   {nil, "stop", true, false},
		"silent":         {func(context.Context, connectors.Action) (string, error) { return "", nil }, "stop", false, true},
		"failed":         {func(context.Context, connectors.Action) (string, error) { return "", errors.New("x") }, "stop", false, true},
		"panics":         {func(context.Context, connectors.Action) (string, error) { panic("x") }, "stop", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			called := make(chan struct{}, 1)
			act := func(ctx context.Context, a connectors.Action) (string, error) {
				called <- struct{}{}
				return row.act(ctx, a)
			}
			if name == "no buttons" {
				act = nil
			}
			cloud, r, ev := pressable(t, 0, act)
			if row.forget {
				must(t, r.config.Shelf.Put(t.Context(), "card/"+connectors.ReplyKey(ev, ""), nil, 0))
			}
			answer, err := cloud.Press(onlyCard(t, cloud), "u9", row.id, nil)
			if name == "no buttons" { // nobody asks for presses then
				if err == nil && answer.Updated {
					t.Errorf("%+v", answer)
				}
				return
			}
			must(t, err)
			if answer.Updated || answer.Ack.Code != 200 || (len(called) == 1) != row.called {
				t.Errorf("%+v, called %d times", answer, len(called))
			}
		})
	}
}

// What a press does may take longer than its answer; Run waits for it.
func TestSlowPress(t *testing.T) {
	release, done := make(chan struct{}), make(chan struct{})
	cloud, _, _ := pressable(t, 0, func(ctx context.Context, _ connectors.Action) (string, error) {
		<-release
		defer close(done)
		if ctx.Err() != nil {
			t.Error("the press was cut off")
		}
		return "late", nil
	})
	answer, err := cloud.Press(onlyCard(t, cloud), "u9", "stop", nil)
	if err != nil || answer.Updated {
		t.Errorf("%+v, %v", answer, err)
	}
	close(release)
	next(t, done, "the end of the press")
}

func FuzzParsePress(f *testing.F) {
	for _, seed := range []string{
		`{"outTrackId":"o","userId":"u","content":"{\"cardPrivateData\":{\"actionIds\":[\"stop\"],\"params\":{\"action\":\"again\"}}}"}`,
		`{"outTrackId":"o","userId":7,"content":{"cardPrivateData":{"actionIds":"stop"}}}`,
		`{"outTrackId":"o","actionId":"good","content":null}`,
		`{"outTrackId":"o","actionData":{"cardPrivateData":"{\"actionId\":\"bad\"}"}}`,
		`{"outTrackId":"o","actionData":[{"cardPrivateData":[]}]}`,
		`[]`, ``, `{"outTrackId":{}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		id, by, press := parsePress([]byte(raw))
		if len(id) > maxID || len(by) > maxID || press != "" && !strings.Contains("stop again good bad yes no", string(press)) {
			t.Errorf("%q, %q, %q", id, by, press)
		}
		if press != "" && !json.Valid([]byte(raw)) {
			t.Errorf("%q out of no JSON", press)
		}
	})
}
