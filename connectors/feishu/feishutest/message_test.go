package feishutest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors/feishu/feishutest"
)

const textHi = `{"text":"hi"}`

func sendReply(t *testing.T, s *feishutest.Server, token, to string, body any) answer {
	t.Helper()
	return do(t, s, http.MethodPost, "/open-apis/im/v1/messages/"+to+"/reply", token, body)
}

func sendCreate(t *testing.T, s *feishutest.Server, token, idType string, body any) answer {
	t.Helper()
	return do(t, s, http.MethodPost, "/open-apis/im/v1/messages?receive_id_type="+idType, token, body)
}

// said starts a cloud without rate limits in which somebody has written.
func said(t *testing.T) (s *feishutest.Server, token, id string) {
	t.Helper()
	s = start(t, func(o *feishutest.Options) { o.Unlimited = true })
	return s, fetchToken(t, s), s.Say(feishutest.Message{Chat: group, Text: "question", Mention: true})
}

// object is the data of a create or reply.
type object struct {
	MessageID string `json:"message_id"`
	RootID    string `json:"root_id"`
	ParentID  string `json:"parent_id"`
	ThreadID  string `json:"thread_id"`
	ChatID    string `json:"chat_id"`
	MsgType   string `json:"msg_type"`
	Sender    struct {
		ID string `json:"id"`
	}
	Body struct {
		Content string `json:"content"`
	}
	Mentions []struct {
		Key, ID, Name string
	}
}

func objectOf(t *testing.T, a answer) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(a.Data, &o); err != nil || a.status != http.StatusOK || a.Code != 0 {
		t.Fatalf("%d %s: %v", a.status, a.raw, err)
	}
	return o
}

func TestReply(t *testing.T) {
	s, token, id := said(t)
	a := sendReply(t, s, token, id, map[string]any{"msg_type": "text", "content": `{"text":"<at user_id=\"ou_1\">Tom</at> <b>yes</b>"}`, "uuid": "u1"})
	o := objectOf(t, a)
	if o.ParentID != id || o.RootID != id || o.ThreadID != "" || o.ChatID != group || o.MsgType != "text" || o.Sender.ID != appID {
		t.Errorf("answer %s", a.raw)
	}
	if o.Body.Content != `{"text":"@_user_1 yes"}` || len(o.Mentions) != 1 || o.Mentions[0].ID != "ou_1" {
		t.Errorf("body %s, mentions %v", o.Body.Content, o.Mentions)
	}
	sent, err := s.WaitSent(soon(t), func(sent feishutest.Sent) bool { return sent.InReplyTo == id })
	if err != nil {
		t.Fatal(err)
	}
	if sent.Via != "reply" || sent.MessageID != o.MessageID || sent.ChatID != group || sent.Text != "@Tom yes" ||
		sent.UUID != "u1" || sent.AppID != appID || sent.Duplicate || sent.At.IsZero() {
		t.Errorf("sent %+v", sent)
	}
	// A reply to the reply keeps the root.
	if o2 := objectOf(t, sendReply(t, s, token, o.MessageID, map[string]any{"msg_type": "text", "content": textHi})); o2.RootID != id || o2.ParentID != o.MessageID {
		t.Errorf("second reply %+v", o2)
	}
}

func TestReplyInThread(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi, "reply_in_thread": true}
	first := objectOf(t, sendReply(t, s, token, id, body))
	if !strings.HasPrefix(first.ThreadID, "omt_") || first.RootID != id || first.ParentID != id {
		t.Errorf("first %+v", first)
	}
	body["reply_in_thread"] = false // stays in the thread all the same
	second := objectOf(t, sendReply(t, s, token, first.MessageID, body))
	if second.ThreadID != first.ThreadID || second.RootID != id || second.ParentID != id {
		t.Errorf("second %+v, first %+v", second, first)
	}
}

func TestCreate(t *testing.T) {
	s, token, _ := said(t)
	body := map[string]any{"receive_id": group, "msg_type": "text", "content": textHi}
	if o := objectOf(t, sendCreate(t, s, token, "chat_id", body)); o.ChatID != group || o.RootID != "" {
		t.Errorf("answer %+v", o)
	}
	direct := s.ChatOf(s.Say(feishutest.Message{Text: "hi", From: feishutest.Person{OpenID: "ou_7"}}))
	body["receive_id"] = "ou_7"
	if o := objectOf(t, sendCreate(t, s, token, "open_id", body)); o.ChatID != direct {
		t.Errorf("answer %+v, want chat %s", o, direct)
	}
	if sent := s.Sent(); len(sent) != 2 || sent[1].Via != "create" || sent[1].ChatID != direct {
		t.Errorf("sent %+v", sent)
	}
}

func TestCreateRefusals(t *testing.T) {
	s, token, _ := said(t)
	good := map[string]any{"receive_id": group, "msg_type": "text", "content": textHi}
	for _, test := range []struct {
		name, idType, key string
		value             any
		code              int
	}{
		{"type", "thread_id", "", nil, 99992402},
		{"no receiver", "chat_id", "receive_id", "", 99992402},
		{"no msg_type", "chat_id", "msg_type", nil, 99992402},
		{"content as object", "chat_id", "content", map[string]string{"text": "hi"}, 99992402},
		{"unknown chat", "chat_id", "receive_id", "oc_0", 230001},
		{"unknown person", "open_id", "receive_id", "ou_0", 99992351},
		{"email", "email", "receive_id", "a@b", 230001},
		{"long uuid", "chat_id", "uuid", strings.Repeat("é", 51), 99992402},
	} {
		body := map[string]any{}
		for k, v := range good {
			body[k] = v
		}
		if test.key != "" {
			body[test.key] = test.value
		}
		checkRefusal(t, test.name, sendCreate(t, s, token, test.idType, body), test.code)
	}
	if n := len(s.Sent()); n != 0 {
		t.Errorf("%d messages sent", n)
	}
}

// checkRefusal checks the envelope of an API error.
func checkRefusal(t *testing.T, name string, a answer, code int) {
	t.Helper()
	if a.status != http.StatusBadRequest || a.Code != code || a.Msg == "" {
		t.Errorf("%s: HTTP %d %s, want code %d", name, a.status, a.raw, code)
	}
	if a.Error.LogID == "" || a.Error.LogID != a.header.Get("X-Tt-Logid") {
		t.Errorf("%s: log id %q, header %q", name, a.Error.LogID, a.header.Get("X-Tt-Logid"))
	}
	if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("%s: content type %q", name, got)
	}
}

func TestContentRules(t *testing.T) {
	s, token, id := said(t)
	paragraph := func(elements string) string { return `{"zh_cn":{"title":"T","content":[[` + elements + `]]}}` }
	for _, test := range []struct {
		msgType, content string
		code             int
		text             string
	}{
		{"text", textHi, 0, "hi"},
		{"text", `{"text":"a < b <c>"}`, 0, "a < b <c>"},
		{"text", `{"text":"<at user_id=\"all\"></at> hi"}`, 0, "@all hi"},
		{"text", `{"text":""}`, 230001, ""},
		{"text", `{"Text":"hi"}`, 230001, ""},
		{"text", `{"text":1}`, 230001, ""},
		{"text", `hi`, 230001, ""},
		{"text", `null`, 230001, ""},
		{"text", `"hi"`, 230001, ""},
		{"Text", textHi, 230001, ""},
		{"markdown", textHi, 230001, ""},
		{"image", `{"image_key":"img_1"}`, 0, ""},
		{"image", `{"file_key":"img_1"}`, 230001, ""},
		{"post", paragraph(`{"tag":"md","text":"**b**"}`), 0, "T\n**b**"},
		{"post", paragraph(`{"tag":"text","text":"x "},{"tag":"a","href":"http://h","text":"l"},{"tag":"at","user_id":"ou_1"}`), 0, "T\nx l@ou_1"},
		{"post", paragraph(`{"tag":"hr"}`), 0, "T\n---"},
		{"post", paragraph(`{"tag":"img","image_key":"k"}`), 0, "T\n[img]"},
		{"post", paragraph(`{"tag":"code_block","language":"GO","text":"f()"}`), 0, "T\nf()"},
		{"post", `{"en_us":{"content":[[{"tag":"md","text":"en"}]]},"zh_cn":{"content":[[{"tag":"md","text":"zh"}]]},"zh_hk":{"content":[[{"tag":"md","text":"hk"}]]}}`, 0, "zh"},
		{"post", paragraph(`{"tag":"md","text":"x"},{"tag":"text","text":"y"}`), 230001, ""},
		{"post", paragraph(`{"tag":"text","text":"x"},{"tag":"img","image_key":"k"}`), 230001, ""},
		{"post", paragraph(`{"tag":"markdown","content":"x"}`), 230001, ""},
		{"post", paragraph(`{"tag":"md","content":"x"}`), 230001, ""},
		{"post", paragraph(`{"tag":"a","text":"x"}`), 230001, ""},
		{"post", paragraph(`{"text":"x"}`), 230001, ""},
		{"post", paragraph(``), 230001, ""},
		{"post", `{"title":"T","content":[[{"tag":"text","text":"x"}]]}`, 230001, ""},
		{"post", `{"zh_cn":{"content":[{"tag":"text","text":"x"}]}}`, 230001, ""},
		{"post", `{}`, 230001, ""},
		{"interactive", `{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"x"}]}}`, 0, "x"},
		{"interactive", `{"elements":[{"tag":"hr"}]}`, 0, ""},
		{"interactive", `{"schema":"2.0","elements":[{"tag":"hr"}]}`, 230099, ""},
		{"interactive", `{"card_id":"7371713483664506900"}`, 230099, ""},
		{"interactive", `{"type":"card","data":{"card_id":"7371713483664506900"}}`, 230099, ""},
		{"interactive", `{"type":"template","data":{}}`, 230099, ""},
	} {
		name := test.msgType + " " + test.content
		a := sendReply(t, s, token, id, map[string]any{"msg_type": test.msgType, "content": test.content})
		if test.code != 0 {
			checkRefusal(t, name, a, test.code)
			continue
		}
		o := objectOf(t, a)
		sent, err := s.WaitSent(soon(t), func(sent feishutest.Sent) bool { return sent.MessageID == o.MessageID })
		if err != nil || sent.Text != test.text || sent.Content != test.content || sent.MsgType != test.msgType {
			t.Errorf("%s: sent %+v, %v", name, sent, err)
		}
		if strings.Contains(o.Body.Content, "zh_cn") || strings.Contains(o.Body.Content, `"md"`) {
			t.Errorf("%s: received as %s", name, o.Body.Content)
		}
	}
}

func TestSizes(t *testing.T) {
	s, token, id := said(t)
	// Both bodies are of the given size, to the byte.
	text := func(size int) string {
		frame := `{"msg_type":"text","content":"{\"text\":\"\"}"}`
		return strings.Replace(frame, `\"\"}`, `\"`+strings.Repeat("x", size-len(frame))+`\"}`, 1)
	}
	post := func(size int) string {
		frame := `{"msg_type":"post","content":"{\"zh_cn\":{\"content\":[[{\"tag\":\"md\",\"text\":\"\"}]]}}"}`
		return strings.Replace(frame, `\"\"}]`, `\"`+strings.Repeat("x", size-len(frame))+`\"}]`, 1)
	}
	objectOf(t, sendReply(t, s, token, id, text(150<<10)))
	checkRefusal(t, "text", sendReply(t, s, token, id, text(150<<10+1)), 230025)
	objectOf(t, sendReply(t, s, token, id, post(30<<10)))
	checkRefusal(t, "post", sendReply(t, s, token, id, post(30<<10+1)), 230025)
}

func TestSameUUIDSendsOnce(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi, "uuid": "u"}
	first := objectOf(t, sendReply(t, s, token, id, body))
	second := objectOf(t, sendReply(t, s, token, id, body))
	if first.MessageID == "" || second.MessageID != first.MessageID {
		t.Errorf("second %q, first %q", second.MessageID, first.MessageID)
	}
	sent := s.Sent()
	if len(sent) != 2 || sent[0].Duplicate || !sent[1].Duplicate || sent[1].MessageID != first.MessageID {
		t.Errorf("sent %+v", sent)
	}
	body["uuid"] = "v"
	if third := objectOf(t, sendReply(t, s, token, id, body)); third.MessageID == first.MessageID {
		t.Error("another uuid sent nothing")
	}
	body["uuid"] = ""
	a, b := objectOf(t, sendReply(t, s, token, id, body)), objectOf(t, sendReply(t, s, token, id, body))
	if a.MessageID == b.MessageID {
		t.Error("no uuid sent nothing")
	}
}

func TestSameUUIDAtTheSameTime(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, func(o *feishutest.Options) {
		o.OnSend = func(sent feishutest.Sent) {
			if !sent.Duplicate {
				close(entered)
				<-leave
			}
		}
	})
	token := fetchToken(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	body := map[string]any{"msg_type": "text", "content": textHi, "uuid": "u"}
	var wg sync.WaitGroup
	wg.Go(func() {
		if a, err := request(t, s, http.MethodPost, "/open-apis/im/v1/messages/"+id+"/reply", token, body); err != nil || a.Code != 0 {
			t.Errorf("first: %+v, %v", a, err)
		}
	})
	<-entered
	checkRefusal(t, "second", sendReply(t, s, token, id, body), 230049)
	close(leave)
	wg.Wait()
	if a := sendReply(t, s, token, id, body); a.Code != 0 {
		t.Errorf("third: %s", a.raw)
	}
}

func TestMessagesThatAreGone(t *testing.T) {
	s, token, id := said(t)
	body := map[string]any{"msg_type": "text", "content": textHi}
	checkRefusal(t, "unknown", sendReply(t, s, token, "om_unknown", body), 231003)
	checkRefusal(t, "not an id", sendReply(t, s, token, "unknown", body), 99992354)
	if !s.Recall(id) || s.Recall("om_unknown") {
		t.Error("Recall")
	}
	checkRefusal(t, "recalled", sendReply(t, s, token, id, body), 230011)
	s.Delete(id)
	checkRefusal(t, "deleted", sendReply(t, s, token, id, body), 230110)

	second := s.Say(feishutest.Message{Chat: group, Text: "again"})
	if !s.Disband(group) || s.Disband("oc_unknown") {
		t.Error("Disband")
	}
	checkRefusal(t, "disbanded", sendReply(t, s, token, second, body), 232009)
	body["receive_id"] = group
	checkRefusal(t, "disbanded, create", sendCreate(t, s, token, "chat_id", body), 232009)
}

func TestAnotherAppIsNotInTheChat(t *testing.T) {
	s := start(t, func(o *feishutest.Options) {
		o.Apps = append(o.Apps, feishutest.App{AppID: "cli_00000000000000ff", AppSecret: "x"})
	})
	id := s.Say(feishutest.Message{AppID: "cli_00000000000000ff", Chat: group, Text: "hi", Mention: true})
	checkRefusal(t, "stranger", sendReply(t, s, fetchToken(t, s), id, map[string]any{"msg_type": "text", "content": textHi}), 230002)
}

func TestChatLimit(t *testing.T) {
	s := start(t, nil)
	token := fetchToken(t, s)
	id := s.Say(feishutest.Message{Text: "hi"})
	body := map[string]any{"msg_type": "text", "content": textHi}
	began := time.Now()
	var codes []int
	for range 12 {
		a := sendReply(t, s, token, id, body)
		codes = append(codes, a.Code)
		if a.Code != 0 {
			checkRefusal(t, "chat limit", a, 230020)
			return
		}
	}
	if time.Since(began) < 2*time.Second { // then no window can have let all through
		t.Errorf("codes %v", codes)
	}
}

func TestAPILimit(t *testing.T) {
	s := start(t, nil)
	token := fetchToken(t, s)
	for range 1001 {
		a := do(t, s, http.MethodGet, "/open-apis/bot/v3/info", token, nil)
		if a.Code == 0 {
			continue
		}
		if a.status != http.StatusTooManyRequests || a.Code != 99991400 || a.header.Get("x-ogw-ratelimit-reset") == "" ||
			a.header.Get("x-ogw-ratelimit-limit") == "" {
			t.Errorf("HTTP %d %v %s", a.status, a.header, a.raw)
		}
		return
	}
	t.Error("no limit")
}

func TestUnlimited(t *testing.T) {
	s, token, id := said(t)
	for range 60 {
		objectOf(t, sendReply(t, s, token, id, map[string]any{"msg_type": "text", "content": textHi}))
	}
}

func TestSendNeedsScope(t *testing.T) {
	s := start(t, func(o *feishutest.Options) { o.Apps[0].Scopes = []string{"im:message:readonly"} })
	a := sendReply(t, s, fetchToken(t, s), "om_1", map[string]any{"msg_type": "text", "content": textHi})
	checkRefusal(t, "scope", a, 99991672)
	if !strings.Contains(a.raw, "permission_violations") {
		t.Errorf("answer %s", a.raw)
	}
}
