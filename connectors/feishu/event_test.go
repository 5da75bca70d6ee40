package feishu

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// malformedEvents are payloads that are no event, each under a name of its own.
var malformedEvents = []string{
	``,
	`{`,
	`null`,
	`[]`,
	`"text"`,
	`{}`,
	`{"header":{"event_id":"e1"},"event":{}}`,
	`{"header":null,"event":null}`,
	`{"header":7}`,
	`{"header":{"event_id":"e2","event_type":["im.message.receive_v1"]}}`,
	`{"header":{"event_id":"e3","event_type":"im.message.receive_v1"}}`,
	`{"header":{"event_id":"e4","event_type":"im.message.receive_v1"},"event":null}`,
	`{"header":{"event_id":"e5","event_type":"im.message.receive_v1"},"event":{"sender":null,"message":null}}`,
	`{"header":{"event_id":"e6","event_type":"im.message.receive_v1"},"event":` + strings.Repeat(`{"message":`, 20_000),
	`{"header":{"event_id":"e7","event_type":"im.message.receive_v1"},"event":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
	received(`"message_id":"om_m1"`, `"content":"{\"text\":"`),
	received(`"message_id":"om_m2"`, `"content":""`),
	received(`"message_id":"om_m3"`, `"content":{"text":"hi"}`),
	received(`"message_id":"om_m4"`, `"content":"[]"`),
	received(`"message_id":"om_m6"`, `"chat_id":""`),
	received(`"message_id":"om_m7"`, `"chat_id":"`+strings.Repeat("x", 513)+`"`),
	received(`"message_id":"om_m8"`, `"thread_id":"`+strings.Repeat("x", 513)+`"`),
	received(`"message_id":"om_m9"`, `"mentions":"@_user_1"`),
	received(`"message_id":""`),
	received(`"message_id":"` + strings.Repeat("x", 513) + `"`),
	strings.Replace(received(`"message_id":"om_m10"`), "ou_tom", "", 1),
}

// received is a one-to-one text message, with the members given added to it or
// put in place of its own.
func received(members ...string) string {
	message := map[string]string{}
	defaults := []string{
		`"message_id":"om_1"`, `"create_time":"1700000000123"`, `"chat_id":"oc_1"`, `"chat_type":"p2p"`,
		`"message_type":"text"`, `"content":"{\"text\":\"hi\"}"`,
	}
	for _, member := range slices.Concat(defaults, members) {
		name, _, _ := strings.Cut(member, ":")
		message[name] = member
	}
	var all []string
	for _, member := range message {
		all = append(all, member)
	}
	return `{"schema":"2.0","header":{"event_id":"e_` + fmt.Sprint(len(members)) + `","event_type":"im.message.receive_v1"},` +
		`"event":{"sender":{"sender_id":{"open_id":"ou_tom"},"sender_type":"user"},"message":{` + strings.Join(all, ",") + `}}}`
}

func TestParseEventIsForgiving(t *testing.T) {
	want, err := parseEvent([]byte(received()), "c", botID)
	noError(t, err)
	if want.Text != "hi" || !want.Sent.Equal(time.UnixMilli(1700000000123)) {
		t.Fatalf("the plain message became %+v", want)
	}
	for name, payload := range map[string]string{
		"number for a time":   received(`"create_time":1700000000123`),
		"null mentions":       received(`"mentions":null`),
		"nil mentions":        received(`"mentions":[null,{},{"id":null},{"key":null,"name":null}]`),
		"null thread":         received(`"thread_id":null`),
		"more than we know":   received(`"new":{"deep":[1,2,{"x":null}]}`),
		"no sender_type":      strings.Replace(received(), `"sender_type":"user"`, `"tenant_key":"t"`, 1),
		"a time beyond time":  received(`"create_time":"1e300"`),
		"space around itself": " \n" + received() + "\n",
	} {
		got, err := parseEvent([]byte(payload), "c", botID)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ID != want.ID || got.Text != want.Text || got.Chat != want.Chat {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	for _, at := range []string{`1700000000123`, `"1700000000123000"`} {
		if ev, err := parseEvent([]byte(received(`"create_time":`+at)), "c", botID); err != nil || !ev.Sent.Equal(want.Sent) {
			t.Errorf("sent at %s: %v, %v", at, ev.Sent, err)
		}
	}
	if ev, err := parseEvent([]byte(received(`"message_id":4711`, `"content":"{\"text\":12}"`)), "c", botID); err != nil || ev.ID != "4711" || ev.Text != "12" {
		t.Errorf("numbers for texts: %+v, %v", ev, err)
	}
}

func TestParseEventOfGroups(t *testing.T) {
	bot := `{"key":"@_user_1","id":{"open_id":"` + botID + `"},"name":"Longwire"}`
	all := `{"key":"@_all","id":{"open_id":""},"name":"所有人"}`
	for name, row := range map[string]struct {
		self, mentions, text string
		want                 error
	}{
		"mentioned":                 {botID, bot, "@_user_1 hi", nil},
		"topic group":               {botID, bot, "@_user_1 hi", nil},
		"mentioned with others":     {botID, `{"key":"@_user_2","id":{"open_id":"ou_ann"},"name":"Ann"},` + bot, "hi", nil},
		"not mentioned":             {botID, ``, "hi", errNotForUs},
		"all":                       {botID, all, "@_all hi", errNotForUs},
		"same name":                 {botID, `{"key":"@_user_1","id":{"open_id":"ou_x"},"name":"Longwire"}`, "@_user_1 hi", errNotForUs},
		"no ids":                    {botID, `{"key":"@_user_1","name":"Longwire"},null,{"id":{}}`, "@_user_1 hi", errNotForUs},
		"who am I":                  {"", bot, "@_user_1 hi", errWhoAmI},
		"who am I, and no ids":      {"", `{"key":"@_user_1"}`, "@_user_1 hi", errWhoAmI},
		"who am I, no mention told": {"", ``, "hi", errWhoAmI},
	} {
		chatType := "group"
		if name == "topic group" {
			chatType = "topic_group"
		}
		content, err := json.Marshal(fmt.Sprintf(`{"text":%q}`, row.text))
		noError(t, err)
		ev, err := parseEvent([]byte(received(`"chat_type":"`+chatType+`"`, `"mentions":[`+row.mentions+`]`, `"content":`+string(content))), "c", row.self)
		if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if err == nil && (!ev.Chat.Group || ev.Text != "hi") {
			t.Errorf("%s: %+v", name, ev)
		}
	}
}

func TestReadable(t *testing.T) {
	who := func(key, id, name string) mention {
		return mention{Key: connectors.LooseString(key), ID: person{connectors.LooseString(id)}, Name: connectors.LooseString(name)}
	}
	bot, ann := who("@_user_1", botID, "Longwire"), who("@_user_10", "ou_ann", "Ann")
	for _, row := range []struct {
		text     string
		mentions []mention
		want     string
	}{
		{"@_user_1 hi", []mention{bot}, " hi"},
		{"ask @_user_10, @_user_1!", []mention{bot, ann}, "ask @Ann, !"},
		{"@_user_10@_user_1", []mention{ann, bot}, "@Ann"},
		{"@_user_1 twice @_user_1", []mention{bot}, " twice "},
		{"@_all @_user_1", []mention{bot}, "@all "},
		{"@_all", []mention{who("@_all", "", "所有人")}, "@所有人"},
		{"@_user_2", []mention{bot}, "@_user_2"},
		{"@_user_2", []mention{who("@_user_2", "", "")}, "@_user_2"},
		{"@_user_2", []mention{who("@_user_2", "", "Bob")}, "@Bob"},
		{"@_user_2", []mention{who("", "ou_bob", "Bob"), {}}, "@_user_2"},
		{"@_user_2", []mention{who("@_user_2", "ou_bob", strings.Repeat("B", 10_000))}, "@_user_2"},
		{"@_user_ @_user_x @_allx mail@_all.com $1", nil, "@_user_ @_user_x @allx mail@all.com $1"},
		{"no placeholder $0 @Longwire", []mention{bot}, "no placeholder $0 @Longwire"},
	} {
		var m message
		m.Message.Mentions = row.mentions
		if got := m.readable(row.text, botID); got != row.want {
			t.Errorf("%q became %q, want %q", row.text, got, row.want)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	for _, row := range []struct {
		msgType, content string
		want             connectors.Kind
	}{
		{"text", `{"text":"hi"}`, connectors.KindText},
		{"text", `{"text":" \u00a0\n "}`, connectors.KindEmpty},
		{"text", `{}`, connectors.KindEmpty},
		{"image", `{"image_key":"img_1"}`, connectors.KindPicture},
		{"audio", `{"file_key":"f","duration":2000}`, connectors.KindAudio},
		{"media", `{"file_key":"f"}`, connectors.KindVideo},
		{"file", `{"file_key":"f","file_name":"a.pdf"}`, connectors.KindFile},
		{"folder", `{"file_key":"f"}`, connectors.KindFile},
		{"sticker", `{"file_key":"f"}`, connectors.KindSticker},
		{"interactive", `{"title":"card","elements":[]}`, connectors.KindCard},
		{"merge_forward", `{"content":"Merged and Forwarded Message"}`, connectors.KindForward},
		{"hologram", `not even JSON`, connectors.KindOther},
		{"vote", `{"topic":"?"}`, connectors.KindOther},
	} {
		id := s.Say(feishutest.Message{MsgType: row.msgType, Content: row.content})
		ev := in.next(t)
		if ev.ID != id || ev.Kind != row.want || (ev.Text != "") != (row.want == connectors.KindText) {
			t.Errorf("%s %s: %+v, want %s", row.msgType, row.content, ev, row.want)
		}
		noError(t, s.WaitAck(soon(t), id))
	}
	id := s.Say(feishutest.Message{Chat: groupID, Mention: true, MsgType: "image", Content: `{"image_key":"img_1"}`})
	if ev := in.next(t); ev.ID != id || ev.Kind != connectors.KindPicture || !ev.Chat.Group {
		t.Errorf("picture in a group: %+v", ev)
	}
}

// Names must not blow a text up: a frame's size is all that a sender may cost.
func TestNamesDoNotMultiply(t *testing.T) {
	name := strings.Repeat("n", 1<<20)
	text := strings.Repeat("@_user_2", connectors.MaxText/8)
	payload := received(`"content":"{\"text\":\"`+text+`\"}"`, `"mentions":[{"key":"@_user_2","name":"`+name+`"}]`)
	ev, err := parseEvent([]byte(payload), "c", botID)
	if err != nil || ev.Kind != connectors.KindText || len(ev.Text) > connectors.MaxText {
		t.Fatalf("%.100v, %v", ev, err)
	}
	name = strings.Repeat("n", maxID)
	text = strings.Repeat("@_user_2", 4<<20/8)
	payload = received(`"content":"{\"text\":\"`+text+`\"}"`, `"mentions":[{"key":"@_user_2","name":"`+name+`"}]`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ev, err = parseEvent([]byte(payload), "c", botID)
	runtime.ReadMemStats(&after)
	if err != nil || ev.Kind != connectors.KindTooLong {
		t.Errorf("%.100v, %v", ev, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
		t.Errorf("%d MB were allocated for 4", grown>>20)
	}
}

var allKinds = []connectors.Kind{
	connectors.KindText, connectors.KindPicture, connectors.KindAudio, connectors.KindVideo, connectors.KindFile,
	connectors.KindSticker, connectors.KindCard, connectors.KindForward, connectors.KindTooLong, connectors.KindEmpty,
	connectors.KindOther,
}

func FuzzParseEvent(f *testing.F) {
	for _, payload := range malformedEvents {
		if len(payload) < 2000 {
			f.Add([]byte(payload), botID)
		}
	}
	f.Add([]byte(received()), "")
	f.Add([]byte(received(`"chat_type":"group"`, `"mentions":[{"key":"@_user_1","id":{"open_id":"`+botID+`"}}]`)), botID)
	f.Add([]byte(received(`"create_time":1e3`, `"message_type":"post"`)), botID)
	f.Fuzz(func(t *testing.T, payload []byte, self string) {
		ev, err := parseEvent(payload, "c", self)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		switch {
		case ev.ID == "" || ev.Sender.ID == "" || ev.Chat.ID == "" || ev.Connection != "c":
			t.Errorf("not whole: %+v", ev)
		case len(ev.ID) > maxID || len(ev.Sender.ID) > maxID || len(ev.Chat.ID) > maxID || len(ev.Chat.Thread) > maxID:
			t.Errorf("an id too long: %+v", ev)
		case !slices.Contains(allKinds, ev.Kind):
			t.Errorf("kind %q", ev.Kind)
		case (ev.Kind == connectors.KindText) != (ev.Text != ""), len(ev.Text) > connectors.MaxText:
			t.Errorf("%s with a text of %d bytes", ev.Kind, len(ev.Text))
		case !utf8.ValidString(ev.Text), ev.Text != strings.TrimSpace(ev.Text):
			t.Errorf("text %q", ev.Text)
		case ev.Chat.Group && self == "", ev.Sender.ID == self:
			t.Errorf("not for the bot: %+v", ev)
		}
		var to address
		if err := json.Unmarshal(ev.Address, &to); err != nil || to.MessageID != ev.ID {
			t.Errorf("address %s of %q", ev.Address, ev.ID)
		}
		if _, err := json.Marshal(ev); err != nil {
			t.Errorf("cannot be stored: %v", err)
		}
	})
}

// Wherever the bot is mentioned, its placeholder goes and everything else stays.
func FuzzReadable(f *testing.F) {
	f.Add("hi ", 1, " there")
	f.Add("@_user_1", 10, "0")
	f.Fuzz(func(t *testing.T, before string, number int, after string) {
		before, after = strings.ReplaceAll(before, "@", ""), strings.ReplaceAll(after, "@", "")
		if number < 0 || after != "" && after[0] >= '0' && after[0] <= '9' {
			return // the placeholder would have another number
		}
		key := fmt.Sprintf("@_user_%d", number)
		var m message
		m.Message.Mentions = []mention{
			{Key: connectors.LooseString(key), ID: person{botID}, Name: "Longwire"},
			{Key: connectors.LooseString(key + "0"), ID: person{"ou_ann"}, Name: "Ann"},
		}
		if got := m.readable(before+key+after, botID); got != before+after {
			t.Errorf("%q became %q", before+key+after, got)
		}
		if got := m.readable(before+key+"0"+after, botID); got != before+"@Ann"+after {
			t.Errorf("%q became %q", before+key+"0"+after, got)
		}
	})
}
