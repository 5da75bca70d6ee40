package dingtalk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// shorthands for the rows below
type (
	written = dingtalktest.Message
	file    = connectors.File
)

func pictures(codes ...string) (files []file) {
	for _, code := range codes {
		files = append(files, file{Kind: connectors.KindPicture, Ref: code})
	}
	return files
}

// Every kind of message that DingTalk has, as it comes through the stream.
func TestReceivesEveryKind(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	text, picture := dingtalktest.RichWords, dingtalktest.RichPicture
	rich := func(items ...dingtalktest.RichItem) dingtalktest.RichText { return items }
	typed := func(text string) dingtalktest.RichItem { return dingtalktest.RichItem{Type: "text", Text: text} }
	tree := &dingtalktest.CardElement{Type: "card", Children: []dingtalktest.CardElement{
		{Type: "title", Value: "Alarm"},
		{Type: "row", Children: []dingtalktest.CardElement{{Type: "text", Value: "disk full"}, {Type: "text", Value: "on db1"}}},
	}}
	rows := []struct {
		name  string
		m     written
		kind  connectors.Kind
		text  string
		files []file
	}{
		{"text", written{Text: "你好"}, connectors.KindText, "你好", nil},
		{"text with a mention of somebody", written{Chat: "cid1==", Mention: true, Text: "ask @王五"}, connectors.KindText, "ask @王五", nil},
		{"rich text", written{Content: rich(text("这个问题示例图如下："), picture("d1"), text("通过以上示意图"))},
			connectors.KindText, "这个问题示例图如下： [picture 1] 通过以上示意图", pictures("d1")},
		{"rich text of several pictures", written{Content: rich(picture("d1"), typed("and\n"), picture("d2"), picture("d3"))},
			connectors.KindText, "[picture 1] and\n[picture 2] [picture 3]", pictures("d1", "d2", "d3")},
		{"rich text that mentions", written{Content: rich(text("ask"), dingtalktest.RichAt("王五", "u5"), text("or"), dingtalktest.RichAt("", "u6"), text(", please"))},
			connectors.KindText, "ask @王五 or @u6, please", nil},
		{"rich text with a skill", written{Content: rich(dingtalktest.RichItem{Type: "skill", SkillData: map[string]any{"id": 1}}, text("sum it up"))},
			connectors.KindText, "sum it up", nil},
		{"rich text of pictures only", written{Content: rich(picture("d1"), text(" "), picture("d2"))}, connectors.KindPicture, "", pictures("d1", "d2")},
		{"rich text of nothing", written{Content: rich()}, connectors.KindEmpty, "", nil},
		{"HarmonyOS", written{Chat: "cid1==", Mention: true, Content: dingtalktest.HarmonyRichText("助手", text("what is this"), picture("d1"))},
			connectors.KindText, "what is this [picture 1]", pictures("d1")},
		{"HarmonyOS, nothing else", written{Chat: "cid1==", Mention: true, Content: dingtalktest.HarmonyRichText("助手")}, connectors.KindEmpty, "", nil},
		{"HarmonyOS, in the words themselves", written{Chat: "cid1==", Mention: true, Content: rich(text("@助手 hi"), picture("d1"))},
			connectors.KindText, "hi [picture 1]", pictures("d1")},
		{"HarmonyOS, with somebody else", written{Chat: "cid1==", Mention: true, OtherMentions: []dingtalktest.Person{{StaffID: "u5", Nick: "王五"}},
			Content: dingtalktest.HarmonyRichText("助手", text("ask"), dingtalktest.RichAt("王五", "u5"))},
			connectors.KindText, "ask @王五", nil},
		{"somebody else comes first", written{Chat: "cid1==", Mention: true, OtherMentions: []dingtalktest.Person{{StaffID: "u5", Nick: "王五"}},
			Content: rich(text("@王五 is right?"), picture("d1"))},
			connectors.KindText, "@王五 is right? [picture 1]", pictures("d1")},
		{"an @ one-to-one", written{Content: rich(text("@王五 is right?"))}, connectors.KindText, "@王五 is right?", nil},
		{"picture", written{Content: dingtalktest.Picture{DownloadCode: "d1", PictureDownloadCode: "small"}}, connectors.KindPicture, "", pictures("d1")},
		{"picture with the other code only", written{Content: dingtalktest.Picture{PictureDownloadCode: "small"}}, connectors.KindPicture, "", pictures("small")},
		{"image", written{MsgType: "image", Content: map[string]string{"downloadCode": "d1"}}, connectors.KindPicture, "", pictures("d1")},
		{"audio that was understood", written{Content: dingtalktest.Audio{Duration: 4000, DownloadCode: "d1", Recognition: "钉钉，让进步发生"}},
			connectors.KindText, "钉钉，让进步发生", []file{{Kind: connectors.KindAudio, Duration: 4 * time.Second, Ref: "d1"}}},
		{"audio that was not", written{Content: dingtalktest.Audio{Duration: "5", DownloadCode: "d1"}},
			connectors.KindAudio, "", []file{{Kind: connectors.KindAudio, Duration: 5 * time.Second, Ref: "d1"}}},
		{"audio of nobody knows how long", written{Content: dingtalktest.Audio{DownloadCode: "d1"}},
			connectors.KindAudio, "", []file{{Kind: connectors.KindAudio, Ref: "d1"}}},
		{"video", written{Content: dingtalktest.Video{Duration: 1500, VideoType: "mp4", DownloadCode: "d1"}},
			connectors.KindVideo, "", []file{{Kind: connectors.KindVideo, Duration: 1500 * time.Millisecond, Ref: "d1"}}},
		{"file", written{Content: dingtalktest.File{SpaceID: "1", FileName: "foobar.zip", DownloadCode: "d1", FileID: "2"}},
			connectors.KindFile, "", []file{{Kind: connectors.KindFile, Name: "foobar.zip", Ref: "d1"}}},
		{"file with a size", written{MsgType: "file", Content: map[string]any{"fileName": "a.pdf", "fileSize": "1024", "downloadCode": "d1"}},
			connectors.KindFile, "", []file{{Kind: connectors.KindFile, Name: "a.pdf", Size: 1024, Ref: "d1"}}},
		{"markdown", written{Content: dingtalktest.Markdown{Title: "Report", Text: "# all well"}}, connectors.KindText, "Report\n# all well", nil},
		{"action card", written{Content: dingtalktest.ActionCard{Title: "Leave", Text: "three days", Items: []dingtalktest.ActionItem{{Title: "open", URL: "https://x"}, {URL: "https://y"}}}},
			connectors.KindText, "Leave\nthree days\n[open](https://x)\nhttps://y", nil},
		{"card", written{Content: dingtalktest.InteractiveCard{Card: tree}}, connectors.KindText, "Alarm\ndisk full\non db1", nil},
		{"document", written{Content: dingtalktest.InteractiveCard{Title: "Plan", ActionURL: "https://doc"}}, connectors.KindText, "Plan\nhttps://doc", nil},
		{"card of nothing", written{Content: dingtalktest.InteractiveCard{}}, connectors.KindCard, "", nil},
		{"forwarded chat", written{Content: dingtalktest.ChatRecord{Title: "聊天记录", Summary: "张三:[图片]\n李四:好"}},
			connectors.KindText, "[forwarded chat: 聊天记录]\n张三:[图片]\n李四:好", nil},
		{"forwarded chat, a summary alone", written{Content: dingtalktest.ChatRecord{Summary: "张三:好", Record: "[]"}}, connectors.KindText, "[forwarded chat]\n张三:好", nil},
		{"forwarded chat with its messages", written{Content: dingtalktest.ChatRecord{Title: "T", Summary: "S", Record: `[{"senderNick":"张三","content":"hi"},{"senderName":"李四","text":{"content":"ho"}}]`}},
			connectors.KindText, "[forwarded chat: T]\n张三: hi\n李四: ho", nil},
		{"forwarded chat of nothing", written{Content: dingtalktest.ChatRecord{Summary: "[]"}}, connectors.KindForward, "", nil},
		{"reply", written{MsgType: "reply", Content: map[string]string{"text": "yes"}}, connectors.KindText, "yes", nil},
		{"reply in the other place", written{MsgType: "reply", Extra: map[string]any{"text": map[string]string{"content": " yes"}}}, connectors.KindText, "yes", nil},
		{"card with its text in the other place", written{Content: dingtalktest.InteractiveCard{}, Extra: map[string]any{"text": map[string]string{"content": " alarm"}}},
			connectors.KindText, "alarm", nil},
		{"unknown", written{MsgType: "unknownMsgType", Content: dingtalktest.Unknown{}}, connectors.KindOther, "", nil},
		{"never heard of", written{MsgType: "hologram", Content: map[string]string{"text": "x"}}, connectors.KindOther, "", nil},
		{"withheld", written{Text: "x", Withheld: dingtalktest.WithheldNumber}, connectors.KindQuota, "", nil},
		{"withheld picture", written{Content: dingtalktest.Picture{DownloadCode: "d1"}, Withheld: dingtalktest.WithheldShortString}, connectors.KindQuota, "", nil},
	}
	for _, row := range rows {
		ev := r.said(t, cloud, row.m)
		if ev.Kind != row.kind || ev.Text != row.text || !slices.Equal(ev.Files, row.files) || ev.Quote != nil {
			t.Errorf("%s: %s %q %+v %+v; want %s %q %+v", row.name, ev.Kind, ev.Text, ev.Files, ev.Quote, row.kind, row.text, row.files)
		}
	}
	if got := r.Counts(); got.Malformed != 0 {
		t.Errorf("%+v", got)
	}
}

// A bot that writes markdown or cards to this one is not answered: it might answer too.
func TestOtherBotsAreNotAnswered(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	bot := dingtalktest.Person{SenderID: "$:LWCP_v1:$bot", Nick: "bot"}
	for _, content := range []any{
		dingtalktest.Markdown{Text: "hello"}, dingtalktest.ActionCard{Text: "hello"}, dingtalktest.InteractiveCard{Title: "hello"},
	} {
		id := cloud.Say(written{From: bot, Chat: "cid1==", Mention: true, Content: content})
		if err := cloud.WaitAck(patient(t), id); err != nil {
			t.Errorf("%T: %v", content, err)
		}
	}
	r.said(t, cloud, written{From: bot, Text: "a person from outside"})
	r.none(t)
}

// kinded is a message's data with a msgtype and a content of any form.
func kinded(msgType, content string) string {
	return with(fmt.Sprintf(`"text":null,"msgtype":%q,"content":%s`, msgType, content)).Data
}

// Whatever the form of a content, the message is not lost over it.
func TestHostileContents(t *testing.T) {
	long := strings.Repeat("x", connectors.MaxText+1)
	deep := strings.Repeat(`{"value":"v","children":[`, 3000) + strings.Repeat(`]}`, 3000)
	many := `{"richText":[` + strings.Repeat(`{"type":"picture","downloadCode":"d"},`, 5000) + `{"text":"end"}]}`
	rows := []struct {
		name, msgType, content string
		kind                   connectors.Kind
		text                   string
		files                  int
	}{
		{"an object as a string", "picture", `"{\"downloadCode\":\"d1\"}"`, connectors.KindPicture, "", 1},
		{"a list as a string", "picture", `"[1]"`, connectors.KindPicture, "", 0},
		{"a bare text", "markdown", `"hi"`, connectors.KindText, "hi", 0},
		{"a number", "markdown", `7`, connectors.KindCard, "", 0},
		{"null", "richText", `null`, connectors.KindEmpty, "", 0},
		{"numbers where strings belong", "file", `{"fileName":7,"fileSize":8,"downloadCode":9}`, connectors.KindFile, "", 1},
		{"objects where strings belong", "file", `{"fileName":{"a":1},"fileSize":[],"downloadCode":{}}`, connectors.KindFile, "", 0},
		{"no list", "richText", `{"richText":{"text":"x"}}`, connectors.KindEmpty, "", 0},
		{"items of other types", "richText", `{"richText":[1,"x",null,{"text":"a"},[2],{"text":{"content":"b"}}]}`, connectors.KindText, "ab", 0},
		{"a number for a text", "richText", `{"richText":[{"text":5}]}`, connectors.KindText, "5", 0},
		{"a picture without a code", "richText", `{"richText":[{"type":"picture"},{"text":"x"}]}`, connectors.KindText, "[picture] x", 0},
		{"a code without end", "picture", `{"downloadCode":"` + long + `"}`, connectors.KindPicture, "", 0},
		{"a huge rich text", "richText", `{"richText":[{"text":"` + long + `"}]}`, connectors.KindTooLong, "", 0},
		{"a rich text too large to look into", "richText", `{"richText":[{"text":"` + strings.Repeat("x", maxContent) + `"}]}`, connectors.KindTooLong, "", 0},
		{"a picture too large to look into", "picture", `{"downloadCode":"d","x":"` + strings.Repeat("x", maxContent) + `"}`, connectors.KindPicture, "", 0},
		{"more pictures than an event takes", "richText", many, connectors.KindPicture, "", connectors.MaxFiles},
		{"a recognition too long", "audio", `{"recognition":"` + long + `","downloadCode":"d"}`, connectors.KindTooLong, "", 1},
		{"a deep card", "interactiveCard", `{"cardContent":` + deep + `}`, connectors.KindText, strings.TrimSpace(strings.Repeat("v\n", maxDepth)), 0},
		{"a card that is a list", "interactiveCard", `{"cardContent":[{"value":"a"},{"value":1}]}`, connectors.KindText, "a\n1", 0},
		{"a card that is neither", "interactiveCard", `{"cardContent":7}`, connectors.KindCard, "", 0},
		{"a record that is no list", "chatRecord", `{"title":"T","chatRecord":"nonsense"}`, connectors.KindText, "[forwarded chat: T]", 0},
	}
	for _, row := range rows {
		f := with("")
		f.Data = kinded(row.msgType, row.content)
		ev, err := parseEvent(f, "work")
		if err != nil || ev.Kind != row.kind || ev.Text != row.text || len(ev.Files) != row.files {
			t.Errorf("%s: %s %.60q with %d files, %v; want %s %.60q with %d", row.name, ev.Kind, ev.Text, len(ev.Files), err, row.kind, row.text, row.files)
		}
	}
}

func TestFileNames(t *testing.T) {
	long := strings.Repeat("长", 200)
	for name, want := range map[string]string{
		"a.pdf": "a.pdf", "../../etc/passwd": "passwd", `C:\x\y.txt`: "y.txt", "..": "", "/": "", "": "", " a\x00b\n.txt ": "ab.txt",
		"a\u202egpj.exe": "agpj.exe", long: long[:255],
	} {
		if got := (content{FileName: word(name)}).fileName(); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		`4000`: 4 * time.Second, `"5"`: 5 * time.Second, `"2.5"`: 2500 * time.Millisecond, ``: 0, `null`: 0, `""`: 0, `"soon"`: 0,
		`-1`: 0, `"-1"`: 0, `1e300`: 0, `"NaN"`: 0, `"Inf"`: 0, `86400001`: 0, `"86400"`: 24 * time.Hour, `{}`: 0, `true`: 0,
	} {
		if got := (content{Duration: json.RawMessage(raw)}).duration(); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// What a message says about itself is bounded too.
func TestNamesAndWebhooksAreBounded(t *testing.T) {
	long := strings.Repeat("长", 10_000)
	ev, err := parseEvent(with(fmt.Sprintf(`"conversationTitle":%q,"senderNick":%q,"sessionWebhook":"https://oapi.dingtalk.com/%s"`, long, long, long)), "work")
	must(t, err)
	var to address
	must(t, json.Unmarshal(ev.Address, &to))
	if ev.Chat.Title != long[:255] || ev.Sender.Name != long[:255] || to.Webhook != "" {
		t.Errorf("title %d, name %d, webhook %d bytes", len(ev.Chat.Title), len(ev.Sender.Name), len(to.Webhook))
	}
}

func FuzzContent(f *testing.F) {
	for _, seed := range [][2]string{
		{"richText", `{"richText":[{"text":"@bot hi"},{"type":"picture","downloadCode":"d"},{"type":"at","atName":"n"}]}`},
		{"audio", `{"duration":"5","recognition":"x","downloadCode":"d"}`},
		{"file", `"{\"fileName\":\"../a\",\"fileSize\":1}"`},
		{"interactiveCard", `{"cardContent":{"value":"v","children":[{"value":1}]},"biz_custom_action_url":"u"}`},
		{"actionCard", `{"title":"t","text":{"content":"c"},"actionUrlItemList":[{"title":"b","actionUrl":"u"}]}`},
		{"chatRecord", `{"summary":"s","chatRecord":"[{\"senderNick\":\"n\",\"content\":\"c\"}]"}`},
		{"unknownMsgType", `null`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, msgType, raw string) {
		if !json.Valid([]byte(raw)) {
			return
		}
		m := message{MsgType: connectors.LooseString(msgType), Content: json.RawMessage(raw), ConversationType: "2"}
		var with attached
		kind, text, err := m.said(&with)
		if err != nil {
			t.Fatalf("%s %q: %v", msgType, raw, err)
		}
		if (text != "") != (kind == connectors.KindText) || len(text) > connectors.MaxText || text != strings.TrimSpace(text) {
			t.Fatalf("%s %q: %s %q", msgType, raw, kind, text)
		}
		if len(with.files) > connectors.MaxFiles || with.pictures > len(with.files) {
			t.Fatalf("%s %q: %+v", msgType, raw, with)
		}
		for _, file := range with.files {
			if file.Ref == "" || len(file.Ref) > maxCode || len(file.Name) > maxName || file.Size < 0 || file.Duration < 0 {
				t.Fatalf("%s %q: %+v", msgType, raw, file)
			}
		}
	})
}
