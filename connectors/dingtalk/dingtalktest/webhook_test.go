package dingtalktest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func textReply(text string) map[string]any {
	return map[string]any{"msgtype": "text", "text": map[string]string{"content": text}}
}

// hear is the callback of a message that is not pushed.
func hear(t *testing.T, s *Server, m Message) callback {
	t.Helper()
	_, body := s.Callback(m)
	return callbackOf(t, frame{Data: string(body)})
}

func TestWebhookReplies(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := hear(t, s, Message{Chat: "cidG==", Mention: true, Text: "hello"})
	rows := []struct {
		body        string
		title, text string
	}{
		{`{"msgtype":"text","text":{"content":"hi %d @u1"},"at":{"atUserIds":["u1"],"atDingtalkIds":["$:x"],"atMobiles":["1"],"isAtAll":false}}`, "", "hi %d @u1"},
		{`{"msgtype":"markdown","markdown":{"title":"T","text":"# M"}}`, "T", "# M"},
		{`{"msgtype":"link","link":{"text":"L","title":"T","picUrl":"","messageUrl":"https://x"}}`, "T", "L"},
		{`{"msgtype":"actionCard","actionCard":{"title":"T","text":"A","singleTitle":"S","singleURL":"https://x","btnOrientation":"0"}}`, "T", "A"},
		{`{"msgtype":"actionCard","actionCard":{"title":"T","text":"B","btns":[{"title":"b","actionURL":"https://x"}]}}`, "T", "B"},
		{`{"msgtype":"feedCard","feedCard":{"links":[{"title":"F","messageURL":"https://x","picURL":"https://y"}]}}`, "F", ""},
		{`{"msgtype":"empty"}`, "", ""},
	}
	for _, row := range rows {
		a := mustPost(t, s, c.SessionWebhook, row.body, "Content-Type", "application/json; charset=utf-8")
		if a.status != 200 || a.body != `{"errcode":0,"errmsg":"ok"}` {
			t.Errorf("%s: %d %s", row.body, a.status, a.body)
		}
	}
	sent := s.Sent()
	if len(sent) != len(rows) {
		t.Fatalf("%d sent", len(sent))
	}
	for i, row := range rows {
		got := sent[i]
		if got.Title != row.title || got.Text != row.text || string(got.Raw) != row.body || got.Via != ViaWebhook || got.At.IsZero() ||
			got.ClientID != clientID || got.ChatID != "cidG==" || got.InReplyTo != c.MsgID || !strings.Contains(row.body, `"msgtype":"`+got.MsgType+`"`) {
			t.Errorf("%s: %+v", row.body, got)
		}
	}
	if !slices.Equal(sent[0].Mentions, []string{"u1", "$:x"}) {
		t.Errorf("mentions %v", sent[0].Mentions)
	}
}

func TestWebhookRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := hear(t, s, Message{Text: "hello"})
	rows := []struct {
		body string
		code float64
	}{
		{``, 40035},
		{`{`, 40035},
		{`{}`, 40035},
		{`[]`, 40035},
		{`null`, 40035},
		{`{"msgtype":7}`, 40035},
		{`{"msgType":"empty"}`, 40035},
		{`{"msgtype":"text"}`, 40035},
		{`{"msgtype":"text","text":null}`, 40035},
		{`{"msgtype":"text","text":"hi"}`, 40035},
		{`{"msgtype":"text","text":{"content":""}}`, 40035},
		{`{"msgtype":"text","text":{"content":7}}`, 40035},
		{`{"msgtype":"text","text":{"Content":"hi"}}`, 40035},
		{`{"msgtype":"text","text":{"content":"hi"},"at":{"atUserIds":"u1"}}`, 40035},
		{`{"msgtype":"markdown","markdown":{"text":"t"}}`, 40035},
		{`{"msgtype":"markdown","markdown":{"title":"t"}}`, 40035},
		{`{"msgtype":"markdown","markdown":{"title":"","text":"t"}}`, 40035},
		{`{"msgtype":"markdown","text":{"content":"hi"}}`, 40035},
		{`{"msgtype":"link","link":{"text":"L","title":"T"}}`, 40035},
		{`{"msgtype":"link"}`, 40035},
		{`{"msgtype":"actionCard"}`, 40035},
		{`{"msgtype":"actionCard","actionCard":{"title":"T","text":"A"}}`, 40035},
		{`{"msgtype":"actionCard","actionCard":{"title":"T","text":"B","btns":[{"title":"b"}]}}`, 40035},
		{`{"msgtype":"feedCard"}`, 40035},
		{`{"msgtype":"feedCard","feedCard":{"links":[{"title":"F"}]}}`, 40035},
		{`{"msgtype":"image","image":{}}`, 400105},
		{`{"msgtype":"Text","text":{"content":"hi"}}`, 400105},
	}
	for _, row := range rows {
		a := mustPost(t, s, c.SessionWebhook, row.body)
		if a.status != 200 || a.field(t, "errcode") != row.code || a.field(t, "errmsg") == "" {
			t.Errorf("%s: %d %s", row.body, a.status, a.body)
		}
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		if a := mustPost(t, s, c.SessionWebhook, textReply("x"), "Content-Type", kind); a.status != 200 || a.field(t, "errcode") != 43004.0 {
			t.Errorf("content type %q: %d %s", kind, a.status, a.body)
		}
	}
	resp, err := http.Get(c.SessionWebhook)
	must(t, err)
	_ = resp.Body.Close()
	if resp.StatusCode == 200 {
		t.Error("GET was answered")
	}
	if st := s.Stats(); len(s.Sent()) != 0 || st.Sent != 0 || st.Rejected != len(rows)+3 {
		t.Errorf("%+v", st)
	}
}

func TestWebhookExpires(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	good := hear(t, s, Message{Text: "fresh"})
	old := hear(t, s, Message{Text: "old", WebhookExpired: true})
	back := hear(t, s, Message{Text: "dated back", At: time.Now().Add(-2 * time.Hour)})
	if old.SessionWebhookExpiredTime > time.Now().UnixMilli() {
		t.Error("the message does not tell that its webhook has expired")
	}
	const unknown = `{"errcode":300001,"errmsg":"session 不存在"}`
	for _, url := range []string{old.SessionWebhook, back.SessionWebhook, s.URL() + PathWebhook, s.URL() + PathWebhook + "?session=" + strings.Repeat("0", 32)} {
		if a := mustPost(t, s, url, textReply("x")); a.status != 200 || a.body != unknown {
			t.Errorf("%s: %d %s", url, a.status, a.body)
		}
	}
	if a := mustPost(t, s, good.SessionWebhook, textReply("x")); a.field(t, "errcode") != 0.0 {
		t.Errorf("%s", a.body)
	}
	s.ExpireWebhooks()
	if a := mustPost(t, s, good.SessionWebhook, textReply("x")); a.body != unknown {
		t.Errorf("%s", a.body)
	}
}

func TestWebhookTableForgetsTheExpired(t *testing.T) {
	t.Parallel()
	table := newWebhookTable()
	for range 10 {
		table.add(webhook{until: time.Now().Add(-time.Second)})
	}
	if len(table.byKey) != 1 || len(table.order) != 1 {
		t.Errorf("%d and %d kept, want the last only", len(table.byKey), len(table.order))
	}
	kept := table.add(webhook{until: time.Now().Add(time.Hour)})
	table.add(webhook{until: time.Now().Add(time.Hour)})
	if _, ok := table.find(hexOf(kept)); !ok || len(table.byKey) != 2 {
		t.Errorf("found %t, %d kept", ok, len(table.byKey))
	}
}
