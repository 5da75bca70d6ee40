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

// parseEvent is what the connector does with the payload of a frame.
func parseEvent(payload []byte, connection, self string) (connectors.Event, error) {
	e, err := parseEnvelope(payload)
	if err != nil {
		return connectors.Event{}, err
	}
	return e.event(connection, self)
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
		"mentioned last":            {botID, strings.Repeat(`{"key":"x"},`, maxMentions-1) + bot, "@_user_1 hi", nil},
		"mentioned far too late":    {botID, strings.Repeat(`{"key":"x"},`, maxMentions) + bot, "@_user_1 hi", errNotForUs},
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
		if got := m.names(botID).readable(row.text); got != row.want {
			t.Errorf("%q became %q, want %q", row.text, got, row.want)
		}
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
	post := `{"content":[[{"tag":"md","text":"` + strings.Repeat("@_user_2", (maxContent-100)/8) + `"}]]}`
	runtime.ReadMemStats(&before)
	says, err := say("post", post, reading{names: names{"@_user_2": name}, limit: connectors.MaxText})
	runtime.ReadMemStats(&after)
	if err != nil || !says.over || len(says.text) > connectors.MaxText {
		t.Errorf("%d bytes, %v", len(says.text), err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
		t.Errorf("%d MB were allocated for 1", grown>>20)
	}
}

var allKinds = []connectors.Kind{
	connectors.KindText, connectors.KindPicture, connectors.KindAudio, connectors.KindVideo, connectors.KindFile,
	connectors.KindSticker, connectors.KindCard, connectors.KindForward, connectors.KindTooLong, connectors.KindEmpty,
	connectors.KindOther, connectors.KindHello, connectors.KindRecall,
}

func FuzzParseEvent(f *testing.F) {
	for _, payload := range malformedEvents {
		if len(payload) < 2000 {
			f.Add([]byte(payload), botID)
		}
	}
	f.Add([]byte(received()), "")
	f.Add([]byte(received(`"chat_type":"group"`, `"mentions":[{"key":"@_user_1","id":{"open_id":"`+botID+`"}}]`)), botID)
	for _, payload := range notices {
		f.Add([]byte(payload), botID)
	}
	f.Add([]byte(received(`"root_id":"om_r"`, `"parent_id":"om_p"`, `"thread_id":"omt_1"`, `"update_time":"1700000000124"`)), botID)
	f.Add([]byte(received(`"message_type":"post"`, `"content":"{\"content\":[[{\"tag\":\"img\",\"image_key\":\"img_1\"}]]}"`)), botID)
	f.Add([]byte(received(`"create_time":1e3`, `"message_type":"post"`)), botID)
	f.Fuzz(func(t *testing.T, payload []byte, self string) {
		ev, err := parseEvent(payload, "c", self)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		checkEvent(t, ev, self)
		if _, err := json.Marshal(ev); err != nil {
			t.Errorf("cannot be stored: %v", err)
		}
	})
}

// checkEvent checks what holds of every event, whatever was sent.
func checkEvent(t *testing.T, ev connectors.Event, self string) {
	t.Helper()
	var to address
	if err := json.Unmarshal(ev.Address, &to); err != nil || to.MessageID == "" && to.Chat == "" && to.OpenID == "" {
		t.Errorf("address %s of %q", ev.Address, ev.ID)
	}
	switch {
	case ev.ID == "" || ev.Chat.ID == "" || ev.Connection != "c":
		t.Errorf("not whole: %+v", ev)
	case ev.Sender.ID == "" && ev.Kind != connectors.KindRecall:
		t.Errorf("nobody's: %+v", ev)
	case len(ev.Sender.ID) > maxID || len(ev.Chat.ID) > maxID || len(ev.Chat.Thread) > maxID || len(ev.ID) > maxID+20:
		t.Errorf("an id too long: %+v", ev)
	case !slices.Contains(allKinds, ev.Kind):
		t.Errorf("kind %q", ev.Kind)
	case (ev.Kind == connectors.KindText || ev.Kind == connectors.KindRecall) != (ev.Text != ""), len(ev.Text) > connectors.MaxText:
		t.Errorf("%s with a text of %d bytes", ev.Kind, len(ev.Text))
	case !utf8.ValidString(ev.Text), ev.Kind == connectors.KindText && ev.Text != strings.TrimSpace(ev.Text):
		t.Errorf("text %q", ev.Text)
	case to.MessageID != "" && ev.Chat.Group && self == "", to.MessageID != "" && ev.Sender.ID == self:
		t.Errorf("not for the bot: %+v", ev)
	case to.MessageID != "" && !strings.HasPrefix(ev.ID, to.MessageID):
		t.Errorf("address %s of %q", ev.Address, ev.ID)
	case len(ev.Files) > connectors.MaxFiles:
		t.Errorf("%d files", len(ev.Files))
	}
	for _, f := range ev.Files {
		if _, err := new(Connector).resource(f.Ref); err != nil || len(f.Name) > maxID || f.Duration < 0 {
			t.Errorf("file %+v: %v", f, err)
		}
	}
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
		if got := m.names(botID).readable(before + key + after); got != before+after {
			t.Errorf("%q became %q", before+key+after, got)
		}
		if got := m.names(botID).readable(before + key + "0" + after); got != before+"@Ann"+after {
			t.Errorf("%q became %q", before+key+"0"+after, got)
		}
	})
}
