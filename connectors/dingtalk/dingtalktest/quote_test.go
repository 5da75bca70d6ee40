package dingtalktest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// quoted is what a robot finds about a quote in a text message.
type quoted struct {
	OriginalMsgID           string `json:"originalMsgId"`
	OriginalProcessQueryKey string `json:"originalProcessQueryKey"`
	QuoteMessage            *quoteMessage
	ChatbotUserID           string `json:"chatbotUserId"`
	Text                    *struct {
		Content    string      `json:"content"`
		IsReplyMsg bool        `json:"isReplyMsg"`
		RepliedMsg *repliedMsg `json:"repliedMsg"`
	} `json:"text"`
	Content struct {
		RichText   []RichItem  `json:"richText"`
		IsReplyMsg bool        `json:"isReplyMsg"`
		RepliedMsg *repliedMsg `json:"repliedMsg"`
	} `json:"content"`
}

func quotedOf(t *testing.T, s *Server, m Message) quoted {
	t.Helper()
	var q quoted
	_, body := s.Callback(m)
	must(t, json.Unmarshal(body, &q))
	return q
}

func TestQuotes(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	card := Card{Places: []Place{{CarrierID: "carrier=="}}}
	nestedCard := QuoteCard(card)
	nestedCard.Content = map[string]any{"text": "said before"}
	asString := QuotePicture("d")
	asString.Form = QuoteAsString
	for _, row := range []struct {
		quote   *Quote
		kind    string
		content string // as JSON, "null" for none
	}{
		{QuoteText("hi"), "text", `{"text":"hi"}`},
		{QuoteTextContent("hi"), "text", `{"content":"hi"}`},
		{QuotePicture("d"), "picture", `{"downloadCode":"d"}`},
		{asString, "picture", `"{\"downloadCode\":\"d\"}"`},
		{QuoteRichText(RichWords("a"), RichPicture("d"), RichAt("李四", "u4")), "richText",
			`{"richText":[{"content":"a","msgType":"text"},{"downloadCode":"d","msgType":"picture"},{"atName":"李四","msgType":"at"}]}`},
		{&Quote{Content: RichText{RichWords("a")}}, "richText", `{"richText":[{"text":"a"}]}`},
		{QuoteFile("d", "a.pdf"), "file", `{"downloadCode":"d","fileName":"a.pdf"}`},
		{QuoteAudio("d"), "audio", `{"downloadCode":"d","duration":"1"}`},
		{QuoteVideo("d"), "video", `{"downloadCode":"d","duration":"1","videoType":"mp4"}`},
		{QuoteUnknown(), "unknownMsgType", `null`},
		{QuoteCard(card), "interactiveCard", `null`},
		{nestedCard, "interactiveCard", `{"text":"said before"}`},
		{QuoteDocument("https://doc"), "interactiveCard", `{"biz_custom_action_url":"https://doc"}`},
		{QuoteDocument(""), "interactiveCard", `null`},
		{QuoteMarkdown("# M"), "markdown", `{"text":"# M"}`},
		{QuoteChatRecord("T", "S"), "chatRecord", `{"summary":"S","title":"T"}`},
	} {
		row.quote.MsgID = "msgQ=="
		at := time.UnixMilli(1_700_000_060_000)
		q := quotedOf(t, s, Message{Text: "look", At: at, Quote: row.quote})
		r := q.Text.RepliedMsg
		if !q.Text.IsReplyMsg || q.Text.Content != "look" || r == nil || q.OriginalMsgID != "msgQ==" || q.QuoteMessage != nil {
			t.Errorf("%s: %+v", row.kind, q)
			continue
		}
		var want any
		must(t, json.Unmarshal([]byte(row.content), &want))
		if r.MsgType != row.kind || r.MsgID != "msgQ==" || r.CreatedAt != 1_700_000_000_000 || !reflect.DeepEqual(r.Content, want) {
			t.Errorf("%s: %+v, want content %s", row.kind, r, row.content)
		}
		if own := r.SenderID == q.ChatbotUserID; own != row.quote.Own || !strings.HasPrefix(r.SenderID, "$:LWCP_v1:$") {
			t.Errorf("%s: sender %s", row.kind, r.SenderID)
		}
		if q.OriginalProcessQueryKey != row.quote.QueryKey {
			t.Errorf("%s: originalProcessQueryKey %q", row.kind, q.OriginalProcessQueryKey)
		}
	}
	if QuoteCard(card).QueryKey != "carrier==" {
		t.Error("a card's quote does not name its carrier")
	}
}

func TestQuoteWithoutContent(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	q := quotedOf(t, s, Message{Text: "that one", Quote: QuoteID("msgQ==")})
	if !q.Text.IsReplyMsg || q.Text.RepliedMsg != nil || q.OriginalMsgID != "msgQ==" {
		t.Errorf("id only: %+v", q)
	}
	old := QuoteLegacy("hi")
	old.From = Person{StaffID: "u4", Nick: "李四"}
	q = quotedOf(t, s, Message{Text: "that one", Quote: old})
	if m := q.QuoteMessage; q.Text.IsReplyMsg || m == nil || m.MsgID == "" || m.MsgType != "text" || m.Text.Content != "hi" || m.SenderNick != "李四" || m.SenderID == "" {
		t.Errorf("legacy: %+v", q)
	}
}

// A message that is no text has its quote inside its content.
func TestQuoteInRichText(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	q := quotedOf(t, s, Message{Content: RichText{RichWords("and this?")}, Quote: QuoteText("hi")})
	if q.Text != nil || !q.Content.IsReplyMsg || q.Content.RepliedMsg == nil || len(q.Content.RichText) != 1 || q.OriginalMsgID == "" {
		t.Errorf("%+v", q)
	}
}

func TestQuoteOfAQuote(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	outer, middle := QuoteText("two"), QuoteText("one")
	middle.Quoting = QuoteText("zero")
	outer.Quoting, outer.Beside = middle, true
	r := quotedOf(t, s, Message{Text: "three", Quote: outer}).Text.RepliedMsg
	if !r.IsReplyMsg || r.RepliedMsg == nil || r.RepliedMsg.CreatedAt >= r.CreatedAt {
		t.Fatalf("%+v", r)
	}
	inner, _ := r.RepliedMsg.Content.(map[string]any)
	deepest, _ := inner["repliedMsg"].(map[string]any)
	if inner["text"] != "one" || inner["isReplyMsg"] != true || !reflect.DeepEqual(deepest["content"], map[string]any{"text": "zero"}) {
		t.Errorf("%v", inner)
	}
}
