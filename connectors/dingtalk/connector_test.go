package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

func TestReceivesFromAPerson(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	at := time.Now().Add(-time.Minute)
	id := cloud.Say(dingtalktest.Message{
		From: dingtalktest.Person{StaffID: "u1", Nick: "李四"}, Text: "  你好 <b>\n", At: at,
	})
	ev := r.event(t)
	if ev.ID != clientID+"/"+id || ev.Connection != "work" || ev.Kind != connectors.KindText || ev.Text != "你好 <b>" {
		t.Errorf("%+v", ev)
	}
	if ev.Sender != (connectors.Person{ID: "u1", Name: "李四"}) || ev.Chat.Group || ev.Chat.ID == "" || ev.Chat.Title != "" {
		t.Errorf("%+v", ev)
	}
	if !ev.Sent.Equal(at.Truncate(time.Millisecond)) || time.Since(ev.Received) > patience {
		t.Errorf("sent %s, received %s", ev.Sent, ev.Received)
	}
	must(t, cloud.WaitAck(patient(t), id))
	if ack := cloud.Acks(id)[0]; ack.Data != messageAck {
		t.Errorf("%+v", ack)
	}
	if got := r.Counts(); got != (connectors.Counts{Events: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestReceivesFromAGroup(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	ev := r.said(t, cloud, dingtalktest.Message{
		Chat: "cidGroup==", Title: "测试群", Mention: true, Text: "测试数据 @王五", Extra: map[string]any{"openThreadId": "th1"},
		OtherMentions: []dingtalktest.Person{{StaffID: "u5", Nick: "王五"}},
	})
	if ev.Text != "测试数据 @王五" { // without the space that the mention of the robot leaves
		t.Errorf("text %q", ev.Text)
	}
	if ev.Chat != (connectors.Chat{ID: "cidGroup==", Group: true, Thread: "th1", Title: "测试群"}) {
		t.Errorf("%+v", ev.Chat)
	}
	ev = r.said(t, cloud, dingtalktest.Message{Chat: "cidGroup==", Mention: true})
	if ev.Kind != connectors.KindEmpty || ev.Text != "" {
		t.Errorf("a bare mention: %+v", ev)
	}
}

// change is a message's data with some fields replaced, or taken out by nil.
func change(t *testing.T, cloud *dingtalktest.Server, m dingtalktest.Message, fields map[string]any) []byte {
	t.Helper()
	_, body := cloud.Callback(m)
	var data map[string]any
	must(t, json.Unmarshal(body, &data))
	for name, value := range fields {
		if value == nil {
			delete(data, name)
		} else {
			data[name] = value
		}
	}
	raw, err := json.Marshal(data)
	must(t, err)
	return raw
}

// What is not for the bot is acked, so that it does not come again, and is not
// delivered.
func TestIgnoresWhatIsNotForIt(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	group := dingtalktest.Message{Chat: "cidGroup==", Mention: true, Text: "hello"}
	for name, body := range map[string][]byte{
		"not mentioned":      change(t, cloud, group, map[string]any{"isInAtList": false}),
		"our own":            change(t, cloud, dingtalktest.Message{Text: "x"}, map[string]any{"senderId": "$me", "chatbotUserId": "$me"}),
		"another bot's card": change(t, cloud, group, map[string]any{"msgtype": "interactiveCard", "senderStaffId": nil}),
	} {
		id := cloud.PushData(clientID, body)
		if err := cloud.WaitAck(patient(t), id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.said(t, cloud, dingtalktest.Message{Text: "for you"})
	r.none(t)
	if got := r.Counts(); got != (connectors.Counts{Events: 1}) {
		t.Errorf("%+v", got)
	}
}

// The ack comes when deliver has said nil, and not a moment before.
func TestAcksWhatIsStored(t *testing.T) {
	release := make(chan struct{})
	cloud, r := up(t, dingtalktest.Options{RedeliverMax: -1}, func(ctx context.Context, ev connectors.Event) error {
		if ev.Text == "slow" {
			<-release
		}
		return nil
	})
	slow := cloud.Say(dingtalktest.Message{From: dingtalktest.Person{StaffID: "a"}, Text: "slow"})
	r.event(t)
	swift := cloud.Say(dingtalktest.Message{From: dingtalktest.Person{StaffID: "b"}, Text: "swift"})
	r.event(t)
	must(t, cloud.WaitAck(patient(t), swift)) // on the same socket, behind it
	if acks := cloud.Acks(slow); len(acks) != 0 {
		t.Errorf("acked before it was stored: %+v", acks)
	}
	close(release)
	must(t, cloud.WaitAck(patient(t), slow))
}

func TestRefusedEventsComeAgainWithTheSameID(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("store is full") },
		"panic": func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			cloud, r := up(t, dingtalktest.Options{RedeliverAfter: time.Second, RedeliverMax: 5}, func(context.Context, connectors.Event) error {
				if tries.Add(1) <= 2 {
					return fail()
				}
				return nil
			})
			id := cloud.Say(dingtalktest.Message{Text: "again"})
			first, second, third := r.event(t), r.event(t), r.event(t)
			must(t, cloud.WaitAck(patient(t), id))
			if first.ID != second.ID || second.ID != third.ID || first.Trace() != third.Trace() || third.Text != "again" {
				t.Errorf("%s, %s, %s", first.ID, second.ID, third.ID)
			}
			if acks := cloud.Acks(id); len(acks) != 1 || cloud.Deliveries(id) != 3 {
				t.Errorf("%d acks of %d deliveries", len(acks), cloud.Deliveries(id))
			}
			want := connectors.Counts{Events: 3, Refused: 2}
			if name == "panic" {
				want.Panics = 2
			}
			if got := r.Counts(); got != want {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAnswersPings(t *testing.T) {
	cloud, _ := up(t, dingtalktest.Options{PingEvery: 5 * time.Millisecond}, nil)
	must(t, cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool { return st.PingsAnswered >= 5 }))
	if st := cloud.Stats(); st.PingsWrong != 0 || st.MalformedAcks != 0 || st.StrayAcks != 0 {
		t.Errorf("%+v", st)
	}
}

func TestDisconnectIsSeamless(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{DisconnectGrace: time.Hour, HoldOffline: true}, nil)
	for round := range 3 {
		if n := cloud.Disconnect("persistent connection is timeout"); n != 1 {
			t.Fatalf("%d connections told", n)
		}
		ev := r.said(t, cloud, dingtalktest.Message{Text: fmt.Sprint(round)}) // by the next one; the old one has its hour
		if ev.Text != fmt.Sprint(round) {
			t.Errorf("%+v", ev)
		}
		must(t, cloud.WaitConnections(patient(t), 1))
	}
	if st := cloud.Stats(); st.Connects != 4 || st.MalformedAcks != 0 || st.StrayAcks != 0 {
		t.Errorf("%+v", st)
	}
	if !strings.Contains(r.log.String(), `reason="persistent connection is timeout"`) {
		t.Error("the reason is not in the log")
	}
}

func TestComesBack(t *testing.T) {
	for name, harm := range map[string]func(*dingtalktest.Server){
		"drop":       func(c *dingtalktest.Server) { c.Drop() },
		"half frame": func(c *dingtalktest.Server) { c.HalfFrame() },
		"black hole": func(c *dingtalktest.Server) { c.Stall() },
		"no endpoint": func(c *dingtalktest.Server) {
			c.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Status: 503, Body: "<html>", Times: 3})
			c.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Cut: true, Times: 2})
			c.Drop()
		},
		"lost tickets": func(c *dingtalktest.Server) {
			c.FailRoute(dingtalktest.PathConnect, dingtalktest.Failure{Commit: true, Cut: true, Times: 3})
			c.FailRoute(dingtalktest.PathConnect, dingtalktest.Failure{Status: 401, Times: 2})
			c.Drop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t, dingtalktest.Options{HoldOffline: true, RedeliverAfter: 50 * time.Millisecond, RedeliverMax: 1000}) // the hole swallows pushes too
			config := quick(cloud)
			config.Keepalive = 500 * time.Millisecond
			r := newRobot(config, nil)
			r.run(t)
			must(t, cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool { return st.Connects >= 1 }))
			harm(cloud)
			must(t, cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool { return st.Connects >= 2 }))
			must(t, cloud.WaitConnections(patient(t), 1))
			r.said(t, cloud, dingtalktest.Message{Text: "still there?"})
			connects := cloud.Calls(dingtalktest.PathConnect) // first: there may be another attempt
			if opens := cloud.Opens(); opens < connects {
				t.Errorf("%d tickets for %d attempts", opens, connects)
			}
		})
	}
}

func TestTenRobotsAtOnce(t *testing.T) {
	const robots, messages = 10, 20
	var apps []dingtalktest.App
	for n := range robots {
		apps = append(apps, dingtalktest.App{ClientID: fmt.Sprint("app", n), ClientSecret: clientSecret})
	}
	cloud := newCloud(t, dingtalktest.Options{Apps: apps, PingEvery: 5 * time.Millisecond, PingMisses: -1})
	var all sync.WaitGroup
	for _, app := range apps {
		config := quick(cloud)
		config.Name, config.ClientID = app.ClientID, app.ClientID
		var r *robot
		r = newRobot(config, func(ctx context.Context, ev connectors.Event) error {
			all.Go(func() {
				if err := answerTo(patient(t), r, ev, words("re: %s", ev.Text)); err != nil {
					t.Errorf("%s: %v", ev.ID, err)
				}
			})
			return nil
		})
		r.run(t)
	}
	must(t, cloud.WaitConnections(patient(t), robots))
	for n := range messages {
		for _, app := range apps {
			cloud.Say(dingtalktest.Message{ClientID: app.ClientID, From: dingtalktest.Person{StaffID: fmt.Sprint("u", n%3)}, Text: fmt.Sprint(app.ClientID, "/", n)})
		}
	}
	if err := cloud.WaitStats(patient(t), func(st dingtalktest.Stats) bool {
		return st.Acked == robots*messages && st.Sent == robots*messages
	}); err != nil {
		t.Fatalf("%v: %+v", err, cloud.Stats())
	}
	all.Wait()
	for _, sent := range cloud.Sent() {
		if !strings.HasPrefix(sent.Text, "re: "+sent.ClientID+"/") {
			t.Errorf("%s said %q", sent.ClientID, sent.Text)
		}
	}
}
