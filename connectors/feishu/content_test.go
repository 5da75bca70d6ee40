package feishu

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"longwire/connectors"
	"longwire/connectors/feishu/feishutest"
)

// got is what is compared of an event.
type got struct {
	Kind  connectors.Kind
	Text  string
	Files []connectors.File // with the message's id taken out of Ref
}

func gotOf(ev connectors.Event) got {
	it := got{Kind: ev.Kind, Text: ev.Text}
	for _, f := range ev.Files {
		f.Ref = strings.Replace(f.Ref, "/"+ev.ID+"/", "/om/", 1)
		it.Files = append(it.Files, f)
	}
	return it
}

// Every kind of message that people can send.
func TestKinds(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	picture := connectors.File{Kind: connectors.KindPicture, Ref: "image/om/img_1"}
	ctx, due := soon(t), time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		m    feishutest.Message
		want got
	}{
		"text":         {feishutest.Message{Text: "hi"}, got{Kind: connectors.KindText, Text: "hi"}},
		"blank":        {feishutest.Message{Content: `{"text":" \u00a0\n "}`}, got{Kind: connectors.KindEmpty}},
		"no text":      {feishutest.Message{Content: `{}`}, got{Kind: connectors.KindEmpty}},
		"image":        {feishutest.Image("img_1"), got{Kind: connectors.KindPicture, Files: []connectors.File{picture}}},
		"image, group": {inGroup(feishutest.Image("img_1")), got{Kind: connectors.KindPicture, Files: []connectors.File{picture}}},
		"audio": {feishutest.Audio("f", 2500*time.Millisecond), got{Kind: connectors.KindAudio, Files: []connectors.File{
			{Kind: connectors.KindAudio, Duration: 2500 * time.Millisecond, Ref: "file/om/f"}}}},
		"video": {feishutest.Video("f", "img_1", "测试.mp4", time.Minute), got{Kind: connectors.KindVideo, Files: []connectors.File{
			{Kind: connectors.KindVideo, Name: "测试.mp4", Duration: time.Minute, Ref: "file/om/f"}}}},
		"file": {feishutest.File("f", "a.pdf"), got{Kind: connectors.KindFile, Files: []connectors.File{
			{Kind: connectors.KindFile, Name: "a.pdf", Ref: "file/om/f"}}}},
		"folder":     {feishutest.Folder("f", "docs"), got{Kind: connectors.KindFile}},
		"sticker":    {feishutest.Sticker("f"), got{Kind: connectors.KindSticker}},
		"forward":    {feishutest.Forward(feishutest.Message{Text: "x"}), got{Kind: connectors.KindForward}},
		"share chat": {feishutest.ShareChat("oc_1"), got{Kind: connectors.KindOther}},
		"share user": {feishutest.ShareUser("ou_1"), got{Kind: connectors.KindOther}},
		"red packet": {feishutest.RedPacket(), got{Kind: connectors.KindOther}},
		"calendar":   {feishutest.Appointment("calendar", "lunch", due, due), got{Kind: connectors.KindOther}},
		"call":       {feishutest.VideoCall("standup", due), got{Kind: connectors.KindOther}},
		"task":       {feishutest.Task("1", "tidy up", due), got{Kind: connectors.KindOther}},
		"vote":       {feishutest.Vote("?", "yes", "no"), got{Kind: connectors.KindOther}},
		"hologram":   {feishutest.Message{MsgType: "hologram", Content: "not even JSON"}, got{Kind: connectors.KindOther}},
		"location": {feishutest.Location("广东省深圳市", "113.9", "22.5"), got{
			Kind: connectors.KindText, Text: "[location] 广东省深圳市 (longitude 113.9, latitude 22.5)"}},
		"empty card": {feishutest.CardSeen(""), got{Kind: connectors.KindCard}},
		"card that is too new": {
			feishutest.CardSeen("", []feishutest.Element{feishutest.PostText("请升级至最新版本客户端，以查看内容")}),
			got{Kind: connectors.KindCard},
		},
		"numbers for texts": {
			feishutest.Message{MsgType: "file", Content: `{"file_key":4711,"file_name":12,"duration":"x"}`},
			got{Kind: connectors.KindFile, Files: []connectors.File{{Kind: connectors.KindFile, Name: "12", Ref: "file/om/4711"}}},
		},
		"no key":        {feishutest.Image(""), got{Kind: connectors.KindPicture}},
		"key of a path": {feishutest.Image("../../bot/v3/info"), got{Kind: connectors.KindPicture}},
		"key too long":  {feishutest.Image(strings.Repeat("x", 2000)), got{Kind: connectors.KindPicture}},
	} {
		id := s.Say(row.m)
		ev := in.next(t)
		if ev.ID != id || !reflect.DeepEqual(gotOf(ev), row.want) {
			t.Errorf("%s: %+v, want %+v", name, gotOf(ev), row.want)
		}
		noError(t, s.WaitAck(ctx, id))
	}
}

// inGroup is m in a group, to the bot.
func inGroup(m feishutest.Message) feishutest.Message {
	m.Chat, m.Mention = groupID, true
	return m
}

type row = []feishutest.Element

func TestPosts(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	ann := feishutest.Person{OpenID: "ou_ann", Name: "Ann"}
	picture := func(n int) connectors.File {
		return connectors.File{Kind: connectors.KindPicture, Ref: fmt.Sprintf("image/om/img_%d", n)}
	}
	video := connectors.File{Kind: connectors.KindVideo, Ref: "file/om/file_1"}
	everything := inGroup(feishutest.Post("Title",
		row{feishutest.PostAt(1), feishutest.PostText(" ask ", "bold"), feishutest.PostAt(2), feishutest.PostLink("here", "https://x.example/a")},
		row{feishutest.PostImage("img_1")},
		row{feishutest.PostVideo("file_1", "img_9")},
		row{feishutest.PostEmotion("SMILE"), feishutest.PostText("@_all")},
		row{feishutest.PostRule()},
		row{feishutest.PostCode("GO", "func main() {\n\t```\n}\n")},
		row{{"tag": "md", "text": "**so** @_user_2"}},
		row{feishutest.PostImage("img_2")},
		row{feishutest.PostText("the end")},
	))
	everything.OtherMentions = []feishutest.Person{ann}
	mentionOnly := inGroup(feishutest.Post("", row{feishutest.PostAt(1)}))
	many := feishutest.Post("")
	many.Content = `{"content":[` + strings.Repeat(`[{"tag":"img","image_key":"img_1"}],`, 29) + `[{"tag":"text","text":"?"}]]}`
	content := func(json string) feishutest.Message { return feishutest.Message{MsgType: "post", Content: json} }
	for name, r := range map[string]struct {
		m    feishutest.Message
		want got
	}{
		"everything": {everything, got{
			Kind: connectors.KindText,
			Text: "Title\n ask @Ann[here](https://x.example/a)\n[picture 1]\n[video 1]\n[SMILE]@_all\n---\n" +
				"````go\nfunc main() {\n\t```\n}\n````\n**so** @Ann\n[picture 2]\nthe end",
			Files: []connectors.File{picture(1), video, picture(2)},
		}},
		"pictures":       {feishutest.Post("", row{feishutest.PostImage("img_1")}, row{feishutest.PostImage("img_2")}), got{Kind: connectors.KindPicture, Files: []connectors.File{picture(1), picture(2)}}},
		"video":          {feishutest.Post("", row{feishutest.PostVideo("file_1", "")}), got{Kind: connectors.KindVideo, Files: []connectors.File{video}}},
		"picture, group": {inGroup(feishutest.Post("", row{feishutest.PostAt(1), feishutest.PostImage("img_1")})), got{Kind: connectors.KindPicture, Files: []connectors.File{picture(1)}}},
		"picture, video": {feishutest.Post("", row{feishutest.PostImage("img_1"), feishutest.PostVideo("file_1", "")}), got{
			Kind: connectors.KindText, Text: "[picture 1][video 1]", Files: []connectors.File{picture(1), video}}},
		"mention":    {mentionOnly, got{Kind: connectors.KindEmpty}},
		"nothing":    {feishutest.Post(""), got{Kind: connectors.KindEmpty}},
		"title":      {feishutest.Post("only this"), got{Kind: connectors.KindText, Text: "only this"}},
		"by id":      {content(`{"content":[[{"tag":"at","user_id":"` + botID + `","user_name":"x"},{"tag":"at","user_id":"ou_x","user_name":"Bob"},{"tag":"at","user_id":"all"}]]}`), got{Kind: connectors.KindText, Text: "@Bob@all"}},
		"by locale":  {content(`{"en_us":{"title":"no","content":[]},"zh_cn":{"title":"标题","content":[[{"tag":"text","text":"好"}]]}}`), got{Kind: connectors.KindText, Text: "标题\n好"}},
		"wrapped":    {content(`{"post":{"ja_jp":{"content":[[{"tag":"text","text":"hai"}]]}}}`), got{Kind: connectors.KindText, Text: "hai"}},
		"version 2":  {content(`{"title":"","content_v2":[[{"tag":"md","text":"new"}]]}`), got{Kind: connectors.KindText, Text: "new"}},
		"odd":        {content(`{"title":7,"content":[[{"tag":"text","text":12},{"tag":"text","text":{}},null,7,[{}],{"tag":"new","text":"!"}],"x",{"tag":"text"},null]}`), got{Kind: connectors.KindText, Text: "7\n12!"}},
		"odd links":  {content(`{"content":[[{"tag":"a","href":"https://a.example"},{"tag":"a","text":"b"},{"tag":"a","text":"c","href":"c"}]]}`), got{Kind: connectors.KindText, Text: "https://a.examplebc"}},
		"no content": {content(`{"content":"none"}`), got{Kind: connectors.KindEmpty}},
		"too long":   {feishutest.Post("", row{feishutest.PostText(strings.Repeat("长", connectors.MaxText/3+1))}), got{Kind: connectors.KindTooLong}},
		"far too long": {feishutest.Post("", row{feishutest.PostText(strings.Repeat("x", maxContent))}), got{
			Kind: connectors.KindTooLong}},
	} {
		id := s.Say(r.m)
		if ev := in.next(t); ev.ID != id || !reflect.DeepEqual(gotOf(ev), r.want) {
			t.Errorf("%s: %+v, want %+v", name, gotOf(ev), r.want)
		}
	}
	s.Say(many)
	if ev := in.next(t); len(ev.Files) != connectors.MaxFiles || strings.Count(ev.Text, "[picture]") != 9 || !strings.Contains(ev.Text, "[picture 20]") {
		t.Errorf("30 pictures: %d files, %q", len(ev.Files), ev.Text)
	}
}

func TestCards(t *testing.T) {
	t.Parallel()
	s := cloud(t, nil)
	_, in := talk(t, s)
	note := feishutest.Element{"tag": "note", "elements": []feishutest.Element{feishutest.PostImage("img_1"), feishutest.PostText("a note")}}
	for name, r := range map[string]struct {
		m    feishutest.Message
		want string
	}{
		"simplified": {
			feishutest.CardSeen("Title",
				row{{"tag": "button", "text": "press", "type": "primary"}},
				row{feishutest.PostLink("Feishu", "https://www.feishu.cn"), feishutest.PostText(" and "), feishutest.PostAt(9)},
				row{feishutest.PostRule()},
				row{feishutest.PostText("look: "), feishutest.PostImage("img_1")},
				row{note},
				row{{"tag": "select_static", "options": []string{"one"}, "placeholder": "choose"}}),
			"Title\n[Feishu](https://www.feishu.cn) and @_user_9\n---\nlook: [picture]\n[picture]a note",
		},
		"as sent": {
			feishutest.Message{MsgType: "interactive", Content: `{"schema":"2.0","header":{"title":{"tag":"plain_text","content":"Head"}},"body":{"elements":[` +
				`{"tag":"markdown","content":"**one**"},{"tag":"div","text":{"tag":"lark_md","content":"two"},"fields":[{"text":{"tag":"plain_text","content":"three"}}]},` +
				`{"tag":"column_set","columns":[{"tag":"column","elements":[{"tag":"markdown","content":"four"}]}]},` +
				`{"tag":"button","text":{"tag":"plain_text","content":"Stop"}}]}}`},
			"Head\n**one**\ntwo\nthree\nfour",
		},
		"by language": {
			feishutest.Message{MsgType: "interactive", Content: `{"i18n_elements":{"zh_cn":[{"tag":"markdown","content":"好"}]}}`},
			"好",
		},
	} {
		id := s.Say(r.m)
		if ev := in.next(t); ev.ID != id || ev.Kind != connectors.KindText || ev.Text != r.want || ev.Files != nil {
			t.Errorf("%s: %s %q, want %q", name, ev.Kind, ev.Text, r.want)
		}
	}
}

// What is too large to be looked at is too long, and what is too deep is left out.
func TestContentBounds(t *testing.T) {
	says, err := say("post", `{"content":[]`+strings.Repeat(" ", maxContent)+`}`, reading{limit: connectors.MaxText})
	if err != nil || says.kind != connectors.KindTooLong {
		t.Errorf("%+v, %v", says, err)
	}
	deep := strings.Repeat(`[{"elements":`, 30) + `[[{"tag":"text","text":"deep"}]]` + strings.Repeat(`}]`, 30)
	says, err = say("interactive", `{"elements":`+deep+`}`, reading{limit: connectors.MaxText})
	if err != nil || says.kind != connectors.KindCard {
		t.Errorf("%+v, %v", says, err)
	}
}

// A content that claims much must not cost much.
func TestHostileContent(t *testing.T) {
	for name, r := range map[string]struct{ msgType, content string }{
		"deep card": {"interactive", `{"elements":` + strings.Repeat(`[{"elements":`, 4000) + `1` + strings.Repeat(`}]`, 4000) + `}`},
		"wide card": {"interactive", `{"elements":[` + strings.Repeat(`[{"tag":"text","text":"x"}],`, 30_000) + `[]]}`},
		"wide post": {"post", `{"content":[` + strings.Repeat(`[{"tag":"text","text":"x"}],`, 30_000) + `[]]}`},
		"long row":  {"post", `{"content":[[` + strings.Repeat(`{"tag":"text","text":"x"},`, 30_000) + `{}]]}`},
		"long name": {"file", `{"file_key":"f","file_name":"` + strings.Repeat("x", 100_000) + `"}`},
		"long sum":  {"todo", `{"summary":{"content":[[{"tag":"text","text":"` + strings.Repeat("x", 500_000) + `"}]]}}`},
		"far off":   {"vote", `{"options":[` + strings.Repeat(`"x",`, 200_000) + `""]}`},
		"for ever":  {"audio", `{"file_key":"f","duration":1e300}`},
	} {
		says, err := say(r.msgType, r.content, reading{message: "om_1", limit: connectors.MaxText})
		if err != nil || len(says.text) > 2*maxElements+connectors.MaxQuote || len(says.files) > 1 {
			t.Errorf("%s: %d bytes, %d files, %v", name, len(says.text), len(says.files), err)
		}
		for _, f := range says.files {
			if f.Name != "" || f.Duration != 0 {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func FuzzContent(f *testing.F) {
	for _, msgType := range []string{"text", "post", "interactive", "file", "audio", "todo", "vote", "location", "calendar"} {
		f.Add(msgType, `{"text":"@_user_1","title":"t","content":[[{"tag":"at","user_id":"@_user_1"},{"tag":"img","image_key":"k"}]]}`, 40)
		f.Add(msgType, `{"elements":[[{"tag":"note","elements":[{"tag":"text","text":"x"}]}]],"file_key":1,"duration":"7"}`, 3)
		f.Add(msgType, `{"zh_cn":{"content":[[{"tag":"code_block","text":"`+"```"+`"}]]},"summary":{"title":"x"},"options":["a",1]}`, 1000)
	}
	f.Fuzz(func(t *testing.T, msgType, content string, limit int) {
		limit = max(0, min(limit, connectors.MaxText))
		as := reading{message: "om_1", self: botID, names: names{"@_user_1": "@Ann"}, limit: limit}
		says, err := say(msgType, content, as)
		if err != nil {
			return
		}
		if says.kind == connectors.KindText && len(says.text) > limit {
			t.Errorf("%d bytes of %d", len(says.text), limit)
		}
		if !utf8.ValidString(says.text) && utf8.ValidString(content) {
			t.Errorf("text %q", says.text)
		}
		if len(says.files) > connectors.MaxFiles {
			t.Errorf("%d files", len(says.files))
		}
		if _, err := json.Marshal(says.files); err != nil {
			t.Error(err)
		}
	})
}
