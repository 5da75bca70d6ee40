package connectors

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The trace of an event is in logs and in what people were told, so it must not
// change from one release to the next.
func TestTraceIsStable(t *testing.T) {
	rows := []struct {
		event Event
		want  string
	}{
		{Event{Connection: "work", ID: "ding1/msg1"}, "2ml6lars"},
		{Event{Connection: "work", ID: "ding1/msg2"}, "u7u3kx5t"},
		{Event{}, "ny2axhh7"},
	}
	for _, row := range rows {
		if got := row.event.Trace(); got != row.want {
			t.Errorf("%q of %q: %q, want %q", row.event.ID, row.event.Connection, got, row.want)
		}
	}
}

func TestTraceIsOfTheMessageAlone(t *testing.T) {
	ev := Event{ID: "1", Connection: "work"}
	again := ev
	again.Received, again.Address, again.Text = time.Now(), json.RawMessage(`{}`), "the same, sent again"
	if ev.Trace() != again.Trace() {
		t.Error("a redelivery has another trace")
	}
	if ev.Trace() == (Event{ID: "k1", Connection: "wor"}).Trace() {
		t.Error("connection and id run into each other")
	}
	if !regexp.MustCompile(`^[a-z2-7]{8}$`).MatchString(ev.Trace()) {
		t.Errorf("trace %q", ev.Trace())
	}
}

func TestEventRoundTrip(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 0, 123456000, time.UTC)
	ev := Event{
		ID: "ding1/msg1", Connection: "work", Aside: true, Shared: true, Kind: KindText,
		Chat:   Chat{ID: "cid1", Group: true, Thread: "t1", Title: "测试群"},
		Sender: Person{ID: "u1", Name: "张三"},
		Text:   "你好 <world> & \u2028",
		Quote:  &Quote{Kind: KindText, From: "李四", Ours: true, Text: "嗯", Ref: "q1"},
		Files:  []File{{Kind: KindAudio, Name: "a.amr", Size: 7, Duration: time.Second, Ref: "f1"}},
		Sent:   at, Received: at.Add(time.Second),
		Address: json.RawMessage(`{"chat":"cid1"}`),
	}
	for i := range reflect.TypeFor[Event]().NumField() {
		field := reflect.TypeFor[Event]().Field(i)
		if field.Tag.Get("json") != "-" && reflect.ValueOf(ev).Field(i).IsZero() {
			t.Errorf("%s is not set, the round trip would not show it", field.Name)
		}
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	var got Event
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, ev) {
		t.Errorf("got %+v\nwant %+v", got, ev)
	}
	// Stored events outlive a release, so the names stay.
	for _, name := range []string{"id", "connection", "kind", "chat", "group", "thread", "title", "sender", "name", "text", "sent", "received", "address"} {
		if !strings.Contains(string(raw), `"`+name+`":`) {
			t.Errorf("no field %q in %s", name, raw)
		}
	}
}

func TestKindOf(t *testing.T) {
	rows := []struct {
		text string
		want Kind
	}{
		{"", KindEmpty},
		{"x", KindText},
		{strings.Repeat("x", MaxText), KindText},
		{strings.Repeat("x", MaxText+1), KindTooLong},
	}
	for _, row := range rows {
		if got := KindOf(row.text); got != row.want {
			t.Errorf("%d bytes: %q, want %q", len(row.text), got, row.want)
		}
	}
}

func TestHealthy(t *testing.T) {
	for _, row := range []struct {
		status Status
		want   bool
	}{
		{Status{State: Connected}, true},
		{Status{State: Connected, Problem: "who am I?"}, false},
		{Status{State: Connecting}, false},
		{Status{State: Waiting}, false},
		{Status{State: Failed}, false},
		{Status{}, false},
	} {
		if got := row.status.Healthy(); got != row.want {
			t.Errorf("%+v: %t", row.status, got)
		}
	}
}
