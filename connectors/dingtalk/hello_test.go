package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/payload"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// singleInstalled says that two people have the robot in their chat now.
func singleInstalled(cloud *dingtalktest.Server, operator string) string {
	return cloud.Event(dingtalktest.Event{Type: singleInstall, Data: map[string]any{
		"coolAppCode": "COOLAPP-1", "operateTime": "1690362102194", "openConversationCorpId": "ding9", "robotCode": clientID,
		"openConversationId": "cidTwo==", "operator": operator, "singleChatOtherUserId": "u8",
	}})
}

func TestGreetsAGroup(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	id := cloud.CoolAppInstalled(clientID, "cidGroup==", "u9")
	ev := r.event(t)
	if ev.ID != "hello/"+id || ev.Kind != connectors.KindHello || ev.Connection != "work" || ev.Text != "" {
		t.Errorf("%+v", ev)
	}
	if ev.Chat != (connectors.Chat{ID: "cidGroup==", Group: true}) || ev.Sender.ID != "u9" || time.Since(ev.Sent) > patience || ev.Received.IsZero() {
		t.Errorf("%+v", ev)
	}
	must(t, cloud.WaitAck(patient(t), id))
	if acks := cloud.Acks(id); len(acks) != 1 || acks[0].Data != eventAck {
		t.Errorf("%+v", acks)
	}
	cloud.Redeliver(id)
	if again := r.event(t); again.ID != ev.ID {
		t.Errorf("%s came again as %s", ev.ID, again.ID)
	}
	must(t, answerTo(patient(t), r, ev, words("hello all")))
	sent, err := cloud.WaitSent(patient(t), nil)
	must(t, err)
	if sent.Via != dingtalktest.ViaGroup || sent.ChatID != "cidGroup==" || sent.Text != "hello all" {
		t.Errorf("%+v", sent)
	}
}

func TestGreetsAPerson(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	id := singleInstalled(cloud, "u9")
	ev := r.event(t)
	if ev.ID != "hello/"+id || ev.Kind != connectors.KindHello || ev.Chat != (connectors.Chat{ID: "cidTwo=="}) || ev.Sender.ID != "u9" {
		t.Errorf("%+v", ev)
	}
	must(t, cloud.WaitAck(patient(t), id))
	must(t, answerTo(patient(t), r, ev, words("hello you")))
	sent, err := cloud.WaitSent(patient(t), nil)
	must(t, err)
	if sent.Via != dingtalktest.ViaOTO || len(sent.StaffIDs) != 1 || sent.StaffIDs[0] != "u9" || sent.Text != "hello you" {
		t.Errorf("%+v", sent)
	}
}

func TestIgnoresOtherEvents(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	for name, id := range map[string]string{
		"uninstalled":     cloud.CoolAppUninstalled(clientID, "cid1==", "u1"),
		"members added":   cloud.MembersAdded(clientID, "cid1==", "u1", "u2"),
		"members removed": cloud.MembersRemoved(clientID, "cid1==", "u1", "u2"),
		"title":           cloud.TitleChanged(clientID, "cid1==", "u1", "new"),
		"recalled":        cloud.Recalled(clientID, dingtalktest.Sent{ChatID: "cid1==", QueryKey: "k"}, "u1"),
		"disbanded":       cloud.Disbanded(clientID, "cid1==", "u1"),
		"never heard of":  cloud.Event(dingtalktest.Event{Type: "robot_promoted", Data: []int{1}}),
		"unreadable":      cloud.Event(dingtalktest.Event{Type: groupInstall, Data: "nonsense"}),
	} {
		if err := cloud.WaitAck(patient(t), id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if acks := cloud.Acks(id); len(acks) != 1 || acks[0].Data != eventAck {
			t.Errorf("%s: %+v", name, acks)
		}
	}
	r.said(t, cloud, dingtalktest.Message{Text: "hello"})
	r.none(t)
	if got := r.Counts(); got != (connectors.Counts{Events: 1, Malformed: 1}) {
		t.Errorf("%+v", got)
	}
}

// A greeting that could not be stored is asked for again.
func TestRefusedGreetingsComeLater(t *testing.T) {
	var tries atomic.Int32
	cloud, r := up(t, dingtalktest.Options{EventTimeout: time.Second, EventRedeliverMax: 100}, func(context.Context, connectors.Event) error {
		if tries.Add(1) <= 2 {
			return errors.New("store is full")
		}
		return nil
	})
	id := cloud.CoolAppInstalled(clientID, "cid1==", "u1")
	first, second, third := r.event(t), r.event(t), r.event(t)
	must(t, cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool { return st.Unsettled == 0 }))
	if first.ID != second.ID || second.ID != third.ID {
		t.Errorf("%s, %s, %s", first.ID, second.ID, third.ID)
	}
	acks := cloud.Acks(id)
	if len(acks) != 3 || acks[0].Data != eventLater || acks[1].Data != eventLater || acks[2].Data != eventAck {
		t.Errorf("%+v", acks)
	}
	if got := r.Counts(); got != (connectors.Counts{Events: 3, Refused: 2}) {
		t.Errorf("%+v", got)
	}
}

func helloFrame(eventType, id, data string) frame {
	return frame{DataFrame: payload.DataFrame{Type: "EVENT", Headers: payload.DataFrameHeader{"topic": "*", "eventType": eventType, "eventId": id}, Data: data}}
}

func TestParseHello(t *testing.T) {
	huge := `"` + strings.Repeat("x", maxID+1) + `"`
	rows := []struct {
		name string
		f    frame
		id   string // of the event
		want string // else in the error
	}{
		{"documented", helloFrame(groupInstall, "e1", `{"coolAppCode":"C","operateTime":"1690362102194","robotCode":"r","openConversationId":"c","operator":"o"}`), "hello/e1", ""},
		{"no event id", helloFrame(groupInstall, "", `{"openConversationId":"c"}`), "hello/c", ""},
		{"numbers where strings belong", helloFrame(groupInstall, "e1", `{"openConversationId":7,"operator":8,"operateTime":1690362102194,"robotCode":9}`), "hello/e1", ""},
		{"type in the data", helloFrame("", "e1", `{"eventType":"im_cool_app_install","openConversationId":"c"}`), "hello/e1", ""},
		{"one-to-one without a chat", helloFrame(singleInstall, "e1", `{"operator":"o"}`), "hello/e1", ""},
		{"one-to-one with neither", helloFrame(singleInstall, "", `{"operator":"o"}`), "", "no eventId"},
		{"no chat", helloFrame(groupInstall, "e1", `{}`), "", "no openConversationId"},
		{"nobody", helloFrame(singleInstall, "e1", `{"openConversationId":"c"}`), "", "no operator"},
		{"objects where strings belong", helloFrame(groupInstall, "e1", `{"openConversationId":{"a":1}}`), "", "no openConversationId"},
		{"nonsense", helloFrame(groupInstall, "e1", `nonsense`), "", "no openConversationId"},
		{"a huge chat", helloFrame(groupInstall, "e1", `{"openConversationId":`+huge+`}`), "", "an id has 513 bytes"},
		{"a huge code", helloFrame(groupInstall, "e1", `{"openConversationId":"c","coolAppCode":`+huge+`}`), "", "an id has 513 bytes"},
		{"a huge id", helloFrame(groupInstall, strings.Trim(huge, `"`), `{"openConversationId":"c"}`), "", "an id has 513 bytes"},
		{"another", helloFrame("chat_quit", "e1", `{"openConversationId":"c"}`), "", "not for the bot"},
		{"withheld", helloFrame(groupInstall, "e1", `{"errCode":"20001"}`), "", "withheld"},
	}
	for _, row := range rows {
		ev, err := parseHello(row.f, "work")
		if ev.ID != row.id || (err == nil) != (row.want == "") || (err != nil && !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %+v, %v; want %q, %q", row.name, ev, err, row.id, row.want)
		}
	}
	ev, err := parseHello(rows[0].f, "work")
	must(t, err)
	var to address
	must(t, json.Unmarshal(ev.Address, &to))
	if to != (address{RobotCode: "r", Chat: "c", Group: true, StaffID: "o", CoolApp: "C"}) || !ev.Sent.Equal(time.UnixMilli(1690362102194)) {
		t.Errorf("%+v, sent %s", to, ev.Sent)
	}
}

func FuzzParseHello(f *testing.F) {
	f.Add(groupInstall, "e1", `{"openConversationId":"c","operator":1}`)
	f.Add(singleInstall, "", `{"operator":"o","openConversationId":null}`)
	f.Add("", "e", `{"eventType":"im_cool_app_install","errCode":20001}`)
	f.Fuzz(func(t *testing.T, eventType, id, data string) {
		ev, err := parseHello(helloFrame(eventType, id, data), "work")
		if err != nil {
			return
		}
		if ev.Kind != connectors.KindHello || ev.ID == "hello/" || len(ev.ID) > maxID+len("hello/") || (ev.Chat.ID == "" && ev.Sender.ID == "") {
			t.Fatalf("%q: %+v", data, ev)
		}
		if _, err := json.Marshal(ev); err != nil {
			t.Fatalf("%q cannot be stored: %v", data, err)
		}
	})
}

// What comes may bear another topic than the one that is subscribed to.
func TestGreetsByAnyTopic(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	cloud.PushFrame(fmt.Appendf(nil, `{"type":"EVENT","headers":{"topic":"dingTalk","messageId":"m1","eventId":"e1","eventType":%q},"data":{"openConversationId":"c"}}`, groupInstall))
	if ev := r.event(t); ev.ID != "hello/e1" {
		t.Errorf("%+v", ev)
	}
	must(t, cloud.WaitAck(patient(t), "m1"))
}
