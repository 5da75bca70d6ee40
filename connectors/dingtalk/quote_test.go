package dingtalk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// quoteOf is a quote with some fields set.
func quoteOf(q *dingtalktest.Quote, set func(q *dingtalktest.Quote)) *dingtalktest.Quote {
	set(q)
	return q
}

// Every shape in which a quote was ever seen, as it comes through the stream.
func TestReceivesEveryQuote(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	card := dingtalktest.Card{Places: []dingtalktest.Place{{CarrierID: "carrier=="}}}
	asString := func(q *dingtalktest.Quote) { q.Form = dingtalktest.QuoteAsString }
	text := dingtalktest.QuoteText
	rows := []struct {
		name  string
		quote *dingtalktest.Quote
		want  connectors.Quote
		files []file
	}{
		{"text", text("old"), connectors.Quote{Kind: connectors.KindText, Text: "old"}, nil},
		{"text, newer", dingtalktest.QuoteTextContent("old"), connectors.Quote{Kind: connectors.KindText, Text: "old"}, nil},
		{"text as a string", quoteOf(text("old"), asString), connectors.Quote{Kind: connectors.KindText, Text: "old"}, nil},
		{"one's own text", quoteOf(text("old"), func(q *dingtalktest.Quote) { q.From = dingtalktest.Person{StaffID: "u1"} }),
			connectors.Quote{Kind: connectors.KindText, Text: "old", From: "李四"}, nil},
		{"text of the robot", quoteOf(text("old"), func(q *dingtalktest.Quote) { q.Own = true }), connectors.Quote{Kind: connectors.KindText, Text: "old", Ours: true}, nil},
		{"picture", dingtalktest.QuotePicture("d1"), connectors.Quote{Kind: connectors.KindPicture, Text: "[picture 1]"}, pictures("d1")},
		{"picture as a string", quoteOf(dingtalktest.QuotePicture("d1"), asString), connectors.Quote{Kind: connectors.KindPicture, Text: "[picture 1]"}, pictures("d1")},
		{"rich text", dingtalktest.QuoteRichText(dingtalktest.RichWords("see"), dingtalktest.RichPicture("d1"), dingtalktest.RichAt("王五", "u5")),
			connectors.Quote{Kind: connectors.KindText, Text: "see [picture 1] @王五"}, pictures("d1")},
		{"rich text as in messages", &dingtalktest.Quote{Content: dingtalktest.RichText{dingtalktest.RichWords("a")}}, connectors.Quote{Kind: connectors.KindText, Text: "a"}, nil},
		{"file", dingtalktest.QuoteFile("d1", "a.pdf"), connectors.Quote{Kind: connectors.KindFile, Text: "a.pdf"}, []file{{Kind: connectors.KindFile, Name: "a.pdf", Ref: "d1"}}},
		{"audio", dingtalktest.QuoteAudio("d1"), connectors.Quote{Kind: connectors.KindAudio}, []file{{Kind: connectors.KindAudio, Duration: 1e9, Ref: "d1"}}},
		{"video", dingtalktest.QuoteVideo("d1"), connectors.Quote{Kind: connectors.KindVideo}, []file{{Kind: connectors.KindVideo, Duration: 1e9, Ref: "d1"}}},
		{"unknown", dingtalktest.QuoteUnknown(), connectors.Quote{Kind: connectors.KindOther}, nil},
		{"unknown with a name", quoteOf(dingtalktest.QuoteUnknown(), func(q *dingtalktest.Quote) { q.Content = map[string]any{"fileName": "a.pdf"} }),
			connectors.Quote{Kind: connectors.KindFile, Text: "a.pdf"}, nil},
		{"card of the robot", dingtalktest.QuoteCard(card), connectors.Quote{Kind: connectors.KindCard, Ours: true, Ref: "carrier=="}, nil},
		{"card of the robot with its text", quoteOf(dingtalktest.QuoteCard(card), func(q *dingtalktest.Quote) { q.Content = map[string]any{"text": "said"} }),
			connectors.Quote{Kind: connectors.KindText, Ours: true, Text: "said", Ref: "carrier=="}, nil},
		{"card of another bot", quoteOf(dingtalktest.QuoteCard(card), func(q *dingtalktest.Quote) { q.Own = false }), connectors.Quote{Kind: connectors.KindCard}, nil},
		{"only a key", &dingtalktest.Quote{Form: dingtalktest.QuoteIDOnly, QueryKey: "carrier=="}, connectors.Quote{Kind: connectors.KindCard, Ours: true, Ref: "carrier=="}, nil},
		{"document", dingtalktest.QuoteDocument("https://doc"), connectors.Quote{Kind: connectors.KindText, Text: "https://doc"}, nil},
		{"document without a link", dingtalktest.QuoteDocument(""), connectors.Quote{Kind: connectors.KindCard}, nil},
		{"markdown of the robot", dingtalktest.QuoteMarkdown("# M"), connectors.Quote{Kind: connectors.KindText, Ours: true, Text: "# M"}, nil},
		{"forwarded chat", dingtalktest.QuoteChatRecord("T", "张三:[图片]"), connectors.Quote{Kind: connectors.KindText, Text: "[forwarded chat: T]\n张三:[图片]"}, nil},
		{"only an id", dingtalktest.QuoteID("msgQ=="), connectors.Quote{Kind: connectors.KindOther}, nil},
		{"legacy", quoteOf(dingtalktest.QuoteLegacy("old"), func(q *dingtalktest.Quote) { q.From = dingtalktest.Person{StaffID: "u7", Nick: "赵六"} }),
			connectors.Quote{Kind: connectors.KindText, Text: "old", From: "赵六"}, nil},
		{"nested", quoteOf(text("b"), func(q *dingtalktest.Quote) { q.Quoting = text("a") }), connectors.Quote{Kind: connectors.KindText, Text: "> a\n\nb"}, nil},
		{"nested beside the content", quoteOf(text("b"), func(q *dingtalktest.Quote) { q.Quoting, q.Beside = text("a"), true }), connectors.Quote{Kind: connectors.KindText, Text: "> a\n\nb"}, nil},
		{"nested as strings", quoteOf(text("b"), func(q *dingtalktest.Quote) { q.Quoting = quoteOf(text("a"), asString); asString(q) }), connectors.Quote{Kind: connectors.KindText, Text: "> a\n\nb"}, nil},
		{"nested, with pictures", quoteOf(dingtalktest.QuotePicture("d2"), func(q *dingtalktest.Quote) { q.Quoting = dingtalktest.QuotePicture("d1") }),
			connectors.Quote{Kind: connectors.KindPicture, Text: "> [picture 1]\n\n[picture 2]"}, pictures("d1", "d2")},
		{"nested three deep, and a fourth", quoteOf(text("c"), func(q *dingtalktest.Quote) {
			q.Quoting = quoteOf(text("b"), func(q *dingtalktest.Quote) {
				q.Quoting = quoteOf(text("a\na"), func(q *dingtalktest.Quote) { q.Quoting = text("not read") })
			})
		}), connectors.Quote{Kind: connectors.KindText, Text: "> > a\n> > a\n> \n> b\n\nc"}, nil},
	}
	for _, row := range rows {
		if row.quote.MsgID == "" {
			row.quote.MsgID = "msgQ=="
		}
		if row.want.Ref == "" {
			row.want.Ref = "msgQ=="
		}
		for name, m := range map[string]written{
			"text":      {Text: "look"},
			"rich text": {Content: dingtalktest.RichText{dingtalktest.RichWords("look")}},
		} {
			m.From, m.Quote = dingtalktest.Person{StaffID: "u1", Nick: "李四"}, row.quote
			ev := r.said(t, cloud, m)
			if ev.Text != "look" || ev.Quote == nil || *ev.Quote != row.want || !slices.Equal(ev.Files, row.files) {
				t.Errorf("%s, in a %s: %q %+v %+v; want %+v %+v", row.name, name, ev.Text, ev.Quote, ev.Files, row.want, row.files)
			}
		}
	}
}

// A question about a picture has its own pictures first; the markers go on.
func TestQuotedPicturesComeBehind(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	ev := r.said(t, cloud, written{
		Content: dingtalktest.RichText{dingtalktest.RichPicture("own"), dingtalktest.RichWords("like that one?")},
		Quote:   dingtalktest.QuotePicture("quoted"),
	})
	if ev.Text != "[picture 1] like that one?" || ev.Quote == nil || ev.Quote.Text != "[picture 2]" || !slices.Equal(ev.Files, pictures("own", "quoted")) {
		t.Errorf("%q %+v %+v", ev.Text, ev.Quote, ev.Files)
	}
}

// The payload that was logged in the field, but for who is in it.
func TestLoggedQuote(t *testing.T) {
	f := with(`"conversationType":"2","originalMsgId":"msgR==","text":{"isReplyMsg":true,"content":" 重新学习一下","repliedMsg":{"createdAt":1776065111071,` +
		`"senderId":"sender","msgType":"chatRecord","msgId":"msgR==","content":{"summary":"甲:[消息]\n乙:[分享]","title":"聊天记录"}}}`)
	ev, err := parseEvent(f, "work")
	want := connectors.Quote{Kind: connectors.KindText, Text: "[forwarded chat: 聊天记录]\n甲:[消息]\n乙:[分享]", Ref: "msgR=="}
	if err != nil || ev.Text != "重新学习一下" || ev.Quote == nil || *ev.Quote != want {
		t.Errorf("%+v %+v, %v", ev, ev.Quote, err)
	}
}

// A quote of any form costs neither the message nor more than its bound.
func TestHostileQuotes(t *testing.T) {
	long := strings.Repeat("x", connectors.MaxQuote)
	huge := strings.Repeat("x", maxContent)
	nest := strings.Repeat(`{"msgType":"text","content":{"text":"q","repliedMsg":`, 2000) + "null" + strings.Repeat(`}}`, 2000)
	rows := []struct {
		name, replied string
		kind          connectors.Kind
		text          string
	}{
		{"null", `null`, connectors.KindOther, ""},
		{"a number", `7`, connectors.KindOther, ""},
		{"a list", `[{"content":{"text":"x"}}]`, connectors.KindOther, ""},
		{"a text", `"x"`, connectors.KindOther, ""},
		{"an object as a string", `"{\"msgType\":\"text\",\"content\":{\"text\":\"x\"}}"`, connectors.KindText, "x"},
		{"numbers where strings belong", `{"msgType":"text","msgId":1,"senderId":2,"content":{"text":3}}`, connectors.KindText, "3"},
		{"objects where strings belong", `{"msgType":{},"msgId":[],"senderId":{},"content":{"text":[]}}`, connectors.KindText, ""},
		{"no type, a text", `{"content":{"text":"x"}}`, connectors.KindText, "x"},
		{"no type, a rich text", `{"content":{"richText":[{"text":"x"}]}}`, connectors.KindText, "x"},
		{"a bare text for a content", `{"msgType":"text","content":"x"}`, connectors.KindText, "x"},
		{"a long text", `{"msgType":"text","content":{"text":"` + long + `y"}}`, connectors.KindText, long},
		{"a long text within", `{"msgType":"text","content":{"text":"b","repliedMsg":{"content":{"text":"` + long + `"}}}}`, connectors.KindText, "> " + long[:connectors.MaxQuote/4] + "\n\nb"},
		{"too large to look into", `{"msgType":"text","content":{"text":"` + huge + `"}}`, connectors.KindTooLong, ""},
		{"deep", nest, connectors.KindText, "> > q\n> \n> q\n\nq"},
	}
	for _, row := range rows {
		ev, err := parseEvent(with(`"originalMsgId":"m","text":{"content":"hi","isReplyMsg":true,"repliedMsg":`+row.replied+`}`), "work")
		if err != nil || ev.Text != "hi" || ev.Quote == nil || ev.Quote.Kind != row.kind || ev.Quote.Text != row.text || ev.Quote.Ours {
			t.Errorf("%s: %.40q %.90v, %v; want %s %.40q", row.name, ev.Text, ev.Quote, err, row.kind, row.text)
		}
	}
	for _, fields := range []string{
		`"text":{"content":"hello","isReplyMsg":false}`, `"originalMsgId":null`, `"originalMsgId":{},"originalProcessQueryKey":[]`,
		`"quoteMessage":null`, `"quoteMessage":7`, `"quoteMessage":"x"`, `"content":{"repliedMsg":null}`,
	} {
		if ev, err := parseEvent(with(fields), "work"); err != nil || ev.Text != "hello" || ev.Quote != nil {
			t.Errorf("%s: %+v, %v", fields, ev.Quote, err)
		}
	}
	ev, err := parseEvent(with(fmt.Sprintf(`"originalMsgId":%q`, long)), "work")
	if err != nil || ev.Quote == nil || ev.Quote.Ref != "" {
		t.Errorf("a huge id: %+v, %v", ev.Quote, err)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add(`{"isReplyMsg":true,"repliedMsg":{"msgType":"text","content":"{\"text\":\"x\"}","senderId":"me"}}`, `null`, "k")
	f.Add(`{"isReplyMsg":true}`, `{"msgId":1,"text":{"content":"x"},"senderNick":"n"}`, "")
	f.Add(`{"repliedMsg":{"msgType":"richText","content":{"richText":[{"msgType":"picture","downloadCode":"d"}],"repliedMsg":{"repliedMsg":{"repliedMsg":{}}}}}}`, `[]`, "k")
	f.Fuzz(func(t *testing.T, body, old, key string) {
		if !json.Valid([]byte(body)) || !json.Valid([]byte(old)) {
			return
		}
		m := message{Content: json.RawMessage(body), QuoteMessage: json.RawMessage(old), OriginalKey: word(key), ChatbotUserID: "me"}
		var with attached
		q := m.quote(&with)
		if q == nil {
			if key != "" {
				t.Fatalf("%q: the key is lost", key)
			}
			return
		}
		if q.Kind == "" || len(q.Text) > connectors.MaxQuote || len(q.Ref) > maxID || len(q.From) > maxName || len(with.files) > connectors.MaxFiles {
			t.Fatalf("%q %q: %+v", body, old, q)
		}
	})
}
