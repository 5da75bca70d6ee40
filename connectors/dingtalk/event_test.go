package dingtalk

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/open-dingtalk/dingtalk-stream-sdk-go/payload"

	"longwire/connectors"
)

// with is a message with some fields put in or, by null, out.
func with(fields string) frame {
	data := `{"msgId":"msg1==","msgtype":"text","robotCode":"ding1","conversationId":"cid1==","conversationType":"1",` +
		`"senderId":"$s","senderStaffId":"u1","senderNick":"张三","createAt":1690362101894,` +
		`"sessionWebhook":"https://oapi.dingtalk.com/robot/sendBySession?session=1","sessionWebhookExpiredTime":1690367502152,` +
		`"text":{"content":"hello"}}`
	if fields != "" {
		data = strings.TrimSuffix(data, "}") + "," + fields + "}" // of two the last one counts
	}
	return frame{DataFrame: payload.DataFrame{Data: data}}
}

func TestParseEvent(t *testing.T) {
	ev, err := parseEvent(with(`"conversationType":"2","conversationTitle":"测试群","openThreadId":"t1","isInAtList":true`), "work")
	must(t, err)
	if ev.ID != "ding1/msg1==" || ev.Connection != "work" || ev.Kind != connectors.KindText || ev.Text != "hello" {
		t.Errorf("%+v", ev)
	}
	if ev.Chat != (connectors.Chat{ID: "cid1==", Group: true, Thread: "t1", Title: "测试群"}) || ev.Sender != (connectors.Person{ID: "u1", Name: "张三"}) {
		t.Errorf("%+v", ev)
	}
	if !ev.Sent.Equal(time.UnixMilli(1690362101894)) {
		t.Errorf("sent %s", ev.Sent)
	}
	var to address
	must(t, json.Unmarshal(ev.Address, &to))
	want := address{
		Webhook: "https://oapi.dingtalk.com/robot/sendBySession?session=1", Expires: to.Expires,
		RobotCode: "ding1", Chat: "cid1==", Group: true, StaffID: "u1",
		Message: "msg1==", Thread: "t1", SenderID: "$s",
	}
	if to != want || !to.Expires.Equal(time.UnixMilli(1690367502152)) {
		t.Errorf("%+v", to)
	}
}

func TestEventIsOfMessageAndRobot(t *testing.T) {
	first, err := parseEvent(with(""), "work")
	must(t, err)
	again, err := parseEvent(with(`"createAt":5,"sessionWebhook":"https://oapi.dingtalk.com/2"`), "work")
	must(t, err)
	other, err := parseEvent(with(`"robotCode":"ding2"`), "work")
	must(t, err)
	if first.ID != again.ID || first.ID == other.ID {
		t.Errorf("%s, %s, %s", first.ID, again.ID, other.ID)
	}
}

func TestKindsAndTexts(t *testing.T) {
	long := strings.Repeat("x", connectors.MaxText)
	rows := []struct {
		name, fields string
		kind         connectors.Kind
		text         string
	}{
		{"text", ``, connectors.KindText, "hello"},
		{"the space of a mention", `"text":{"content":" 测试数据 "}`, connectors.KindText, "测试数据"},
		{"wide spaces", `"text":{"content":"\u00a0\u3000hi\u2003\n"}`, connectors.KindText, "hi"},
		{"inner space", `"text":{"content":"a \n b"}`, connectors.KindText, "a \n b"},
		{"a bare text", `"text":" hi "`, connectors.KindText, "hi"},
		{"a number", `"text":{"content":42}`, connectors.KindText, "42"},
		{"a bare number", `"text":42`, connectors.KindText, "42"},
		{"half a character", `"text":{"content":"\ud83d"}`, connectors.KindText, "\ufffd"},
		{"a quoted reply", `"text":{"isReplyMsg":true,"content":" hi","repliedMsg":{"content":{"text":"old"}}}`, connectors.KindText, "hi"},
		{"in the other place", `"text":null,"content":{"content":" hi"}`, connectors.KindText, "hi"},
		{"nothing", `"text":{"content":" \n"}`, connectors.KindEmpty, ""},
		{"null", `"text":null`, connectors.KindEmpty, ""},
		{"null within", `"text":{"content":null}`, connectors.KindEmpty, ""},
		{"no content", `"text":{}`, connectors.KindEmpty, ""},
		{"the longest", `"text":{"content":"` + long + `"}`, connectors.KindText, long},
		{"too long", `"text":{"content":"x` + long + `"}`, connectors.KindTooLong, ""},
		{"too long with space", `"text":{"content":"   ` + long + `"}`, connectors.KindText, long},
		{"picture", `"msgtype":"picture"`, connectors.KindPicture, ""},
		{"image", `"msgtype":"image"`, connectors.KindPicture, ""},
		{"audio", `"msgtype":"audio"`, connectors.KindAudio, ""},
		{"video", `"msgtype":"video"`, connectors.KindVideo, ""},
		{"file", `"msgtype":"file"`, connectors.KindFile, ""},
		{"card", `"msgtype":"interactiveCard","text":null`, connectors.KindCard, ""},
		{"chat record", `"msgtype":"chatRecord"`, connectors.KindForward, ""},
		{"unknown", `"msgtype":"unknownMsgType"`, connectors.KindOther, ""},
		{"numeric type", `"msgtype":7`, connectors.KindOther, ""},
		{"no type", `"msgtype":null`, connectors.KindOther, ""},
		{"quota", `"errorCode":20001,"text":null`, connectors.KindQuota, ""},
		{"quota as a text", `"errorCode":"20001"`, connectors.KindQuota, ""},
		{"quota by the other name", `"errCode":20001,"msgtype":null`, connectors.KindQuota, ""},
	}
	for _, row := range rows {
		ev, err := parseEvent(with(row.fields), "work")
		if err != nil || ev.Kind != row.kind || ev.Text != row.text {
			t.Errorf("%s: %s %.40q, %v; want %s %.40q", row.name, ev.Kind, ev.Text, err, row.kind, row.text)
		}
	}
}

// A field of another type than documented does not cost the message.
func TestLooseFields(t *testing.T) {
	for _, fields := range []string{
		`"msgId":123`, `"conversationType":1`, `"senderId":5,"senderStaffId":6`, `"senderNick":7`, `"robotCode":8`,
		`"isInAtList":"true"`, `"isInAtList":1`, `"createAt":"1690362101894"`, `"createAt":"soon"`, `"createAt":{}`, `"createAt":1e300`,
		`"sessionWebhookExpiredTime":"1690367502152"`, `"sessionWebhookExpiredTime":"NaN"`, `"sessionWebhookExpiredTime":null`,
		`"conversationTitle":null`, `"sessionWebhook":null`, `"senderStaffId":null`, `"unknown":{"a":[1,2]}`, `"atUsers":"none"`,
	} {
		ev, err := parseEvent(with(fields), "work")
		if err != nil || ev.Text != "hello" {
			t.Errorf("%s: %+v, %v", fields, ev, err)
			continue
		}
		if _, err := json.Marshal(ev); err != nil {
			t.Errorf("%s: cannot be stored: %v", fields, err)
		}
	}
}

func TestSenders(t *testing.T) {
	for fields, want := range map[string]string{
		``:                       "u1",
		`"senderStaffId":""`:     "$s", // from outside the organisation
		`"senderId":null`:        "u1",
		`"senderStaffId":123456`: "123456",
	} {
		if ev, err := parseEvent(with(fields), "work"); err != nil || ev.Sender.ID != want {
			t.Errorf("%s: %q, %v", fields, ev.Sender.ID, err)
		}
	}
}

func TestForUs(t *testing.T) {
	rows := []struct {
		name, fields string
		ours         bool
	}{
		{"one-to-one", `"isInAtList":false`, true},
		{"mentioned", `"conversationType":"2","isInAtList":true`, true},
		{"mentioned, as a text", `"conversationType":2,"isInAtList":"true"`, true},
		{"nothing said about it", `"conversationType":"2"`, true},
		{"not mentioned", `"conversationType":"2","isInAtList":false`, false},
		{"not mentioned, as a text", `"conversationType":2,"isInAtList":"false"`, false},
		{"our own", `"senderId":"$me","chatbotUserId":"$me"`, false},
		{"nobody's", `"senderId":"","chatbotUserId":""`, true},
		{"another bot's card", `"msgtype":"interactiveCard","senderStaffId":""`, false},
		{"a colleague's card", `"msgtype":"interactiveCard"`, true},
	}
	for _, row := range rows {
		_, err := parseEvent(with(row.fields), "work")
		if (err == nil) != row.ours || (err != nil && !errors.Is(err, errNotForUs)) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

func TestParseEventRefuses(t *testing.T) {
	huge := `"` + strings.Repeat("x", maxID+1) + `"`
	rows := []struct{ fields, want string }{
		{`"msgId":null`, "no msgId"},
		{`"msgId":""`, "no msgId"},
		{`"senderId":null,"senderStaffId":""`, "no sender"},
		{`"msgId":` + huge, "an id has 513 bytes"},
		{`"robotCode":` + huge, "an id has 513 bytes"},
		{`"conversationId":` + huge, "an id has 513 bytes"},
		{`"openThreadId":` + huge, "an id has 513 bytes"},
		{`"senderId":` + huge, "an id has 513 bytes"},
		{`"senderStaffId":` + huge, "an id has 513 bytes"},
		{`"msgId":{}`, "a text was expected"},
		{`"text":{"content":["secret"]}`, "text: "},
		{`"text":["secret"]`, "text: "},
	}
	for _, row := range rows {
		_, err := parseEvent(with(row.fields), "work")
		if err == nil || errors.Is(err, errNotForUs) || !strings.HasPrefix(err.Error(), "parse message: ") ||
			!strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.60s: %v", row.fields, err)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add(with("").Data)
	f.Add(with(`"conversationType":"2","isInAtList":false`).Data)
	f.Add(with(`"createAt":"NaN","sessionWebhookExpiredTime":253402300800000000`).Data)
	f.Add(with(`"errorCode":20001,"text":"x"`).Data)
	f.Add(`{"msgId":1,"senderId":true,"text":"\ud800"}`)
	f.Add(with(`"conversationType":"2","msgtype":"richText","atUsers":[{"dingtalkId":1}],"content":{"richText":[{"text":"@a b"},{"downloadCode":"d","type":"picture"}]}`).Data)
	f.Add(with(`"originalMsgId":"m","originalProcessQueryKey":"k","text":{"content":"x","isReplyMsg":true,"repliedMsg":{"msgType":"file","content":"{\"fileName\":\"f\"}"}}`).Data)
	kinds := map[connectors.Kind]bool{
		connectors.KindText: true, connectors.KindPicture: true, connectors.KindAudio: true, connectors.KindVideo: true,
		connectors.KindFile: true, connectors.KindCard: true, connectors.KindForward: true, connectors.KindTooLong: true,
		connectors.KindEmpty: true, connectors.KindQuota: true, connectors.KindOther: true,
	}
	f.Fuzz(func(t *testing.T, data string) {
		ev, err := parseEvent(frame{DataFrame: payload.DataFrame{Data: data}}, "work")
		if err != nil {
			return
		}
		if ev.ID == "" || strings.HasSuffix(ev.ID, "/") || ev.Sender.ID == "" || ev.Connection != "work" || ev.Received.IsZero() {
			t.Fatalf("%q: %+v", data, ev)
		}
		if !kinds[ev.Kind] || len(ev.Text) > connectors.MaxText || (ev.Text != "") != (ev.Kind == connectors.KindText) || ev.Text != strings.TrimSpace(ev.Text) {
			t.Fatalf("%q: %s %q", data, ev.Kind, ev.Text)
		}
		if len(ev.Files) > connectors.MaxFiles || (ev.Quote != nil && len(ev.Quote.Text) > connectors.MaxQuote) || len(ev.Address) > 20*maxWebhook {
			t.Fatalf("%q: %+v", data, ev)
		}
		raw, err := json.Marshal(ev)
		if err != nil {
			t.Fatalf("%q cannot be stored: %v", data, err)
		}
		var back connectors.Event
		if err := json.Unmarshal(raw, &back); err != nil || back.ID != ev.ID || back.Text != ev.Text {
			t.Fatalf("%q: %+v, %v", data, back, err)
		}
	})
}
