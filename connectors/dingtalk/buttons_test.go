package dingtalk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// pressFrame is the press of a button of a card.
func pressFrame(id, card string, press connectors.Press) []byte {
	data := fmt.Sprintf(`{"type":"actionCallback","outTrackId":%q,"userId":"u1","content":"{\"cardPrivateData\":{\"actionIds\":[\"%s\"],\"params\":{}}}"}`, card, press)
	raw, err := json.Marshal(map[string]any{"type": "CALLBACK", "headers": map[string]any{"topic": cardTopic, "messageId": id}, "data": data})
	if err != nil {
		panic(err)
	}
	return raw
}

// withButtons is a robot whose cards have buttons.
func withButtons(t *testing.T, shelf connectors.Shelf, act connectors.Act) (*dingtalktest.Server, *robot) {
	t.Helper()
	cloud := newCloud(t, dingtalktest.Options{})
	config := quick(cloud)
	config.Shelf, config.Act = shelf, act
	r := newRobot(config, nil)
	r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	return cloud, r
}

func TestPressIsAnswered(t *testing.T) {
	shelf := newShelf()
	shelf.values["card/known"], _ = json.Marshal(connectors.Event{ID: "e1"})
	actions := make(chan connectors.Action, 10)
	cloud, r := withButtons(t, shelf, func(_ context.Context, a connectors.Action) (string, error) {
		actions <- a
		if a.Press == connectors.PressBad {
			panic("boom")
		}
		return "thank you", nil
	})
	for _, row := range []struct {
		card  string
		press connectors.Press
		want  string // in the answer
	}{
		{"known", connectors.PressGood, "thank you"}, {"known", connectors.PressBad, noPress}, {"unknown", connectors.PressGood, noPress}, {"known", "dance", noPress},
	} {
		id := fmt.Sprint(row.card, row.press)
		cloud.PushFrame(pressFrame(id, row.card, row.press))
		must(t, cloud.WaitAck(patient(t), id))
		if acks := cloud.Acks(id); len(acks) != 1 || !strings.Contains(acks[0].Data, row.want) || !json.Valid([]byte(acks[0].Data)) {
			t.Errorf("%s: %+v", id, acks)
		}
	}
	if a := next(t, actions, "an action"); a.Event.ID != "e1" || a.By.ID != "u1" || a.Press != connectors.PressGood {
		t.Errorf("%+v", a)
	}
	if got := r.Counts(); got.Panics != 1 || got.Malformed != 0 {
		t.Errorf("%+v", got)
	}
}

// The platform waits two seconds for the answer to a press, whatever ours does, and
// what comes behind it does not wait at all.
func TestPressIsAnsweredInTime(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	stuck := gated{newShelf(), func(context.Context) error { asked <- struct{}{}; <-release; return nil }} // not even for its context
	cloud, r := withButtons(t, stuck, func(context.Context, connectors.Action) (string, error) { return "", nil })
	defer close(release)
	began := time.Now()
	cloud.PushFrame(pressFrame("p1", "card", connectors.PressGood))
	next(t, asked, "the look-up")
	r.said(t, cloud, dingtalktest.Message{Text: "behind it"})
	if acks := cloud.Acks("p1"); len(acks) != 0 && time.Since(began) < time.Second {
		t.Errorf("answered before anything was known: %+v", acks)
	}
	must(t, cloud.WaitAck(patient(t), "p1"))
	if ack := cloud.Acks("p1")[0]; pressTime >= 2*time.Second || ack.At.Sub(began) > 5*time.Second || ack.Data != noPress {
		t.Errorf("%+v after %s", ack, ack.At.Sub(began))
	}
}

func TestTooManyPresses(t *testing.T) {
	asked, release := make(chan struct{}, maxPresses+1), make(chan struct{})
	stuck := gated{newShelf(), func(context.Context) error { asked <- struct{}{}; <-release; return nil }}
	cloud, r := withButtons(t, stuck, func(context.Context, connectors.Action) (string, error) { return "", nil })
	for n := range maxPresses {
		cloud.PushFrame(pressFrame(fmt.Sprint("p", n), "card", connectors.PressGood))
		next(t, asked, "the look-up")
	}
	cloud.PushFrame(pressFrame("more", "card", connectors.PressGood))
	must(t, cloud.WaitAck(patient(t), "more"))
	if len(asked) != 0 || !strings.Contains(r.log.String(), "too many presses at once") {
		t.Error("one more was looked up")
	}
	close(release)
	for n := range maxPresses {
		must(t, cloud.WaitAck(patient(t), fmt.Sprint("p", n)))
	}
	cloud.PushFrame(pressFrame("later", "card", connectors.PressGood))
	next(t, asked, "the look-up")
	must(t, cloud.WaitAck(patient(t), "later"))
}

// Presses are asked for only where there are buttons.
func TestSubscriptions(t *testing.T) {
	act := func(context.Context, connectors.Action) (string, error) { return "", nil }
	always := []string{"CALLBACK " + messageTopic, "EVENT *"}
	for name, row := range map[string]struct {
		config Config
		want   []string
	}{
		"plain":            {Config{}, always},
		"no shelf":         {Config{Act: act}, always},
		"nothing to press": {Config{Shelf: newShelf()}, always},
		"buttons":          {Config{Shelf: newShelf(), Act: act}, append([]string{"CALLBACK " + cardTopic}, always...)},
	} {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct {
				Subscriptions []struct{ Type, Topic string }
			}
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			for _, s := range body.Subscriptions {
				if s.Type != systemType {
					got = append(got, s.Type+" "+s.Topic)
				}
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		row.config.Endpoint, row.config.ClientID, row.config.ClientSecret = server.URL, clientID, clientSecret
		c := New(row.config, nil, slog.New(slog.DiscardHandler))
		if _, err := c.Dial(patient(t)); err == nil {
			t.Error("dialled")
		}
		c.api.http.CloseIdleConnections()
		server.Close()
		slices.Sort(got)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
